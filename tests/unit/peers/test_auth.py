"""Credentials: where they are found, and who may see them."""

import base64
import json
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from ghcr_signer.core import codes
from ghcr_signer.core.errors import UsageError
from ghcr_signer.peers.registry import auth
from ghcr_signer.peers.registry.auth import Challenge, Credentials

Configure = Callable[[object], dict[str, str]]
Install = Callable[..., None]


def encoded(pair: str) -> str:
    return base64.b64encode(pair.encode()).decode()


@pytest.fixture
def configure(tmp_path: Path) -> Configure:
    """Writes docker's configuration; what it gives is the environment that finds it."""

    def write(config: object) -> dict[str, str]:
        folder = tmp_path / ".docker"
        folder.mkdir()
        content = config if isinstance(config, bytes) else json.dumps(config).encode()
        (folder / "config.json").write_bytes(content)
        return {"HOME": str(tmp_path), "PATH": str(tmp_path / "bin")}

    return write


@pytest.fixture
def install(tmp_path: Path) -> Install:
    """Installs a credential helper that answers the same to everybody, and notes who asked."""

    def write(name: str, answer: str, *, exit_code: int = 0, then: str = "") -> None:
        program = tmp_path / "bin" / f"docker-credential-{name}"
        program.parent.mkdir(exist_ok=True)
        program.write_text(
            f"#!{sys.executable}\nimport sys, time\n"
            f"open({str(tmp_path / 'asked')!r}, 'a').write(sys.argv[1] + ' ' + sys.stdin.read())\n"
            f"print({answer!r})\n{then}\nsys.exit({exit_code})\n"
        )
        program.chmod(0o755)

    return write


def secret(username: str = "helped", password: str = "by-helper") -> str:
    return json.dumps({"ServerURL": "x", "Username": username, "Secret": password})


# Docker's configuration


def test_an_auth_is_found(configure: Configure) -> None:
    environment = configure({"auths": {"registry.example": {"auth": encoded("me:pa:ss")}}})
    assert auth.find("registry.example", environment) == Credentials("me", "pa:ss")
    assert auth.find("other.example", environment) is None
    assert auth.find("registry.example:5000", environment) is None


def test_a_host_without_a_configuration_gets_nothing(tmp_path: Path) -> None:
    assert auth.find("registry.example", {"HOME": str(tmp_path)}) is None
    assert auth.find("registry.example", {"DOCKER_CONFIG": str(tmp_path / "none")}) is None
    assert auth.find("registry.example", {}) is None


def test_docker_config_names_the_folder(configure: Configure, tmp_path: Path) -> None:
    configure({"auths": {"registry.example": {"auth": encoded("me:there")}}})
    environment = {"DOCKER_CONFIG": str(tmp_path / ".docker"), "HOME": "/nowhere"}
    assert auth.find("registry.example", environment) == Credentials("me", "there")


def test_an_old_key_with_scheme_and_path_is_the_same_host(configure: Configure) -> None:
    auths = {
        "https://old.example/v1/": {"auth": encoded("old:1")},
        "https://registry.example": {"auth": encoded("old:2")},
        "registry.example": {"auth": encoded("exact:3")},
    }
    environment = configure({"auths": auths})
    assert auth.find("old.example", environment) == Credentials("old", "1")
    assert auth.find("registry.example", environment) == Credentials("exact", "3")
    assert auth.find("example", environment) is None


@pytest.mark.parametrize("host", ["docker.io", "index.docker.io"])
def test_docker_hub_has_a_key_of_its_own(configure: Configure, host: str) -> None:
    auths = {"https://index.docker.io/v1/": {"auth": encoded("hub:1")}}
    assert auth.find(host, configure({"auths": auths})) == Credentials("hub", "1")


def test_an_entry_that_the_store_keeps_elsewhere_is_no_password(configure: Configure) -> None:
    environment = configure({"auths": {"ghcr.io": {}}}) | {"GITHUB_TOKEN": "t"}
    assert auth.find("ghcr.io", environment) == Credentials("x-access-token", "t")


