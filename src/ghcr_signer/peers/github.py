"""GitHub: files become a branch and a pull request, by the git data API (docs.github.com, REST).

Nothing is pushed, so the workspace needs no credential. What is new is found by its id only, until
a branch points at it; before that the commit is read back and compared, so what is proposed is what
was verified.

PyGithub sends the requests. Its retries wait as long as a server says, and its objects take a
redirect for an answer; so neither is used, and `_Api` asks through its requester.
"""

from __future__ import annotations

import hashlib
import json
import math
import re
import time
from base64 import b64encode
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from ghcr_signer import __version__
from ghcr_signer.core import codes
from ghcr_signer.core.directory import FOLDER, REGULAR
from ghcr_signer.core.errors import GhcrSignerError, Refused, Unreachable, UsageError
from ghcr_signer.peers.registry.auth import is_loopback

if TYPE_CHECKING:
    from github.Requester import Requester

PATIENCE_SECONDS = 120.0
"""What one proposal waits for in all: a rate limit may ask for an hour, and a job costs money."""
WRITES_AT_ONCE = 60
"""Then one a second: GitHub takes 80 requests a minute that make something (Rate limits)."""
_TIMEOUT_SECONDS = 30
_SECONDARY_LIMIT_SECONDS = 60.0  # where GitHub does not say how long
_HEADERS = {"Accept": "application/vnd.github+json", "X-GitHub-Api-Version": "2022-11-28"}
_NAME = re.compile(r"[A-Za-z0-9_-]+/(?!\.{1,2}\Z)[A-Za-z0-9._-]+")
# No user, no backslash, nothing but a host: two parsers cannot read two hosts out of it.
_API = re.compile(r"(https?)://([a-z0-9.-]+(?::[0-9]{1,5})?)((?:/[a-z0-9._-]+)*)/?", re.IGNORECASE)
_TOKEN = re.compile(r"[!-~]+")
_ID = re.compile(r"[0-9a-f]{40}")
_SECONDS = re.compile(r"[0-9]{1,12}")
_LONGEST_WORDS = 300
_SETTING = (
    "In the repository's Settings → Actions → General → Workflow permissions, tick “Allow GitHub"
    " Actions to create and approve pull requests” (greyed out: the organization's settings first)."
)

_Listing = dict[str, tuple[str, str]]  # path -> mode, id


@dataclass(frozen=True, slots=True)
class Proposal:
    """What is proposed: one new set, DIRECTORY/SET/ENTRY/FILE, on top of the base commit.

    `files` are contents by their paths in the repository; `title` and `body` are the pull
    request's, as Markdown.
    """

    branch: str
    base_branch: str
    base_commit: str
    files: Mapping[str, bytes]
    message: str
    title: str
    body: str

    @property
    def folder(self) -> PurePosixPath:
        """The set's folder; raises ValueError where the files are not those of one set."""
        (folder,) = {PurePosixPath(path).parents[1] for path in self.files}
        return folder


@dataclass(frozen=True, slots=True)
class Proposed:
    """The pull request that was opened, the branch it comes from, and that branch's commit."""

    number: int
    url: str
    branch: str
    commit: str


