"""Manifests and configs: whatever is accepted says nothing but the signatures."""

import contextlib
import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from tests.forge import Log, Signer, compact, entry
from tests.strange import changed

from ghcr_signer.core.errors import Refused
from ghcr_signer.core.manifest import SignatureManifest
from ghcr_signer.core.reference import Digest

_, GOOD = entry([Signer(), Signer()], log=Log())
MANIFEST, CONFIG = json.loads(GOOD["MANIFEST"]), json.loads(GOOD["CONFIG_BLOB"])


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(content: bytes) -> None:
    with contextlib.suppress(Refused):
        SignatureManifest.parse(content)
    with contextlib.suppress(Refused):
        SignatureManifest.parse(GOOD["MANIFEST"]).check_config(content)


@given(changed(MANIFEST))
def test_a_changed_manifest_is_read_as_it_is_or_refused(document: Any) -> None:
    content = compact(document)
    with contextlib.suppress(Refused):
        manifest = SignatureManifest.parse(content)
        assert manifest.own.digest == Digest.of(content)
        assert set(document) == {"schemaVersion", "mediaType", "config", "layers"}
        described = [manifest.config, *(layer.descriptor for layer in manifest.layers)]
        assert [(str(each.digest), each.size) for each in described] == [
            (said["digest"], said["size"]) for said in (document["config"], *document["layers"])
        ]


@given(changed(CONFIG))
def test_a_changed_config_says_no_more_than_the_layers_or_is_refused(document: Any) -> None:
    manifest = SignatureManifest.parse(GOOD["MANIFEST"])
    with contextlib.suppress(Refused):
        manifest.check_config(compact(document))
        assert document["rootfs"] == CONFIG["rootfs"]
        assert set(document) <= set(CONFIG)
        assert document["config"] == {}
