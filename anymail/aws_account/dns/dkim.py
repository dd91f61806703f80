"""DKIM's key records, and lists of tags in general (RFC 6376, sections 3.2 and 3.6.1)."""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Collection

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import load_der_public_key


def parse_tags(text: str) -> dict[str, str]:
    """``a=1; b=2`` as a dict. What has no ``=`` is left out; the first of equal tags counts."""
    tags: dict[str, str] = {}
    for part in text.split(";"):
        name, has_value, value = part.partition("=")
        if has_value:
            tags.setdefault(name.strip().lower(), value.strip())
    return tags


def has_key(texts: Collection[str]) -> bool:
    """Whether a key is published: of any kind, and not revoked by an empty ``p``."""
    return any(map(_key, texts))


def rsa_bits(texts: Collection[str]) -> int | None:
    """The length of the RSA key that is published; None if there is none that can be read."""
    for text in texts:
        try:
            key = load_der_public_key(b64decode(_key(text)))
        except (ValueError, UnsupportedAlgorithm):
            continue
        if isinstance(key, RSAPublicKey):
            return key.key_size
    return None


def _key(text: str) -> str:
    """The key in a record, in Base64; empty if it is another record, or revokes a key."""
    tags = parse_tags(text)
    return "".join(tags.get("p", "").split()) if tags.get("v", "DKIM1") == "DKIM1" else ""
