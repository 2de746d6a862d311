"""Verification in numbered steps: files and trust in, verdict out. Steps 1 to 9 judge an entry.

The steps are those of docs/verification.md and of every report. Each one is a function below, in
order, and does what its docstring says; what it finds is a `Check` with its number. The first
failure ends an entry (in steps 5 to 8, a signature): what was not reached is not in the verdict.
Steps 5 to 9 are made for each rule of the policy that covers the image, and each rule must pass.
Step 10 is in `ledger.py`, since it needs the other entries and sets; step 11 is in `change.py`.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from functools import cache, lru_cache

from ghcr_signer.core import base64_canonical, codes, directory, limits, schemas
from ghcr_signer.core.directory import Entry, File
from ghcr_signer.core.errors import Failure, Refused, about
from ghcr_signer.core.formats import simple_signing
from ghcr_signer.core.image import Image
from ghcr_signer.core.key import essence_of
from ghcr_signer.core.ledger import Ledger, verify_set
from ghcr_signer.core.log_entry import LogEntry
from ghcr_signer.core.manifest import Artifact, SignatureManifest
from ghcr_signer.core.policy import (
    Authority,
    DockerReference,
    EverySignature,
    Policy,
    Requirement,
    Rule,
    Trust,
    wants_platforms,
)
from ghcr_signer.core.reference import Digest, Reference, same_repository
from ghcr_signer.core.signature import Claims, Signature
from ghcr_signer.core.trusted_root import TrustedRoot
from ghcr_signer.core.verdict import Check, SignatureVerdict, Signers, Step, Verdict

_STRUCTURE = Check(Step.STRUCTURE, "only known, regular files within their caps")
_REFERENCE = Check(Step.REFERENCE, "IMAGE names the folder's digest in an allowed repository")
_BLOBS = Check(Step.BLOBS, "every blob is the one that the manifest names")
_ARTIFACT = Check(Step.ARTIFACT, "the manifest says nothing but the signatures")
_SIGNATURE = Check(Step.SIGNATURE, "a trusted key verifies the signature")
_LOG_ENTRY = Check(Step.LOG_ENTRY, "a trusted log promised this payload, signature and key")
_NO_LOG_ENTRY = Check(Step.LOG_ENTRY, "no log entry, and none is required")
_TIME = Check(Step.TIME, "the verified time is past; the keys of log and authority counted then")
_NO_TIME = Check(Step.TIME, "no verified time, and none is required")
_CLAIMS = Check(Step.CLAIMS, "the payload names this digest and this repository")

_SKEW = timedelta(seconds=limits.CLOCK_SKEW_SECONDS)


def verify(path: str, files: Mapping[str, File], trust: Trust, *, now: datetime) -> Verdict:
    """Judge one entry by steps 1 to 9; never raises.

    `path` is the entry's, SET/DIGEST; `files` are its files by name; `now` is the present instant,
    with a zone.
    """
    checks: list[Check] = []
    entry: Entry | None = None
    signatures: tuple[SignatureVerdict, ...] = ()
    judged: list[tuple[SignatureVerdict, ...]] = []
    signers: tuple[Signers, ...] = ()
    set_name, _, entry_name = path.rpartition("/")
    try:
        contents, manifest = _structure(entry_name, files)  # (1)
        checks.append(_STRUCTURE)
        image, digest, tags, rules = _reference(entry_name, contents, trust.policy)  # (2)
        checks.append(_REFERENCE)
        entry = Entry(set_name, image, digest, Artifact(manifest.own, manifest.files), tags)
        blobs = _blobs(manifest, contents, digest)  # (3)
        checks.append(_BLOBS)
        _artifact(manifest, contents)  # (4)
        checks.append(_ARTIFACT)
        listed = _listed(contents) if trust.policy.withdrawn else ()
        judged = [
            tuple(  # (5) to (8)
                _judge(path, signature, image, rule, trust.trusted_root, now)
                for signature in simple_signing.signatures(manifest, blobs)
            )
            for rule in rules
        ]
        signers = _signers(tuple(map(_signed, rules, judged)))
        for rule, signatures in zip(rules, judged, strict=True):
            _policy(signatures, digest, listed, rule, trust.policy)  # (9)
            checks.append(_policy_check(rule.name, rule.every_signature))
        signatures = judged[0]
        if wants_platforms(rules):  # (10) will ask
            entry = replace(entry, platforms=_platforms(contents))
    except Exception as error:  # whatever it is, what cannot be judged does not pass
        checks.append(_failed(path, error, Step.STRUCTURE))
    others = tuple([each for each in judged if each is not signatures])
    return Verdict(path, entry, signatures, tuple(checks), others, signers)


def verify_alone(
    path: str, contents: Mapping[str, bytes], trust: Trust, *, now: datetime
) -> Verdict:
    """Judge an entry without the rest of its set, by steps 1 to 9, and by step 10 as far as it
    needs neither platforms nor earlier sets; never raises.
    """
    found = verify(path, directory.regular(contents), trust, now=now)
    (verdict,) = verify_set([found], trust.policy, Ledger(), whole=False)
    return verdict


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
) -> tuple[Reference, Digest, tuple[str, ...], tuple[Rule, ...]]:
    """(2) IMAGE parses, its digest is the folder's name, and rules cover its repository."""
    with about(directory.IMAGE):
        image, digest = directory.parse_image(contents[directory.IMAGE])
        if digest.hex != entry_name:
            raise Refused(
                codes.REFERENCE_DIGEST, f"IMAGE names {digest}, its folder another digest"
            )
        rules = policy.rules_for(image)
        if not rules:
            raise Refused(codes.REPOSITORY_NOT_ALLOWED, f"no rule allows {image.name}")
    with about(directory.TAGS):
        latest, further = directory.LATEST in contents, contents.get(directory.TAGS)
        return image, digest, directory.parse_tags(latest, further), rules


