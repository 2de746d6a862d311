"""`verify --check-images`: are the images there, as a person asks it."""

from pathlib import Path

import pytest
from tests.forge import Signer, entry, write
from tests.peers import images

from ghcr_signer import cli
from ghcr_signer.embedded_registry import EmbeddedRegistry

SIGNER = Signer()
SET = "2025-01-02T03:04:05+00:00"
IMAGE = images.build()
HERE, ABSENT = IMAGE.digest.removeprefix("sha256:"), "e" * 64


@pytest.mark.parametrize(
    ("digests", "code", "says"),
    [
        ((HERE,), 0, "asked: every image is in its registry"),
        ((HERE, ABSENT), 1, f"has no sha256:{ABSENT}"),
    ],
)
def test_each_image_is_asked_for_by_its_digest_and_nothing_is_written(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    digests: tuple[str, ...],
    code: int,
    says: str,
) -> None:
    key = tmp_path / "key.pub"
    key.write_bytes(SIGNER.pem)
    asked: list[str] = []
    with EmbeddedRegistry(on_request=lambda *request: asked.append(" ".join(request[:2]))) as there:
        for manifest in IMAGE.manifests:
            there.manifests.put("acme/app", manifest.content, manifest.media_type, "v1")
        entries = dict(entry([SIGNER], f"{there.host}/acme/app", digest) for digest in digests)
        directory = write(tmp_path, {SET: entries})
        arguments = ["verify", str(directory), "--key", str(key), "--check-images"]
        found = cli.run([*arguments, "--transparency-log", "optional"])
    shown = capsys.readouterr().out
    assert (found, says in shown) == (code, True), shown
    paths = {f"HEAD /v2/acme/app/manifests/sha256:{digest}" for digest in digests}
    assert set(asked) == paths
