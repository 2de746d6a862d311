"""init: write the files of a new project into this repository, over nothing that is there.

They are the files of template/, which the package holds too, with what is known put in.
"""

from __future__ import annotations

import argparse
import re
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path

from ghcr_signer.commands.arguments import DEFAULT_DIRECTORY, POLICY
from ghcr_signer.core import codes, limits, policy_file
from ghcr_signer.core.errors import Refused, UsageError, about
from ghcr_signer.core.finding import good
from ghcr_signer.core.key import PublicKey
from ghcr_signer.core.remote import repository
from ghcr_signer.peers.cosign import SigningKey, find
from ghcr_signer.peers.git import Git
from ghcr_signer.peers.installation import Software, installed
from ghcr_signer.peers.new_files import write_new
from ghcr_signer.peers.worktree import TRUSTED_KEY, read_file
from ghcr_signer.report.report import Report
from ghcr_signer.transfer.progress import Progress

README = "README.md"
CODE_OWNERS = ".github/CODEOWNERS"
_WORKFLOW = ".github/workflows/signatures.yml"
_HOST = "github.com"
# What the template has in place of a project's own words.
_GLOB, _KEY, _NAME, _OWNER = "{glob: ghcr.io/OWNER/**}", "keys/signer.pub", "signer", "@OWNER"
_OTHER_OWNERS = ("CODEOWNERS", "docs/CODEOWNERS")  # which GitHub would not look at any more
_AUTHORITY = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
_CODE_OWNER = re.compile(r"@[A-Za-z0-9-]+(?:/[A-Za-z0-9._-]+)?")


@dataclass(frozen=True, slots=True)
class Options:
    """What is known of the new project; `software` is what its workflows shall call."""

    folder: Path
    public_key: Path | None
    signing_key: SigningKey
    cosign: str | None
    images: tuple[str, ...]
    owner: str | None
    authority: str | None
    software: Software | None
    environment: Mapping[str, str] = field(repr=False)


@dataclass(frozen=True, slots=True)
class _Project:
    """All that is put into the template."""

    images: tuple[str, ...]
    owner: str
    authority: str

    @property
    def key(self) -> str:
        return f"keys/{self.authority}.pub"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command line of `init`."""
    key = parser.add_mutually_exclusive_group(required=True)
    key.add_argument("--key", type=Path, metavar="FILE", help="the signer's public key, PEM")
    key.add_argument(
        "--sk", action="store_true", help="take it from the security key (PIV) that is plugged in"
    )
    parser.add_argument("--slot", metavar="S", help="the security key's slot (default: signature)")
    parser.add_argument("--cosign", metavar="PATH", help="the cosign to use (default: on PATH)")
    parser.add_argument(
        "--name",
        metavar="WHO",
        help="what reports call the signer (default: the name of the key's file, or signer)",
    )
    parser.add_argument(
        "--image",
        action="append",
        default=[],
        metavar="GLOB",
        help="the images that are signed (default: 'ghcr.io/OWNER/**', of origin's owner)",
    )
    parser.add_argument(
        "--owner",
        metavar="@ORG/TEAM",
        help="who reviews what is trusted (default: @OWNER, of origin)",
    )


def options(arguments: argparse.Namespace, environment: Mapping[str, str]) -> Options:
    """The command line as Options; raises UsageError for what cannot go together."""
    if arguments.slot and not arguments.sk:
        raise UsageError(codes.USAGE, "--slot goes with --sk")
    return Options(
        folder=Path(),
        public_key=arguments.key,
        signing_key=SigningKey(None, arguments.sk, arguments.slot),
        cosign=arguments.cosign,
        images=tuple(arguments.image),
        owner=arguments.owner,
        authority=arguments.name,
        software=installed(),
        environment=environment,
    )


def run(options: Options, progress: Progress) -> Report:
    """Write the files; raises UsageError (GS2019) before the first where one would be lost."""
    git = _repository(options.folder)
    project = _project(options, git)
    key = _public_key(options)
    written = dict(_files(project, key, options.software))
    _require_as_meant(written, project)
    kept = [README] if (git.root / README).exists() else []  # a project's own, and only words
    for name in kept:
        del written[name]
    for name in _OTHER_OWNERS:
        if (git.root / name).exists():
            fix = f"Move it to {CODE_OWNERS}, then add to it what init would have written there."
            raise UsageError(codes.FILE_EXISTS, f"{name} would not count any more", fix=fix)
    new = write_new(git.root, written)
    said = {name: "written" if name in new else "there already, the same" for name in written}
    said |= dict.fromkeys(kept, "there already, left as it is")
    return Report(
        "init",
        findings=tuple(good(name, words) for name, words in sorted(said.items())),
        notices=tuple(_notices(options, project, key, written, git.root)),
        next_steps=tuple(
            _next_steps(
                options.software,
                sorted(written),
                git.root,
                has_origin=git.remote("origin") is not None,
            )
        ),
    )


def _repository(folder: Path) -> Git:
    """The work tree that holds a folder; raises UsageError (GS2009)."""
    try:
        git = Git.around(folder)
    except UsageError as error:
        raise UsageError(codes.NO_REPOSITORY, str(error), fix="Begin with: git init") from None
    if not (git.root / ".git").exists():
        raise UsageError(codes.NO_REPOSITORY, "a bare repository has no files", fix="Clone it.")
    return git


def _project(options: Options, git: Git) -> _Project:
    """What was given and what origin tells; raises UsageError (GS2020) for what is missing."""
    here = repository(git.remote("origin") or "", _HOST)
    account = here.partition("/")[0] if here else None
    images = options.images or ((f"ghcr.io/{account.lower()}/**",) if account else ())
    owner = options.owner or (f"@{account}" if account else "")
    authority = options.authority or (options.public_key.stem if options.public_key else _NAME)
    missing = [] if images else ["--image 'ghcr.io/acme/**'"]
    missing += [] if owner else ["--owner @acme/signers"]
    if missing:
        message = "no remote `origin` on github.com tells whose images are signed here"
        fix = f"Add {' and '.join(missing)}, with your own names."
        raise UsageError(codes.NO_PROJECT, message, fix=fix)
    if not _CODE_OWNER.fullmatch(owner):
        raise UsageError(codes.USAGE, f"--owner {owner!r} is not @USER or @ORGANIZATION/TEAM")
    if not _AUTHORITY.fullmatch(authority):
        message = f"{authority!r} is not a name: letters, digits, dots, dashes and underscores"
        raise UsageError(codes.USAGE, message, fix="Name the signer with --name.")
    return _Project(images, owner, authority)


def _public_key(options: Options) -> PublicKey:
    """The key from its file or out of the token."""
    if options.public_key is None:
        program = find(options.cosign, options.environment)
        return PublicKey.from_pem(program.public_key(options.signing_key))
    with about(str(options.public_key)):
        return PublicKey.from_pem(read_file(options.public_key, limits.KEY_BYTES))


def _files(
    project: _Project, key: PublicKey, software: Software | None
) -> Iterator[tuple[str, bytes]]:
    """The template's files by their paths, with what is known put in; and the key."""
    globs = ", ".join(f"{{glob: {glob}}}" for glob in project.images)
    for name, text in _template(files("ghcr_signer") / "template"):
        text = text.replace(_GLOB, globs).replace(_KEY, project.key)
        text = text.replace(f"name: {_NAME}\n", f"name: {project.authority}\n")
        text = text.replace(_OWNER, project.owner)
        yield name, (software.put_into(text) if software else text).encode()
    yield project.key, key.pem


