"""Every error code: what it is called, why it exists, and what to do. docs/errors.md is made of it.

A code is GS and four digits: two of the step of verification that it belongs to (12 publishing,
13 signing, 14 collecting, 15 setting up, 20 usage, 30 unreachable), two of the cause. A code never
changes its meaning and is never used again for another.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Code:
    """A stable name for one cause of refusal."""

    id: str
    title: str
    reason: str
    remedy: str
    exit_code: int = 1
    """1: does not verify, or could not be published; 2: usage; 3: a registry was out of reach."""

    @property
    def step(self) -> int:
        """The step of verification, or 12 publishing, 13 signing, 14 collecting, 15, 20, 30."""
        return int(self.id[2:4])

    def __str__(self) -> str:
        return self.id

    def __reduce__(self) -> tuple[Callable[[str], Code], tuple[str]]:
        """To another process by its id: a code is itself wherever it arrives."""
        return _by_id, (self.id,)


_SIGN_AGAIN = "Remove the set and make it again with `ghcr-signer sign` or `collect`."
_ASK_SIGNER = (
    "Do not merge. Ask the person named as its author how this file came about; a set made by"
    " `ghcr-signer` never looks like this."
)

# Step 1: structure
UNEXPECTED_FILE = Code(
    "GS0101",
    "A file or folder that does not belong here",
    "Everything in the signature directory is read, and most of it is uploaded with our token; so"
    " nothing may lie in it that has no meaning.",
    "Remove it from the signature directory.",
)
MISSING_FILE = Code(
    "GS0102",
    "A required file is missing",
    "An entry has at least IMAGE, MANIFEST, CONFIG_BLOB and PAYLOAD_BLOB: without them there is no"
    " signature, and an entry without a signature must not pass silently.",
    _SIGN_AGAIN,
)
NOT_REGULAR = Code(
    "GS0103",
    "Not a regular file",
    "A link, a submodule or a device would let a change point outside the signature directory.",
    "Replace it with the file itself.",
)
TOO_LARGE = Code(
    "GS0104",
    "Larger than its cap",
    "Sizes are checked before anything is read, so that a hostile change cannot exhaust the check.",
    _ASK_SIGNER,
)
NOT_JSON = Code(
    "GS0105",
    "Not JSON as we accept it",
    "Two readers must never see two different documents in the same bytes: no duplicate keys, no"
    " NaN, no deep nesting, valid UTF-8.",
    _ASK_SIGNER,
)
SCHEMA = Code(
    "GS0106",
    "The document departs from its schema",
    "The JSON Schemas (`ghcr-signer schema NAME`) describe exactly what cosign writes.",
    _ASK_SIGNER,
)
SET_NAME = Code(
    "GS0107",
    "A set's name is not an instant of its own",
    "Sets are ordered by their names, UTC to the second, so each name is an instant and each"
    " instant has one set.",
    "Name the folder like 2026-02-09T07:41:13+00:00 or 2026-02-09T07-41-13Z.",
)
ENTRY_NAME = Code(
    "GS0108",
    "An entry's name is not a digest",
    "An entry is the folder of one image digest: 64 lower-case hexadecimal digits.",
    "Name the folder after the digest that its IMAGE names.",
)
EMPTY_SET = Code(
    "GS0109",
    "A set without entries",
    "A set that signs nothing is a mistake, and must not pass as if it had signed something.",
    _SIGN_AGAIN,
)
TOO_MANY = Code(
    "GS0110",
    "More entries than the cap",
    "A cap on what is counted keeps the check's time and memory bounded.",
    "Split the directory, or ask for the cap to be raised with a real example.",
)
INTERNAL = Code(
    "GS0199",
    "An unexpected fault in this program",
    "What cannot be judged does not pass.",
    "Run again with --debug (in a workflow: with debug logging) and report what it prints.",
)

# Step 2: reference
REFERENCE_MALFORMED = Code(
    "GS0201",
    "Not an image reference",
    "An image is named registry/repository@sha256:<64 hex digits>, in full and in lower case.",
    "Write the reference in full, for example ghcr.io/acme/app@sha256:….",
)
REFERENCE_DIGEST = Code(
    "GS0202",
    "IMAGE names another digest than its folder",
    "The folder's name, IMAGE and the signed payload must agree on one digest.",
    _ASK_SIGNER,
)
REPOSITORY_NOT_ALLOWED = Code(
    "GS0203",
    "The repository is not allowed",
    "A change must not choose where our token writes: the repositories are named by the trust.",
    "If the repository is yours, allow it: in a rule of the policy, or with --repository GLOB; in a"
    " workflow, `repositories`.",
)
TAG_MALFORMED = Code(
    "GS0204",
    "Not a tag that a set may move",
    "A tag has at most 128 letters, digits, dots, dashes and underscores, and is never of the form"
    " sha256-<hex>, where signatures live.",
    "Correct TAGS: one tag a line.",
)

# Step 3: blobs
BLOB_SIZE = Code(
    "GS0301",
    "A file's size differs from its descriptor",
    "The manifest fixes the size of every blob; a registry would refuse it.",
    _ASK_SIGNER,
)
BLOB_DIGEST = Code(
    "GS0302",
    "A file's digest differs from its descriptor",
    "The manifest fixes the digest of every blob: these are not the bytes that it means.",
    _ASK_SIGNER,
)
BLOB_UNNAMED = Code(
    "GS0303",
    "A blob file without a descriptor",
    "What no descriptor names is not part of the signature, and nothing may ride along.",
    "Remove the file.",
)
BLOB_MISSING = Code(
    "GS0304",
    "A descriptor without a blob file",
    "Every blob that the manifest names is needed to publish it.",
    _SIGN_AGAIN,
)
SUBJECT_DIGEST = Code(
    "GS0305",
    "SUBJECT is not the entry's image",
    "SUBJECT is the image's own manifest: its sha256 is the folder's name.",
    "Replace it by the image's manifest, or remove it.",
)

# Step 4: artifact
MEDIA_TYPE = Code(
    "GS0401",
    "Not a media type of a cosign signature",
    "Only what is known can be judged, and only what was judged is uploaded.",
    _ASK_SIGNER,
)
TOO_MANY_LAYERS = Code(
    "GS0402",
    "More signatures in one manifest than the cap",
    "cosign reads at most 1,000.",
    _ASK_SIGNER,
)
MANIFEST_SAYS_MORE = Code(
    "GS0403",
    "The manifest says more than a signature",
    "The key signs only the payload, yet the whole manifest is uploaded with our token: a subject,"
    " an annotation or a URL in it could relink a package or point clients elsewhere.",
    _ASK_SIGNER,
)
CONFIG_SHAPE = Code(
    "GS0404",
    "The config is not the one that cosign writes",
    "A signature's config says nothing but the digests of its layers; labels in it could relink a"
    " package.",
    _ASK_SIGNER,
)
LAYER_ANNOTATIONS = Code(
    "GS0405",
    "A layer has an annotation that cosign does not write",
    "Annotations are not signed; only those that carry the signature and its proof are known.",
    _ASK_SIGNER,
)

# Step 5: signature
SIGNATURE_MALFORMED = Code(
    "GS0501",
    "The signature is not in canonical form",
    "One signature has one spelling: canonical base64, DER without trailing bytes or padded"
    " integers. Anything else is the same signature made to look like another.",
    _ASK_SIGNER,
)
SIGNATURE_UNTRUSTED = Code(
    "GS0502",
    "No trusted key verifies the signature",
    "Either somebody else signed it, or what was signed has been changed.",
    "Check that the trusted key is the signer's (`cosign public-key`), and that nobody changed the"
    " files.",
)
CERTIFICATE_UNSUPPORTED = Code(
    "GS0503",
    "The signature comes with a certificate",
    "A signature made with a certificate (keyless, or from a key slot that holds one) is judged by"
    " its identity, which this version does not know.",
    "Sign with a key and no certificate: `ghcr-signer sign --sk` or `--key`.",
)

# Step 6: log entry
LOG_ENTRY_MISSING = Code(
    "GS0601",
    "No transparency log entry",
    "The log is required: it is what makes a signature public, and gives it a time.",
    "Sign again with the log; or, if the signer chose to have none, --transparency-log optional;"
    " in a workflow, `transparency_log: optional`.",
)
LOG_ENTRY_MALFORMED = Code(
    "GS0602",
    "The log entry cannot be read",
    "The bundle annotation is {SignedEntryTimestamp, Payload{body, integratedTime, logIndex,"
    " logID}}, and nothing more.",
    _ASK_SIGNER,
)
LOG_UNKNOWN = Code(
    "GS0603",
    "The log is not in the trusted root",
    "Anybody can run a log; only the trusted root says which ones count.",
    "If the log is yours, pass its trusted root with --trusted-root FILE (the actions have none).",
)
LOG_PROMISE = Code(
    "GS0604",
    "The log did not sign this entry",
    "The signed entry timestamp does not verify under the log's key: the entry, its time or its"
    " index has been changed.",
    _ASK_SIGNER,
)
LOG_BINDS_PAYLOAD = Code(
    "GS0605",
    "The log entry is about another payload",
    "A true log entry proves nothing about a payload that it does not name (CVE-2026-22703).",
    _ASK_SIGNER,
)
LOG_BINDS_SIGNATURE = Code(
    "GS0606",
    "The log entry is about another signature",
    "With another signature's entry an old signature could pass for a new one (CVE-2022-23649).",
    _ASK_SIGNER,
)
LOG_BINDS_KEY = Code(
    "GS0607",
    "The log entry is about another key",
    "Whoever logged this entry did not use the key that verifies the signature.",
    _ASK_SIGNER,
)
LOG_ENTRY_KIND = Code(
    "GS0608",
    "The log entry is of another kind",
    "A cosign signature is logged as hashedrekord 0.0.1, in its canonical form.",
    _ASK_SIGNER,
)

# Step 7: time
TIME_FUTURE = Code(
    "GS0701",
    "The verified time lies in the future",
    "A log that is ahead of the clock by more than 300 seconds, or a clock that is behind.",
    "Check this machine's clock.",
)
TIME_LOG_KEY = Code(
    "GS0702",
    "The log's key was not valid at that time",
    "The trusted root says from when to when each log's key counts.",
    "Check the trusted root given with --trusted-root.",
)

TIMESTAMP_UNSUPPORTED = Code(
    "GS0703",
    "The signature comes with an RFC 3161 timestamp",
    "What is uploaded is judged first, and this version cannot judge timestamps.",
    "Sign without --timestamp-server-url: the log entry gives the time.",
)
TIME_AUTHORITY = Code(
    "GS0704",
    "The authority did not count at that time",
    "The policy says from when to when each authority counts (notBefore, notAfter); the time is the"
    " log's, never the signer's own.",
    "Sign again with a key that counts now, or correct the authority's notBefore or notAfter.",
)
TIME_REVOKED = Code(
    "GS0705",
    "The authority is revoked",
    "A revoked key may be in anybody's hands. What has a verified time before `revoked.from` stays"
    " good; without `from`, nothing does.",
    "Have the image signed by another authority of the rule, for a newer set.",
)
TIME_MISSING = Code(
    "GS0706",
    "No verified time, and the authority counts for a time only",
    "Without a log entry nobody knows when a signature was made; so an authority with notBefore,"
    " notAfter or revoked accepts none.",
    "Sign again with the log.",
)

# Step 8: claims
CLAIM_TYPE = Code(
    "GS0801",
    "The payload is not a container signature",
    "`critical.type` must be `cosign container image signature`, or another statement by the same"
    " key could be passed off as one.",
    _ASK_SIGNER,
)
CLAIM_DIGEST = Code(
    "GS0802",
    "The payload signs another image",
    "The signed digest must be the entry's own.",
    _ASK_SIGNER,
)
CLAIM_REPOSITORY = Code(
    "GS0803",
    "The payload was signed for another repository",
    "The signed docker-reference must be IMAGE's repository, or a signature for one repository"
    " could be published in another.",
    "Sign again under the right name: `ghcr-signer sign` takes it from IMAGE.",
)
CLAIM_ANNOTATION = Code(
    "GS0804",
    "The signed annotation `repository` names another repository",
    "An annotation `repository` that the signer made is a promise about where it may be published.",
    _ASK_SIGNER,
)
CLAIM_REQUIRED = Code(
    "GS0805",
    "A required annotation is missing or says something else",
    "The policy's rule names annotations that every signature must carry, exactly so.",
    "Sign again with the annotation: `ghcr-signer sign -a NAME=VALUE`.",
)

# Step 9: policy
THRESHOLD = Code(
    "GS0901",
    "Too few trusted signers",
    "The entry must be signed by as many different authorities as the trust asks for. An authority"
    " counts once, whatever it signs, and signatures in other sets do not count.",
    "Have it signed by as many trusted keys, all in one set.",
)
SIGNATURE_FAILS = Code(
    "GS0902",
    "One of the entry's signatures does not verify",
    "Clients exist that reject an image for one bad signature among good ones; so every signature"
    " of an entry must verify.",
    "Trust the other signer's key too (--key may be given again), or collect the signature of the"
    " trusted signer alone.",
)
WITHDRAWN = Code(
    "GS0903",
    "The digest is withdrawn",
    "The policy's `withdrawn` forbids this digest for good, whoever signed it, and with it an index"
    " that lists it.",
    "Build the image anew and sign a newer set: a withdrawn digest does not come back.",
)

# Step 10: set
TAG_TWICE = Code(
    "GS1001",
    "Two entries of a set move one tag",
    "A tag points at one digest: in a set each tag occurs once per repository.",
    "Leave the tag with one of them.",
)
TAG_NOT_ALLOWED = Code(
    "GS1002",
    "The policy does not let a set move this tag",
    "Each rule names the tags that a set may move, by default `latest` alone; a tag is nothing that"
    " a key signs, so it needs somebody's leave.",
    "Remove the tag from LATEST or TAGS, or add it to the rule's `tags`.",
)
PLATFORM_MISSING = Code(
    "GS1003",
    "A platform of the image has no entry in the set",
    "Under `platforms: required` an index and all that it lists are signed together, since clients"
    " may ask for either.",
    "Sign again without --no-recursive.",
)
PLATFORMS_UNKNOWN = Code(
    "GS1004",
    "Nothing says which platforms the image has",
    "Under `platforms: required` an entry holds the image's own manifest as SUBJECT, or an index of"
    " the same set lists it; no registry is asked for it.",
    "Put the image's manifest into the entry as SUBJECT: `ghcr-signer sign` does.",
)
TAG_OLDER = Code(
    "GS1005",
    "A tag would move to what was signed earlier",
    "A newer set must not bring an old image back, and clients that remember the greatest log index"
    " they have met refuse a smaller one.",
    "Sign the image again, with the log, for a set of today.",
)
SIGNATURE_REUSED = Code(
    "GS1006",
    "The entry that moves a tag brings no new signature",
    "Merged signatures are public: anybody could put an old one into a new set, and have an old"
    " image become `latest` again.",
    "Sign the image again (an RSA or Ed25519 key always makes the same signature: there, add an"
    " annotation, such as -a signed=DATE), or leave LATEST and TAGS away.",
)

# Step 11: change
CHANGE_REMOVES = Code(
    "GS1101",
    "A merged set is touched",
    "The directory only grows: whoever could change or remove a merged signature could undo a"
    " release without anybody's key.",
    "Restore it from the base: `git checkout origin/main -- SIGNATURES`. To take a release back,"
    " name its digest under `withdrawn` in the policy, and sign a newer set that moves the tags to"
    " a good image.",
)
CHANGE_MIXED = Code(
    "GS1102",
    "A change that adds a set touches something else",
    "Everything outside the signature directory decides how signatures are judged; a reviewer must"
    " be able to see that this change does not.",
    "Make two pull requests: one for the set, one for the rest. In a merge queue, queue the set"
    " when nothing else is ahead of it.",
)
CHANGE_TWIN = Code(
    "GS1103",
    "Two names that some file systems cannot tell apart",
    "On a machine that folds case or normalises Unicode, one of them would take the other's place.",
    "Rename or remove the new one.",
)
CHANGE_TOO_LARGE = Code(
    "GS1104",
    "Too much in one change",
    "A change is read whole before it is judged, and a reviewer must be able to look at it.",
    "Split it into several pull requests.",
)
TRUST_REMOVED = Code(
    "GS1105",
    "The trust is removed while there are sets",
    "Without a policy or a trusted key no merged signature can be judged any more; and where there"
    " was a policy, a mere key would be weaker.",
    "Keep it, or replace it in the same change by its successor.",
)
BOOTSTRAP = Code(
    "GS1106",
    "The base has no trust to judge by",
    "A change never brings the key that judges it.",
    "Make two pull requests: the first adds the policy (policy.yml) with its keys, or the trusted"
    " key (trusted.pub), and is merged by somebody who compared the keys with the signers'; the"
    " second adds the set.",
)
SET_AHEAD = Code(
    "GS1107",
    "A set lies in the future",
    "A set's name is an instant that has passed: one that is years ahead would keep every later set"
    " from moving a tag.",
    "Check the clock of the machine that signed, and make the set again.",
)
TAG_BACKWARDS = Code(
    "GS1108",
    "A tag would move backwards",
    "A merged set that moves this tag is as old or younger; an old signature must not bring an old"
    " image back.",
    "Remove LATEST and TAGS from the entry, or sign the image again for a set of today.",
)
SET_BENEATH = Code(
    "GS1109",
    "A set comes before a merged one that signs the same image",
    "Merged signatures are public: a copy under an older name would count as the first to hold"
    " them, move tags with them, and make the merged set fail.",
    "Name the set after the present instant: names are not signed.",
)

# Publishing
NOTHING_PUBLISHED = Code(
    "GS1201",
    "Nothing was published",
    "While files of the directory are at fault, or no set passes, nothing is written anywhere.",
    "Mend what is said above; `ghcr-signer verify` says it again.",
)
CONFLICT = Code(
    "GS1202",
    "Other signatures are already there",
    "The registry, or another set, has other signatures for this digest; they are never"
    " overwritten, and the set's tags stay where they are.",
    "Look at both with `cosign download signature`; collect the registry's signatures into a new"
    " set if both are good.",
)
IMAGE_ABSENT = Code(
    "GS1203",
    "The image is not in the registry",
    "A tag is moved by writing the image's own manifest, as the registry holds it; images are never"
    " copied.",
    "Push the image to that repository, then publish again.",
)
TAG_UNKNOWN = Code(
    "GS1204",
    "The tag points at a digest that no set knows",
    "Somebody moved the tag without this directory; moving it back could undo their release.",
    "If the tag may be replaced, sign the digest that it points at, or delete the tag, then publish"
    " again.",
)
READ_BACK = Code(
    "GS1205",
    "The registry returns other bytes than were sent",
    "What was written is read back and verified before any tag moves.",
    "Publish again; if it stays, report it to the registry's operator.",
)
TAG_WAITS = Code(
    "GS1206",
    "A tag was not moved",
    "A tag never points at a digest whose set is not wholly live.",
    "Resolve what is said about the set's entries, then publish again.",
)
NO_ALLOW_LIST = Code(
    "GS1207",
    "No repository is allowed",
    "publish writes only where the trust allows it.",
    "Name the images in a policy.yml, or the repositories: --repository 'ghcr.io/OWNER/**'; in a"
    " workflow, `repositories`.",
    exit_code=2,
)

TAG_RETIRED = Code(
    "GS1208",
    "The newest set for a tag is retired",
    "The set fails under today's policy, so it is not published; and the tag does not go back to an"
    " older set, which clients could take for an attack.",
    "Sign a newer set that moves the tag.",
)

# Signing
NO_COSIGN = Code(
    "GS1301",
    "cosign was not found",
    "Signatures are made by cosign.",
    "Install cosign 3, or 2.6 (https://docs.sigstore.dev/cosign/system_config/installation/), or"
    " name it with --cosign PATH.",
    exit_code=2,
)
COSIGN_VERSION = Code(
    "GS1302",
    "This cosign is not supported",
    "Each version wants other flags; those of 2.6 and 3 are known.",
    "Install cosign 3, or 2.6.",
    exit_code=2,
)
COSIGN_FAILED = Code(
    "GS1303",
    "cosign did not sign",
    "cosign ended with an error, or was interrupted; no set was written.",
    "Read what cosign printed above, mend it, and run the same command again.",
)
TAG_GIVEN = Code(
    "GS1304",
    "A tag was given where a digest is needed",
    "A tag may point elsewhere a moment later; without a terminal nobody can confirm what is"
    " signed.",
    "Give the digest.",
    exit_code=2,
)
PUBLIC_LOG = Code(
    "GS1305",
    "This would be written to a public log for ever",
    "The image cannot be read by anonymous clients, or that is unknown; its name and digest would"
    " be public and could never be removed.",
    "If that is intended, pass --allow-public-log; to sign without the log, pass"
    " `--transparency-log optional -- --tlog-upload=false`.",
    exit_code=2,
)
NOT_CONFIRMED = Code(
    "GS1306",
    "Not confirmed",
    "Nothing is signed unless a person says yes, or a script passes --yes.",
    "Answer y at the question, or pass --yes in a script.",
    exit_code=2,
)
NOT_SIGNABLE = Code(
    "GS1307",
    "What was given cannot be signed as an image",
    "Image indexes and manifests (OCI or Docker schema 2) can be signed.",
    "Check the repository's name, the digest, and the files given with --subject.",
)
SUBJECT_MISSING = Code(
    "GS1308",
    "A platform's manifest is missing",
    "The index and each of its platforms are signed; for that their manifests are needed.",
    "Give each one's file with --subject, or sign the index alone with --no-recursive.",
)
NEW_SIGNATURE_FAILS = Code(
    "GS1309",
    "The new signatures do not verify",
    "What cosign made is verified before it is written down; nothing was written.",
    "See the reasons above; is the signing key the one that the directory trusts?",
)
NO_PIV = Code(
    "GS1310",
    "This cosign has no support for security keys",
    "`cosign piv-tool` says the same: support for PIV is chosen when cosign is built, and its plain"
    " programs for Linux are built without.",
    "Install the one that has it and name it with --cosign PATH: of cosign's release the asset"
    " cosign-linux-pivkey-pkcs11key-amd64 (or -arm64); those for macOS and Windows have it.",
    exit_code=2,
)
NO_CARD = Code(
    "GS1311",
    "No security key was found",
    "The key is read before anything is signed; nobody was asked for a PIN or a touch.",
    "Plug the security key in (if it is: take it out, and in again), then run the same command"
    " again.",
    exit_code=2,
)
NO_CARD_SERVICE = Code(
    "GS1312",
    "The smart card service does not run",
    "cosign reaches a security key through the system's PC/SC service.",
    "Start it: `sudo systemctl start pcscd.socket` (Debian, Ubuntu: `sudo apt install pcscd`;"
    " Fedora: `sudo dnf install pcsc-lite`), then run the same command again.",
    exit_code=2,
)
TWO_CARDS = Code(
    "GS1313",
    "More than one security key or card reader",
    "cosign takes the only one, and does not choose; a reader without a card counts too.",
    "Leave only the one to sign with plugged in, then run the same command again.",
    exit_code=2,
)
CARD_BUSY = Code(
    "GS1314",
    "Another program holds the security key",
    "A smart card talks to one program at a time; most often it is GnuPG's.",
    "Let go of it: `gpgconf --kill scdaemon`, and close other programs that use the key; or take"
    " the key out, and in again. Then run the same command again.",
    exit_code=2,
)
NO_SLOT_KEY = Code(
    "GS1315",
    "The security key's slot has no key that cosign can use",
    "cosign reads the key's attestation, which there is only of a key that was made on the card, on"
    " a YubiKey 4.3 or later.",
    "Name the slot with --slot: signature (the default), authentication, card-authentication or"
    " key-management; `cosign piv-tool generate-key` makes a key, and destroys the one that is in"
    " the slot.",
    exit_code=2,
)
PIN_WRONG = Code(
    "GS1316",
    "The PIN was not accepted",
    "A security key counts wrong PINs, and blocks itself when none is left; so nothing is tried"
    " twice, and the right PIN sets the count back.",
    "Run the same command again, with the right PIN.",
)
PIN_LAST_TRY = Code(
    "GS1317",
    "The security key has one try for its PIN left",
    "One more wrong PIN blocks it. The key does not tell how many tries it has before it is given a"
    " PIN: this is what it said last on this machine, and no signature has been made since.",
    "Set the PIN anew with the PUK: `ykman piv access unblock-pin`, which sets the count back. Then"
    " remove the note of it, and run the same command again.",
)
PIN_BLOCKED = Code(
    "GS1318",
    "The security key's PIN is blocked",
    "Too many wrong PINs were given: it takes none any more, not even the right one.",
    "Set a new PIN with the PUK: `ykman piv access unblock-pin`; then run the same command again.",
)
TOUCH_MISSED = Code(
    "GS1319",
    "The security key was not touched",
    "It waits some fifteen seconds for a touch, and blinks; without one it signs nothing.",
    "Run the same command again, and touch the key when it blinks.",
)
NOT_AN_AUTHORITY = Code(
    "GS1320",
    "The signing key is not one that the directory trusts for this image",
    "The public key was read before anything was signed; its signatures would be refused.",
    "Take the right key (--key, --sk --slot); or have the key added to the policy (trusted.pub),"
    " by a pull request of its own, first.",
)
ADD_TO_MERGED = Code(
    "GS1321",
    "The set is merged already",
    "A merged set is never changed.",
    "Sign into a set of its own: leave --add-to away.",
)
ADD_TO_UNFIT = Code(
    "GS1322",
    "Nothing can be added to this set for this image",
    "A second person signs what the first has signed, and nothing else: the image that both name,"
    " and of its platforms those that are in the set.",
    "Check the set and the image; for anything else sign into a set of its own, without --add-to.",
)
WOULD_BE_REFUSED = Code(
    "GS1323",
    "The set was written, but its pull request would be refused",
    "It was judged as the pull request's check will judge it: as a change to the default branch, as"
    " this clone knows that.",
    "Do what is said above; `git fetch origin` brings the branch up to date.",
)
SET_NOT_REPLACED = Code(
    "GS1324",
    "The set could not be replaced",
    "The set with the further signatures is written beside it, and takes its place as a whole.",
    "Run the same command again: the signatures that were made are kept.",
    exit_code=2,
)

# Pushing
NO_REMOTE = Code(
    "GS1330",
    "There is no remote to push to",
    "A set is pushed to the remote `upstream`, else to `origin`, else to the only one.",
    "Add the repository that the pull request goes to: git remote add upstream URL",
    exit_code=2,
)
NO_IDENTITY = Code(
    "GS1331",
    "git does not know who you are",
    "A commit says who made it; what git would guess of the machine's name is nobody.",
    'Run: git config --global user.name "YOUR NAME", and git config --global user.email YOU@HOST;'
    " then the same command again.",
    exit_code=2,
)
NO_NEW_COMMIT = Code(
    "GS1332",
    "The commit could not be made",
    "git failed while it wrote the set's files, or signed the commit (`commit.gpgSign`).",
    "Mend what git says, then run the same command again.",
)
BRANCH_TAKEN = Code(
    "GS1333",
    "The branch is there already, with something else",
    "Nobody's branch is overwritten. One that holds just this set would be taken as it is.",
    "Look at the branch. If nobody needs it, delete it there, and run the same command again.",
)
PUSH_DENIED = Code(
    "GS1334",
    "The remote refuses this",
    "Your git has no credentials for it, they do not grant this, or a rule there forbids it.",
    "Log in as git wants it (an ssh key, or a credential helper), then run the same command again.",
    exit_code=3,
)
PUSH_FAILED = Code(
    "GS1335",
    "git could not talk to the remote",
    "It did not answer, or not to the end. What was made is kept.",
    "Look at what git says, then run the same command again: what is there already is found.",
    exit_code=3,
)
PUSH_DIFFERS = Code(
    "GS1336",
    "What was committed or pushed is not the set",
    "The commit is read back before it is pushed, and the branch afterwards: what is proposed must"
    " be what was verified.",
    "Run the same command again; if it stays, report it.",
)
NO_DEFAULT_BRANCH = Code(
    "GS1337",
    "The remote has no default branch",
    "A set is committed on top of the default branch; an empty repository has none.",
    "Push the repository's first commit there, or check the remote's URL.",
)
SET_THERE = Code(
    "GS1338",
    "The default branch has a set of that name",
    "A merged set is never added to, and its name is never used again.",
    "If it is this one, it is merged: remove this copy of it, then `git pull`. Else rename the"
    " folder after the present instant; names are not signed.",
)

# Collecting
NO_SIGNATURES = Code(
    "GS1401",
    "No signature was found",
    "The registry has no .sig tag for this digest.",
    "Check the digest and --from; `cosign tree IMAGE` shows what a registry holds.",
)
NAME_TAKEN = Code(
    "GS1402",
    "The set's name is taken",
    "A merged set is never added to, and nobody's branch is overwritten: the name must be free in"
    " the repository, as a folder and as a branch.",
    "Collect again: the new set is named after that moment. Delete the branch if nobody needs it.",
)
NO_PULL_REQUEST = Code(
    "GS1403",
    "The branch was made, its pull request was not",
    "A workflow may open pull requests only where the repository's settings allow it and the job"
    " has `pull-requests: write`. The branch stays, so nothing that was collected is lost.",
    "Open the pull request by hand, from that branch. For the next one: Settings → Actions →"
    " General → “Allow GitHub Actions to create and approve pull requests”.",
)
PROPOSAL_DIFFERS = Code(
    "GS1404",
    "GitHub holds something else than was sent",
    "What is proposed must be what was verified: each object's id is computed here too, and the"
    " commit is read back before a branch points at it.",
    "Collect again; if it stays, report it to GitHub.",
)

# Setting up
SETUP_TRUST = Code(
    "GS1501",
    "The directory or its trust cannot be used",
    "Every check and every publication begins with them: as they are, each would fail.",
    "Mend what is said; `ghcr-signer verify` and `ghcr-signer policy check` say more.",
)
SETUP_KEYS = Code(
    "GS1502",
    "The keys need attention",
    "A key that ends before its successor is in the policy leaves nobody who can sign.",
    "Add the new key to the policy, by a pull request of its own (docs/policy.md).",
)
SETUP_FILES = Code(
    "GS1503",
    "A file that protects the signatures is missing, or does not",
    "Who reviews what is trusted, that git changes no byte of what was signed, and that the actions"
    " are kept up to date, is said by files of the repository.",
    "In a new project `ghcr-signer init` writes them; docs/maintainer.md says what each is for.",
)
SETUP_WORKFLOWS = Code(
    "GS1504",
    "The workflows are not as they must be",
    "A tag or a branch can be moved by whoever owns it: what runs with your token is named by a"
    " full commit.",
    "Pin it, with the version behind it: `uses: OWNER/NAME@<40 hex digits> # v1.2.3`.",
)
SETUP_MACHINE = Code(
    "GS1505",
    "This machine is not ready",
    "A set is named after this machine's clock, and signed by this machine's cosign.",
    "Mend what is said, then run `ghcr-signer doctor` again.",
)
SETUP_BRANCH = Code(
    "GS1506",
    "The rules of the default branch let too much through",
    "What is merged there is published. Whoever can push to it, merge without a review, or merge"
    " what was not checked, decides alone what is released.",
    "Import the ruleset docs/rulesets/default-branch.json of ghcr-signer: Settings → Rules →"
    " Rulesets → New ruleset → Import a ruleset (docs/maintainer.md).",
)
SETUP_SETTINGS = Code(
    "GS1507",
    "A setting of the repository is not as it must be",
    "What a workflow may do, and who is asked before, is not in any file: it has to be clicked.",
    "docs/maintainer.md says where.",
)

# Usage
USAGE = Code(
    "GS2001",
    "Wrong usage",
    "What was asked cannot be carried out.",
    "See --help; for an action's inputs, docs/actions.md.",
    exit_code=2,
)
NO_DIRECTORY = Code(
    "GS2002",
    "The directory does not exist",
    "A directory that was named must be there.",
    "Check the path.",
    exit_code=2,
)
NO_TRUST = Code(
    "GS2003",
    "No trust was given",
    "A signature is judged by keys that you name, never by a key that comes with it.",
    "Put a policy.yml (docs/policy.md), or the public key as trusted.pub, at the repository's root;"
    " or name the key: --key FILE; in a workflow, `trusted_key`.",
    exit_code=2,
)
KEY_UNUSABLE = Code(
    "GS2004",
    "A public key cannot be used",
    "Keys are PEM public keys: P-256, P-384, P-521, Ed25519, or RSA of 2048 to 16384 bits.",
    "Export it with `cosign public-key`.",
    exit_code=2,
)
TRUSTED_ROOT_UNUSABLE = Code(
    "GS2005",
    "The trusted root cannot be used",
    "A trusted root is sigstore's trusted_root.json, with at least one transparency log.",
    "Export it with `cosign trusted-root create`, or leave --trusted-root away for the public one.",
    exit_code=2,
)
SECRET_MISSING = Code(
    "GS2006",
    "User name and password go together",
    "A name without a password, or a password without a name, logs in nobody.",
    "Pipe the password in: … | ghcr-signer publish --username U --password-stdin; in a workflow,"
    " give both inputs.",
    exit_code=2,
)
NO_SET = Code(
    "GS2007",
    "There is no such set",
    "--set, or in a workflow `sets`, names folders of the signature directory.",
    "List the signature directory.",
    exit_code=2,
)
NO_GIT = Code(
    "GS2008",
    "git cannot be used",
    "Changes, and what a commit holds, are read by git itself.",
    "Install git, 2.36 or newer.",
    exit_code=2,
)
NO_REPOSITORY = Code(
    "GS2009",
    "Not in a git repository",
    "A commit is read from the repository that holds the signature directory.",
    "In a workflow: put actions/checkout before this step. Elsewhere: run it inside the clone.",
    exit_code=2,
)
NO_COMMIT = Code(
    "GS2010",
    "There is no such commit",
    "What was named is no commit of this repository, or not of this clone.",
    "Check the name; `git fetch` brings what the clone lacks.",
    exit_code=2,
)
SHALLOW = Code(
    "GS2011",
    "The checkout is shallow",
    "The commit to compare with is not in this clone.",
    "Give actions/checkout `fetch-depth: 0` (in a pull request 2 is enough).",
    exit_code=2,
)
WRONG_EVENT = Code(
    "GS2012",
    "Not for this event",
    "On another event the code or the commit that GitHub checks out is not the one to judge.",
    "Call the action from a workflow that runs on one of the events named.",
    exit_code=2,
)
WRONG_BRANCH = Code(
    "GS2013",
    "Not the protected branch",
    "Trust is what has been merged to one branch, by default the repository's default branch.",
    "Target that branch, or name yours in the input `protected_branch`.",
    exit_code=2,
)
WRONG_COMMIT = Code(
    "GS2014",
    "The checkout is not the commit to judge",
    "Judging another commit than the one that is merged or published would say nothing about it.",
    "Use actions/checkout as README.md shows it.",
    exit_code=2,
)
FORCED_PUSH = Code(
    "GS2015",
    "The branch was rewritten",
    "A forced push can undo what was merged, so nothing is published because of one.",
    "Look at what was rewritten; then run the workflow by hand (workflow_dispatch).",
)
READ_ONLY_TOKEN = Code(
    "GS2016",
    "This run's token can only read",
    "GitHub gives runs of other people's forks and of Dependabot a token that writes nothing.",
    "Run the workflow by hand (workflow_dispatch), or push once more as yourself.",
    exit_code=2,
)
POLICY_MALFORMED = Code(
    "GS2017",
    "The policy cannot be used",
    "A policy that could be read in two ways, or not wholly understood, would let through what its"
    " authors meant to refuse; so nothing is judged by it.",
    "Mend the policy (docs/policy.md); `ghcr-signer policy check` says whether it is well.",
    exit_code=2,
)
TWO_TRUSTS = Code(
    "GS2018",
    "Trust is given twice",
    "A policy says who may sign what; keys, repositories and requirements that are named beside it"
    " would say it again, and differently.",
    "Remove one of the two: put into the policy what was named, or remove the policy.",
    exit_code=2,
)
FILE_EXISTS = Code(
    "GS2019",
    "A file is there already",
    "init overwrites nothing: what is there may be somebody's work, or may protect something.",
    "Move it away, run init again, and put together by hand what both say.",
    exit_code=2,
)
NO_PROJECT = Code(
    "GS2020",
    "Something about the project is not known",
    "Whose images are signed, and who reviews, is written into the project's files; what cannot be"
    " known must be said.",
    "Give the options that are named.",
    exit_code=2,
)
NOT_MERGED_YET = Code(
    "GS2035",
    "There is no merge of the pull request to judge",
    "What is judged is what merging would make of the branch's present head, which GitHub computes"
    " by itself. It has not done so, or the two do not merge.",
    "Resolve the conflicts, if there are any; else run this job again.",
    exit_code=3,
)

# Unreachable
UNREACHABLE = Code(
    "GS3001",
    "The registry could not be reached",
    "It did not answer, or answered with a server error, after several tries.",
    "Check the network and the registry's status page, then run the same command again.",
    exit_code=3,
)
DENIED = Code(
    "GS3002",
    "The registry denies access",
    "The credentials are missing, wrong, or do not grant this.",
    "Log in (`docker login HOST`), or in a workflow grant `packages: write` and give this"
    " repository write access in the package's settings.",
    exit_code=3,
)
NOT_FOUND = Code(
    "GS3003",
    "The registry does not have it",
    "The repository, manifest or blob is not there, or is hidden from these credentials.",
    "Check the name and the digest.",
    exit_code=3,
)
REGISTRY_REFUSED = Code(
    "GS3004",
    "The registry refused the request",
    "It answered with an error of its own.",
    "Read its answer above.",
    exit_code=3,
)
REGISTRY_LIES = Code(
    "GS3005",
    "The registry returns other bytes than asked for",
    "Everything that is read is compared with its digest and its size.",
    "Try again; if it stays, report it to the registry's operator.",
)
SERVICE_SILENT = Code(
    "GS3006",
    "The registry for the rehearsal never answered",
    "A service container needs a moment to start; this one was given half a minute.",
    "Look at its log (in the job's last step, `Stop containers`); crane's image needs"
    " `command: registry serve --address :5000`, and the job must be the one with `services:`.",
    exit_code=3,
)
GITHUB_UNREACHABLE = Code(
    "GS3007",
    "GitHub could not be reached",
    "It did not answer, or answered with a server error or a rate limit, after several tries.",
    "Check https://www.githubstatus.com, then run it again.",
    exit_code=3,
)
GITHUB_DENIED = Code(
    "GS3008",
    "GitHub denies access",
    "The token is missing, has expired, or does not grant this.",
    "In the workflow, grant the job `permissions: contents: write` and `pull-requests: write`, and"
    " leave the input `token` at its default.",
    exit_code=3,
)
GITHUB_REFUSED = Code(
    "GS3009",
    "GitHub refused the request",
    "It answered with an error of its own: the repository is not there or is empty, or a rule of"
    " it forbids this.",
    "Read its answer above.",
    exit_code=3,
)
NOT_IN_REGISTRY = Code(
    "GS3010",
    "The registry does not have the image",
    "A signature of an image that nobody can pull says nothing, and no tag can move to it.",
    "Push the image to that repository, by this very digest, then run the check again; or sign the"
    " digest that is there.",
)

ALL: tuple[Code, ...] = tuple(
    value for value in list(globals().values()) if isinstance(value, Code)
)
BY_ID: dict[str, Code] = {code.id: code for code in ALL}


def _by_id(identifier: str) -> Code:
    return BY_ID[identifier]
