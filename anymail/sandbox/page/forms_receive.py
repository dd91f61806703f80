"""The forms to receive a mail: its source, or what to make one from."""

from __future__ import annotations

import re
from collections.abc import Sequence
from email.utils import format_datetime, make_msgid
from typing import Any, ClassVar

from django import forms
from django.core.exceptions import ValidationError

from ...inbound import AnymailInboundMessage
from ..journal import now
from ..samples import CUSTOMER, SUPPORT
from .fields import AddressesField, FilesField, HeadersField, on_one_line
from .forms import CODE, area, line, subject_line

#: What Amazon says of a received mail (SES Developer Guide, "Contents of notifications").
VERDICTS = ("PASS", "FAIL", "GRAY", "PROCESSING_FAILED", "DISABLED")
VERDICT_NAMES = ("spam", "virus", "spf", "dkim", "dmarc")
#: The largest mail that Amazon receives (SES Developer Guide, "Quotas").
MAX_LENGTH = 40_000_000
LINE_END = re.compile(rb"\r?\n")


class ArrivingForm(forms.Form):
    """What SES knows of a mail that arrives, besides the mail.

    :param rules: the receipt rules to choose from.
    """

    sender: forms.CharField = forms.CharField(
        required=False,
        label="Envelope sender",
        help_text="If empty: the address in From.",
        widget=line(),
    )
    recipients: AddressesField = AddressesField(
        required=False,
        label="Envelope recipients",
        help_text="If empty: the addresses in To and Cc.",
        widget=line(),
    )
    rule: forms.ChoiceField = forms.ChoiceField(required=False, label="Receipt rule")
    #: The field to blame when nobody is named.
    blamed: ClassVar[str] = "recipients"

    def __init__(self, *args: Any, rules: Sequence[str], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        choices = [("", "The first that wants it"), *((rule, rule) for rule in rules)]
        self.fields["rule"].choices = choices  # type: ignore[attr-defined]
        for name in VERDICT_NAMES:
            label = name.capitalize() if name in ("spam", "virus") else name.upper()
            choices = [(verdict, verdict.capitalize().replace("_", " ")) for verdict in VERDICTS]
            self.fields[name] = forms.ChoiceField(required=False, label=label, choices=choices)

    def raw(self) -> bytes:
        """The source of the mail, once the form is known to be valid."""
        raise NotImplementedError

    def clean(self) -> dict[str, Any]:
        """Take from the mail what the envelope leaves out."""
        data = super().clean() or {}
        if self.errors:
            return data
        message = AnymailInboundMessage.parse_raw_mime_bytes(self.raw())
        data["sender"] = data["sender"] or first_sender(message)
        receivers = data["recipients"] or [*message.to, *message.cc]
        data["recipients"] = list(dict.fromkeys(address.addr_spec for address in receivers))
        if not data["recipients"]:
            self.add_error(self.blamed, "Name somebody who receives it.")
        return data

    @property
    def verdict_fields(self) -> list[forms.BoundField]:
        """The fields of the verdicts."""
        return [self[name] for name in VERDICT_NAMES]

    @property
    def has_envelope(self) -> bool:
        """Whether to show the envelope's fields."""
        return any(self[name].value() or self[name].errors for name in ("sender", "recipients"))

    @property
    def verdicts(self) -> dict[str, str]:
        """What SES says of the mail."""
        return {name: self.cleaned_data[name] or VERDICTS[0] for name in VERDICT_NAMES}


class SourceForm(ArrivingForm):
    """A mail as it is."""

    source: forms.CharField = forms.CharField(
        required=False,
        strip=False,
        label="Source",
        widget=area(14, "Or paste it here.\nFrom: …", **CODE),
    )
    file: forms.FileField = forms.FileField(required=False, label="File", max_length=None)

    def clean_file(self) -> Any:
        """A file that is not larger than any mail."""
        file = self.cleaned_data["file"]
        if file and file.size > MAX_LENGTH:
            raise ValidationError("Amazon takes no mail of more than 40 MB.")
        return file

    def clean(self) -> dict[str, Any]:
        """There is a mail."""
        data = self.cleaned_data
        if not self.errors and not data.get("file") and not data.get("source", "").strip():
            self.add_error("source", "Paste the source of a mail, or choose a file.")
        return super().clean()

    def raw(self) -> bytes:
        """The file, or what was pasted."""
        if file := self.cleaned_data["file"]:
            file.seek(0)
            return bytes(file.read())
        text = str(self.cleaned_data["source"]).lstrip()
        return LINE_END.sub(b"\r\n", text.encode("utf-8", "replace"))


class WriteForm(ArrivingForm):
    """A mail to make."""

    from_email: forms.CharField = forms.CharField(
        label="From", initial=f"Zoë Müller <{CUSTOMER}>", widget=line(), max_length=1_000
    )
    to: AddressesField = AddressesField(initial=SUPPORT, widget=line())
    subject: forms.CharField = forms.CharField(
        required=False, max_length=2_000, widget=subject_line()
    )
    text: forms.CharField = forms.CharField(
        required=False, strip=False, label="Text", widget=area(8)
    )
    attachments: FilesField = FilesField(required=False)
    headers: HeadersField = HeadersField(
        required=False,
        label="Further headers",
        help_text="One Name: value on each line.",
        widget=area(4, "In-Reply-To: <…>", **CODE),
    )
    blamed = "to"

    def raw(self) -> bytes:
        """The mail."""
        data = self.cleaned_data
        parts = [
            AnymailInboundMessage.construct_attachment_from_uploaded_file(file)
            for file in data["attachments"]
        ]
        mail = AnymailInboundMessage.construct(
            from_email=on_one_line(data["from_email"]),
            to=", ".join(map(str, data["to"])),
            subject=on_one_line(data["subject"]),
            headers={
                "Date": format_datetime(now()),
                "Message-ID": make_msgid(domain="example.net"),
                **data["headers"],
            },
            text=data["text"],
            attachments=parts,
        )
        return LINE_END.sub(b"\r\n", mail.as_bytes())


def first_sender(message: AnymailInboundMessage) -> str:
    """The address in From; empty if there is none."""
    found = message.from_email
    first = found[0] if isinstance(found, list) else found
    return first.addr_spec if first else ""