@pytest.mark.parametrize(
    "config",
    [
        pytest.param(b"{", id="not JSON"),
        pytest.param(b"\xff", id="not text"),
        pytest.param(b"[" * 100_000, id="too deep"),
        pytest.param([], id="a list"),
        pytest.param({"auths": ["registry.example"]}, id="auths: a list"),
        pytest.param({"auths": {"registry.example": None}}, id="an entry is null"),
        pytest.param({"auths": {"registry.example": {"auth": 7}}}, id="an auth is a number"),
        pytest.param({"auths": {"registry.example": {"auth": "s3cret!"}}}, id="not base64"),
        pytest.param({"auths": {"registry.example": {"auth": encoded("s3cret")}}}, id="no colon"),
        pytest.param({"auths": {"registry.example": {"auth": "/w=="}}}, id="not UTF-8"),
        pytest.param({"credsStore": "../../bin/s3cret"}, id="a helper with a path"),
        pytest.param({"credsStore": 7}, id="a helper is a number"),
        pytest.param({"credHelpers": "s3cret"}, id="credHelpers: a string"),
    ],
)
def test_a_broken_configuration_is_an_error_that_names_it(
    configure: Configure, tmp_path: Path, config: object
) -> None:
    environment = configure(config)
    with pytest.raises(UsageError) as caught:
        auth.find("registry.example", environment)
    failure = caught.value.failure
    assert failure.code is codes.USAGE
    assert failure.file == str(tmp_path / ".docker" / "config.json")
    assert "s3cret" not in failure.message
    assert failure.fix


def test_a_folder_that_cannot_be_read_is_an_error(
    configure: Configure, monkeypatch: pytest.MonkeyPatch
) -> None:
    environment = configure({})

    def refuse(path: Path) -> bool:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "is_file", refuse)  # root, who runs some tests, may read everything
    with pytest.raises(UsageError, match="Permission denied"):
        auth.find("registry.example", environment)


# Credential helpers


def test_a_hosts_own_helper_goes_before_all_else(
    configure: Configure, install: Install, tmp_path: Path
) -> None:
    install("mine", secret())
    config = {
        "credHelpers": {"registry.example": "mine"},
        "credsStore": "absent",
        "auths": {"registry.example": {"auth": encoded("not:this")}},
    }
    found = auth.find("registry.example", configure(config))
    assert found == Credentials("helped", "by-helper")
    assert (tmp_path / "asked").read_text() == "get registry.example"


def test_the_store_is_asked_for_every_host(
    configure: Configure, install: Install, tmp_path: Path
) -> None:
    install("store", secret())
    environment = configure({"credsStore": "store"})
    assert auth.find("docker.io", environment) == Credentials("helped", "by-helper")
    assert (tmp_path / "asked").read_text() == "get https://index.docker.io/v1/"


def test_a_helper_that_has_nothing_is_no_error(configure: Configure, install: Install) -> None:
    install("store", "credentials not found in native keychain", exit_code=1)
    environment = configure({"credsStore": "store"}) | {"GITHUB_TOKEN": "t"}
    assert auth.find("registry.example", environment) is None
    assert auth.find("ghcr.io", environment) == Credentials("x-access-token", "t")


def test_a_helper_that_is_not_installed_has_nothing(configure: Configure) -> None:
    assert auth.find("registry.example", configure({"credsStore": "desktop"})) is None


def test_an_empty_secret_is_none(configure: Configure, install: Install) -> None:
    install("store", secret("", ""))
    assert auth.find("registry.example", configure({"credsStore": "store"})) is None


@pytest.mark.parametrize(
    "answer",
    ["", "[]", "7", "{}", '{"Username": "me"}', '{"Username": "me", "Secret": 7}', "[" * 100_000],
)
def test_a_helper_that_answers_nonsense_is_named(
    configure: Configure, install: Install, answer: str
) -> None:
    install("store", answer)
    with pytest.raises(UsageError, match="docker-credential-store") as caught:
        auth.find("registry.example", configure({"credsStore": "store"}))
    assert caught.value.failure.code is codes.USAGE


def test_a_helper_that_fails_is_quoted_and_cut(configure: Configure, install: Install) -> None:
    install("store", "the keychain is locked" + "!" * 1000, exit_code=1)
    with pytest.raises(UsageError, match="the keychain is locked") as caught:
        auth.find("registry.example", configure({"credsStore": "store"}))
    assert len(caught.value.failure.message) < 400


def test_a_helper_that_does_not_end_is_stopped(
    configure: Configure, install: Install, monkeypatch: pytest.MonkeyPatch
) -> None:
    install("store", secret(), then="time.sleep(600)")
    monkeypatch.setattr(auth, "_HELPER_SECONDS", 0.2)
    with pytest.raises(UsageError, match="docker-credential-store"):
        auth.find("registry.example", configure({"credsStore": "store"}))


