"""The key that the sandbox's SNS signs with, in place of Amazon's.

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
from typing import Any

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from ....amazon_ses.timestamps import utc_now
from ....testing.sns import make_certificate, sign_document
from ... import SandboxError

VALID = timedelta(days=3650)
#: A stored key is renewed when its certificate is valid for less than this.
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

    private_key: rsa.RSAPrivateKey = field(repr=False)
    certificate: str = field(repr=False)

    @classmethod
    def generate(cls, valid: timedelta = VALID) -> SigningKey:
        """A new key, in memory only.

        :param valid: how long the certificate is valid.
        """
        key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        now = utc_now()
        certificate = make_certificate(key, now - CLOCK_SKEW, now + valid)
        return cls(private_key=key, certificate=certificate)

    @classmethod
    def load_or_create(cls, path: Path) -> SigningKey:
        """The key in a file, so that settings with its certificate stay valid.

        It is replaced if the file is damaged, others can read it, or its certificate expires soon.

        :raises SandboxError: the file cannot be read or written, or is something else.
        """
        try:
            known = _read(path)
            if known is not None:
                return known
            made = cls.generate()
            _write(path, made.to_pem())
            # If another process was faster, its key stays.
            return _read(path) or made
        except OSError as err:
            raise SandboxError(f"The signing key cannot be kept in {path}: {err}") from err

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
        digest = hashlib.sha256(b"WEBHOOK_SECRET\n" + self._private_pem()).hexdigest()[:32]
        return f"sns:{digest}"

    def sign(self, fields: Mapping[str, Any], signature_version: str) -> dict[str, Any]:
        """Add the signature to an SNS message.

        :param signature_version: ``"1"`` or ``"2"``.
        """
        return sign_document(fields, self.private_key, self.url, signature_version)

    def to_pem(self) -> bytes:
        """The content of the file."""
        return HEAD + self._private_pem() + self.certificate.encode()

    def _private_pem(self) -> bytes:
        return self.private_key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )


def default_key_file() -> Path:
    """In the user's cache folder (XDG Base Directory Specification).

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
    """The key in a file; None if the file may be replaced.

    :raises SandboxError: the file is something else, which somebody may need.
    """
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
    private_key = serialization.load_pem_private_key(content, password=None)
    certificate = x509.load_pem_x509_certificate(content)
    begin, end = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    is_fresh = begin <= utc_now() < end - SPARE
    is_pair = certificate.public_key() == private_key.public_key()
    if not (isinstance(private_key, rsa.RSAPrivateKey) and is_pair and is_fresh):
        return None
    pem = certificate.public_bytes(serialization.Encoding.PEM).decode()
    return SigningKey(private_key=private_key, certificate=pem)


def _write(path: Path, content: bytes) -> None:
    """Replace a file at once. Only its owner can read it."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
        os.replace(name, path)
    except OSError:
        os.unlink(name)
        raise
