"""The e-mail backend for Amazon SES, API v1, by the name that django-anymail 10 had for it."""

from __future__ import annotations

from typing import ClassVar

from ..amazon_ses import api_v1
from ..calls import SendApi
from . import amazon_ses


class EmailBackend(amazon_ses.EmailBackend):
    """:class:`anymail.backends.amazon_ses.EmailBackend` with the API v1.

    ``AMAZON_SES_API_VERSION`` has no effect.
    """

    fixed_api: ClassVar[SendApi | None] = api_v1
