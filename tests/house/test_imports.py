"""Who may import whom, and who may do what: read from the syntax trees, inside functions too."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator

import pytest
from tests.house.repository import ROOT

PACKAGE = "ghcr_signer"
SOURCE = ROOT / "src" / PACKAGE

# What each layer may import of ours; everybody may ask the package itself for its version.
BELOW = {
    "__init__": set(),
    "__main__": {"cli"},
    "cli": {"commands", "report", "transfer", "core"},
    "actions": {"commands", "report", "transfer", "peers", "core"},
    "commands": {"transfer", "peers", "report", "embedded_registry", "core"},
    "transfer": {"peers", "core"},
    "peers": {"core"},
    "report": {"core"},
    "embedded_registry": {"core"},
    "core": set(),
}
SHARED_BY_COMMANDS = {"arguments", "carry", "ceremony", "forecast", "judgement", "signing"}

# What core may import besides itself. Whatever reaches a file, a network, a clock, the environment
# or a terminal is not here; pkgutil is, for the package's own data.
PURE = {
    "__future__",
    "base64",
    "binascii",
    "collections",
    "dataclasses",
    "datetime",
    "enum",
    "functools",
    "hashlib",
    "itertools",
    "json",
    "pkgutil.get_data",
    "re",
    "shlex.quote",
    "types",
    "typing",
    "unicodedata",
    "urllib.parse",
    "cryptography",
    "jsonschema",
    "jsonschema_rs",
    "nacl",
    "yaml",
}
# Each dependency has its place.
PLACES = {
    "actions_toolkit": ("actions/runner.py",),
    "oras": ("peers/registry/",),
    "requests": ("peers/registry/",),
    "urllib3": ("peers/registry/",),
    "github": ("peers/github/api.py",),
    "rich": ("cli.py", "report/"),
    "nacl": ("core/key.py",),
    "jsonschema": ("core/schemas/",),
    "jsonschema_rs": ("core/schemas/",),
    "yaml": ("core/strict_yaml.py",),
    # the demo's throwaway key and its image's signature are its own
    "cryptography": ("core/", "commands/demo.py"),
}
# Where the program meets the terminal, or GitHub's runner.
EDGE = ("cli.py", "actions/")
ONLY_EDGE_CALLS = {"print", "input", "breakpoint", "exit", "quit"}
ONLY_EDGE_USES = {
    "os.environ",
    "os.getenv",
    "os._exit",
    "sys.argv",
    "sys.exit",
    "sys.stdin",
    "sys.stdout",
    "sys.stderr",
}
# a fork ends without running what its parent will run at its own end
EXCEPTIONS = {("transfer/examine.py", "os._exit")}
NOT_IN_CORE_CALLS = {"open", "print", "input", "exec", "eval", "__import__"}
NOT_IN_CORE_METHODS = {"now", "utcnow", "today"}


def departures(path: str, source: str) -> list[str]:
    """What a module does that its place forbids. `path` is relative to the package."""
    tree = ast.parse(source)
    found = [*_imports(path, tree), *_actions(path, tree)]
    return [f"{path}:{line}: {words}" for line, words in found]


def _imports(path: str, tree: ast.Module) -> Iterator[tuple[int, str]]:
    layer = _layer(path)
    for line, name in _imported(path, tree):
        top, _, rest = name.partition(".")
        if top == PACKAGE:
            theirs = rest.partition(".")[0]
            if theirs not in {layer, "__version__", *BELOW[layer]}:
                yield line, f"{layer} does not import {theirs}"
            if theirs == layer == "commands" and rest.split(".")[1] not in SHARED_BY_COMMANDS:
                yield line, f"a command does not import another: {name}"
            continue
        if layer == "core" and not _is_pure(name):
            yield line, f"core does not import {name}"
        if top in PLACES and not path.startswith(PLACES[top]):
            yield line, f"{top} has its place in {', '.join(PLACES[top])}"
        if top not in PLACES and top not in sys.stdlib_module_names:
            yield line, f"{top} has no place yet"


def _layer(path: str) -> str:
    return path.partition("/")[0].removesuffix(".py")


def _imported(path: str, tree: ast.Module) -> Iterator[tuple[int, str]]:
    """The full name of every module, or member of one, that is imported."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            module = node.module or ""
            if node.level:
                above = [PACKAGE, *path.split("/")][: -node.level]
                module = ".".join([*above, *filter(None, [module])])
            yield from ((node.lineno, f"{module}.{alias.name}") for alias in node.names)


def _is_pure(name: str) -> bool:
    parts = name.split(".")
    return any(".".join(parts[:count]) in PURE for count in range(1, len(parts) + 1))


def _actions(path: str, tree: ast.Module) -> Iterator[tuple[int, str]]:
    for node in ast.walk(tree):
        if path.startswith("core/"):
            yield from _not_in_core(node)
        if not path.startswith(EDGE):
            yield from _only_at_the_edge(path, node)
    if not path.startswith(EDGE):
        for line, name in _imported(path, tree):
            if name in ONLY_EDGE_USES:
                yield line, f"only the edge uses {name}"