class Repository:
    """One repository on GitHub. `name` is OWNER/REPOSITORY, `api` is GITHUB_API_URL; `web` is its
    address for people.

    The token goes to that host alone, by https (on loopback also by http). Raises UsageError
    (GS2001) for a name, an address or a token that is none.
    """

    def __init__(
        self, name: str, *, api: str, token: str, sleep: Callable[[float], None] = time.sleep
    ) -> None:
        address = _API.fullmatch(api)
        if address is None or (address[1].lower() == "http" and not is_loopback(address[2])):
            raise UsageError(
                codes.USAGE,
                "the address of GitHub's API is not https://HOST or https://HOST/PATH",
                fix="GitHub Actions sets GITHUB_API_URL; elsewhere it is https://api.github.com",
            )
        if not _NAME.fullmatch(name):
            raise UsageError(codes.USAGE, f"{name!r} is not a repository's name, OWNER/REPOSITORY")
        if not _TOKEN.fullmatch(token):
            raise UsageError(
                codes.USAGE,
                "there is no token, or it is not one that a request can carry",
                fix="In a workflow, leave the input `token` at its default.",
            )
        self._name, self._api, self._token, self._sleep = name, api, token, sleep
        self.web = f"{address[1]}://{address[2].removeprefix('api.')}/{name}"

    def propose(self, proposal: Proposal) -> Proposed:
        """Commit the files on top of the base commit, name a new branch, open a pull request.

        Raises Refused where the set's name is taken (GS1402), where GitHub holds something else
        than was sent (GS1404), or where the branch was made and the pull request was not (GS1403);
        Unreachable where GitHub does not serve us (GS3007 to GS3009). Nothing that was there
        before is ever changed.
        """
        from github import Auth, Github  # late: it takes 200 ms

        client = Github(
            base_url=self._api,
            auth=Auth.Token(self._token),
            user_agent=f"ghcr-signer/{__version__}",
            timeout=_TIMEOUT_SECONDS,
            retry=None,
            seconds_between_requests=0,
            seconds_between_writes=0,
        )
        with closing(client):
            api = _Api(client.requester, self._name, self._token, self._sleep)
            commit = _commit(api, proposal)
            _make_branch(api, proposal.branch, commit)
            try:
                number = _open_pull_request(api, self._name, proposal, commit)
            except GhcrSignerError as error:
                raise self._no_pull_request(proposal, error) from None
        return Proposed(number, f"{self.web}/pull/{number}", proposal.branch, commit)

    def _no_pull_request(self, proposal: Proposal, error: GhcrSignerError) -> Refused:
        ends = f"{quote(proposal.base_branch)}...{quote(proposal.branch)}"
        by_hand = f"Open it by hand: {self.web}/compare/{ends}?expand=1"
        mend = ""
        if "not permitted to create" in str(error).lower():
            mend = f"For the next one: {_SETTING} "
        elif error.failure.code is codes.GITHUB_DENIED:
            mend = f"For the next one: {error.failure.next_step} "
        return Refused(
            codes.NO_PULL_REQUEST,
            f"the branch {proposal.branch} was made, its pull request was not: {error}",
            fix=f"{mend}{by_hand}",
        )


@dataclass(frozen=True, slots=True)
class _Answer:
    """What GitHub said; the status is 0 where nothing came."""

    status: int
    headers: Mapping[str, str]
    document: Any
    words: str

    @property
    def is_limit(self) -> bool:
        """Whether it is a rate limit, which may come as a 403."""
        says = "rate limit" in self.words.lower() or "retry-after" in self.headers
        return self.status == 429 or (self.status == 403 and says)

    def wait(self, tries: int) -> float | None:
        """Seconds until it may be asked again; None where that would not help."""
        if not (self.is_limit or self.status >= 500 or self.status == 0):
            return None
        return max(self._asked(), min(30.0, 2.0**tries))

    def _asked(self) -> float:
        after = self.headers.get("retry-after", "")
        reset = self.headers.get("x-ratelimit-reset", "")
        if _SECONDS.fullmatch(after):
            return float(after)
        if not self.is_limit:
            return 0.0
        if self.headers.get("x-ratelimit-remaining") == "0" and _SECONDS.fullmatch(reset):
            return float(reset) - time.time()
        return _SECONDARY_LIMIT_SECONDS


