"""A server process: started, waited for, and always stopped."""

import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import requests

START_SECONDS = 30
STOP_SECONDS = 10
POLL_SECONDS = 0.01
LOG_LINES = 100


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextmanager
def running(
    command: Sequence[str | Path], *, ready: str, environment: Mapping[str, str]
) -> Iterator[None]:
    """Runs until the block ends; enters it when a GET of `ready` gets any answer.

    `environment` is all that the server gets: the developer's own shall not change a test. The
    output goes to stderr in the end, where pytest shows it for a test that failed.
    """
    with tempfile.TemporaryFile("w+", errors="replace") as log:
        server = subprocess.Popen(
            command, env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log
        )
        try:
            _wait_for(ready, server)
            yield
        finally:
            _stop(server)
            _show(server, log)


def _wait_for(url: str, server: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + START_SECONDS
    with requests.Session() as session:
        session.trust_env = False  # a proxy cannot reach our loopback
        while time.monotonic() < deadline:
            if server.poll() is not None:
                raise RuntimeError(f"{server.args!r} ended at once: exit {server.returncode}")
            try:
                session.get(url, timeout=START_SECONDS)
            except requests.ConnectionError:
                time.sleep(POLL_SECONDS)
            else:
                return
    raise TimeoutError(f"{url} did not answer within {START_SECONDS} s")


def _stop(server: subprocess.Popen[bytes]) -> None:
    server.terminate()
    try:
        server.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        server.kill()
        server.wait()


def _show(server: subprocess.Popen[bytes], log: IO[str]) -> None:
    log.seek(0)
    last = log.readlines()[-LOG_LINES:]
    sys.stderr.write(f"--- {server.args!r}\n{''.join(last)}")