def _template(folder: Traversable, above: str = "") -> Iterator[tuple[str, str]]:
    for each in folder.iterdir():
        if each.is_dir():
            yield from _template(each, f"{above}{each.name}/")
        else:
            yield f"{above}{each.name}", each.read_text(encoding="utf-8")


def _require_as_meant(written: Mapping[str, bytes], project: _Project) -> None:
    """The policy must load, and say what was asked for; raises UsageError or Refused."""
    with about(POLICY):
        policy, _ = policy_file.parse(written[POLICY], lambda path, _: written[path])
    (rule,) = policy.rules
    if rule.images != project.images or rule.authorities[0].name != project.authority:
        raise Refused(
            codes.POLICY_MALFORMED,
            f"it would not say {', '.join(project.images)} or {project.authority}",
            fix="Write the policy by hand: docs/policy.example.yml",
        )


def _notices(
    options: Options,
    project: _Project,
    key: PublicKey,
    written: Mapping[str, bytes],
    root: Path,
) -> Iterator[str]:
    yield (
        f"{project.key} is a key of {project.authority}: {key.kind}, {key.fingerprint};"
        " is it the signer's own?"
    )
    if options.owner is None:
        yield (
            f"{CODE_OWNERS} names {project.owner}, as origin does. An organization cannot review:"
            f" put a team of it there, such as {project.owner}/signers"
        )
    if (root / TRUSTED_KEY).exists():
        yield (
            f"{TRUSTED_KEY} does not count beside a policy: what it signed counts if {POLICY} names"
            " it too"
        )
    if options.software and ".dev" in options.software.version:
        yield (
            f"the workflows call {options.software.version}, which is no release: what runs here,"
            f" at the commit {options.software.commit[:12]}"
        )
    if b"<commit>" in written[_WORKFLOW]:
        yield (
            f"this build does not know which release it is: in {_WORKFLOW}, put owner, full commit"
            " and version of the one to use for OWNER, <commit> and <version>"
        )


def _next_steps(
    software: Software | None, names: list[str], root: Path, *, has_origin: bool
) -> Iterator[str]:
    yield "ghcr-signer policy check"
    if (root / DEFAULT_DIRECTORY).exists():
        yield "ghcr-signer verify"
    yield f"git add {shlex.join(names)}"
    yield 'git commit --message "Set up the signatures"'
    if not has_origin:
        yield "git remote add origin https://github.com/OWNER/REPOSITORY"
    yield "git push --set-upstream origin HEAD"
    name, at = (software.name, software.commit) if software else ("OWNER/ghcr-signer", "main")
    yield f"then the settings, by hand: https://github.com/{name}/blob/{at}/docs/maintainer.md"
    yield "ghcr-signer doctor"
