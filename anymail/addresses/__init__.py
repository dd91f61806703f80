"""E-mail addresses: reading and writing them (RFC 5322, RFC 2047, RFC 5891)."""

from .address import EmailAddress, parse_address_list, parse_single_address
from .idna_encoders import IDNA_ENCODERS, IdnaEncoder, idna_encoder

__all__ = [
    "IDNA_ENCODERS",
    "EmailAddress",
    "IdnaEncoder",
    "idna_encoder",
    "parse_address_list",
    "parse_single_address",
]
