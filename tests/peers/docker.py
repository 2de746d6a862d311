"""A Docker Engine of the tests' own: in a directory of its own, on a socket, gone at the end.

Its network is the machine's: with `--network host` a container reaches what a test serves on
loopback. The bridge `docker0` and the rules of iptables are the machine's too, and stay when it is
gone. So there is one engine at a time.
"""

import fcntl
import io
import os
import shutil
import socket
import subprocess
import sys
import tarfile
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from . import tools

# The base images, by the names that they have in the engine: nothing is ever pulled.
PYTHON = "python:3.11-slim-bookworm"  # a stand-in for Docker's official image
JOB = "stand-in/ubuntu-latest"  # where jobs run that want a runner
CRANE = "stand-in/crane"  # a registry, in place of crane's own image with a command

NOTHING: Mapping[str, str] = {}
PROGRAMS = ("docker", "docker-proxy", "dockerd", "containerd", "containerd-shim-runc-v2", "runc")
SYSTEM = "/usr/sbin:/usr/bin:/sbin:/bin"  # iptables is there
LOCK = Path("/run/lock/ghcr-signer-docker-engine")
ENGINE_OF_THE_MACHINE = "/run/docker.sock"
START_SECONDS = 60
STOP_SECONDS = 60  # containers that run get some of it to end by themselves
POLL_SECONDS = 0.1
LOG_LINES = 100


class DockerError(Exception):
    """Its text is what docker wrote."""


@dataclass(frozen=True, slots=True)
class Engine:
    directory: Path

    @property
    def environment(self) -> dict[str, str]:
        """All that a client gets: docker itself, or a program that calls the engine."""
        return {
            "PATH": f"{tools.find('docker').parent}:{SYSTEM}",
            "HOME": str(self.directory),
            "DOCKER_HOST": f"unix://{self.directory}/socket",
            "DOCKER_BUILDKIT": "0",  # the classic builder, which act uses and which has no plugin
        }

    def run(self, *arguments: str | Path, content: bytes | None = None) -> str:
        """What `docker ARGUMENTS` writes to its standard output."""
        done = subprocess.run(
            [tools.find("docker"), *arguments],
            env=self.environment,
            input=content,
            capture_output=True,
        )
        if done.returncode:
            raise DockerError(f"exit {done.returncode}\n{done.stdout + done.stderr!r}")
        return done.stdout.decode()

    def export(self, image: str, archive: Path) -> None:
        """Write the image's whole file system to an archive."""
        container = self.run("create", image, "nothing").strip()
        try:
            self.run("export", "--output", archive, container)
        finally:
            self.run("rm", container)


@contextmanager
def engine() -> Iterator[Engine]:
    """Runs until the block ends, with the base images and nothing else."""
    _must_be_possible()
    with _alone(), tempfile.TemporaryDirectory(prefix="docker-") as name:
        started = Engine(Path(name))
        with _running(started):
            _load(started)
            yield started


def _must_be_possible() -> None:
    for program in PROGRAMS:
        tools.find(program)
    if not shutil.which("iptables", path=SYSTEM):
        tools.missing("iptables")
    if os.geteuid() != 0:
        tools.missing("root's rights", "run the tests as root")
    with socket.socket(socket.AF_UNIX) as other:
        if other.connect_ex(ENGINE_OF_THE_MACHINE) == 0:
            tools.missing("a machine without a Docker Engine of its own", "stop docker.service")


@contextmanager
def _alone() -> Iterator[None]:
    """Waits until no other run has an engine."""
    with LOCK.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


@contextmanager
def _running(wanted: Engine) -> Iterator[None]:
    """The output goes to stderr in the end, where pytest shows it for a test that failed."""
    log = wanted.directory / "log"
    with log.open("wb") as written, socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as ready:
        notify = wanted.directory / "ready"  # as systemd would be told
        ready.bind(str(notify))
        server = subprocess.Popen(
            [
                tools.find("dockerd"),
                *("--host", wanted.environment["DOCKER_HOST"]),
                *("--data-root", wanted.directory / "data"),
                *("--exec-root", wanted.directory / "exec"),
                *("--pidfile", wanted.directory / "pid"),
            ],
            env={"PATH": wanted.environment["PATH"], "NOTIFY_SOCKET": str(notify)},
            stdin=subprocess.DEVNULL,
            stdout=written,
            stderr=written,
        )
        try:
            _wait_for(ready, server)
            yield
        finally:
            _stop(server)
            _unmount(wanted.directory)
            last = log.read_text(errors="replace").splitlines()[-LOG_LINES:]
            sys.stderr.write("\n".join(["--- dockerd", *last, ""]))


def _wait_for(ready: socket.socket, server: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + START_SECONDS
    ready.settimeout(POLL_SECONDS)
    while time.monotonic() < deadline:
        try:
            if b"READY=1" in ready.recv(4096):
                return
        except TimeoutError:
            if server.poll() is not None:
                raise RuntimeError(f"dockerd ended at once: exit {server.returncode}") from None
    raise TimeoutError(f"dockerd was not ready within {START_SECONDS} s")


def _stop(server: subprocess.Popen[bytes]) -> None:
    server.terminate()
    try:
        server.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        server.kill()
        server.wait()


def _unmount(directory: Path) -> None:
    """The namespace of `--network host` stays mounted when the engine is gone."""
    lines = Path("/proc/self/mounts").read_text().splitlines()
    places = [place for line in lines if Path(place := line.split()[1]).is_relative_to(directory)]
    for place in reversed(places):
        subprocess.run(["umount", place], env={"PATH": SYSTEM}, check=True)


def _load(started: Engine) -> None:
    started.run("import", tools.image("python-slim"), PYTHON)
    started.run("import", tools.image("job"), JOB)
    settings = (
        *("--change", 'ENTRYPOINT ["/crane"]'),
        *("--change", 'CMD ["registry", "serve", "--address", ":5000"]'),
    )
    started.run("import", *settings, "-", CRANE, content=_archive(tools.find("crane")))


def _archive(program: Path) -> bytes:
    """A file system that is a single program, as of an image FROM scratch."""
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w") as archive:
        archive.add(program.resolve(), program.name)
    return content.getvalue()
