"""The image: what is in it, what is not, how large it is, and that it is a command line."""

from __future__ import annotations

import re
import shutil
import sys
import tarfile
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

import pytest
from tests.e2e.conftest import Built
from tests.house import repository
from tests.house.repository import ROOT
from tests.house.workflows import COMMANDS
from tests.peers import docker
from tests.peers.docker import Engine

import ghcr_signer

pytestmark = pytest.mark.xdist_group("docker")  # one worker, and so one engine

LIMIT_BYTES = 190_000_000  # over the base
# git and what it cannot do without, as Debian packages it
GIT = {
    *("git", "git-man", "liberror-perl"),
    *("libbrotli1", "libcurl3-gnutls", "libldap-2.5-0", "libnghttp2-14", "libpsl5", "librtmp1"),
    *("libsasl2-2", "libsasl2-modules-db", "libssh2-1"),
    *("libgdbm-compat4", "libgdbm6", "libperl5.36", "perl", "perl-modules-5.36"),
}
# What installing a package leaves besides its files, and what each container gets of its own.
RECORDS = (
    *("etc/alternatives/", "etc/ld.so.cache", "var/cache/apt/archives/lock", "var/cache/ldconfig/"),
    *("var/lib/apt/", "var/lib/dpkg/", "var/log/"),
    *(".dockerenv", "dev/console", "etc/hostname", "etc/hosts", "etc/mtab", "etc/resolv.conf"),
)
ENTRY_POINTS = ("entrypoint.py", *(f"{c}/entrypoint.py" for c in COMMANDS))
PACKAGES = PurePosixPath("opt/ghcr-signer/lib/python3.11/site-packages")

Files = dict[str, tarfile.TarInfo]


@pytest.fixture(scope="module")
def archive(engine: Engine, image: Built, tmp_path_factory: pytest.TempPathFactory) -> Path:
    exported = tmp_path_factory.mktemp("image") / "image.tar"
    engine.export(image.tag, exported)
    return exported


@pytest.fixture(scope="module")
def files(archive: Path) -> Files:
    return _files(archive)


@pytest.fixture(scope="module")
def added(engine: Engine, files: Files, tmp_path_factory: pytest.TempPathFactory) -> set[str]:
    """The files that the base does not have, or not like this."""
    exported = tmp_path_factory.mktemp("base") / "base.tar"
    engine.export(docker.PYTHON, exported)
    base = _files(exported)

    def same(name: str) -> bool:
        return name in base and _look(base[name]) == _look(files[name])

    return {name for name, file in files.items() if not (file.isdir() or same(name))}


def _files(archive: Path) -> Files:
    with tarfile.open(archive) as opened:
        return {file.name: file for file in opened}


def _look(file: tarfile.TarInfo) -> tuple[object, ...]:
    return file.type, file.linkname, file.mode, file.uid, file.gid, file.size, file.mtime


def _ask(engine: Engine, image: str, *command: str) -> str:
    return engine.run(
        "run", "--rm", "--network", "none", "--entrypoint", *command[:1], image, *command[1:]
    )


# As a program


def test_it_is_a_command_line(engine: Engine, image: Built) -> None:
    run = ("run", "--rm", "--network", "none", image.tag)
    assert engine.run(*run, "verify", "--help").startswith("usage: ghcr-signer verify ")
    assert engine.run(*run, "--version").split() == ["ghcr-signer", ghcr_signer.__version__]


def test_git_is_there(engine: Engine, image: Built) -> None:
    assert _ask(engine, image.tag, "git", "--version").startswith("git version 2.")


def test_the_entry_points_are_the_repository_s_and_can_be_executed(
    archive: Path, files: Files
) -> None:
    with tarfile.open(archive) as opened:
        for name in ENTRY_POINTS:
            file = opened.extractfile(f"ghcr-signer/{name}")
            assert file
            content = file.read()
            assert content == (ROOT / name).read_bytes()
            assert files[f"ghcr-signer/{name}"].mode & 0o777 == 0o755
            (interpreter, *_) = content.removeprefix(b"#!/").split()
            assert interpreter.decode() in files


# What is in it