def test_dockers_configuration_is_never_written(
    configure: Configure, install: Install, tmp_path: Path
) -> None:
    install("store", secret())
    config = {"credHelpers": {"a.example": "store"}, "auths": {"b.example": {"auth": "bTpw"}}}
    environment = configure(config)
    folder = tmp_path / ".docker"
    before = (folder / "config.json").read_bytes(), (folder / "config.json").stat().st_mtime_ns
    assert auth.find("a.example", environment)
    assert auth.find("b.example", environment)
    assert [file.name for file in folder.iterdir()] == ["config.json"]
    after = (folder / "config.json").read_bytes(), (folder / "config.json").stat().st_mtime_ns
    assert after == before


# GITHUB_TOKEN


def test_github_token_is_for_ghcr_alone() -> None:
    environment = {"GITHUB_TOKEN": "t", "GITHUB_ACTOR": "octocat"}
    assert auth.find("ghcr.io", environment) == Credentials("octocat", "t")
    others = ["docker.io", "ghcr.io.example", "x.ghcr.io", "ghcr.io:444", "127.0.0.1:5000", ""]
    assert [auth.find(host, environment) for host in others] == [None] * len(others)


def test_github_token_needs_no_actor() -> None:
    found = Credentials("x-access-token", "t")
    assert auth.find("ghcr.io", {"GITHUB_TOKEN": "t"}) == found
    assert auth.find("ghcr.io", {"GITHUB_TOKEN": "t", "GITHUB_ACTOR": ""}) == found
    assert auth.find("ghcr.io", {"GITHUB_TOKEN": ""}) is None


def test_what_the_user_logged_in_with_goes_before_github_token(configure: Configure) -> None:
    environment = configure({"auths": {"ghcr.io": {"auth": encoded("me:mine")}}})
    assert auth.find("ghcr.io", environment | {"GITHUB_TOKEN": "t"}) == Credentials("me", "mine")


def test_a_secret_is_not_shown() -> None:
    assert "s3cret" not in repr(Credentials("me", "s3cret"))


# Challenges and hosts


@pytest.mark.parametrize(
    ("header", "challenge"),
    [
        (
            'Bearer realm="https://ghcr.io/token",service="ghcr.io",scope="repository:a/b:pull"',
            Challenge("bearer", "https://ghcr.io/token", "ghcr.io"),
        ),
        ('bearer Realm="https://r/t"', Challenge("bearer", "https://r/t", "")),
        ('Basic realm="Registry Realm"', Challenge("basic", "Registry Realm", "")),
        ("Basic", Challenge("basic", "", "")),
        (
            'Bearer realm="https://r/t",service="s", Basic realm="b"',
            Challenge("bearer", "https://r/t", "s"),
        ),
        ('Negotiate, Basic realm="b"', Challenge("basic", "b", "")),
        ('Digest realm="d", nonce="n"', None),
        ('Bearish realm="https://r/t"', None),
        ("", None),
    ],
)
def test_a_challenge_is_read(header: str, challenge: Challenge | None) -> None:
    assert Challenge.parse(header) == challenge


@pytest.mark.parametrize(
    "host", ["localhost", "localhost:5000", "127.0.0.1:5000", "127.9.9.9", "[::1]:5"]
)
def test_this_machine(host: str) -> None:
    assert auth.is_loopback(host)


@pytest.mark.parametrize(
    "host",
    [
        "",
        "ghcr.io",
        "localhost.example",
        "127.0.0.1.example",
        "0.0.0.0",
        "10.0.0.1",
        "[::2]",
        "127.1",
    ],
)
def test_not_this_machine(host: str) -> None:
    assert not auth.is_loopback(host)


@pytest.mark.parametrize(
    ("registry", "realm"),
    [
        ("ghcr.io", "ghcr.io"),
        ("registry-1.docker.io", "auth.docker.io"),
        ("registry.gitlab.com", "gitlab.com"),
        ("gitlab.example.com:5050", "gitlab.example.com"),
        ("127.0.0.1:5000", "127.0.0.1:6000"),
        ("10.0.0.5:5000", "10.0.0.5"),
    ],
)
def test_a_realm_of_the_registrys_owner(registry: str, realm: str) -> None:
    assert auth.same_owner(registry, realm)


@pytest.mark.parametrize(
    ("registry", "realm"),
    [
        ("ghcr.io", "evil.io"),
        ("ghcr.io", "tokens.ghcr.io"),
        ("registry-1.docker.io", "docker.io.evil.example"),
        ("registry-1.docker.io", "evildocker.io"),
        ("10.0.0.5", "192.168.0.5"),  # the same last two labels, and strangers
        ("10.0.0.5", "8.0.0.5"),
        ("127.0.0.1:5000", "localhost:6000"),
        ("registry", "evil"),
    ],
)
def test_a_realm_of_somebody_else(registry: str, realm: str) -> None:
    assert not auth.same_owner(registry, realm)
