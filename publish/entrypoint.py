#!/opt/ghcr-signer/bin/python3 -I
"""The action publish."""

import sys

from ghcr_signer.actions import main

sys.exit(main("publish"))
