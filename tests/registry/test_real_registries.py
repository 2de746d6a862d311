"""`publish` and `verify --registry` against real registries: the very commands, in process."""

import base64
import hashlib
import io
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

import pytest
import requests
from tests import forge
from tests.peers import images, process, registries, token_server
from tests.peers.registries import Peer
from tests.peers.token_server import TokenRequest, TokenServer, User

from ghcr_signer import cli
from ghcr_signer.embedded_registry import EmbeddedRegistry
from ghcr_signer.peers.registry import answer

EVERYTHING = {"*": frozenset({"pull", "push"})}
EARLIER, LATER = "2026-11-19T12:00:00+00:00", "2026-11-20T12:00:00+00:00"
REQUESTS_AN_ENTRY = 9


@contextmanager
def token_registry() -> Iterator[Peer]:
    with (
        token_server.serve({"signer": User("secret", EVERYTHING)}) as tokens,
        registries.docker_registry_token(tokens, "signer", "secret") as peer,
    ):
        yield peer


@contextmanager
def embedded() -> Iterator[Peer]:
    with EmbeddedRegistry() as registry:
        yield Peer("embedded", registry.host)


PEERS: Sequence[Callable[[], AbstractContextManager[Peer]]] = (
    registries.docker_registry,
    registries.docker_registry_htpasswd,
    token_registry,
    registries.distribution,
    registries.crane,
    embedded,
)


@pytest.fixture(scope="module", params=PEERS, ids=lambda start: start.__name__)
def peer(request: pytest.FixtureRequest) -> Iterator[Peer]:
    with request.param() as peer:
        yield peer


@dataclass
class Recorded:
    """The embedded registry, and every request to it that was not ours to set the scene with."""

    host: str = ""
    requests: list[str] = field(default_factory=list)

    def note(self, method: str, target: str, status: int) -> None:
        self.requests.append(f"{method} {target.partition('?')[0]}")

    @property
    def writes(self) -> list[str]:
        return [line for line in self.requests if not line.startswith(("GET ", "HEAD "))]

    @property
    def tags_moved(self) -> list[str]:
        prefix = "PUT /v2/acme/app/manifests/"
        moved = [line.removeprefix(prefix) for line in self.requests if line.startswith(prefix)]
        return [tag for tag in moved if not tag.startswith("sha256-")]


@pytest.fixture
def recorded() -> Iterator[Recorded]:
    record = Recorded()
    with EmbeddedRegistry(on_request=record.note) as registry:
        record.host = registry.host
        yield record


@dataclass
class Project:
    """A signature directory, the key that it is signed with, and whom it is published as."""

    root: Path
    repository: str
    signer: forge.Signer = field(default_factory=forge.Signer)
    entries: dict[str, dict[str, bytes]] = field(default_factory=dict)  # by SET/DIGEST

    @property
    def image(self) -> str:
        return f"ghcr.io/{self.repository}"

    def add(
        self, digest: str, tags: Sequence[str] = (), *, set_name: str = LATER, note: str = ""
    ) -> dict[str, bytes]:
        """An entry for an image's digest, sha256:…"""
        name, files = forge.entry(
            [self.signer],
            self.image,
            digest.removeprefix("sha256:"),
            tags=tags,
            optional={"note": note} if note else None,
        )
        forge.write(self.root, {set_name: {name: files}})
        self.entries[f"{set_name}/{name}"] = files
        return files

    def add_many(self, number: int) -> None:
        for each in range(number):
            self.add(hashlib.sha256(f"{self.repository} {each}".encode()).hexdigest())

    def publish(self, host: str, *more: str) -> "Run":
        arguments = ["--repository", "ghcr.io/acme/**", "--registry-map", f"ghcr.io={host}"]
        return self.run("publish", *arguments, *more)

    def rehearse(self, host: str) -> "Run":
        return self.run("verify", "--registry", f"{host}/rehearsal")

    def run(self, command: str, *more: str) -> "Run":
        key, report = self.root / "trusted.pub", self.root / "report.json"
        key.write_bytes(self.signer.pem)
        trust = ["--key", str(key), "--transparency-log", "optional"]
        output = ["--format", "json", "--output", str(report)]
        code = cli.run([command, str(self.root / "SIGNATURES"), *trust, *more, *output])
        return Run(code, json.loads(report.read_bytes()))


