"""Verification in numbered steps: files and trust in, verdict out. Steps 1 to 9 judge an entry.

The steps are those of docs/verification.md and of every report. Each one is a function below, in
order, and does what its docstring says; what it finds is a `Check` with its number. The first
failure ends an entry (in steps 5 to 8, a signature): what was not reached is not in the verdict.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from ghcr_signer.core import base64_canonical, codes, directory, limits, schemas
from ghcr_signer.core.directory import Entry, File
from ghcr_signer.core.errors import Failure, Refused, about
from ghcr_signer.core.formats import simple_signing
from ghcr_signer.core.log_entry import LogEntry
from ghcr_signer.core.manifest import Artifact, SignatureManifest
from ghcr_signer.core.policy import Authority, Policy, Requirement, Trust
from ghcr_signer.core.reference import Digest, Reference, same_repository
from ghcr_signer.core.signature import Claims, Signature
from ghcr_signer.core.verdict import Check, SignatureVerdict, Step, Verdict

_STRUCTURE = Check(Step.STRUCTURE, "only known, regular files within their caps")
_REFERENCE = Check(Step.REFERENCE, "IMAGE names the folder's digest in an allowed repository")
_BLOBS = Check(Step.BLOBS, "every blob is the one that the manifest names")
_ARTIFACT = Check(Step.ARTIFACT, "the manifest says nothing but the signatures")
_SIGNATURE = Check(Step.SIGNATURE, "a trusted key verifies the signature")
_LOG_ENTRY = Check(Step.LOG_ENTRY, "a trusted log promised this payload, signature and key")
_NO_LOG_ENTRY = Check(Step.LOG_ENTRY, "no log entry, and none is required")
_TIME = Check(Step.TIME, "the verified time is not in the future, and the log's key counted then")
_NO_TIME = Check(Step.TIME, "no verified time, and none is required")
_CLAIMS = Check(Step.CLAIMS, "the payload names this digest and this repository")
_POLICY = Check(Step.POLICY, "signed by a trusted authority, and no signature fails")
_SET = Check(Step.SET, "each tag occurs once per repository in the set")


def verify(path: str, files: Mapping[str, File], trust: Trust, *, now: datetime) -> Verdict:
    """Judge one entry by steps 1 to 9; never raises.

    `path` is the entry's, SET/DIGEST; `files` are its files by name; `now` is the present instant,
    with a zone.
    """
    checks: list[Check] = []
    entry: Entry | None = None
    signatures: tuple[SignatureVerdict, ...] = ()
    set_name, _, entry_name = path.rpartition("/")
    try:
        contents, manifest = _structure(entry_name, files)  # (1)
        checks.append(_STRUCTURE)
        image, digest, tags = _reference(entry_name, contents, trust.policy)  # (2)
        checks.append(_REFERENCE)
        blobs = _blobs(manifest, contents, digest)  # (3)
        checks.append(_BLOBS)
        _artifact(manifest, contents)  # (4)
        checks.append(_ARTIFACT)
        entry = Entry(set_name, image, digest, Artifact(manifest.own, manifest.files), tags)
        signatures = tuple(  # (5) to (8)
            _judge(path, signature, image, trust, now)
            for signature in simple_signing.signatures(manifest, blobs)
        )
        _policy(signatures)  # (9)
        checks.append(_POLICY)
    except Exception as error:  # whatever it is, what cannot be judged does not pass
        checks.append(_failed(path, error, Step.STRUCTURE))
    return Verdict(path, entry, signatures, tuple(checks))


def verify_alone(
    path: str, contents: Mapping[str, bytes], trust: Trust, *, now: datetime
) -> Verdict:
    """Judge an entry that is alone in its set, by steps 1 to 10; never raises."""
    (verdict,) = verify_set([verify(path, directory.regular(contents), trust, now=now)])
    return verdict


def verify_set(verdicts: Sequence[Verdict]) -> tuple[Verdict, ...]:
    """Step 10, set: each tag occurs once per repository. Adds the check to each verdict."""
    movers: dict[tuple[str, str], int] = {}
    for verdict in verdicts:
        for key in _tags(verdict):
            movers[key] = movers.get(key, 0) + 1
    return tuple(_with_set(verdict, movers) for verdict in verdicts)


def _with_set(verdict: Verdict, movers: Mapping[tuple[str, str], int]) -> Verdict:
    twice = [tag for name, tag in _tags(verdict) if movers[name, tag] > 1]
    check = _SET
    if twice:
        message = f"the tag {twice[0]!r} is moved by another entry of this set too"
        check = replace(_SET, failure=Failure(codes.TAG_TWICE, message, verdict.path))
    return Verdict(verdict.path, verdict.entry, verdict.signatures, (*verdict.checks, check))


def _tags(verdict: Verdict) -> Iterator[tuple[str, str]]:
    if verdict.entry:
        for tag in verdict.entry.tags:
            yield verdict.entry.image.name, tag


def _structure(
    entry_name: str, files: Mapping[str, File]
) -> tuple[dict[str, bytes], SignatureManifest]:
    """(1) The schemas hold: known names, regular files, sizes under their caps, strict JSON."""
    directory.digest_of(entry_name)
    schemas.require(
        "directory#entry", {name: {"mode": f.mode, "size": f.size} for name, f in files.items()}
    )
    contents = {name: file.content for name, file in files.items() if file.content is not None}
    with about(directory.MANIFEST):
        manifest = SignatureManifest.parse(contents[directory.MANIFEST])
    return contents, manifest


def _reference(
    entry_name: str, contents: Mapping[str, bytes], policy: Policy
) -> tuple[Reference, Digest, tuple[str, ...]]:
    """(2) IMAGE parses, its digest is the folder's name, its repository is allowed."""
    with about(directory.IMAGE):
        image, digest = directory.parse_image(contents[directory.IMAGE])
        if digest.hex != entry_name:
            raise Refused(
                codes.REFERENCE_DIGEST, f"IMAGE names {digest}, its folder another digest"
            )
        if not policy.allows(image):
            raise Refused(codes.REPOSITORY_NOT_ALLOWED, f"{image.name} is not allowed")
    with about(directory.TAGS):
        latest, further = directory.LATEST in contents, contents.get(directory.TAGS)
        return image, digest, directory.parse_tags(latest, further)


