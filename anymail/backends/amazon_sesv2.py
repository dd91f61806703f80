"""The e-mail backend for Amazon SES, API v2."""

from __future__ import annotations

from typing import ClassVar

from ..amazon_ses import api_v2
from ..calls import SendApi
from . import amazon_ses


class EmailBackend(amazon_ses.EmailBackend):
    """Sends through Amazon SES, with ``SendEmail`` and ``SendBulkEmail``.

    Source: Amazon SES API v2 Reference, the pages of these two actions.

    The settings, keywords, statuses and errors are those of
    :class:`anymail.backends.amazon_ses.EmailBackend`; ``AMAZON_SES_API_VERSION`` has no effect.
    """

    fixed_api: ClassVar[SendApi | None] = api_v2
