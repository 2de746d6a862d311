"""The real cosign, out of reach of the user's settings, of the internet and of every log."""

import json
import subprocess
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from . import tools

PrivateKey = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey

NOTHING: Mapping[str, str] = {}
# Nothing listens there, so that what would go out to the internet fails, and at once: cosign 2's
# `verify` asks for Sigstore's root even where no log counts, and goes on without. Go never takes
# a proxy for loopback.
NOWHERE = "http://127.0.0.1:9"
SECONDS = 60


@dataclass(frozen=True, slots=True)
class KeyPair:
    private: str  # as cosign's --key takes it: a file or a URI
    public: Path
    environment: Mapping[str, str]  # what cosign needs to use the private one


class CosignError(Exception):
    """Its text is what cosign wrote."""


@dataclass(frozen=True, slots=True)
class Cosign:
    path: Path
    major: Literal[2, 3]

    def generate_key(self, kind: Literal["p256", "rsa"], directory: Path) -> KeyPair:
        """A new key file of cosign's own format, with an empty password."""
        prefix = Path(tempfile.mkdtemp(dir=directory), kind)
        plain = prefix.with_suffix(".pem")
        plain.write_bytes(pkcs8(generate(kind)))
        environment = {"COSIGN_PASSWORD": ""}
        arguments = ("--key", str(plain), "--output-key-prefix", str(prefix))
        self.run("import-key-pair", *arguments, environment=environment)
        return KeyPair(f"{prefix}.key", prefix.with_suffix(".pub"), environment)

    def public_key(self, private: str, environment: Mapping[str, str]) -> str:
        return self.run("public-key", "--key", private, environment=environment)

    def sign(
        self,
        image: str,
        key: KeyPair,
        *,
        annotations: Mapping[str, str] = NOTHING,
        recursive: bool = False,
        identity: str | None = None,
    ) -> None:
        """Writes `.sig` signatures beside the image; `identity` becomes their docker-reference."""
        arguments = ["--key", key.private, "--new-bundle-format=false", "--tlog-upload=false"]
        if self.major == 3:
            arguments += ["--use-signing-config=false"]  # or it refuses --tlog-upload=false
        if recursive:
            arguments += ["--recursive"]
        if identity:
            arguments += ["--sign-container-identity", identity]
        for name, value in annotations.items():
            arguments += ["--annotations", f"{name}={value}"]
        self.run("sign", *arguments, image, environment=key.environment)

    def verify(self, image: str, public_key: Path) -> list[dict[str, Any]]:
        """The signed payloads. Raises CosignError."""
        arguments = ("--key", str(public_key), "--insecure-ignore-tlog=true")
        payloads: list[dict[str, Any]] = json.loads(self.run("verify", *arguments, image))
        return payloads

    def download_signature(self, image: str) -> list[dict[str, Any]]:
        lines = self.run("download", "signature", image).splitlines()
        return [json.loads(line) for line in lines]

    def run(self, *arguments: str, environment: Mapping[str, str] = NOTHING) -> str:
        """Standard output. Nothing is inherited, and the home is empty: no login, no TUF cache."""
        with tempfile.TemporaryDirectory() as home:
            done = subprocess.run(
                [self.path, *arguments],
                env={"HOME": home, "HTTPS_PROXY": NOWHERE, **environment},
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                timeout=SECONDS,
            )
        if done.returncode:
            raise CosignError(f"{' '.join(arguments)}: exit {done.returncode}\n{done.stderr}")
        return done.stdout


def find(major: Literal[2, 3]) -> Cosign:
    return Cosign(tools.find(f"cosign{major}"), major)


def generate(kind: Literal["p256", "rsa"]) -> PrivateKey:
    if kind == "p256":
        return ec.generate_private_key(ec.SECP256R1())
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def pkcs8(key: PrivateKey) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