def _blobs(
    manifest: SignatureManifest, contents: Mapping[str, bytes], image: Digest
) -> dict[Digest, tuple[str, bytes]]:
    """(3) Every blob's size and digest match, no file is unnamed, SUBJECT is the image.

    Returns each blob's file and bytes by digest.
    """
    named = manifest.files
    for name in contents:
        if name.startswith(directory.PAYLOAD_BLOB) and name not in named:
            raise Refused(codes.BLOB_UNNAMED, "the manifest names no such blob", file=name)
    blobs = {}
    for name, descriptor in named.items():
        content = contents.get(name)
        if content is None:
            message = f"the manifest names {descriptor.digest}"
            raise Refused(codes.BLOB_MISSING, message, file=name)
        if len(content) != descriptor.size:
            message = f"{len(content)} bytes, its descriptor says {descriptor.size}"
            raise Refused(codes.BLOB_SIZE, message, file=name)
        if Digest.of(content) != descriptor.digest:
            message = f"these bytes are not {descriptor.digest}"
            raise Refused(codes.BLOB_DIGEST, message, file=name)
        blobs[descriptor.digest] = name, content
    subject = contents.get(directory.SUBJECT)
    if subject is not None and Digest.of(subject) != image:
        message = f"these bytes are not {image}"
        raise Refused(codes.SUBJECT_DIGEST, message, file=directory.SUBJECT)
    return blobs


def _artifact(manifest: SignatureManifest, contents: Mapping[str, bytes]) -> None:
    """(4) The config says nothing but the layers; the rest was said by the schema in (1)."""
    sizes = {layer.descriptor.digest: layer.descriptor.size for layer in manifest.layers}
    if [each for each in manifest.layers if each.descriptor.size != sizes[each.descriptor.digest]]:
        message = "two layers give one digest two sizes"
        raise Refused(codes.BLOB_SIZE, message, file=directory.MANIFEST)
    with about(directory.CONFIG_BLOB):
        manifest.check_config(contents[directory.CONFIG_BLOB])


