"""What is shipped: its version, licence, schemas, locks, and a wheel that installs."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import sysconfig
import tomllib
import venv
import zipfile
from importlib import metadata
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator
from tests.forge import Signer
from tests.git_repository import Repository
from tests.house import repository
from tests.house.repository import ROOT

import ghcr_signer
from ghcr_signer import cli, embedded_registry
from ghcr_signer.core import schemas

SOURCE = ROOT / "src" / "ghcr_signer"
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
LOCKS = sorted((ROOT / "requirements").glob("*.txt"))

# Patterns, written apart, so that this file does not name them.
FORBIDDEN = {
    "a package registry's host": (
        r"py" + r"pi\.org",
        r"py" + r"pi\.python\.org",
        r"pythonhosted" + r"\.org",
        r"proxy\." + r"golang\.org",
        r"sum\." + r"golang\.org",
        r"registry\." + r"npmjs\.org",
    ),
    # these users are nobody
    "a developer's folder": (
        "/root" + "/",
        "/home" + "/(?!signer|acme|me/|user|somebody)",
        "/Us" + "ers/",
        r"C:\\Us" + "ers",
    ),
    "the folder of this very clone": (re.escape(f"{ROOT}/"),) if len(ROOT.parts) > 2 else (),
}


def test_the_version_is_one() -> None:
    assert ghcr_signer.__version__ == PROJECT["version"] == metadata.version("ghcr-signer")


def test_the_licence_is_apache_2() -> None:
    text = (ROOT / "LICENSE").read_text(encoding="utf-8")
    assert PROJECT["license"] == "Apache-2.0"
    assert "Apache License\n                           Version 2.0, January 2004" in text
    assert "END OF TERMS AND CONDITIONS" in text


def test_the_package_is_typed() -> None:
    assert (SOURCE / "py.typed").read_bytes() == b""


def test_the_public_names_are_these() -> None:
    public = {name for name in vars(ghcr_signer) if not name.startswith("_")}
    modules = {path.stem for path in SOURCE.glob("*.py")} | {
        path.name for path in SOURCE.iterdir() if path.is_dir()
    }
    assert public <= modules  # the package itself offers nothing but its version
    assert embedded_registry.__all__ == ["EmbeddedRegistry"]
    assert PROJECT["scripts"] == {"ghcr-signer": "ghcr_signer.cli:main"}


def test_each_command_is_a_module_and_each_module_is_a_command() -> None:
    modules = {path.stem for path in (SOURCE / "commands").glob("*.py")}
    shared = {"__init__", "arguments", "carry", "ceremony", "forecast", "judgement"}
    assert modules - shared == set(cli.COMMANDS)


def test_each_schema_file_has_its_name_in_the_list() -> None:
    files = {path.name for path in (SOURCE / "core" / "schemas").glob("*.json")}
    assert files == {f"{name}.schema.json" for name in schemas.NAMES}


@pytest.mark.parametrize("name", schemas.NAMES)
def test_a_schema_is_valid_draft_2020_12(name: str) -> None:
    schema = json.loads(schemas.text(name))
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    Draft202012Validator.check_schema(schema)


@pytest.mark.parametrize("lock", LOCKS, ids=lambda path: path.name)
def test_a_lock_has_exact_versions_with_hashes_and_no_index(lock: Path) -> None:
    text = lock.read_text(encoding="utf-8").replace("\\\n", " ")
    lines = [line for line in text.splitlines() if line and not line.lstrip().startswith("#")]
    assert lines
    for line in lines:
        assert re.match(r"[a-z0-9._-]+==[^\s;]+( ;.*?)?( +--hash=sha256:[0-9a-f]{64})+ *$", line), (
            line.split("--hash")[0]
        )
    assert "://" not in text


def test_the_old_script_declares_the_package_s_own_dependencies() -> None:
    text = (ROOT / "ghcr-signer.py").read_text(encoding="utf-8")
    match = re.match(r"# /// script\n((?:#(?: .*)?\n)+)# ///\n", text)  # PEP 723
    assert match
    header = tomllib.loads(re.sub(r"(?m)^# ?", "", match[1]))
    assert header["dependencies"] == PROJECT["dependencies"]
    assert header["requires-python"] == PROJECT["requires-python"]


@pytest.mark.parametrize("kind", FORBIDDEN)
def test_no_file_names_a_place_that_is_not_the_project_s(kind: str) -> None:
    for path in repository.files():
        content = path.read_bytes()
        named = [name for name in FORBIDDEN[kind] if re.search(name.encode(), content)]
        assert not named, f"{path.relative_to(ROOT)} names {kind}: {named}"


def test_the_wheel_installs_and_runs(tmp_path: Path) -> None:
    """As `uv tool install` and pipx would; the dependencies are lent by this environment."""
    wheel = repository.build_wheel(ROOT, tmp_path)
    with zipfile.ZipFile(wheel) as contents:
        names = set(contents.namelist())
    for path in SOURCE.rglob("*"):
        if path.is_file() and "__pycache__" not in path.parts:
            assert path.relative_to(ROOT / "src").as_posix() in names
    assert any(name.endswith("/licenses/LICENSE") for name in names)

    venv.create(tmp_path / "venv", with_pip=False)
    scripts = tmp_path / "venv" / ("Scripts" if os.name == "nt" else "bin")
    uv = [sys.executable, "-m", "uv", "--offline", "--quiet", "--no-config", "pip", "install"]
    _run([*uv, "--python", str(scripts / "python"), "--no-index", "--no-deps", str(wheel)])
    purelib = _run(
        [str(scripts / "python"), "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"]
    )
    lent = Path(purelib.strip(), "lent.pth")
    # at the end of sys.path, and as a path alone: the .pth files in there are not followed
    lent.write_text(f"{sysconfig.get_path('purelib')}\n", encoding="utf-8")

    program = str(scripts / "ghcr-signer")
    assert "usage: ghcr-signer" in _run([program, "--help"])
    assert json.loads(_run([program, "schema", "report"]))
    where = _run([str(scripts / "python"), "-c", "import ghcr_signer; print(ghcr_signer.__file__)"])
    assert where.startswith(str(tmp_path))

    Repository(tmp_path / "project")  # and the template has come along
    (tmp_path / "signer.pub").write_bytes(Signer().pem)
    own = ("--image", "ghcr.io/acme/**", "--owner", "@acme/signers")
    _run([program, "init", "--key", "../signer.pub", *own], tmp_path / "project")
    assert (tmp_path / "project/.github/workflows/signatures.yml").is_file()


def _run(command: list[str], folder: Path = ROOT) -> str:
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, encoding="utf-8"
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_package_holds_the_template_as_it_is() -> None:
    """What `init` writes; scripts/docs copies it."""
    ours, theirs = (
        {
            path.relative_to(folder): path.read_bytes()
            for path in folder.rglob("*")
            if path.is_file()
        }
        for folder in (ROOT / "template", SOURCE / "template")
    )
    assert theirs == ours
    assert Path("policy.yml") in ours
