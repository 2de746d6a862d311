"""argv -> Options; Report -> terminal. Only here is anything printed, the environment read, exited.

Rules of the terminal: the result goes to standard output, progress and questions to standard error;
colour and progress only where a person is looking, and NO_COLOR is honoured; a command's module is
imported when the command is called; no traceback reaches a user without --debug.
"""

from __future__ import annotations

import argparse
import gc
import io
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, NoReturn

from ghcr_signer import __version__
from ghcr_signer.transfer.progress import Progress

if TYPE_CHECKING:
    from rich.status import Status

    from ghcr_signer.report.report import Report

COMMANDS = {
    "sign": "sign an image with cosign, verify, and write one set",
    "collect": "take signatures from a registry that holds them into a set",
    "push": "commit a set on a branch of its own, push it, and open its pull request",
    "verify": "verify every signature in the directory, offline",
    "review": "what merging would do: tags that move, who signed, what comes next",
    "publish": "verify, upload what is missing, read it back, move tags",
    "policy": "say in words who may sign what, or what another policy would change",
    "init": "write the files of a new project into this repository",
    "doctor": "look whether everything is set up, and say what to click",
    "registry": "run the embedded registry on its own",
    "demo": "the whole job on this machine, narrated",
    "schema": "print a JSON Schema",
}
_INTERRUPTED = 130  # as a shell counts an end by SIGINT
_GARBAGE = 100_000  # objects, before the collector looks: nearly all of ours live to the end


def main(argv: Sequence[str] | None = None) -> NoReturn:
    """Run the command line and exit with the report's exit code."""
    gc.set_threshold(_GARBAGE)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # elsewhere than UTF-8 there is no ✓
            stream.reconfigure(encoding="utf-8")
    try:
        code = run(sys.argv[1:] if argv is None else argv)
        sys.stdout.flush()
    except KeyboardInterrupt:
        print("\ninterrupted; nothing is left half-written", file=sys.stderr)  # noqa: T201
        code = _INTERRUPTED
    except BrokenPipeError:
        # whoever read our output has had enough: say no more, not even when Python flushes at exit
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = 1
    gc.freeze()  # all of it goes now: the collector need not look for what goes
    sys.exit(code)


def run(argv: Sequence[str]) -> int:
    """Parse, run, print; return the exit code."""
    name = next((argument for argument in argv if argument in COMMANDS), None)
    command = import_module(f"ghcr_signer.commands.{name}") if name else None
    own, further = _split(argv)
    parser, subparser = _parsers(name, command)
    arguments, unknown = parser.parse_known_args(own)
    if command is None:
        raise AssertionError("argparse has refused a command line without a command")
    if unknown:
        subparser.error(f"unrecognized arguments: {' '.join(unknown)}")
    if further and name != "sign":
        subparser.error(f"{name} takes nothing after --")
    arguments.further = further
    with Terminal(quiet=arguments.quiet) as terminal:
        report = _report(command, arguments, terminal)
    _print(report, arguments)
    return report.exit_code


def _split(argv: Sequence[str]) -> tuple[Sequence[str], Sequence[str]]:
    """Our arguments, and those after `--`, which are cosign's."""
    if "--" not in argv:
        return argv, ()
    at = list(argv).index("--")
    return argv[:at], argv[at + 1 :]


def _report(command: ModuleType, arguments: argparse.Namespace, terminal: Terminal) -> Report:
    """Run the command; whatever goes wrong becomes a report, unless --debug wants the traceback."""
    from ghcr_signer.report.report import Report

    try:
        if getattr(arguments, "password_stdin", False):
            arguments.password = sys.stdin.readline().rstrip("\r\n")
        result: Report = command.run(command.options(arguments, dict(os.environ)), terminal)
    except Exception as error:
        if arguments.debug:
            raise
        result = Report.of_error(arguments.command, error)
    return result


