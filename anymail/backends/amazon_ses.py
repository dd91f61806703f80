"""The e-mail backend for Amazon SES, API v1 or v2."""

from __future__ import annotations

import os
from collections.abc import Hashable, Mapping, Sequence
from functools import partial
from typing import Any, ClassVar

from django.core.mail import EmailMessage

from ..amazon_ses import ESP_NAME, api_v1, api_v2, aws, delivery
from ..amazon_ses.installed_botocore import botocore_version, known_parameters
from ..amazon_ses.newer_parameters import check_parameters
from ..amazon_ses.raw_calls import check_data
from ..amazon_ses.tenants import with_tenant
from ..calls import ApiCall, SendApi
from ..conf import AmazonSESSettings, current_settings
from ..exceptions import AnymailError
from ..outgoing import OutgoingMessage
from .base import AnymailBaseBackend

#: By AMAZON_SES_API_VERSION.
APIS: dict[int, SendApi] = {1: api_v1, 2: api_v2}


class EmailBackend(AnymailBaseBackend):
    """Sends through Amazon SES, with ``SendRawEmail`` and ``SendBulkTemplatedEmail`` of the API v1.

    With ``AMAZON_SES_API_VERSION`` 2 it is ``SendEmail`` and ``SendBulkEmail`` of the API v2.

    Source: Amazon Simple Email Service API Reference, and API v2 Reference, the pages of these
    actions.

    Each setting is also a keyword here, in lower case and without its prefix
    (``client_params=…``); on Django 6.1 the same words work in the ``OPTIONS`` of ``MAILERS``.

    :param fail_silently: see :class:`~anymail.backends.base.AnymailBaseBackend`.
    :param kwargs: settings by their lower-case names; what is left over goes to Django's class.
    :raises AnymailConfigurationError: a setting has the wrong type.
    """

    esp_name: ClassVar[str] = ESP_NAME
    #: The API of a subclass that ignores the setting.
    fixed_api: ClassVar[SendApi | None] = None

    def __init__(self, fail_silently: bool = False, **kwargs: Any) -> None:
        self.settings: AmazonSESSettings = current_settings().with_overrides(
            AmazonSESSettings, kwargs
        )
        super().__init__(
            fail_silently=fail_silently, send_defaults=self.settings.send_defaults, **kwargs
        )
        #: The module of the API, which builds the calls.
        self.api: SendApi = self.fixed_api or APIS[self.settings.api_version]
        self.client: Any = None
        self._opened_by = os.getpid()
        self._key: Hashable = None
        self.max_concurrency: int = self.settings.max_concurrency

    @property
    def session_params(self) -> dict[str, Any]:
        """The setting ``AMAZON_SES_SESSION_PARAMS``."""
        return self.settings.session_params

    @property
    def client_params(self) -> dict[str, Any]:
        """The setting ``AMAZON_SES_CLIENT_PARAMS``."""
        return self.settings.client_params

    @property
    def configuration_set_name(self) -> str | None:
        """The setting ``AMAZON_SES_CONFIGURATION_SET_NAME``."""
        return self.settings.configuration_set_name

    @property
    def message_tag_name(self) -> str | None:
        """The setting ``AMAZON_SES_MESSAGE_TAG_NAME``."""
        return self.settings.message_tag_name

    def open(self) -> bool:
        """Take a boto3 client from the cache, or create it.

        A backend that stays open takes another client once the credentials that boto3 would find
        have changed, or were refused.

        :return: whether there was none before.
        :raises AnymailAPIError: it cannot be created; not with ``fail_silently``.
        :raises AnymailConfigurationError: boto3 does not know a parameter.
        """
        was_open = self.client is not None
        if was_open and not self._is_outdated():
            return False
        self.client = self._key = None
        try:
            self._key = aws.key_of_client(self.api.SERVICE, self.settings)
            self.client = aws.client(self.api.SERVICE, self.settings)
            self._opened_by = os.getpid()
        except AnymailError:
            if not self.fail_silently:
                raise
        return self.client is not None and not was_open

    def _is_outdated(self) -> bool:
        # After a fork, parent and child would write to the same connections.
        if self._opened_by != os.getpid() or aws.is_dropped(self.client):
            return True
        if self._key is None:  # set by the application
            return False
        return self._key != aws.key_of_client(self.api.SERVICE, self.settings)

    def close(self) -> None:
        """Drop the client; it stays in the cache, with its connections."""
        self.client = self._key = None

    def defaults_for(self, message: EmailMessage) -> Mapping[str, Any]:
        """``SEND_DEFAULTS``, and the tenant of ``AMAZON_SES_TENANT`` if the message has none.

        :raises AnymailConfigurationError: the function in the setting cannot be imported.
        :raises Exception: what that function raises.
        """
        return with_tenant(self.send_defaults, message, self.settings)

    def build_calls(self, message: OutgoingMessage) -> Sequence[ApiCall]:
        """Turn a message into calls of the API.

        :raises AnymailError: SES or the installed botocore cannot express it, or SES would not
            deliver it; the text says why.
        """
        calls = self.api.build_calls(message, self.settings, self.send_settings)
        known = partial(known_parameters, self.client)
        check_parameters(calls, known, botocore_version())
        return calls

    def sends_apart(self, message: OutgoingMessage) -> bool:
        """Whether the API sends each recipient in ``to`` a message of its own: a template."""
        return self.api.sends_apart(message, self.settings)

    def check_calls(self, message: OutgoingMessage) -> None:
        """Refuse what the API would refuse.

        Its size is only estimated, and whether the installed botocore is new enough is not checked.

        :raises AnymailError: SES cannot express it, or would not deliver it; the text says why.
        """
        self.api.build_calls(message, self.settings, self.send_settings, check_data)

    def run(self, call: ApiCall) -> Mapping[str, Any]:
        """Post a call, within the rate limits of the settings; see :func:`.delivery.run`.

        :return: the response as boto3 returns it.
        :raises AnymailAPIError: what the last attempt failed with.
        """
        # Another thread that shares this backend may just have closed it.
        client = self.client or aws.client(self.api.SERVICE, self.settings)
        return delivery.run(call, client, self.settings)


def __getattr__(name: str) -> Any:
    """``boto3`` and ``BOTO_BASE_ERRORS``, for existing code that takes them from here."""
    if name == "boto3":
        return aws.import_boto3()
    if name == "BOTO_BASE_ERRORS":
        from ..amazon_ses.boto_errors import BOTO_BASE_ERRORS

        return BOTO_BASE_ERRORS
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