def _judge(
    path: str,
    signature: Signature,
    image: Reference,
    rule: Rule,
    trusted_root: TrustedRoot,
    now: datetime,
) -> SignatureVerdict:
    """Steps 5 to 8 for one signature, under one rule."""
    checks: list[Check] = []
    authority: Authority | None = None
    essence: bytes | None = None
    entry: LogEntry | None = None
    time: datetime | None = None
    claims: Claims | None = None
    try:
        with about(directory.MANIFEST):
            value = _value(signature)  # (5)
            essence = essence_of(value)
            authority = _signature(signature, value, rule)
            checks.append(_SIGNATURE)
            entry = _log_entry(signature, value, authority, rule, trusted_root)  # (6)
            time = entry.time if entry else None
            checks.append(_LOG_ENTRY if entry else _NO_LOG_ENTRY)
            _time(signature, entry, time, authority, trusted_root, now)  # (7)
            checks.append(_TIME if entry else _NO_TIME)
        with about(signature.payload_file):
            claims = _claims(signature, image, rule)  # (8)
            checks.append(_CLAIMS)
    except Exception as error:  # whatever it is, what cannot be judged does not pass
        checks.append(_failed(path, error, Step.SIGNATURE))
    return SignatureVerdict(
        format=signature.format,
        place=signature.place,
        authority=authority.name if authority else None,
        key=authority.key.fingerprint if authority else None,
        claims=claims,
        log=entry.position if entry else None,
        time=time,
        essence=essence,
        checks=tuple(checks),
    )


def _value(signature: Signature) -> bytes:
    """(5) The signature's bytes, in their one spelling."""
    if signature.certificate is not None:
        raise Refused(codes.CERTIFICATE_UNSUPPORTED, f"{signature.place} has a certificate")
    try:
        return base64_canonical.decode(signature.value)
    except ValueError:
        raise Refused(
            codes.SIGNATURE_MALFORMED, f"the signature of {signature.place} is not canonical base64"
        ) from None


def _signature(signature: Signature, value: bytes, rule: Rule) -> Authority:
    """(5) The signature verifies under an authority's key: the rule's, never the artifact's."""
    malformed: Refused | None = None
    for authority in rule.authorities:
        try:
            if authority.key.verifies(value, signature.signed):
                return authority
        except Refused as refusal:  # malformed for this kind of key, maybe not for the next
            malformed = refusal
    raise malformed or Refused(
        codes.SIGNATURE_UNTRUSTED, f"no trusted key verifies the signature of {signature.place}"
    )


def _log_entry(
    signature: Signature,
    value: bytes,
    authority: Authority,
    rule: Rule,
    trusted_root: TrustedRoot,
) -> LogEntry | None:
    """(6) A trusted log promised the entry, and it is about this payload, signature and key."""
    if signature.log_entry is None:
        if rule.transparency_log is Requirement.REQUIRED:
            raise Refused(codes.LOG_ENTRY_MISSING, f"{signature.place} has no log entry")
        return None
    entry = LogEntry.parse(signature.log_entry)
    entry.verify_promise(trusted_root)
    entry.check_binding(signature.payload, value, authority.key)
    return entry


def _time(
    signature: Signature,
    entry: LogEntry | None,
    time: datetime | None,
    authority: Authority,
    trusted_root: TrustedRoot,
    now: datetime,
) -> None:
    """(7) The verified time is not in the future; the log's key and the authority counted then."""
    if signature.timestamp is not None:
        raise Refused(codes.TIMESTAMP_UNSUPPORTED, f"{signature.place} has an RFC 3161 timestamp")
    if entry is not None and time is not None:
        if time > now + _SKEW:
            raise Refused(codes.TIME_FUTURE, f"the log says {time.isoformat()}: in the future")
        log = trusted_root.logs[entry.position.log]
        if not log.counted_at(time):
            message = f"the key of {log.url} did not count at {time.isoformat()}"
            raise Refused(codes.TIME_LOG_KEY, message)
    authority.require_at(time)


def _claims(signature: Signature, image: Reference, rule: Rule) -> Claims:
    """(8) The payload is a container signature of this digest, in this repository, and says what
    the rule wants it to say.
    """
    claims = simple_signing.claims(signature.signed)
    if claims.digest != image.digest:
        raise Refused(codes.CLAIM_DIGEST, f"the payload signs {claims.digest}")
    if rule.docker_reference is DockerReference.MATCH and not same_repository(
        claims.repository, image
    ):
        raise Refused(
            codes.CLAIM_REPOSITORY,
            f"the payload was signed for {claims.repository!r}, IMAGE says {image.name}",
        )
    name = image.name
    repository = claims.annotations.get("repository", name)
    if repository != name:
        raise Refused(
            codes.CLAIM_ANNOTATION, f"the signed annotation `repository` is {repository!r}"
        )
    for key, value in rule.annotations.items():
        if claims.annotations.get(key) != value:
            found = f"{claims.annotations[key]!r}" if key in claims.annotations else "not there"
            message = f"the signed annotation {key!r} is {found:.100}, not {value!r}"
            raise Refused(codes.CLAIM_REQUIRED, f"{message}, as the rule {rule.name!r} wants")
    return claims