def _blobs(
    manifest: SignatureManifest, contents: Mapping[str, bytes], image: Digest
) -> dict[Digest, tuple[str, bytes]]:
    """(3) Every blob's size and digest match, no file is unnamed, SUBJECT is the image.

    Returns each blob's file and bytes by digest.
    """
    named = manifest.files
    for name in contents:
        if name.startswith(directory.PAYLOAD_BLOB) and name not in named:
            with about(name):
                raise Refused(codes.BLOB_UNNAMED, "the manifest names no such blob")
    blobs = {}
    for name, descriptor in named.items():
        with about(name):
            content = contents.get(name)
            if content is None:
                raise Refused(codes.BLOB_MISSING, f"the manifest names {descriptor.digest}")
            if len(content) != descriptor.size:
                raise Refused(
                    codes.BLOB_SIZE, f"{len(content)} bytes, its descriptor says {descriptor.size}"
                )
            if Digest.of(content) != descriptor.digest:
                raise Refused(codes.BLOB_DIGEST, f"these bytes are not {descriptor.digest}")
            blobs[descriptor.digest] = name, content
    subject = contents.get(directory.SUBJECT)
    if subject is not None and Digest.of(subject) != image:
        with about(directory.SUBJECT):
            raise Refused(codes.SUBJECT_DIGEST, f"these bytes are not {image}")
    return blobs


def _artifact(manifest: SignatureManifest, contents: Mapping[str, bytes]) -> None:
    """(4) The config says nothing but the layers; the rest was said by the schema in (1)."""
    sizes = {layer.descriptor.digest: layer.descriptor.size for layer in manifest.layers}
    if any(layer.descriptor.size != sizes[layer.descriptor.digest] for layer in manifest.layers):
        with about(directory.MANIFEST):
            raise Refused(codes.BLOB_SIZE, "two layers give one digest two sizes")
    with about(directory.CONFIG_BLOB):
        manifest.check_config(contents[directory.CONFIG_BLOB])


@dataclass(slots=True)
class _Judgement:
    """What steps 5 to 8 have found of one signature so far."""

    authority: Authority | None = None
    log_entry: LogEntry | None = None
    claims: Claims | None = None


def _judge(
    path: str, signature: Signature, image: Reference, trust: Trust, now: datetime
) -> SignatureVerdict:
    """Steps 5 to 8 for one signature."""
    checks: list[Check] = []
    found = _Judgement()
    try:
        with about(directory.MANIFEST):
            value, found.authority = _signature(signature, trust.policy)  # (5)
            checks.append(_SIGNATURE)
            found.log_entry = _log_entry(signature, value, found.authority, trust)  # (6)
            checks.append(_LOG_ENTRY if found.log_entry else _NO_LOG_ENTRY)
            _time(signature, found.log_entry, trust, now)  # (7)
            checks.append(_TIME if found.log_entry else _NO_TIME)
        with about(signature.payload_file):
            found.claims = _claims(signature, image)  # (8)
            checks.append(_CLAIMS)
    except Exception as error:  # whatever it is, what cannot be judged does not pass
        checks.append(_failed(path, error, Step.SIGNATURE))
    logged = found.log_entry
    return SignatureVerdict(
        format=signature.format,
        place=signature.place,
        authority=found.authority.name if found.authority else None,
        key=found.authority.key.fingerprint if found.authority else None,
        claims=found.claims,
        log=logged.position if logged else None,
        time=logged.time if logged else None,
        checks=tuple(checks),
    )


