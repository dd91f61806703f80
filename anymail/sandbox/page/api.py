"""Messages as JSON, and how to find one."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from django import forms
from django.urls import reverse

from ..journal import SentMail, SesEvent
from .contents import Content, content_of
from .marks import marks
from .outcomes import chips, events_of
from .summaries import glance_at

#: Seconds that somebody may wait for a message, and those that are waited unless told.
MAX_TIMEOUT, TIMEOUT = 60, 10
#: Whether a message is one that is asked for.
Test = Callable[[SentMail], bool]


class FilterForm(forms.Form):
    """Which messages are asked for, and how long to wait for one."""

    to: forms.CharField = forms.CharField(required=False)
    subject: forms.CharField = forms.CharField(required=False)
    since: forms.DateTimeField = forms.DateTimeField(required=False)
    timeout: forms.FloatField = forms.FloatField(required=False, min_value=0, max_value=MAX_TIMEOUT)

    def clean(self) -> None:
        """Refuse what is not a filter: a misspelt one would let every message through."""
        if unknown := self.data.keys() - self.fields.keys():
            raise forms.ValidationError(
                f"Unknown: {', '.join(sorted(unknown))}. There are {', '.join(self.fields)}."
            )

    def test(self) -> Test:
        """Whether a message is meant, once the form is known to be valid."""
        data = self.cleaned_data
        to, subject, since = data["to"].casefold(), data["subject"].casefold(), data["since"]

        def is_meant(mail: SentMail) -> bool:
            return (
                (not since or mail.at >= since)
                and (not to or to in (address.casefold() for address in mail.recipients))
                and (not subject or subject in glance_at(mail.raw).subject.casefold())
            )

        return is_meant

    @property
    def problems(self) -> str:
        """What is wrong, on one line."""
        return " ".join(f"{name}: {errors[0]}" for name, errors in self.errors.items())


def summary(mail: SentMail) -> dict[str, Any]:
    """What the list says of a message."""
    return {
        "id": mail.id,
        "url": reverse("sandbox:message", args=[mail.id]),
        "at": mail.at.isoformat(),
        "subject": glance_at(mail.raw).subject,
        "envelope_sender": mail.source,
        "recipients": mail.recipients,
        "outcomes": {chip.word: list(chip.recipients) for chip in chips(mail)},
    }


def document(mail: SentMail) -> dict[str, Any]:
    """All of a message."""
    content = content_of(mail.raw)
    message = content.message
    return {
        **summary(mail),
        "from": str(message.get("From", "")),
        "to": [str(address) for address in message.to],
        "cc": [str(address) for address in message.cc],
        "text": content.text,
        "html": content.html,
        "headers": [[name, str(value)] for name, value in message.items()],
        **marks(mail),
        "attachments": _attachments(mail, content),
        "source_url": reverse("sandbox:message_source", args=[mail.id]),
        "events": [_event(event) for event in list(mail.events)],
    }


def _attachments(mail: SentMail, content: Content) -> list[Mapping[str, Any]]:
    return [
        {
            "name": file.name,
            "content_type": file.content_type,
            "size": file.size,
            "content_id": file.content_id or None,
            "url": reverse("sandbox:message_file", args=[mail.id, file.number]),
        }
        for file in content.files
    ]


def _event(event: SesEvent) -> dict[str, Any]:
    found = events_of(event)
    return {
        "type": event.kind,
        "at": event.at.isoformat(),
        "recipients": list(dict.fromkeys(one.recipient for one in found if one.recipient)),
        "document": event.document,
    }
