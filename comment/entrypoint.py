#!/opt/ghcr-signer/bin/python3 -I
"""The action comment."""

import sys

from ghcr_signer.actions import main

sys.exit(main("comment"))
