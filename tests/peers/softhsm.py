"""A P-256 key in a PKCS#11 token made of software: to cosign, the same as a hardware key."""

import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from . import cosign, tools

LABEL = "test"
PIN = "1234"
CONFIGURATION = """\
directories.tokendir = {directory}
objectstore.backend = file
log.level = ERROR
"""


@contextmanager
def key_pair(program: cosign.Cosign) -> Iterator[cosign.KeyPair]:
    """The URI names the token, the key and the module; the PIN is in the environment."""
    utility, library = tools.find("softhsm2-util"), module()
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        configuration = directory / "softhsm2.conf"
        configuration.write_text(CONFIGURATION.format(directory=directory))
        plain = directory / "plain.pem"
        plain.write_bytes(cosign.pkcs8(cosign.generate("p256")))
        settings = {"SOFTHSM2_CONF": str(configuration)}
        for action in (
            ("--init-token", "--free", "--so-pin", PIN),
            ("--import", str(plain), "--token", LABEL, "--id", "01"),
        ):
            command = [utility, *action, "--label", LABEL, "--pin", PIN]
            subprocess.run(command, env=settings, check=True)
        uri = f"pkcs11:token={LABEL};object={LABEL}?module-path={library}"
        environment = {**settings, "COSIGN_PKCS11_PIN": PIN}
        public = directory / "public.pem"
        public.write_text(program.public_key(uri, environment))
        yield cosign.KeyPair(uri, public, environment)


def module() -> Path:
    """SoftHSM's library, which cosign loads; Debian has it with and without the architecture."""
    for place in ("softhsm", "*/softhsm"):
        for library in Path("/usr/lib").glob(f"{place}/libsofthsm2.so"):
            return library
    return tools.missing("libsofthsm2.so")
