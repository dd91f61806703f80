"""What :mod:`anymail.database.columns` has, under the name that applications may still import."""

from ..database.columns import ADDRESS_LENGTH, address_key

__all__ = ["ADDRESS_LENGTH", "address_key"]
