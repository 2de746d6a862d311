#!/opt/ghcr-signer/bin/python3 -I
"""The action collect."""

import sys

from ghcr_signer.actions import main

sys.exit(main("collect"))
