"""act's copy of this repository: the whole list of what act lacks, and what stands there instead.

- `$/x` becomes OWNER/REPOSITORY/x@REF, in steps and jobs: act does not know the short form.
- crane's image becomes a local one that serves by itself: act refuses a service's `command`.
- A job with services gets a `container`: only there does act resolve a service's name.
- `queue` and `cache-mode` are dropped: act has no concurrency and no cache's modes, and refuses the
  words.
- An image loses its digest in FROM: the engine has a stand-in of that name.
"""

from __future__ import annotations

import re

from tests.peers.docker import CRANE, JOB

ORIGIN = "/origin.git"  # where a job finds the repository that is checked out
CONTAINER = f'{{image: {JOB}, options: "--volume ${{{{ vars.ORIGIN }}}}:{ORIGIN}:ro"}}'


def act_copy(path: str, content: bytes, repository: str, ref: str) -> bytes:
    """A file of this repository as act needs it; `repository` is OWNER/REPOSITORY."""
    if path.startswith((".github/workflows/", "docs/workflows/")):
        return _workflow(content.decode(), repository, ref).encode()
    if path == "Dockerfile":
        return re.sub(rb"(?m)^(FROM [^\s@]+)@sha256:[0-9a-f]{64}", rb"\1", content)
    return content


def _workflow(text: str, repository: str, ref: str) -> str:
    text = re.sub(r"\buses: \$/(\S+)", rf"uses: {repository}/\1@{ref}", text)
    text = re.sub(r"(?m)^( +)services:$", rf"\1container: {CONTAINER}\n\g<0>", text)
    served = r"(?m)^( +image: )gcr\.io/go-containerregistry/crane\S*(.*\n) +command: registry .*\n"
    text = re.sub(served, rf"\1{CRANE}\2", text)
    return re.sub(r"(?m)^( +queue|cache-mode): .*\n", "", text)
