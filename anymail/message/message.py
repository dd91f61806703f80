"""AnymailMessage, which applications send."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date, datetime
from pathlib import Path
from typing import Any, Literal
from uuid import UUID

from asgiref.sync import sync_to_async
from django.core.mail import EmailMessage, EmailMultiAlternatives
from django.utils.functional import Promise

from ..conf import UNSET
from ..exceptions import AnymailAPIError
from .inline_images import attach_inline_image, attach_inline_image_file
from .status import AnymailStatus


class AnymailMessageMixin(EmailMessage):
    """Adds the attributes of Anymail to an e-mail message class of your own.

    Each is also a keyword of the constructor; None means "none, even if ``SEND_DEFAULTS`` has one".
    They work on plain Django messages too, once they are set. Nothing is checked before the message
    is sent.

    :param esp_extra: dict of parameters for the API call, by the names of SES.
    :param envelope_sender: the one address that bounces go to.
    :param metadata: dict that JSON can hold; comes back in tracking events.
    :param tags: list of strings; come back in tracking events.
    :param template_id: the name of an SES template.
    :param merge_data: dict of address (without display name) to dict of variables.
    :param merge_global_data: dict of variables for every recipient.
    :param merge_metadata: dict of address to metadata.
    :param merge_headers: dict of address to dict of headers.
    :param merge_track_clicks: dict of address to bool: ``track_clicks`` for this recipient.
        Recipients with different values are in different API calls.
    :param merge_track_opens: dict of address to bool: ``track_opens`` for this recipient.
    :param send_at: datetime, date (its midnight) or POSIX timestamp (seconds): the app
        ``anymail.outbox`` sends the message then, or soon after; a naive datetime is in Django's
        current time zone. SES itself cannot send later, and backends that send directly refuse it
        and the four attributes after it.
    :param priority: int from -100 to 100: the outbox sends messages with higher numbers first;
        0 unless given.
    :param expires_at: like ``send_at``: if the outbox has not sent the message until then, it
        never does.
    :param idempotency_key: string of 1 to 256 characters: of messages with the same key the outbox
        stores and sends the first only.
    :param on_doubt: ``"hold"`` or ``"resend"``: what the outbox does with a message that SES may
        or may not have accepted, because an answer never came. Held, it is never sent twice;
        resent, it may be. ``"hold"`` unless given.
    :param tenant: the name of an SES tenant, in whose name it is sent; v2 API only.
    :param track_clicks: bool: whether SES tracks clicks on links, whatever the configuration set
        says; v2 API only.
    :param track_opens: bool: whether SES tracks opens, whatever the configuration set says; v2 API
        only.
    """

    #: For :class:`anymail.backends.test.EmailBackend`: the response to return or error to raise.
    anymail_test_response: AnymailAPIError | Mapping[str, Any] | None
    #: The id of the message in the outbox; None unless it is stored there.
    outbox_id: UUID | None = None
    #: The parameters that that backend recorded.
    anymail_test_params: dict[str, Any]

    def __init__(
        self,
        *args: Any,
        esp_extra: Mapping[str, Any] | type[UNSET] | None = UNSET,
        envelope_sender: str | Promise | type[UNSET] | None = UNSET,
        metadata: Mapping[str, Any] | type[UNSET] | None = UNSET,
        merge_headers: Mapping[str, Mapping[str, Any]] | type[UNSET] | None = UNSET,
        merge_metadata: Mapping[str, Mapping[str, Any]] | type[UNSET] | None = UNSET,
        merge_track_clicks: Mapping[str, bool] | type[UNSET] | None = UNSET,
        merge_track_opens: Mapping[str, bool] | type[UNSET] | None = UNSET,
        send_at: datetime | date | float | type[UNSET] | None = UNSET,
        priority: int | type[UNSET] | None = UNSET,
        expires_at: datetime | date | float | type[UNSET] | None = UNSET,
        idempotency_key: str | type[UNSET] | None = UNSET,
        on_doubt: Literal["hold", "resend"] | type[UNSET] | None = UNSET,
        tags: Iterable[str | Promise] | type[UNSET] | None = UNSET,
        tenant: str | Promise | type[UNSET] | None = UNSET,
        track_clicks: bool | type[UNSET] | None = UNSET,
        track_opens: bool | type[UNSET] | None = UNSET,
        template_id: str | Promise | type[UNSET] | None = UNSET,
        merge_data: Mapping[str, Mapping[str, Any]] | type[UNSET] | None = UNSET,
        merge_global_data: Mapping[str, Any] | type[UNSET] | None = UNSET,
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, **kwargs)
        self.esp_extra: Any = esp_extra
        self.envelope_sender: Any = envelope_sender
        self.metadata: Any = metadata
        self.merge_headers: Any = merge_headers
        self.merge_metadata: Any = merge_metadata
        self.merge_track_clicks: Any = merge_track_clicks
        self.merge_track_opens: Any = merge_track_opens
        self.send_at: Any = send_at
        self.priority: Any = priority
        self.expires_at: Any = expires_at
        self.idempotency_key: Any = idempotency_key
        self.on_doubt: Any = on_doubt
        self.tags: Any = tags
        self.tenant: Any = tenant
        self.track_clicks: Any = track_clicks
        self.track_opens: Any = track_opens
        self.template_id: Any = template_id
        self.merge_data: Any = merge_data
        self.merge_global_data: Any = merge_global_data
        #: The result of sending; a new one each time.
        self.anymail_status: AnymailStatus = AnymailStatus()

    async def asend(self, fail_silently: bool = False, **kwargs: Any) -> int:
        """Send the message from async code, with any backend: ``await message.asend()``.

        :meth:`~django.core.mail.EmailMessage.send` runs in the thread in which Django's async ORM
        runs, too. The event loop goes on meanwhile.

        :param fail_silently: as for ``send()``.
        :param kwargs: what else ``send()`` takes: ``using`` on Django 6.1.
        :return: the number of messages sent: 1 or 0.
        :raises Exception: what ``send()`` raises.
        """
        return await sync_to_async(self.send)(fail_silently=fail_silently, **kwargs)

    def attach_inline_image_file(
        self,
        path: str | Path,
        subtype: str | None = None,
        idstring: str = "img",
        domain: str | None = None,
    ) -> str:
        """Attach an image file for use in the HTML body.

        Arguments, result and errors are those of :func:`attach_inline_image_file`.
        """
        return attach_inline_image_file(self, path, subtype, idstring, domain)

    def attach_inline_image(
        self,
        content: bytes,
        filename: str | None = None,
        subtype: str | None = None,
        idstring: str = "img",
        domain: str | None = None,
    ) -> str:
        """Attach an image for use in the HTML body.

        Arguments, result and errors are those of :func:`attach_inline_image`.
        """
        return attach_inline_image(self, content, filename, subtype, idstring, domain)


class AnymailMessage(AnymailMessageMixin, EmailMultiAlternatives):
    """A Django message with the attributes of Anymail: see :class:`AnymailMessageMixin`."""
