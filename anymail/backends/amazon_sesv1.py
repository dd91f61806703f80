"""The e-mail backend for Amazon SES, API v1, by the name that django-anymail 10 had for it."""

from .amazon_ses import EmailBackend

__all__ = ["EmailBackend"]
