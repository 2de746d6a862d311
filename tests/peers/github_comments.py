"""A repository on GitHub with pull requests and what is said about them: for `faulty.serve`.

Comments have the shape that GitHub gives them. The token's account may write, and so it may change
or remove anybody's comment, as on GitHub. Where there is a clone, git itself serves it, to those
who have the token.
"""

import json
import os
import re
import subprocess
from base64 import b64encode
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit

from .faulty import Answer, Request
from .github_api import NAME, PREFIX, TOKEN, Document, GitHub

BOT = "github-actions[bot]"
LONGEST = 65_536
DENIED = "Resource not accessible by integration"
_SERVES = "/usr/lib/git-core/git-http-backend"


class Discussed(GitHub):
    def __init__(self, clone: Path | None = None) -> None:
        super().__init__()
        self.viewer = BOT
        self.comments: list[Document] = []
        self.requests: list[str] = []  # those that write comments: "PATCH 3"
        self._clone = clone
        self._next = 1

    def say(self, body: str, login: str = BOT, number: int = 1) -> Document:
        """Somebody writes a comment."""
        kind = "Bot" if login.endswith("[bot]") else "User"
        comment = {
            "id": self._next,
            "node_id": f"IC_{self._next}",
            "url": f"https://api.github.com/repos/{NAME}/issues/comments/{self._next}",
            "html_url": f"https://github.com/{NAME}/pull/{number}#issuecomment-{self._next}",
            "issue_url": f"https://api.github.com/repos/{NAME}/issues/{number}",
            "body": body,
            "user": {"login": login, "id": 41898282, "type": kind, "site_admin": False},
            "author_association": "NONE",
            "created_at": "2026-11-20T12:00:00Z",
            "updated_at": "2026-11-20T12:00:00Z",
            "performed_via_github_app": None,
        }
        self._next += 1
        self.comments.append(comment)
        return comment

    def open(
        self, head: str, *, branch: str = "sign", repository: str = "mallory/signatures"
    ) -> Document:
        """A pull request from a fork, into main."""
        owner = repository.partition("/")[0]
        pull = {
            "number": len(self.pulls) + 1,
            "state": "open",
            "head": {
                "label": f"{owner}:{branch}",
                "ref": branch,
                "sha": head,
                "repo": {"full_name": repository, "fork": True},
            },
            "base": {"label": "acme:main", "ref": "main", "repo": {"full_name": NAME}},
        }
        self.pulls.append(pull)
        return pull

    @property
    def bodies(self) -> list[str]:
        return [comment["body"] for comment in self.comments]

    def _answer(self, request: Request) -> Answer:
        target = urlsplit(request.target)
        if target.path.startswith(f"/{NAME}/"):
            return self._git(request)
        if request.authorization not in (f"token {TOKEN}", f"Bearer {TOKEN}"):
            return _json(401, {"message": "Bad credentials"})
        if target.path == "/api/graphql":
            query = json.loads(request.body)["query"]
            if re.sub(r"\s", "", query) != "query{viewer{login}}":
                return _json(200, {"errors": [{"message": "here is only a viewer's login"}]})
            return _json(200, {"data": {"viewer": {"login": self.viewer}}})
        path = unquote(target.path.removeprefix(f"{PREFIX}/repos/{NAME}/"))
        query = {name: values[0] for name, values in parse_qs(target.query).items()}
        if found := re.fullmatch(r"issues/(\d+)/comments", path):
            return self._comments(request, int(found[1]), query)
        if found := re.fullmatch(r"issues/comments/(\d+)", path):
            return self._comment(request, int(found[1]))
        if request.method == "GET" and path == "pulls":
            return _json(200, [pull for pull in self.pulls if _matches(pull, query)])
        if request.method == "GET" and (found := re.fullmatch(r"pulls/(\d+)", path)):
            there = [pull for pull in self.pulls if pull["number"] == int(found[1])]
            return _json(200, there[0]) if there else _json(404, {"message": "Not Found"})
        return super()._answer(request)

    def _comments(self, request: Request, number: int, query: Mapping[str, str]) -> Answer:
        if request.method == "GET":
            of = [each for each in self.comments if each["issue_url"].endswith(f"/{number}")]
            size = min(int(query.get("per_page", "30")), 100)
            start = (int(query.get("page", "1")) - 1) * size
            return _json(200, of[start : start + size])
        if refused := self._refused(request):
            return refused
        self.requests.append("POST")
        return _json(201, self.say(json.loads(request.body)["body"], self.viewer, number))

    def _comment(self, request: Request, number: int) -> Answer:
        there = [each for each in self.comments if each["id"] == number]
        if refused := self._refused(request):
            return refused
        self.requests.append(f"{request.method} {number}")
        if not there:
            return _json(404, {"message": "Not Found"})
        if request.method == "DELETE":
            self.comments.remove(there[0])
            return Answer(204)
        there[0]["body"] = json.loads(request.body)["body"]
        return _json(200, there[0])

    def _refused(self, request: Request) -> Answer | None:
        if "pull-requests" not in self.permissions:
            return _json(403, {"message": DENIED})
        if request.body and len(json.loads(request.body)["body"]) > LONGEST:
            words = f"Body is too long (maximum is {LONGEST} characters)"
            errors = [{"resource": "IssueComment", "field": "data", "message": words}]
            return _json(422, {"message": "Validation Failed", "errors": errors})
        return None

    def _git(self, request: Request) -> Answer:
        pair = b64encode(f"x-access-token:{TOKEN}".encode()).decode()
        if request.authorization != f"Basic {pair}":
            return Answer(401, b"", {"WWW-Authenticate": 'Basic realm="GitHub"'})
        path, _, query = request.target.removeprefix(f"/{NAME}").partition("?")
        done = subprocess.run(
            [_SERVES],
            env={
                "PATH": os.environ["PATH"],
                "GIT_PROJECT_ROOT": str(self._clone),
                "GIT_HTTP_EXPORT_ALL": "1",
                "GIT_CONFIG_COUNT": "1",
                "GIT_CONFIG_KEY_0": "safe.directory",
                "GIT_CONFIG_VALUE_0": "*",
                "PATH_INFO": f"/.git{path}",
                "QUERY_STRING": query,
                "REQUEST_METHOD": request.method,
                "CONTENT_TYPE": request.headers.get("content-type", ""),
                "CONTENT_LENGTH": str(len(request.body)),
                "HTTP_CONTENT_ENCODING": request.headers.get("content-encoding", ""),
                "GIT_PROTOCOL": request.headers.get("git-protocol", ""),
            },
            input=request.body,
            capture_output=True,
        )
        head, _, body = done.stdout.partition(b"\r\n\r\n")
        headers = dict(line.split(": ", 1) for line in head.decode().split("\r\n") if line)
        status = int(headers.pop("Status", "200").split()[0])
        return Answer(status, body, headers)


def _matches(pull: Document, query: Mapping[str, str]) -> bool:
    """As GitHub filters."""
    return (
        pull["state"] == query.get("state", "open")
        and query.get("head", pull["head"]["label"]) == pull["head"]["label"]
        and query.get("base", pull["base"]["ref"]) == pull["base"]["ref"]
    )


def _json(status: int, document: object) -> Answer:
    return Answer(status, json.dumps(document).encode(), {"Content-Type": "application/json"})
