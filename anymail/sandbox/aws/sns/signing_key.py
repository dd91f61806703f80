"""The key that the sandbox's SNS signs with, in place of Amazon's.

Source: Amazon SNS Developer Guide, "Verifying the signatures of Amazon SNS messages".
"""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any, cast

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from ....amazon_ses.timestamps import utc_now
from ....testing.sns import make_certificate, sign_document
from ... import SandboxError

VALID = timedelta(days=3650)
#: Clocks differ, for example those of containers.
CLOCK_SKEW = timedelta(days=1)
HEAD = b"# A signing key of anymail.sandbox. It may be deleted at any time.\n"


class SigningKey:
    """A private key, and the certificate that webhooks check its signatures with.

    :param pem: both of them.
    :raises ValueError: something is not there.
    """

    def __init__(self, pem: bytes) -> None:
        self.pem = pem
        key = serialization.load_pem_private_key(pem, password=None)
        self.private_key: rsa.RSAPrivateKey = cast(rsa.RSAPrivateKey, key)
        certificate = x509.load_pem_x509_certificate(pem)
        self.certificate: str = certificate.public_bytes(Encoding.PEM).decode()

    @classmethod
    def generate(cls) -> SigningKey:
        """A new key, in memory only."""
        key, now = rsa.generate_private_key(public_exponent=65537, key_size=2048), utc_now()
        certificate = make_certificate(key, now - CLOCK_SKEW, now + VALID)
        private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        return cls(HEAD + private + certificate.encode())

    @classmethod
    def load_or_create(cls, path: Path) -> SigningKey:
        """The key in a file, so that settings with its certificate stay valid.

        :raises SandboxError: the file cannot be read or written, or is something else.
        """
        try:
            if not path.exists():
                path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
                # At once, for other processes; only its owner can read it.
                with tempfile.NamedTemporaryFile(dir=path.parent, delete=False) as file:
                    file.write(cls.generate().pem)
                os.replace(file.name, path)
            return cls(path.read_bytes())
        except OSError as err:
            raise SandboxError(f"The signing key cannot be kept in {path}: {err}") from err
        except (TypeError, ValueError, UnsupportedAlgorithm) as err:
            raise SandboxError(
                f"{path} is not a signing key of the sandbox. Delete it, or name another file."
            ) from err

    @property
    def url(self) -> str:
        """The ``SigningCertURL`` of messages. Nothing is there: see :attr:`certificates`."""
        digest = hashlib.sha256(self.certificate.encode()).hexdigest()[:32]
        return f"https://sns.us-east-1.amazonaws.com/SimpleNotificationService-{digest}.pem"

    @property
    def certificates(self) -> dict[str, str]:
        """The setting ``AMAZON_SES_SNS_CERTIFICATES`` with which webhooks trust the key."""
        return {self.url: self.certificate}

    @property
    def secret(self) -> str:
        """A ``user:password`` for ``WEBHOOK_SECRET``, which stays the same as long as the key."""
        digest = hashlib.sha256(b"WEBHOOK_SECRET\n" + self.pem).hexdigest()[:32]
        return f"sns:{digest}"

    def sign(self, fields: Mapping[str, Any], signature_version: str) -> dict[str, Any]:
        """Add the signature to an SNS message.

        :param signature_version: ``"1"`` or ``"2"``.
        """
        return sign_document(fields, self.private_key, self.url, signature_version)


def default_key_file() -> Path:
    """In the user's cache folder (XDG Base Directory Specification).

    :raises SandboxError: there is none.
    """
    try:
        cache = Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser()
    except RuntimeError as err:
        raise SandboxError(
            "There is no home folder to keep the signing key in. Name a file: --key-file."
        ) from err
    return cache / "django-anymail-ses" / "sandbox.pem"