def test_it_adds_git_the_package_and_the_entry_points_and_nothing_else(
    engine: Engine, image: Built, added: set[str]
) -> None:
    """So there is no compiler, no source, no cache, and nothing in /root or /tmp."""
    new = _debian(engine, image.tag) - _debian(engine, docker.PYTHON)
    assert new == GIT
    listing = _ask(engine, image.tag, "dpkg-query", "--listfiles", *sorted(new))
    owned = {_merged(line) for line in listing.splitlines()}
    ours = {f"ghcr-signer/{name}" for name in ENTRY_POINTS}
    unexpected = {
        name for name in added - owned - ours if not name.startswith(("opt/ghcr-signer/", *RECORDS))
    }
    assert not unexpected


def _debian(engine: Engine, image: str) -> set[str]:
    listing = _ask(engine, image, "dpkg-query", "--show", "--showformat=${Package}\n")
    return set(listing.split())


def _merged(path: str) -> str:
    """Where a path of a package leads: /lib is /usr/lib."""
    return re.sub(r"^/(?=(bin|lib\w*|sbin)/)", "/usr/", path).lstrip("/")


def test_the_distributions_are_those_of_the_lock(files: Files) -> None:
    lock = (ROOT / "requirements" / "runtime.txt").read_text(encoding="utf-8")
    locked = set(re.findall(r"^([a-z0-9-]+)==(\S+)", lock, re.MULTILINE))
    installed = {
        (match[1].replace("_", "-").lower(), match[2])
        for name in files
        if (match := re.fullmatch(rf"{PACKAGES}/([^/]+)-([^/-]+)\.dist-info", name))
    }
    assert installed == locked | {("ghcr-signer", ghcr_signer.__version__)}


def test_the_environment_runs_one_program(files: Files) -> None:
    folder = PurePosixPath("opt/ghcr-signer/bin")
    programs = {Path(name).name for name in files if PurePosixPath(name).parent == folder}
    assert programs == {"ghcr-signer", "python", "python3", "python3.11"}


def test_every_module_is_compiled_for_good(archive: Path, files: Files) -> None:
    modules = [PurePosixPath(name) for name in _ours(files) if name.endswith(".py")]
    assert len(modules) > 500
    with tarfile.open(archive) as opened:
        for module in modules:
            compiled = module.parent / "__pycache__" / f"{module.stem}.cpython-311.pyc"
            content = opened.extractfile(str(compiled))  # a KeyError where there is none
            assert content
            flags = int.from_bytes(content.read(8)[4:], "little")
            assert flags == 0b01, f"{compiled} is compared with its source"  # PEP 552


@pytest.mark.parametrize(
    "unwanted",
    ["tests", "test", "pip", "setuptools", "wheel", "flit_core", ".git", ".cache"],
)
def test_nothing_of_ours_is_there_for_development(files: Files, unwanted: str) -> None:
    assert not [name for name in _ours(files) if unwanted in PurePosixPath(name).parts]


def _ours(files: Files) -> Iterator[str]:
    return (name for name in files if name.startswith("opt/ghcr-signer/"))


# What it takes


def test_it_is_small(engine: Engine, image: Built) -> None:
    size = _size(engine, image.tag) - _size(engine, docker.PYTHON)
    layers = engine.run("history", "--format", "{{.Size}}\t{{.CreatedBy}}", image.tag)
    sys.stderr.write(f"{image.seconds:.1f} s, {size / 1e6:.1f} MB over the base\n{layers}")
    assert 0 < size <= LIMIT_BYTES


def _size(engine: Engine, image: str) -> int:
    return int(engine.run("image", "inspect", "--format", "{{.Size}}", image))


def test_a_change_of_the_source_installs_no_dependency_again(
    engine: Engine, image: Built, tmp_path: Path
) -> None:
    for source in repository.files():
        copy = tmp_path / source.relative_to(ROOT)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(source, copy)
    with (tmp_path / "src" / "ghcr_signer" / "__init__.py").open("a", encoding="utf-8") as module:
        module.write("# changed\n")

    log = engine.run("build", tmp_path)

    steps = re.split(r"^Step ", log, flags=re.MULTILINE)
    for command, cached in (
        ("apt-get", True),
        ("--require-hashes", True),
        ("--no-build-isolation", False),
    ):
        (step,) = [step for step in steps if command in step.partition("\n")[0]]
        assert ("Using cache" in step) == cached, step
