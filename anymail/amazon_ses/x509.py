"""The certificates that SNS signs with: X.509, with an RSA key.

Sources: Amazon SNS Developer Guide, "Verifying the signatures of Amazon SNS messages"; RFC 8017
section 8.2 (the signature scheme).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import TYPE_CHECKING

from ..exceptions import AnymailConfigurationError, AnymailWebhookValidationFailure

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.padding import AsymmetricPadding
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
    from cryptography.hazmat.primitives.hashes import HashAlgorithm


@dataclass(frozen=True, kw_only=True)
class Certificate:
    """A signing certificate, parsed.

    :param verifiers: for each SignatureVersion, a function that takes the signature and the text,
        and raises :exc:`~anymail.exceptions.AnymailWebhookValidationFailure` if they do not match.
    :param not_before: the start of its validity.
    :param not_after: the end of it.
    """

    verifiers: Mapping[str, Callable[[bytes, bytes], None]]
    not_before: datetime
    not_after: datetime


def usable_certificate(pem: str, now: datetime) -> Certificate:
    """The certificate in a PEM text.

    :param now: aware.
    :raises AnymailConfigurationError: it is not a valid certificate, so it comes from a setting:
        fetched ones were checked before.
    :raises AnymailWebhookValidationFailure: it is not valid at this time.
    """
    try:
        certificate = load_certificate(pem)
    except (AttributeError, TypeError, ValueError) as err:
        raise AnymailConfigurationError(
            f'A value in ANYMAIL["AMAZON_SES_SNS_CERTIFICATES"] is not a valid certificate: {err}'
        ) from err
    if not certificate.not_before <= now <= certificate.not_after:
        raise AnymailWebhookValidationFailure(
            "The SNS signing certificate is not valid (expired, or our clock is wrong)."
        )
    return certificate


@lru_cache(maxsize=64)
def load_certificate(pem: str) -> Certificate:
    """Parse a PEM text; results are cached.

    :raises ValueError: it is not exactly one X.509 certificate with an RSA key.
    """
    from cryptography import x509
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

    found = x509.load_pem_x509_certificates(pem.encode("ascii", "replace"))
    if len(found) != 1:
        raise ValueError(f"expected one certificate, found {len(found)}")
    public_key = found[0].public_key()
    if not isinstance(public_key, RSAPublicKey):
        raise ValueError("its key is not an RSA key")
    return Certificate(
        verifiers={version: _verifier(public_key, version) for version in signature_schemes()},
        not_before=found[0].not_valid_before_utc,
        not_after=found[0].not_valid_after_utc,
    )


def signature_schemes() -> dict[str, tuple[AsymmetricPadding, HashAlgorithm]]:
    """By SignatureVersion: the padding (RFC 8017 section 8.2) and the hash."""
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15

    return {"1": (PKCS1v15(), hashes.SHA1()), "2": (PKCS1v15(), hashes.SHA256())}  # noqa: S303


def _verifier(public_key: RSAPublicKey, version: str) -> Callable[[bytes, bytes], None]:
    from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm

    padding, algorithm = signature_schemes()[version]

    def verify(signature: bytes, text: bytes) -> None:
        try:
            public_key.verify(signature, text, padding, algorithm)
        except InvalidSignature:
            raise AnymailWebhookValidationFailure("The SNS signature is wrong.") from None
        except UnsupportedAlgorithm as err:
            raise AnymailWebhookValidationFailure(
                f"This system cannot check SNS signatures of version {version} (is SHA-1 "
                "disabled?). Set the attribute SignatureVersion of the SNS topic to 2."
            ) from err

    return verify
