"""`python -m ghcr_signer` is `ghcr-signer`."""

from ghcr_signer.cli import main

if __name__ == "__main__":
    main()