@dataclass
class Run:
    exit_code: int
    report: dict[str, object]

    @property
    def failures(self) -> list[dict[str, str]]:
        own = self.report["failures"]
        entries = self.report["entries"]
        assert isinstance(own, list)
        assert isinstance(entries, list)
        return [*own, *(failure for entry in entries for failure in entry["failures"])]

    @property
    def codes(self) -> list[str]:
        return sorted({failure["code"] for failure in self.failures})

    def operations(self, which: str) -> list[str]:
        """`which`: "operations", those of the plan, or "done"."""
        plan = self.report["plan"]
        assert isinstance(plan, dict)
        return [f"{each['operation']} {each.get('tag', '')}".strip() for each in plan[which]]


numbers = count(1)


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project(tmp_path, f"acme/app{next(numbers)}")


@pytest.fixture
def app(tmp_path: Path) -> Project:
    """The same, for a registry of its own."""
    return Project(tmp_path, "acme/app")


def log_in(monkeypatch: pytest.MonkeyPatch, folder: Path, peer: Peer, password: str = "") -> None:
    """Docker's configuration, as `docker login` leaves it; none for an open registry."""
    if peer.username:
        pair = f"{peer.username}:{password or peer.password}"
        auth = {"auth": base64.b64encode(pair.encode()).decode()}
        folder.mkdir(exist_ok=True)
        (folder / "config.json").write_text(json.dumps({"auths": {peer.host: auth}}))
        monkeypatch.setenv("DOCKER_CONFIG", str(folder))


def held(peer: Peer, repository: str, reference: str) -> bytes:
    return images.read(peer.host, repository, reference, auth=peer.auth).content


def signature_tag(digest: str) -> str:
    return f"{digest.replace(':', '-')}.sig"


def blob(peer: Peer, repository: str, content: bytes) -> bytes:
    """A blob as an open registry holds it, asked for by its digest."""
    url = f"http://{peer.host}/v2/{repository}/blobs/{images.digest_of(content)}"
    with requests.Session() as session:
        return session.get(url).content


# Every registry


