"""GitHub's git data API and its pull requests, in memory, on loopback: for `faulty.serve`.

Objects are git's own: their ids are computed as git computes them, and what refers to an object
that is not there is refused, in GitHub's words where they are known.
"""

import hashlib
import json
import re
from base64 import b64decode
from binascii import Error
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from .faulty import Answer, Request

NAME = "acme/signatures"
_OWNER = NAME.partition("/")[0]
TOKEN = "ghs_s3cret"
PREFIX = "/api/v3"
_WHO = "somebody <somebody@example.com> 1763700000 +0000"

Document = dict[str, Any]
Meddle = Callable[[Document], Document]


class _Refusal(Exception):
    def __init__(self, status: int, message: str, *errors: str) -> None:
        super().__init__(message)
        document: Document = {"message": message, "documentation_url": "https://docs.example"}
        if errors:
            document["errors"] = [{"code": "custom", "message": error} for error in errors]
        self.answer = _json(status, document)


class GitHub:
    """One repository, acme/signatures, with a README.md on `main`."""

    def __init__(self, files: Mapping[str, bytes] | None = None) -> None:
        self.objects: dict[str, tuple[str, bytes]] = {}
        self.refs: dict[str, str] = {}
        self.pushed: dict[str, Mapping[str, str]] = {}  # by owner: refs that git brought there
        self.pulls: list[Document] = []
        self.permissions = {"contents", "pull-requests"}
        self.may_open_pull_requests = True
        # by the number of the request, from 1: what is answered instead, or what is answered
        # although the request was carried out
        self.instead: dict[int, Answer] = {}
        self.although: dict[int, Answer] = {}
        # by route, such as "POST git/trees": a change to what was sent, or to what is answered
        self.before: dict[str, Meddle] = {}
        self.after: dict[str, Meddle] = {}
        # by path, from the API's root, without a query: the settings, as GitHub describes them
        self.settings: dict[str, Any] = {}
        self.count = 0
        self.base = self.commit(files or {"README.md": b"# Signatures\n"})
        self.refs["heads/main"] = self.base

    def commit(self, files: Mapping[str, bytes], *parents: str, mode: str = "100644") -> str:
        """Put a commit of these files into the store; returns its id."""
        entries = [(path, mode, self.put("blob", content)) for path, content in files.items()]
        return self._commit(self._tree_with("", entries), parents, "A base\n")

    def put(self, kind: str, content: bytes) -> str:
        """Put an object into the store; returns its id."""
        whole = f"{kind} {len(content)}\0".encode() + content
        name = hashlib.sha1(whole).hexdigest()
        self.objects[name] = kind, content
        return name

    def files(self, commit: str) -> dict[str, bytes]:
        """Every file of a commit, by its path."""
        return {
            path: self.objects[name][1]
            for path, mode, name in self._walk(self.tree(commit))
            if mode != "040000"
        }

    def tree(self, commit: str) -> str:
        return self._header(commit)["tree"][0]

    def parents(self, commit: str) -> list[str]:
        return self._header(commit).get("parent", [])

    def __call__(self, request: Request) -> Answer:
        self.count += 1
        if self.count in self.instead:
            return self.instead[self.count]
        answer = self._answer(request)
        return self.although.get(self.count, answer)

    def _answer(self, request: Request) -> Answer:
        if request.authorization not in (f"token {TOKEN}", f"Bearer {TOKEN}"):
            return _json(401, {"message": "Bad credentials"})
        start = f"{PREFIX}/repos/{NAME}/"
        target = urlsplit(request.target)
        setting = self.settings.get(target.path.removeprefix(PREFIX))
        if setting is not None and request.method == "GET":
            return setting if isinstance(setting, Answer) else _json(200, setting)
        if not target.path.startswith(start):
            return _json(404, {"message": "Not Found"})
        path = unquote(target.path.removeprefix(start))
        try:
            return self._route(request, path, parse_qs(target.query))
        except _Refusal as refusal:
            return refusal.answer

    def _route(self, request: Request, path: str, query: Mapping[str, list[str]]) -> Answer:
        for route, permission, handle in _ROUTES:
            match = re.fullmatch(route, f"{request.method} {path}")
            if match is None:
                continue
            if request.method == "POST" and permission not in self.permissions:
                raise _Refusal(403, "Resource not accessible by integration")
            sent = {name: values[0] for name, values in query.items()}
            if request.method == "POST":
                sent = json.loads(request.body)
            name = route.partition("/(")[0]
            sent = self.before.get(name, _unchanged)(sent)
            document = handle(self, sent, *match.groups())
            document = self.after.get(name, _unchanged)(document)
            return _json(201 if request.method == "POST" else 200, document)
        raise _Refusal(404, "Not Found")

    # the routes

    def _create_blob(self, sent: Document) -> Document:
        try:
            content = b64decode(sent["content"], validate=True)
        except Error:
            raise _Refusal(422, "content is not valid Base64") from None
        if sent["encoding"] != "base64":
            raise _Refusal(422, "here encoding is base64")
        return {"sha": self.put("blob", content)}

    def _create_tree(self, sent: Document) -> Document:
        base = sent.get("base_tree", "")
        if base:
            self._require(base, "tree", "base_tree is not a valid tree oid")
        entries = []
        for entry in sent["tree"]:
            self._require(entry["sha"], "blob", f"tree.sha {entry['sha']} is not a valid blob")
            if entry["type"] != "blob" or entry["mode"] not in ("100644", "100755", "120000"):
                raise _Refusal(422, "tree.mode is not valid")
            parts = entry["path"].split("/")
            if {"", ".", "..", ".git"} & set(parts):
                raise _Refusal(422, "tree.path contains a malformed path component")
            entries.append((entry["path"], entry["mode"], entry["sha"]))
        return self._get_tree({}, self._tree_with(base, entries))

    def _get_tree(self, sent: Document, name: str) -> Document:
        self._require(name, "tree", "Not Found", status=404)
        found = self._walk(name) if sent.get("recursive") else self._entries(name)
        kinds = {"040000": "tree", "160000": "commit"}
        entries = [
            {"path": path, "mode": mode, "type": kinds.get(mode, "blob"), "sha": at}
            for path, mode, at in found
        ]
        return {"sha": name, "tree": entries, "truncated": False}

    def _create_commit(self, sent: Document) -> Document:
        self._require(sent["tree"], "tree", "Tree SHA does not exist")
        for parent in sent["parents"]:
            self._require(parent, "commit", "Parent SHA does not exist or is not a commit object")
        return self._get_commit({}, self._commit(sent["tree"], sent["parents"], sent["message"]))

    def _get_commit(self, sent: Document, name: str) -> Document:
        self._require(name, "commit", "Not Found", status=404)
        header = self._header(name)
        parents = [{"sha": parent} for parent in header.get("parent", [])]
        return {"sha": name, "tree": {"sha": header["tree"][0]}, "parents": parents}

    def _create_ref(self, sent: Document) -> Document:
        ref = sent["ref"].removeprefix("refs/")
        if not re.fullmatch(r"refs/heads/[A-Za-z0-9./_-]+", sent["ref"]):
            raise _Refusal(422, f"{sent['ref']} is not a valid ref name.")
        self._require(sent["sha"], "commit", "Object does not exist")
        if ref in self.refs:
            raise _Refusal(422, "Reference already exists")
        self.refs[ref] = sent["sha"]
        return self._get_ref({}, ref)

    def _get_ref(self, sent: Document, ref: str) -> Document:
        if ref not in self.refs:
            raise _Refusal(404, "Not Found")
        return {"ref": f"refs/{ref}", "object": {"type": "commit", "sha": self.refs[ref]}}

    def _create_pull(self, sent: Document) -> Document:
        if not self.may_open_pull_requests:
            words = "GitHub Actions is not permitted to create or approve pull requests."
            raise _Refusal(403, words)
        if f"heads/{sent['base']}" not in self.refs:
            raise _Refusal(422, "Validation Failed", "base is invalid")
        owner, _, name = sent["head"].rpartition(":")
        head = self.pushed.get(owner or _OWNER, self.refs).get(f"heads/{name}")
        if head is None:
            raise _Refusal(422, "Validation Failed", "head is invalid")
        label = f"{owner or _OWNER}:{name}"
        if any(pull["head"]["label"] == label for pull in self.pulls):
            words = f"A pull request already exists for {label}."
            raise _Refusal(422, "Validation Failed", words)
        pull = {
            "number": len(self.pulls) + 1,
            "state": "open",
            "title": sent["title"],
            "body": sent["body"],
            "head": {"label": label, "ref": name, "sha": head},
            "base": {"ref": sent["base"]},
        }
        self.pulls.append(pull)
        return pull

    def _list_pulls(self, sent: Document) -> list[Document]:
        return [pull for pull in self.pulls if pull["head"]["label"] == sent.get("head")]

    # git

    def _require(self, name: str, kind: str, words: str, *, status: int = 422) -> None:
        if self.objects.get(name, ("", b""))[0] != kind:
            raise _Refusal(status, words)

    def _commit(self, tree: str, parents: Any, message: str) -> str:
        lines = [f"tree {tree}", *(f"parent {parent}" for parent in parents)]
        lines += [f"author {_WHO}", f"committer {_WHO}", "", message]
        return self.put("commit", "\n".join(lines).encode())

    def _header(self, commit: str) -> dict[str, list[str]]:
        header: dict[str, list[str]] = {}
        for line in self.objects[commit][1].decode().partition("\n\n")[0].splitlines():
            key, _, value = line.partition(" ")
            header.setdefault(key, []).append(value)
        return header

    def _entries(self, tree: str) -> list[tuple[str, str, str]]:
        """A tree's entries: name, mode as GitHub writes it, id."""
        rest, entries = self.objects[tree][1], []
        while rest:
            head, _, rest = rest.partition(b"\0")
            mode, _, name = head.decode().partition(" ")
            entries.append((name, mode.zfill(6), rest[:20].hex()))
            rest = rest[20:]
        return entries

    def _walk(self, tree: str) -> list[tuple[str, str, str]]:
        found = []
        for name, mode, at in self._entries(tree):
            found.append((name, mode, at))
            if mode == "040000":
                found += [(f"{name}/{path}", *rest) for path, *rest in self._walk(at)]
        return found

    def _tree_with(self, base: str, entries: list[tuple[str, str, str]]) -> str:
        """A tree with further files in it, in the order that git wants; returns its id."""
        present = {name: (mode, at) for name, mode, at in (self._entries(base) if base else [])}
        below: dict[str, list[tuple[str, str, str]]] = {}
        for path, mode, at in entries:
            name, slash, rest = path.partition("/")
            if slash:
                below.setdefault(name, []).append((rest, mode, at))
            else:
                present[name] = mode, at
        for name, inner in below.items():
            mode, at = present.get(name, ("040000", ""))
            present[name] = "040000", self._tree_with(at if mode == "040000" else "", inner)

        def order(name: str) -> bytes:
            return (f"{name}/" if present[name][0] == "040000" else name).encode()

        content = b""
        for name in sorted(present, key=order):
            mode, at = present[name]
            content += f"{mode.lstrip('0')} {name}\0".encode() + bytes.fromhex(at)
        return self.put("tree", content)


_ID = "([0-9a-f]{40})"
_ROUTES: tuple[tuple[str, str, Callable[..., Any]], ...] = (
    ("POST git/blobs", "contents", GitHub._create_blob),
    ("POST git/trees", "contents", GitHub._create_tree),
    ("POST git/commits", "contents", GitHub._create_commit),
    ("POST git/refs", "contents", GitHub._create_ref),
    ("POST pulls", "pull-requests", GitHub._create_pull),
    (f"GET git/trees/{_ID}", "", GitHub._get_tree),
    (f"GET git/commits/{_ID}", "", GitHub._get_commit),
    ("GET git/ref/(heads/.+)", "", GitHub._get_ref),
    ("GET pulls", "", GitHub._list_pulls),
)


def _unchanged(document: Document) -> Document:
    return document


def _json(status: int, document: Any) -> Answer:
    return Answer(status, json.dumps(document).encode(), {"Content-Type": "application/json"})