def _signature(signature: Signature, policy: Policy) -> tuple[bytes, Authority]:
    """(5) The signature verifies under an authority's key: the policy's, never the artifact's."""
    if signature.certificate is not None:
        raise Refused(codes.CERTIFICATE_UNSUPPORTED, f"{signature.place} has a certificate")
    try:
        value = base64_canonical.decode(signature.value)
    except ValueError:
        raise Refused(
            codes.SIGNATURE_MALFORMED, f"the signature of {signature.place} is not canonical base64"
        ) from None
    malformed: Refused | None = None
    for authority in policy.authorities:
        try:
            if authority.key.verifies(value, signature.signed):
                return value, authority
        except Refused as refusal:  # malformed for this kind of key, maybe not for the next
            malformed = refusal
    raise malformed or Refused(
        codes.SIGNATURE_UNTRUSTED, f"no trusted key verifies the signature of {signature.place}"
    )


def _log_entry(
    signature: Signature, value: bytes, authority: Authority, trust: Trust
) -> LogEntry | None:
    """(6) A trusted log promised the entry, and it is about this payload, signature and key."""
    if signature.log_entry is None:
        if trust.policy.transparency_log is Requirement.REQUIRED:
            raise Refused(codes.LOG_ENTRY_MISSING, f"{signature.place} has no log entry")
        return None
    entry = LogEntry.parse(signature.log_entry)
    entry.verify_promise(trust.trusted_root)
    entry.check_binding(signature.payload, value, authority.key)
    return entry


def _time(signature: Signature, entry: LogEntry | None, trust: Trust, now: datetime) -> None:
    """(7) The verified time is not in the future, and the log's key counted then."""
    if signature.timestamp is not None:
        raise Refused(codes.TIMESTAMP_UNSUPPORTED, f"{signature.place} has an RFC 3161 timestamp")
    if entry is None:
        return
    if entry.time > now + timedelta(seconds=limits.CLOCK_SKEW_SECONDS):
        raise Refused(codes.TIME_FUTURE, f"the log says {entry.time.isoformat()}: in the future")
    log = trust.trusted_root.logs[entry.position.log]
    if not log.counted_at(entry.time):
        raise Refused(
            codes.TIME_LOG_KEY, f"the key of {log.url} did not count at {entry.time.isoformat()}"
        )


def _claims(signature: Signature, image: Reference) -> Claims:
    """(8) The payload is a container signature of this digest, in this repository."""
    claims = simple_signing.claims(signature.signed)
    if claims.digest != image.digest:
        raise Refused(codes.CLAIM_DIGEST, f"the payload signs {claims.digest}")
    if not same_repository(claims.repository, image):
        raise Refused(
            codes.CLAIM_REPOSITORY,
            f"the payload was signed for {claims.repository!r}, IMAGE says {image.name}",
        )
    repository = claims.annotations.get("repository", image.name)
    if repository != image.name:
        raise Refused(
            codes.CLAIM_ANNOTATION, f"the signed annotation `repository` is {repository!r}"
        )
    return claims


def _policy(signatures: Sequence[SignatureVerdict]) -> None:
    """(9) One authority at least, and no signature fails: some clients accept nothing less."""
    with about(directory.MANIFEST):
        failing = [signature.place for signature in signatures if not signature.valid]
        if len(failing) == len(signatures):
            raise Refused(codes.THRESHOLD, "no signature is valid under a trusted key")
        if failing:
            raise Refused(codes.SIGNATURE_FAILS, f"the signature of {failing[0]} does not verify")


def _failed(path: str, error: Exception, step: Step) -> Check:
    """A failed check, of the step that the error's code belongs to (`step` if not ours)."""
    if not isinstance(error, Refused):
        message = f"{type(error).__name__}: {error}"
        return Check(step, "no unexpected fault", Failure(codes.INTERNAL, message, path))
    failure = error.failure
    file = f"{path}/{failure.file}" if failure.file else path
    return Check(Step(failure.code.step), failure.code.title, replace(failure, file=file))
