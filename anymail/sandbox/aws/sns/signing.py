"""SigningKey: what the sandbox's SNS signs with, in place of Amazon's key.

Source: Amazon SNS Developer Guide, "Verifying the signatures of Amazon SNS messages".
"""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ....amazon_ses.timestamps import utc_now
from ....testing.sns import make_certificate, sign_document
from ... import SandboxError

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

VALID = timedelta(days=3650)
#: A kept key is renewed when its certificate is valid for less than this.
SPARE = timedelta(days=30)
#: Clocks differ, for example those of containers.
CLOCK_SKEW = timedelta(days=1)
#: How files begin that may be replaced.
HEAD = b"# A signing key of anymail.sandbox. It may be deleted at any time.\n"
#: A key and its certificate have about 3 KB.
MAX_FILE_SIZE = 64 * 1024


@dataclass(frozen=True, kw_only=True)
class SigningKey:
    """A private key, and the certificate that webhooks check its signatures with.

    :param certificate: as PEM text.
    """

    private_key: RSAPrivateKey = field(repr=False)
    certificate: str = field(repr=False)

    @classmethod
    def fresh(cls, valid: timedelta = VALID) -> SigningKey:
        """A new key, in memory only.

        :param valid: how long the certificate is valid.
        """
        from cryptography.hazmat.primitives.asymmetric import rsa

        key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        now = utc_now()
        return cls(
            private_key=key, certificate=make_certificate(key, now - CLOCK_SKEW, now + valid)
        )

    @classmethod
    def kept(cls, path: Path) -> SigningKey:
        """The key in a file, so that settings that name its certificate stay valid.

        There is a new one if the file does not exist yet, is damaged, can be read by others, or if
        the certificate expires soon.

        :raises SandboxError: the file cannot be read or written, or is something else.
        """
        try:
            kept = _read(path)
            if kept is not None:
                return kept
            made = cls.fresh()
            _write(path, made)
            # Another process may have been faster; then it is its key that stays.
            return _read(path) or made
        except OSError as err:
            raise SandboxError(f"The signing key cannot be kept in {path}: {err}") from err

    @property
    def url(self) -> str:
        """Where SNS's messages say that the certificate is. Nothing is there.

        It belongs into ``AMAZON_SES_SNS_CERTIFICATES``, see :attr:`certificates`.
        """
        digest = hashlib.sha256(self.certificate.encode()).hexdigest()[:32]
        return f"https://sns.us-east-1.amazonaws.com/SimpleNotificationService-{digest}.pem"

    @property
    def certificates(self) -> dict[str, str]:
        """The setting ``AMAZON_SES_SNS_CERTIFICATES`` that makes webhooks believe the key."""
        return {self.url: self.certificate}

    @property
    def secret(self) -> str:
        """A ``user:password`` for ``WEBHOOK_SECRET``, which stays the same as long as the key."""
        digest = hashlib.sha256(b"WEBHOOK_SECRET\n" + _pem(self)).hexdigest()[:32]
        return f"sns:{digest}"

    def sign(self, fields: Mapping[str, Any], signature_version: str) -> dict[str, Any]:
        """Add to an SNS document what concerns the signature.

        :param signature_version: ``"1"`` or ``"2"``, the topic's attribute.
        :raises AnymailWebhookValidationFailure: SNS never sends such a document.
        """
        return sign_document(fields, self.private_key, self.url, signature_version)


def default_key_file() -> Path:
    """In the folder for what may be deleted (XDG Base Directory Specification).

    :raises SandboxError: there is none.
    """
    try:
        cache = Path(os.environ.get("XDG_CACHE_HOME", ""))
        if not cache.is_absolute():  # then the specification says to ignore it
            cache = Path.home() / ".cache"
    except RuntimeError as err:
        raise SandboxError(
            "There is no home folder to keep the signing key in. Name a file: --key-file."
        ) from err
    return cache / "django-anymail-ses" / "sandbox.pem"


def _read(path: Path) -> SigningKey | None:
    """The key in a file; None if there is to be another one in its place.

    :raises SandboxError: the file is something else, perhaps of somebody who needs it.
    """
    from cryptography.exceptions import UnsupportedAlgorithm

    try:
        with path.open("rb") as file:
            content = file.read(MAX_FILE_SIZE)
            is_open = os.name == "posix" and os.fstat(file.fileno()).st_mode & 0o077
    except FileNotFoundError:
        return None
    if not HEAD.startswith(content[: len(HEAD)]):
        raise SandboxError(f"{path} is not a signing key of the sandbox. Name another file.")
    try:
        return None if is_open else _parse(content)
    except (TypeError, ValueError, UnsupportedAlgorithm):
        return None


def _parse(content: bytes) -> SigningKey | None:
    from cryptography import x509
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
    from cryptography.hazmat.primitives.serialization import Encoding, load_pem_private_key

    private_key = load_pem_private_key(content, password=None)
    certificate = x509.load_pem_x509_certificate(content)
    if (
        not isinstance(private_key, RSAPrivateKey)
        or certificate.public_key() != private_key.public_key()
        or certificate.not_valid_after_utc - utc_now() < SPARE
        or certificate.not_valid_before_utc > utc_now()
    ):
        return None
    pem = certificate.public_bytes(Encoding.PEM).decode()
    return SigningKey(private_key=private_key, certificate=pem)


def _write(path: Path, key: SigningKey) -> None:
    """Replace a file, so that nobody ever sees half of it, or any of it but its owner."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(HEAD + _pem(key) + key.certificate.encode())
        os.replace(name, path)
    except OSError:
        os.unlink(name)
        raise


def _pem(key: SigningKey) -> bytes:
    from cryptography.hazmat.primitives.serialization import (
        Encoding,
        NoEncryption,
        PrivateFormat,
    )

    return key.private_key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
