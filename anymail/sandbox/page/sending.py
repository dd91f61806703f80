"""The composed message -> the real e-mail backend -> what became of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.core.exceptions import ImproperlyConfigured
from django.utils.module_loading import import_string

from ...addresses import EmailAddress
from ...exceptions import AnymailAPIError, AnymailError
from ...message import AnymailMessage, AnymailRecipientStatus
from ..journal import SentMail
from .contents import content_of, part_bytes, part_of

#: The backends by the API they use. The site has settings for both, so they need no options.
BACKENDS = {
    "v1": "anymail.backends.amazon_ses.EmailBackend",
    "v2": "anymail.backends.amazon_sesv2.EmailBackend",
}
#: Whoever is on the list of the feedback app.
SUPPRESSED = "Suppressed"
#: What a message can be refused with; a ValueError is Django's answer to a line break in a header.
REFUSALS = (AnymailError, ImproperlyConfigured, ValueError)


#: What errors advise about a project's settings, and what comes to the same on the page.
ADVICE = {
    BACKENDS["v2"]: "On this page: choose API v2 below.",
    "AMAZON_SES_SPLIT_RECIPIENTS": "On this page: name fewer recipients.",
}


@dataclass(frozen=True, kw_only=True)
class Refusal:
    """Why a message was not sent.

    :param code: Amazon's word for it.
    :param advice: what to do about it on the page.
    :param details: all of the error; empty if the text is that already.
    """

    text: str
    code: str = ""
    advice: str = ""
    details: str = ""


@dataclass(frozen=True, kw_only=True)
class Unsent:
    """A recipient to whom nothing was sent."""

    address: str
    code: str
    reason: str

    @property
    def is_suppressed(self) -> bool:
        """The database's suppression list is the reason."""
        return self.code == SUPPRESSED


@dataclass(frozen=True, kw_only=True)
class Result:
    """What became of a message.

    :param message_ids: those that SES gave; for a template there are several.
    """

    message_ids: list[str]
    unsent: list[Unsent]


def build(data: Mapping[str, Any], sent_before: SentMail | None = None) -> AnymailMessage:
    """The message that a :class:`.forms.ComposeForm` asks for.

    :param sent_before: whose attachments it has, too.
    """
    message = AnymailMessage(
        subject=data["subject"],
        body=data["text"].replace("\r\n", "\n"),
        from_email=data["from_email"],
        to=_strings(data["to"]),
        cc=_strings(data["cc"]),
        bcc=_strings(data["bcc"]),
        reply_to=_strings(data["reply_to"]),
        headers=data["headers"],
        tags=data["tags"] or None,
        metadata=data["metadata"],
        esp_extra=data["esp_extra"],
        merge_data=data["merge_data"],
        merge_global_data=data["merge_global_data"],
        template_id=data["template_id"] or None,
    )
    html = data["html"].replace("\r\n", "\n")
    if sent_before:
        html = _attach_again(message, html, sent_before)
    if html:
        message.attach_alternative(html, "text/html")
    for file in data["attachments"]:
        message.attach(file.name, file.read(), file.content_type or "application/octet-stream")
    return message


def _attach_again(message: AnymailMessage, html: str, sent: SentMail) -> str:
    """Attach the files of another message; gives the HTML with the new ids of its images."""
    for file in content_of(sent.raw).files:
        content = part_bytes(part_of(sent.raw, file))
        main_type, _, subtype = file.content_type.partition("/")
        if file.content_id and main_type == "image":
            id = message.attach_inline_image(content, file.name, subtype)
            html = html.replace(f"cid:{file.content_id}", f"cid:{id}")
        else:
            message.attach(file.name, content, file.content_type)
    return html


def send(message: AnymailMessage, api: str) -> Result:
    """Send a message.

    :param api: one of :data:`BACKENDS`.
    :raises Exception: one of :data:`REFUSALS`; nothing was sent.
    """
    # As Django does it for the chosen mailer or connection; each Django version has its own way to
    # choose one, and this works with all.
    import_string(BACKENDS[api])().send_messages([message])
    status = message.anymail_status
    ids = status.message_id if isinstance(status.message_id, set) else {status.message_id}
    return Result(
        message_ids=sorted(str(one) for one in ids if one is not None),
        unsent=unsent(status.recipients),
    )


def refusal(error: Exception) -> Refusal:
    """What an error says, Amazon's own words first."""
    whole = str(error)
    advice = next((here for word, here in ADVICE.items() if word in whole), "")
    if not isinstance(error, AnymailAPIError):
        return Refusal(text=whole, advice=advice)
    said = (error.response or {}).get("Error", {}).get("Message", "")
    text = "\n".join(map(str, (said, *error.args[1:]))) if said else whole
    return Refusal(
        text=text,
        code=error.error_code or "",
        advice=advice,
        details=whole if text != whole else "",
    )


def unsent(recipients: Mapping[str, AnymailRecipientStatus]) -> list[Unsent]:
    """Those to whom nothing was sent."""
    return [
        Unsent(
            address=address,
            code=status.error_code or str(status.status),
            reason=status.error_message or "",
        )
        for address, status in recipients.items()
        if status.status in ("rejected", "failed", "invalid")
    ]


def _strings(addresses: list[EmailAddress]) -> list[str]:
    return [str(address) for address in addresses]