class _Api:
    """Requests to one repository, for one proposal. No redirect is followed to another host."""

    def __init__(
        self, requester: Requester, name: str, token: str, sleep: Callable[[float], None]
    ) -> None:
        self._requester = requester
        self._name = name
        self._token = token
        self._sleep = sleep
        self._patience = PATIENCE_SECONDS
        self._writes = 0

    def get(self, path: str) -> Any:
        """The document at a path of the repository; raises Unreachable."""
        return self._document("GET", path, self._persist("GET", path, None))

    def post(self, path: str, content: object) -> Any:
        """Make something; returns the document that describes it. Raises Unreachable."""
        return self._document("POST", path, self._write(path, content))

    def post_new(self, path: str, content: object) -> Any:
        """The same; None where GitHub says that there is one already."""
        answer = self._write(path, content)
        if answer.status == 422 and "already exists" in answer.words.lower():
            return None
        return self._document("POST", path, answer)

    def _write(self, path: str, content: object) -> _Answer:
        self._writes += 1
        if self._writes > WRITES_AT_ONCE:
            self._sleep(1.0)
        return self._persist("POST", path, content)

    def _persist(self, method: str, path: str, content: object) -> _Answer:
        """Ask until it is answered for good. What is made twice is the same, or is found later."""
        tries = 0
        while True:
            answer = self._send(method, path, content)
            wait = answer.wait(tries)
            if wait is None or wait > self._patience:
                return answer
            tries += 1
            self._patience -= wait
            self._sleep(wait)

    def _send(self, method: str, path: str, content: object) -> _Answer:
        try:
            status, headers, text = self._requester.requestJson(
                method, f"/repos/{self._name}/{path}", headers=dict(_HEADERS), input=content
            )
        except OSError as error:  # requests' own errors are; their texts carry headers
            return _Answer(0, {}, None, f"no answer ({type(error).__name__})")
        except (RuntimeError, ValueError, ArithmeticError) as error:
            # PyGithub follows a 301 on its own host, and refuses another; it reads headers' numbers
            return _Answer(301, {}, None, f"an answer that leads nowhere ({type(error).__name__})")
        try:
            document = json.loads(text)
        except (ValueError, RecursionError):
            document = None
        words = _words(status, document, text).replace(self._token, "***")[:_LONGEST_WORDS]
        return _Answer(status, headers, document, words)

    def _document(self, method: str, path: str, answer: _Answer) -> Any:
        """What was asked for, never None; raises Unreachable with the next step where it is not."""
        said = f"{self._requester.hostname_and_port}: {method} {path}: {answer.words}"
        if 200 <= answer.status < 300:
            if answer.document is None:
                raise Refused(codes.PROPOSAL_DIFFERS, said)
            return answer.document
        wait = answer.wait(0)
        if wait is not None:
            fix = f"It is a rate limit: run it again in {math.ceil(wait / 60)} min."
            fix = fix if answer.is_limit else ""
            raise Unreachable(codes.GITHUB_UNREACHABLE, said, fix=fix)
        need = "pull-requests: write" if path == "pulls" else "contents: write"
        grant = f"In the workflow, grant the job `permissions: {need}`"
        if answer.status in (401, 403):
            fix = f"{grant}." if answer.status == 403 else ""
            raise Unreachable(codes.GITHUB_DENIED, said, fix=fix)
        if answer.status == 404:
            fix = f"{grant}, or check the repository's name."
        elif answer.status < 400:
            fix = "Was the repository renamed or moved? Run it under its present name."
        else:
            fix = ""
        raise Unreachable(codes.GITHUB_REFUSED, said, fix=fix)


def _words(status: int, document: Any, text: str) -> str:
    """GitHub's own words; whoever prints them escapes them."""
    if not isinstance(document, dict):
        return f"{status} {text}"
    errors = document.get("errors")
    details = [
        error.get("message") if isinstance(error, dict) else error
        for error in (errors if isinstance(errors, list) else [])
    ]
    words = [word for word in (document.get("message"), *details) if isinstance(word, str)]
    return f"{status} {'; '.join(words)}"


def _commit(api: _Api, proposal: Proposal) -> str:
    """Make the commit, and read it back; returns its id. No name points at it yet."""
    base = api.get(f"git/commits/{quote(proposal.base_commit, safe='')}")
    _same(_text(base, "sha"), proposal.base_commit, "the base commit")
    folders = proposal.folder.parts
    levels = _levels(api, _id(base, "tree", "sha"), folders)
    blobs = {path: _blob_id(content) for path, content in proposal.files.items()}
    for blob, content in {blobs[path]: proposal.files[path] for path in blobs}.items():
        sent = {"content": b64encode(content).decode(), "encoding": "base64"}
        _same(_text(api.post("git/blobs", sent), "sha"), blob, "a blob")
    additions = [
        {"path": path, "mode": REGULAR, "type": "blob", "sha": blob} for path, blob in blobs.items()
    ]
    tree = api.post("git/trees", {"base_tree": _id(base, "tree", "sha"), "tree": additions})
    described = {
        "message": proposal.message,
        "tree": _id(tree, "sha"),
        "parents": [proposal.base_commit],
    }
    commit = _id(api.post("git/commits", described), "sha")
    _read_back(api, commit, proposal, levels, blobs)
    return commit


def _levels(api: _Api, tree: str, folders: tuple[str, ...]) -> list[_Listing]:
    """What the base holds beside each folder on the way to the set; the last lacks the next one.

    Raises Refused where the way ends at something else (GS0103), or the set is there (GS1402).
    """
    levels = []
    for name in folders:
        listing = _listing(api, tree)
        levels.append(listing)
        if name not in listing:
            return levels
        mode, tree = listing[name]
        if mode != FOLDER:
            raise Refused(codes.NOT_REGULAR, f"{name!r} is no folder", file="/".join(folders))
    raise Refused(codes.NAME_TAKEN, "the set is there already", file="/".join(folders))