def _parsers(
    name: str | None, command: ModuleType | None
) -> tuple[argparse.ArgumentParser, argparse.ArgumentParser]:
    """The program's parser, and that of the command, the only one whose arguments are needed."""
    called = parser = argparse.ArgumentParser(
        prog="ghcr-signer",
        description="Sign container images with a hardware key, publish the signatures by pull"
        " request.",
        epilog="Exit codes: 0 all well; 1 something does not verify or could not be published;"
        " 2 wrong usage or configuration; 3 a registry could not be reached.",
    )
    parser.add_argument("--version", action="version", version=f"ghcr-signer {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for each, description in COMMANDS.items():
        sub = commands.add_parser(
            each,
            help=description,
            description=f"{description[0].upper()}{description[1:]}.",
            allow_abbrev=False,  # --y is nobody's consent
        )
        if each == name and command is not None:
            called = sub
            command.add_arguments(called)
            _add_output(called)
    return parser, called


def _add_output(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("output")
    group.add_argument(
        "--format",
        choices=("text", "json", "markdown"),
        default="text",
        help="of the report (default: text)",
    )
    group.add_argument("--output", type=Path, metavar="FILE", help="write the report to FILE")
    group.add_argument("--quiet", action="store_true", help="no progress; only what failed")
    group.add_argument("--debug", action="store_true", help="show tracebacks")


def _print(report: Report, arguments: argparse.Namespace) -> None:
    """Write the report where it is wanted, in the form that is wanted."""
    if arguments.output is None:
        sys.stdout.writelines(_rendered(report, arguments, colour=sys.stdout.isatty()))
        return
    try:
        with arguments.output.open("w", encoding="utf-8", newline="\n") as file:
            file.writelines(_rendered(report, arguments, colour=False))
    except OSError as error:
        print(f"ghcr-signer: --output {arguments.output}: {error.strerror}", file=sys.stderr)  # noqa: T201
        sys.exit(2)


def _rendered(report: Report, arguments: argparse.Namespace, *, colour: bool) -> Iterator[str]:
    if arguments.format == "json" and report.content is None:
        from ghcr_signer.report import json

        yield from json.render(report)
        return
    if arguments.format == "markdown":
        from ghcr_signer.report import markdown

        yield from (f"{line}\n" for line in markdown.render(report))
        return
    from ghcr_signer.report import text

    paint = _painter() if colour and not os.environ.get("NO_COLOR") else text.no_colour
    for line in text.render(report, paint, only_failures=arguments.quiet):
        yield f"{line}\n"


def _painter() -> Callable[[str, str], str]:
    from rich.style import Style

    return lambda text, colour: Style.parse(colour).render(text)


class Terminal(Progress):
    """Progress, and questions, on standard error; progress only where a person is looking."""

    def __init__(self, *, quiet: bool) -> None:
        self._watched = sys.stderr.isatty() and not quiet
        self._quiet = quiet
        self._status: Status | None = None

    def __enter__(self) -> Terminal:
        """Nothing is shown before there is something to show."""
        return self

    def __exit__(self, *error: object) -> None:
        """Leave the terminal as it was."""
        self._clear()

    @property
    def interactive(self) -> bool:
        """Whether a person can be asked."""
        return sys.stdin.isatty() and sys.stderr.isatty()

    def say(self, text: str) -> None:
        """One line on standard error."""
        self._clear()
        if not self._quiet:
            print(text, file=sys.stderr, flush=True)  # noqa: T201

    def step(self, what: str, done: int, total: int | None) -> None:
        """A line that is overwritten, where a person is looking."""
        if not self._watched:
            return
        if self._status is None:
            from rich.console import Console

            self._status = Console(stderr=True).status("")
            self._status.start()
        self._status.update(f"{what} {done}" + (f" of {total}" if total else ""))

    def ask(self, question: str) -> bool:
        """Ask for a yes; anything else is a no."""
        self._clear()
        print(f"{question} [y/N] ", end="", file=sys.stderr, flush=True)  # noqa: T201
        return sys.stdin.readline().strip().lower() in ("y", "yes")

    def _clear(self) -> None:
        if self._status is not None:
            self._status.stop()
            self._status = None