def _not_in_core(node: ast.AST) -> Iterator[tuple[int, str]]:
    if isinstance(node, ast.Call):
        name, method = ast.unparse(node.func), getattr(node.func, "attr", "")
        if name in NOT_IN_CORE_CALLS or method in NOT_IN_CORE_METHODS:
            yield node.lineno, f"core does not call {name}"


def _only_at_the_edge(path: str, node: ast.AST) -> Iterator[tuple[int, str]]:
    if isinstance(node, ast.Call):
        name = ast.unparse(node.func)
        if name in ONLY_EDGE_CALLS:
            yield node.lineno, f"only the edge calls {name}"
        if name.endswith(("import_module", "__import__")):
            yield node.lineno, "only the edge imports what it is told to"
    elif isinstance(node, ast.Attribute) and ast.unparse(node) in ONLY_EDGE_USES:
        if (path, ast.unparse(node)) in EXCEPTIONS:
            return
        yield node.lineno, f"only the edge uses {ast.unparse(node)}"
    elif isinstance(node, ast.Raise) and "SystemExit" in ast.unparse(node):
        yield node.lineno, "only the edge exits"


MODULES = sorted(path.relative_to(SOURCE).as_posix() for path in SOURCE.rglob("*.py"))


@pytest.mark.parametrize("path", MODULES)
def test_a_module_imports_and_does_only_what_its_place_allows(path: str) -> None:
    assert departures(path, (SOURCE / path).read_text(encoding="utf-8")) == []


def test_every_module_belongs_to_a_layer() -> None:
    assert {_layer(path) for path in MODULES} == set(BELOW)


@pytest.mark.parametrize(
    ("path", "source", "words"),
    [
        ("core/plan.py", "import os", "core does not import os"),
        ("core/plan.py", "from pathlib import Path", "core does not import pathlib.Path"),
        ("core/plan.py", "def f():\n    import socket", "core does not import socket"),
        ("core/plan.py", "if x:\n    from time import time", "core does not import time.time"),
        ("core/plan.py", "import importlib", "core does not import importlib"),
        ("core/plan.py", "open('x')", "core does not call open"),
        ("core/plan.py", "datetime.now(UTC)", "core does not call datetime.now"),
        ("core/plan.py", "from ghcr_signer.peers import cosign", "core does not import peers"),
        ("core/plan.py", "from ..report import text", "core does not import report"),
        ("core/plan.py", "import nacl.bindings", "nacl has its place in core/key.py"),
        (
            "peers/git.py",
            "from ghcr_signer.transfer import fetch",
            "peers does not import transfer",
        ),
        ("peers/git.py", "import requests", "requests has its place in peers/registry/"),
        ("peers/git.py", "import yaml", "yaml has its place in core/strict_yaml.py"),
        ("peers/git.py", "import click", "click has no place yet"),
        ("report/html.py", "import ghcr_signer.peers.cosign", "report does not import peers"),
        ("embedded_registry/blobs.py", "import oras.provider", "oras has its place"),
        ("transfer/fetch.py", "from ghcr_signer.report.report import Report", "transfer does not"),
        ("transfer/fetch.py", "import ghcr_signer.cli", "transfer does not import cli"),
        (
            "transfer/fetch.py",
            "from rich.text import Text",
            "rich has its place in cli.py, report/",
        ),
        ("commands/sign.py", "from ghcr_signer.commands.verify import run", "not import another"),
        ("commands/sign.py", "from ghcr_signer.commands import verify", "not import another"),
        ("commands/sign.py", "from .verify import run", "not import another"),
        ("actions/__init__.py", "import actions_toolkit.core", "actions_toolkit has its place"),
        ("commands/verify.py", "from ghcr_signer.actions import main", "commands does not import"),
        ("commands/sign.py", "print('x')", "only the edge calls print"),
        ("commands/sign.py", "os.environ['HOME']", "only the edge uses os.environ"),
        ("commands/sign.py", "from os import environ", "only the edge uses os.environ"),
        ("commands/sign.py", "sys.exit(1)", "only the edge uses sys.exit"),
        ("commands/sign.py", "raise SystemExit(1)", "only the edge exits"),
        ("commands/sign.py", "importlib.import_module('x')", "only the edge imports"),
        ("report/text.py", "sys.stderr.write('x')", "only the edge uses sys.stderr"),
    ],
)
def test_the_checker_refuses_a_bad_example(path: str, source: str, words: str) -> None:
    assert words in "\n".join(departures(path, source))


@pytest.mark.parametrize(
    ("path", "source"),
    [
        ("core/plan.py", "from pkgutil import get_data\nfrom collections.abc import Set"),
        ("core/plan.py", "def f(now): return now"),
        ("commands/sign.py", "from ghcr_signer.commands.arguments import add_trust"),
        ("commands/sign.py", "from ghcr_signer.commands import ceremony"),
        ("cli.py", "import os, sys\nprint(os.environ)\nsys.exit(1)"),
        ("actions/runner.py", "from actions_toolkit import core\nprint('x')"),
        ("peers/registry/transport.py", "import requests, oras.provider"),
    ],
)
def test_the_checker_accepts_a_good_example(path: str, source: str) -> None:
    assert departures(path, source) == []