def _read_back(
    api: _Api, commit: str, proposal: Proposal, levels: list[_Listing], blobs: Mapping[str, str]
) -> None:
    """Raises Refused (GS1404) unless the commit is its base and these blobs, and nothing else.

    Level by level, since one listing of a whole repository is cut off at 100,000 names or 7 MB.
    """
    made = api.get(f"git/commits/{commit}")
    parents = [_text(parent, "sha") for parent in _list(made, "parents")]
    _same(parents, [proposal.base_commit], "the commit's parent")
    tree = _id(made, "tree", "sha")
    way = proposal.folder.parts[: len(levels)]
    for name, before in zip(way, levels, strict=True):
        after = _listing(api, tree)
        mode, tree = after.pop(name, ("", ""))
        _same(mode, FOLDER, f"the folder {name}")
        _same(after, {path: at for path, at in before.items() if path != name}, "the base's tree")
    added = {"/".join((*way, path)): at for path, at in _listing(api, tree, whole=True).items()}
    _same(added, {path: (REGULAR, blob) for path, blob in blobs.items()}, "the set")


def _listing(api: _Api, tree: str, *, whole: bool = False) -> _Listing:
    """A tree's entries; `whole`: every file below it."""
    document = api.get(f"git/trees/{tree}{'?recursive=1' if whole else ''}")
    if not isinstance(document, dict) or document.get("truncated") is not False:
        raise Refused(codes.PROPOSAL_DIFFERS, f"GitHub lists the tree {tree} in part only")
    entries = {
        _text(entry, "path"): (_text(entry, "mode"), _id(entry, "sha"))
        for entry in _list(document, "tree")
    }
    return {path: at for path, at in entries.items() if not (whole and at[0] == FOLDER)}


def _make_branch(api: _Api, branch: str, commit: str) -> None:
    """A new name for the commit; raises Refused (GS1402) for one that is taken. Nothing is forced.

    An answer may be lost: where the branch is there and points at our commit, it is ours.
    """
    content = {"ref": f"refs/heads/{branch}", "sha": commit}
    ref = api.post_new("git/refs", content)
    if ref is None:
        ref = api.get(f"git/ref/heads/{quote(branch)}")
        if _text(ref, "object", "sha") != commit:
            raise Refused(codes.NAME_TAKEN, f"the branch {branch} is there already")
    _same(_text(ref, "object", "sha"), commit, "the branch")


def _open_pull_request(api: _Api, name: str, proposal: Proposal, commit: str) -> int:
    """The number of the pull request, opened now or, where the answer was lost, a moment ago."""
    content = {
        "title": proposal.title,
        "body": proposal.body,
        "head": proposal.branch,
        "base": proposal.base_branch,
    }
    pulls = [api.post_new("pulls", content)]
    if pulls == [None]:
        head = quote(f"{name.partition('/')[0]}:{proposal.branch}", safe="")
        pulls = api.get(f"pulls?state=open&head={head}")
    for pull in pulls if isinstance(pulls, list) else []:
        number = pull.get("number") if isinstance(pull, dict) else None
        ends = (_text(pull, "head", "sha"), _text(pull, "base", "ref"))
        if isinstance(number, int) and ends == (commit, proposal.base_branch):
            return number
    raise Refused(codes.PROPOSAL_DIFFERS, "GitHub's pull request is for something else")


def _blob_id(content: bytes) -> str:
    """The id that git gives to a file's content (git-hash-object)."""
    return hashlib.sha1(b"blob %d\0%b" % (len(content), content), usedforsecurity=False).hexdigest()


def _same(found: object, wanted: object, what: str) -> None:
    if found != wanted:
        raise Refused(codes.PROPOSAL_DIFFERS, f"{what} is not what was sent")


def _id(document: Any, *way: str) -> str:
    """An object's id in an answer, fit for a path; raises Refused (GS1404) where there is none."""
    found = _text(document, *way)
    if not _ID.fullmatch(found):
        raise Refused(codes.PROPOSAL_DIFFERS, f"GitHub's answer has no id at {'.'.join(way)}")
    return found


def _text(document: Any, *way: str) -> str:
    """A text in an answer; "" where there is none."""
    for name in way:
        document = document.get(name) if isinstance(document, dict) else None
    return document if isinstance(document, str) else ""


def _list(document: Any, name: str) -> list[Any]:
    found = document.get(name) if isinstance(document, dict) else None
    return found if isinstance(found, list) else []
