"""Whole entries, by `verify`: it never raises, and what passes is what was signed.

An input's first part says how the entry is judged, its second names the folder; the others are its
files, each as NAME MODE and its content. Of changed bytes hardly any get past the digests, so most
inputs are mended before they are judged: what is missing is taken from a good entry, digests and
sizes are made to match, signatures made by a signer of our own, the log's promises by our log.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

from ghcr_signer.core import codes, directory
from ghcr_signer.core.directory import File
from ghcr_signer.core.key import PublicKey
from ghcr_signer.core.policy import (
    Authority,
    DockerReference,
    EverySignature,
    Requirement,
    Trust,
)
from ghcr_signer.core.verdict import Verdict
from ghcr_signer.core.verification import verify
from tests.forge import NOW, OCI_MANIFEST, compact, entry, sha256
from tests.fuzz import real
from tests.fuzz.log_entry import promised
from tests.fuzz.mutation import HEAD, PART, from_seeds, join, of_parts
from tests.fuzz.ours import ALICE, BOB, LOG
from tests.trust import authority, rule, trust

RAW, SIGN, PROMISE = b"r", b"s", b"p"
_SET = "2026-11-20T12:00:00+00:00"
_DIGEST = re.compile(rb"sha256:[0-9a-f]{64}")
Files = dict[str, bytes]


def seeds() -> Iterator[bytes]:
    for path, files in real.entries().items():
        for how in (b"real " + RAW, b"real", b"strict " + SIGN):
            yield encoded(how, path.partition("/")[2], files)
    for signers in ([ALICE], [ALICE, BOB]):
        name, files = entry(signers, log=LOG, tags=["latest", "v1"], optional={"env": "x"})
        for how in (b"strict ", b"lax ", b"needy "):
            for steps in (RAW, b"", PROMISE, SIGN):
                yield encoded(how + steps, name, files)
        child = {"digest": f"sha256:{name}", "mediaType": OCI_MANIFEST, "size": 1}
        files["SUBJECT"] = compact({"manifests": [child]})
        yield encoded(b"whole " + SIGN, name, files)


def encoded(how: bytes, name: str, files: Mapping[str, bytes]) -> bytes:
    parts = [f"{file} 100644".encode() + HEAD + content for file, content in files.items()]
    return join([how, name.encode(), *parts])


mutate = from_seeds(of_parts, seeds)


def run(data: bytes) -> None:
    how, name, *parts = data.split(PART) if PART in data else (data, b"")
    trusted, _, steps = how.partition(b" ")
    files = {file: content for file, _, content in map(_file, parts)}
    folder = name.decode("utf-8", "replace")
    if RAW not in steps:
        folder = _mend(folder, files, steps)
    modes = {file: mode for file, mode, _ in map(_file, parts)}
    judged = _trusts().get(trusted, _trusts()[b"strict"])
    verdict = verify(f"{_SET}/{folder}", _as_read(files, modes), judged, now=NOW)
    checks = [*verdict.checks, *(check for each in verdict.signatures for check in each.checks)]
    assert not [each for each in checks if each.failure and each.failure.code is codes.INTERNAL]
    if not [each for each in verdict.checks if each.failure]:
        _require_sound(folder, files, verdict)
        if judged is _trusts()[b"real"]:
            _require_real(folder, files)


def _file(part: bytes) -> tuple[str, str, bytes]:
    head, mark, content = part.partition(HEAD)
    name, _, mode = (head if mark else b"").decode("utf-8", "replace").partition(" ")
    return name, mode, content


def _as_read(files: Files, modes: Mapping[str, str]) -> dict[str, File]:
    """The files as a work tree or commit gives them: what may not be read has no content."""
    found = {}
    for name, content in files.items():
        mode, cap = modes.get(name, directory.REGULAR), directory.cap(name)
        regular = mode in (directory.REGULAR, directory.EXECUTABLE)
        read = regular and cap is not None and len(content) <= cap
        found[name] = File(mode, len(content), content if read else None)
    return found


# What must hold of whatever passed, as Python's own readers see it.


def _require_sound(folder: str, files: Files, verdict: Verdict) -> None:
    assert verdict.entry is not None
    assert verdict.signers
    assert files["IMAGE"].removesuffix(b"\n").decode() == str(verdict.entry.image)
    assert str(verdict.entry.image).endswith(f"@sha256:{folder}")
    assert set(files) - {*verdict.entry.artifact.files} <= {
        *("IMAGE", "MANIFEST", "LATEST", "TAGS", "SUBJECT")
    }
    manifest = json.loads(files["MANIFEST"])
    held = {f"sha256:{sha256(content)}": content for content in files.values()}
    for each in (manifest["config"], *manifest["layers"]):
        assert len(held[each["digest"]]) == each["size"]
    assert "SUBJECT" not in files or sha256(files["SUBJECT"]) == folder
    for layer, signature in zip(manifest["layers"], verdict.signatures, strict=True):
        if signature.valid:
            critical = json.loads(held[layer["digest"]])["critical"]
            assert critical["image"]["docker-manifest-digest"] == f"sha256:{folder}"
            assert signature.authority
            assert signature.time is None or real.BUNDLE in layer["annotations"]


def _require_real(folder: str, files: Files) -> None:
    """The real key signed these images in these words, and nothing else, whatever was changed."""
    theirs = {path.partition("/")[2]: found for path, found in real.entries().items()}[folder]
    assert files["IMAGE"].strip() == theirs["IMAGE"].strip()
    assert files["PAYLOAD_BLOB"] == theirs["PAYLOAD_BLOB"]
    for layer in json.loads(files["MANIFEST"])["layers"]:
        found, signed = layer["annotations"], real.annotations(theirs)
        assert found[real.SIGNATURE] == signed[real.SIGNATURE]
        bundles = (found[real.BUNDLE], signed[real.BUNDLE])
        assert json.loads(bundles[0])["Payload"] == json.loads(bundles[1])["Payload"]


@cache
def _trusts() -> Mapping[bytes, Trust]:
    bob = authority(BOB, "bob", not_before=NOW.replace(year=2020), not_after=NOW)
    lax: dict[str, Any] = {
        "every_signature": EverySignature.ANY,
        "transparency_log": Requirement.OPTIONAL,
        "docker_reference": DockerReference.IGNORE,
    }
    root = LOG.trusted_root()
    strict = rule(authority(ALICE, "alice"), bob)
    needy = rule(bob, authority(ALICE, "alice"), name="x", threshold=2, annotations={"env": "x"})
    known = Authority("trusted.pub", PublicKey.from_pem(real.key()))
    whole = rule(authority(ALICE, "alice"), bob, platforms=Requirement.REQUIRED)
    return {
        b"real": trust(rule(known)),
        b"strict": trust(strict, root=root),
        b"lax": trust(rule(authority(ALICE, "alice"), bob, **lax), root=root),
        b"whole": trust(whole, root=root),
        b"needy": trust(strict, needy, root=root),
    }


# Mending: what was changed keeps its meaning, and is made to fit.


def _mend(folder: str, files: Files, steps: bytes) -> str:
    """Make what there is whole and fit, also its signatures as far as that was asked for; the
    folder's name.
    """
    for name, content in _good().items():
        files.setdefault(name, content)
    if named := _DIGEST.search(files.get("IMAGE", b"")):
        folder = named[0].decode().removeprefix("sha256:")
    if "SUBJECT" in files:
        folder = sha256(files["SUBJECT"])
        signed = f"sha256:{folder}".encode()
        for name in files:
            if name == "IMAGE" or name.startswith("PAYLOAD_BLOB"):
                files[name] = _DIGEST.sub(signed, files[name])
    try:
        manifest = json.loads(files["MANIFEST"])
        _mend_layers(manifest["layers"], files, steps)
        _mend_config(manifest, files)
        files["MANIFEST"] = compact(manifest)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        pass  # too broken to be mended: it is judged as it is
    return folder


@cache
def _good() -> Files:
    return entry([ALICE], log=LOG)[1]


def _mend_layers(layers: list[dict[str, Any]], files: Files, steps: bytes) -> None:
    names: dict[str, str] = {}
    for layer in layers:
        number = len(names)
        new = f"PAYLOAD_BLOB.{number}" if number else "PAYLOAD_BLOB"
        name = names.setdefault(layer["digest"], new if new in files else "PAYLOAD_BLOB")
        content = files[name]
        layer |= {"digest": f"sha256:{sha256(content)}", "size": len(content)}
        found = layer["annotations"]
        if SIGN in steps:
            signature = ALICE.sign(content)
            found[real.SIGNATURE] = base64.b64encode(signature).decode()
            found[real.BUNDLE] = LOG.entry(content, signature, ALICE.pem, index=7)
        elif PROMISE in steps:
            found[real.BUNDLE] = promised(found[real.BUNDLE].encode()).decode()


def _mend_config(manifest: dict[str, Any], files: Files) -> None:
    config = json.loads(files["CONFIG_BLOB"])
    digests = [layer["digest"] for layer in manifest["layers"]]
    if config["rootfs"]["diff_ids"] != digests:
        config["rootfs"]["diff_ids"] = digests
        files["CONFIG_BLOB"] = compact(config)
    content = files["CONFIG_BLOB"]
    manifest["config"] |= {"digest": f"sha256:{sha256(content)}", "size": len(content)}