def test_an_entry_is_published_and_its_tags_move(
    peer: Peer, project: Project, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    log_in(monkeypatch, tmp_path / "docker", peer)
    image = images.build()
    images.push(peer.host, project.repository, image, auth=peer.auth)
    files = project.add(image.digest, ["latest", "v1", "v1.0"])

    first = project.publish(peer.host)
    assert (first.exit_code, first.codes) == (0, [])
    assert first.operations("done") == ["push", "move_tag v1", "move_tag v1.0", "move_tag latest"]
    assert held(peer, project.repository, signature_tag(image.digest)) == files["MANIFEST"]
    for tag in ("latest", "v1", "v1.0"):
        assert held(peer, project.repository, tag) == image.index.content
    if not peer.auth:
        for name in ("CONFIG_BLOB", "PAYLOAD_BLOB"):
            assert blob(peer, project.repository, files[name]) == files[name]

    second = project.publish(peer.host)
    assert second.exit_code == 0
    assert second.operations("operations") == []


def test_many_entries_are_published_at_once(
    peer: Peer, project: Project, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    log_in(monkeypatch, tmp_path / "docker", peer)
    project.add_many(20)
    assert project.publish(peer.host).operations("done") == ["push"] * 20
    assert project.publish(peer.host).operations("operations") == []
    for path, files in project.entries.items():
        tag = signature_tag(f"sha256:{path.partition('/')[2]}")
        assert held(peer, project.repository, tag) == files["MANIFEST"]


def test_a_rehearsal_uploads_and_reads_back(
    peer: Peer, project: Project, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    log_in(monkeypatch, tmp_path / "docker", peer)
    image = images.build()
    files = project.add(image.digest, ["latest"])
    for _ in range(2):  # it may be made again, over what is there
        found = project.rehearse(peer.host)
        assert (found.exit_code, found.codes) == (0, [])
    there = f"rehearsal/{project.repository}"
    assert held(peer, there, signature_tag(image.digest)) == files["MANIFEST"]
    with pytest.raises(requests.HTTPError):
        held(peer, there, "latest")  # a rehearsal moves no tag


def test_a_rehearsal_over_plain_http_gets_no_credentials(
    peer: Peer, project: Project, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    log_in(monkeypatch, tmp_path / "docker", peer)
    project.add(images.build().digest)
    found = project.rehearse(f"http://{peer.host}")
    if peer.auth:
        assert (found.exit_code, found.codes) == (3, ["GS3002"])
    else:
        assert (found.exit_code, found.codes) == (0, [])


# Access


@pytest.mark.parametrize("start", [registries.docker_registry_htpasswd, token_registry])
def test_a_password_comes_from_standard_input(
    start: Callable[[], AbstractContextManager[Peer]],
    project: Project,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    project.add_many(2)
    with start() as peer:
        for password, code in (("wrong", 3), (str(peer.password), 0)):
            monkeypatch.setattr("sys.stdin", io.StringIO(f"{password}\n"))
            user = ["--username", str(peer.username), "--password-stdin"]
            assert project.publish(peer.host, *user).exit_code == code


@pytest.mark.parametrize("start", [registries.docker_registry_htpasswd, token_registry])
@pytest.mark.parametrize("password", ["wrong", None])
def test_a_wrong_password_or_none_is_denied(
    start: Callable[[], AbstractContextManager[Peer]],
    project: Project,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    password: str | None,
) -> None:
    project.add_many(2)
    with start() as peer:
        if password:
            log_in(monkeypatch, tmp_path / "docker", peer, password)
        published, rehearsed = project.publish(peer.host), project.rehearse(peer.host)
    for found in (published, rehearsed):
        assert (found.exit_code, found.codes) == (3, ["GS3002"])
        assert all(peer.host in failure["message"] for failure in found.failures)
        assert "wrong" not in json.dumps(found.report)


def test_a_registry_that_is_down_is_unreachable(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(answer, "backoff", lambda tries: 0.0)
    project.add_many(2)
    host = f"127.0.0.1:{process.free_port()}"
    for found in (project.publish(host), project.rehearse(host)):
        assert (found.exit_code, found.codes) == (3, ["GS3001"])
        assert all(host in failure["message"] for failure in found.failures)


@pytest.fixture
def tokens() -> Iterator[TokenServer]:
    with token_server.serve({"signer": User("secret", EVERYTHING)}) as server:
        yield server


def test_a_publish_needs_one_token(
    tokens: TokenServer, project: Project, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    project.add_many(20)
    with registries.docker_registry_token(tokens, "signer", "secret") as peer:
        log_in(monkeypatch, tmp_path / "docker", peer)
        assert project.publish(peer.host).exit_code == 0
    scope = f"repository:{project.repository}:pull,push"
    assert tokens.requests == [TokenRequest("signer", (scope,))]


def test_a_token_that_ends_in_the_middle_of_a_publish_is_renewed(
    tokens: TokenServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Tokens live for two to three seconds; projects are published until one has needed two."""
    tokens.lifetime = 3
    with registries.docker_registry_token(tokens, "signer", "secret") as peer:
        log_in(monkeypatch, tmp_path / "docker", peer)
        for number in count():
            project = Project(tmp_path / str(number), f"acme/app{number}")
            project.root.mkdir()
            project.add_many(200)
            before = len(tokens.requests)
            found = project.publish(peer.host)
            assert (found.exit_code, found.codes) == (0, [])
            if len(tokens.requests) > before + 1:
                break
    assert {request.scopes for request in tokens.requests[before:]} == {
        (f"repository:{project.repository}:pull,push",)
    }


def test_a_token_that_turns_out_to_be_too_little_is_replaced(
    tokens: TokenServer, project: Project, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    give = tokens.answer

    def grudgingly(authorization: str | None, scopes: tuple[str, ...]) -> Mapping[str, object]:
        first = not tokens.requests
        return give(authorization, tuple(s.removesuffix(",push") if first else s for s in scopes))

    monkeypatch.setattr(tokens, "answer", grudgingly)
    project.add_many(4)
    with registries.docker_registry_token(tokens, "signer", "secret") as peer:
        log_in(monkeypatch, tmp_path / "docker", peer)
        assert project.publish(peer.host).exit_code == 0
    assert len(tokens.requests) == 2


# What is asked of a registry, and in which order


def test_an_entry_costs_nine_requests_and_later_one(recorded: Recorded, app: Project) -> None:
    app.add_many(10)
    app.publish(recorded.host)
    assert len(recorded.requests) == 10 * REQUESTS_AN_ENTRY
    recorded.requests.clear()
    app.publish(recorded.host)
    assert len(recorded.requests) == 10
    assert all(line.startswith("HEAD ") for line in recorded.requests)


def test_blobs_go_before_the_manifest_and_are_read_back_after(
    recorded: Recorded, app: Project
) -> None:
    image = images.build()
    files = app.add(image.digest)
    app.publish(recorded.host)
    manifest = f"/v2/acme/app/manifests/{signature_tag(image.digest)}"
    uploads = "/v2/acme/app/blobs/uploads/"
    config, payload = (
        f"GET /v2/acme/app/blobs/{images.digest_of(files[name])}"
        for name in ("CONFIG_BLOB", "PAYLOAD_BLOB")
    )
    seen = [
        line if not line.startswith(f"PUT {uploads}") else "PUT a blob"
        for line in recorded.requests
    ]
    assert seen == [
        f"HEAD {manifest}",
        f"POST {uploads}",
        "PUT a blob",
        f"POST {uploads}",
        "PUT a blob",
        f"PUT {manifest}",
        f"GET {manifest}",
        config,
        payload,
    ]


def test_latest_moves_last_of_all(recorded: Recorded, app: Project) -> None:
    old, new = images.build("old"), images.build("new")
    for image in (old, new):
        images.push(recorded.host, "acme/app", image)
    app.add(old.digest, ["latest", "v1"], set_name=EARLIER)
    app.add(new.digest, ["latest", "v2", "stable", "zzz"], set_name=LATER)
    recorded.requests.clear()
    assert app.publish(recorded.host).exit_code == 0
    assert recorded.tags_moved == ["stable", "v1", "v2", "zzz", "latest"]
    first_move = recorded.requests.index("PUT /v2/acme/app/manifests/stable")
    assert not any(line.startswith("POST ") for line in recorded.requests[first_move:])
    assert held(Peer("", recorded.host), "acme/app", "latest") == new.index.content
    assert held(Peer("", recorded.host), "acme/app", "v1") == old.index.content


def test_a_tag_that_moves_has_its_signatures_read_back_though_they_are_live(
    recorded: Recorded, app: Project
) -> None:
    image = images.build()
    app.add(image.digest, ["v1"])
    assert app.publish(recorded.host).codes == ["GS1203"]
    images.push(recorded.host, "acme/app", image)
    recorded.requests.clear()
    found = app.publish(recorded.host)
    assert found.operations("done") == ["confirm", "move_tag v1"]
    assert f"GET /v2/acme/app/manifests/{signature_tag(image.digest)}" in recorded.requests
    assert recorded.writes == ["PUT /v2/acme/app/manifests/v1"]


def test_a_dry_run_writes_nothing(recorded: Recorded, app: Project) -> None:
    image = images.build()
    images.push(recorded.host, "acme/app", image)
    app.add(image.digest, ["latest"])
    recorded.requests.clear()
    found = app.publish(recorded.host, "--dry-run")
    assert found.exit_code == 0
    assert found.operations("operations") == ["push", "move_tag latest"]
    assert found.operations("done") == []
    assert recorded.requests
    assert recorded.writes == []


def test_while_an_entry_fails_nothing_is_asked(recorded: Recorded, app: Project) -> None:
    app.add_many(2)
    bad = app.add(images.build().digest)
    (folder,) = (app.root / "SIGNATURES").glob(f"*/{images.build().digest[7:]}")
    (folder / "PAYLOAD_BLOB").write_bytes(bad["PAYLOAD_BLOB"] + b" ")
    for found in (app.publish(recorded.host), app.rehearse(recorded.host)):
        assert found.exit_code == 1
    assert "GS1201" in app.publish(recorded.host).codes
    assert recorded.requests == []


# What is not ours to replace


def test_other_signatures_stay_and_so_do_the_sets_tags(recorded: Recorded, app: Project) -> None:
    image, other = images.build(), images.build("other")
    for each in (image, other):
        images.push(recorded.host, "acme/app", each)
    theirs = Project(app.root / "theirs", app.repository, app.signer)
    present = theirs.add(image.digest, note="theirs")
    assert theirs.publish(recorded.host).exit_code == 0

    app.add(image.digest, ["v1"])
    files = app.add(other.digest, ["v2"])
    recorded.requests.clear()
    found = app.publish(recorded.host)
    assert (found.exit_code, found.codes) == (1, ["GS1202", "GS1206"])
    peer = Peer("", recorded.host)
    assert held(peer, "acme/app", signature_tag(image.digest)) == present["MANIFEST"]
    assert held(peer, "acme/app", signature_tag(other.digest)) == files["MANIFEST"]
    assert recorded.tags_moved == []


def test_another_sets_tags_move_all_the_same(recorded: Recorded, app: Project) -> None:
    image, other = images.build(), images.build("other")
    for each in (image, other):
        images.push(recorded.host, "acme/app", each)
    theirs = Project(app.root / "theirs", app.repository, app.signer)
    theirs.add(image.digest, note="theirs")
    theirs.publish(recorded.host)

    app.add(image.digest, ["v1"], set_name=EARLIER)
    app.add(other.digest, ["v2"], set_name=LATER)
    recorded.requests.clear()
    assert app.publish(recorded.host).codes == ["GS1202", "GS1206"]
    assert recorded.tags_moved == ["v2"]


def test_an_image_that_is_absent_gets_signatures_and_no_tag(
    recorded: Recorded, app: Project
) -> None:
    image = images.build()
    files = app.add(image.digest, ["latest"])
    found = app.publish(recorded.host)
    assert (found.exit_code, found.codes) == (1, ["GS1203"])
    assert recorded.tags_moved == []
    assert (
        held(Peer("", recorded.host), "acme/app", signature_tag(image.digest)) == files["MANIFEST"]
    )


def test_a_tag_at_an_unknown_digest_stays_there(recorded: Recorded, app: Project) -> None:
    stranger, image = images.build("stranger"), images.build()
    images.push(recorded.host, "acme/app", stranger, tag="latest")
    images.push(recorded.host, "acme/app", image)
    files = app.add(image.digest, ["latest", "v1"])
    recorded.requests.clear()
    found = app.publish(recorded.host)
    assert (found.exit_code, found.codes) == (1, ["GS1204"])
    assert recorded.tags_moved == ["v1"]
    peer = Peer("", recorded.host)
    assert held(peer, "acme/app", "latest") == stranger.index.content
    assert held(peer, "acme/app", signature_tag(image.digest)) == files["MANIFEST"]


def test_a_tag_moves_on_from_a_digest_that_is_known(recorded: Recorded, app: Project) -> None:
    old, new = images.build("old"), images.build("new")
    for image in (old, new):
        images.push(recorded.host, "acme/app", image, tag="latest")
    app.add(new.digest, ["latest"], set_name=EARLIER)
    app.add(old.digest, ["latest"], set_name=LATER)
    assert app.publish(recorded.host).exit_code == 0
    assert held(Peer("", recorded.host), "acme/app", "latest") == old.index.content