def _signed(rule: Rule, signatures: Sequence[SignatureVerdict]) -> tuple[str, tuple[str, ...]]:
    """Whose signatures are valid, each authority once, in the rule's own order."""
    keys = {signature.key for signature in signatures if signature.valid}
    names = [each.name for each in rule.authorities if each.key.fingerprint in keys]
    return rule.name, tuple(names)


@lru_cache(maxsize=1024)
def _signers(signed: tuple[tuple[str, tuple[str, ...]], ...]) -> tuple[Signers, ...]:
    """One object for all entries that are signed alike, of which there may be many thousands."""
    return tuple([Signers(rule, names) for rule, names in signed])


def _policy(
    signatures: Sequence[SignatureVerdict],
    digest: Digest,
    listed: Collection[Digest],
    rule: Rule,
    policy: Policy,
) -> None:
    """(9) Neither the digest nor one that SUBJECT lists is withdrawn, enough distinct authorities
    have signed, and where the rule says so no signature fails: some clients accept nothing less.
    """
    for each in (digest, *listed):
        if withdrawal := policy.withdrawn.get(each):
            what = "it" if each == digest else f"{each}, which it lists,"
            file = directory.IMAGE if each == digest else directory.SUBJECT
            raise Refused(codes.WITHDRAWN, f"`withdrawn` names {what} {withdrawal}", file=file)
    valid = [signature for signature in signatures if signature.valid]
    keys = {signature.key for signature in valid}
    if not keys or len(keys) < rule.threshold:
        wanted = f"{rule.threshold} of its {len(rule.authorities)} authorities"
        message = f"the rule {rule.name!r} wants {wanted}, {len(keys)} signed validly"
        raise Refused(codes.THRESHOLD, message, file=directory.MANIFEST)
    if rule.every_signature is EverySignature.VALID and len(valid) < len(signatures):
        failing = next(each.place for each in signatures if not each.valid)
        message = f"the rule {rule.name!r} wants every signature valid, that of {failing} is not"
        raise Refused(codes.SIGNATURE_FAILS, message, file=directory.MANIFEST)


@cache
def _policy_check(rule: str, every_signature: EverySignature) -> Check:
    fails = ", and no signature fails" if every_signature is EverySignature.VALID else ""
    return Check(Step.POLICY, f"rule {rule!r}: signed by enough authorities{fails}")


def _listed(contents: Mapping[str, bytes]) -> tuple[Digest, ...]:
    """For step 9: what SUBJECT lists. Nothing without it, which whoever makes an entry may leave
    out; so nothing either where it is no image that can be read.
    """
    try:
        return tuple(child.digest for child in Image.parse(contents[directory.SUBJECT]).children)
    except (KeyError, Refused):
        return ()


def _platforms(contents: Mapping[str, bytes]) -> dict[Digest, bool] | None:
    """For step 10: what SUBJECT lists, and whether each is an image; None without SUBJECT."""
    subject = contents.get(directory.SUBJECT)
    if subject is None:
        return None
    with about(directory.SUBJECT):
        try:
            children = Image.parse(subject).children
        except Refused as refusal:
            raise Refused(codes.PLATFORMS_UNKNOWN, str(refusal)) from None
    return {child.digest: not child.index for child in children if not child.attestation}


def _failed(path: str, error: Exception, step: Step) -> Check:
    """A failed check, of the step that the error's code belongs to (`step` if not ours)."""
    if not isinstance(error, Refused):
        message = f"{type(error).__name__}: {error}"
        return Check(step, "no unexpected fault", Failure(codes.INTERNAL, message, path))
    failure = error.failure
    file = f"{path}/{failure.file}" if failure.file else path
    return Check(Step(failure.code.step), failure.code.title, replace(failure, file=file))
