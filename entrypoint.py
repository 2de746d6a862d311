#!/opt/ghcr-signer/bin/python3 -I
"""The action: runs the command that its input names."""

import sys

from ghcr_signer.actions import main

sys.exit(main())
