"""The forms: to compose a message, to receive a mail, and to slow AWS down."""

from __future__ import annotations

import re
from collections.abc import Sequence
from email.utils import format_datetime, make_msgid
from typing import Any

from django import forms
from django.core.exceptions import ValidationError

from ...inbound import AnymailInboundMessage
from ..journal import now
from ..samples import CUSTOMER, SENDER, SUPPORT
from .badges import verdict_name
from .fields import (
    AddressesField,
    FilesField,
    HeadersField,
    JsonObjectField,
    MergeDataField,
    MetadataField,
    WordsField,
    on_one_line,
)

#: The simulator's addresses: what happens, and how that looks in the list.
SIMULATOR = (
    ("success", "is delivered", "good"),
    ("bounce", "does not exist", "bad"),
    ("ooto", "is out of office", "warn"),
    ("complaint", "says it is spam", "bad"),
    ("suppressionlist", "is suppressed", "bad"),
    ("delay", "is delayed", "warn"),
    ("open", "opens it", "warm"),
    ("click", "clicks a link", "warm"),
    ("reject", "is refused: a virus", "bad"),
)
#: SES Developer Guide, "Contents of notifications".
VERDICTS = ("PASS", "FAIL", "GRAY", "PROCESSING_FAILED", "DISABLED")
VERDICT_NAMES = ("spam", "virus", "spf", "dkim", "dmarc")
#: The largest mail that SES receives (SES Developer Guide, "Quotas").
MAX_LENGTH = 40_000_000
#: Fields in which nothing is completed or corrected.
PLAIN = {"autocomplete": "off", "autocapitalize": "off", "spellcheck": "false", "dir": "auto"}
LINE_END = re.compile(rb"\r?\n")


def line(placeholder: str = "", **attrs: Any) -> forms.TextInput:
    return forms.TextInput(attrs={**PLAIN, "placeholder": placeholder, **attrs})


def area(rows: int) -> forms.Textarea:
    return forms.Textarea(attrs={"rows": rows, "dir": "auto"})


def code(rows: int, placeholder: str = "") -> forms.Textarea:
    """A field for code, which is written from left to right."""
    attrs = {"class": "code", "spellcheck": "false", "dir": "ltr"}
    return forms.Textarea(attrs={**attrs, "rows": rows, "placeholder": placeholder})


def subject_line() -> forms.TextInput:
    """A field that browsers may correct."""
    return forms.TextInput(attrs={"autocomplete": "off", "dir": "auto"})


class ComposeForm(forms.Form):
    """Everything that a message can have."""

    from_email: forms.CharField = forms.CharField(
        label="From", initial=f"Tea Shop <{SENDER}>", widget=line()
    )
    to: AddressesField = AddressesField(
        required=False, widget=line("Ann <ann@example.com>, bob@example.com")
    )
    cc: AddressesField = AddressesField(required=False, label="Cc", widget=line())
    bcc: AddressesField = AddressesField(required=False, label="Bcc", widget=line())
    reply_to: AddressesField = AddressesField(required=False, label="Reply to", widget=line())
    subject: forms.CharField = forms.CharField(required=False, widget=subject_line())
    text: forms.CharField = forms.CharField(required=False, strip=False, widget=area(7))
    html: forms.CharField = forms.CharField(required=False, label="HTML", widget=code(7))
    attachments: FilesField = FilesField(required=False, allow_empty_file=True)
    files_of: forms.CharField = forms.CharField(required=False)
    tags: WordsField = WordsField(
        required=False, help_text="Between commas.", widget=line("welcome, spring")
    )
    metadata: MetadataField = MetadataField(
        required=False,
        help_text="One key=value on each line, or JSON.",
        widget=code(3, "user_id=12345"),
    )
    template_id: forms.CharField = forms.CharField(
        required=False,
        label="Template",
        help_text="Its subject and body replace yours: leave those empty.",
        widget=line("welcome", list="templates"),
    )
    merge_data: MergeDataField = MergeDataField(
        required=False,
        label="Data of each recipient",
        help_text="merge_data: JSON, by address.",
        widget=code(3, '{"ann@example.com": {"name": "Ann"}}'),
    )
    merge_global_data: JsonObjectField = JsonObjectField(
        required=False,
        label="Data for everybody",
        help_text="merge_global_data: JSON.",
        widget=code(3, '{"shop": "the tea shop"}'),
    )
    headers: HeadersField = HeadersField(
        required=False,
        help_text="One Name: value on each line.",
        widget=code(4, "List-Unsubscribe: <https://example.com/leave>"),
    )
    esp_extra: JsonObjectField = JsonObjectField(
        required=False,
        label="Further parameters",
        help_text="esp_extra: JSON.",
        widget=code(3, '{"ConfigurationSetName": "sandbox"}'),
    )
    api: forms.ChoiceField = forms.ChoiceField(
        choices=[("v1", "API v1"), ("v2", "API v2")],
        initial="v1",
        label="API",
        widget=forms.RadioSelect,
    )

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        if not any(name in self.errors or data.get(name) for name in ("to", "cc", "bcc")):
            self.add_error("to", "Enter at least one recipient.")
        return data

    @property
    def filled(self) -> set[str]:
        """The fields that have something to show."""
        return {field.name for field in self if field.value() or field.errors}


class ReceiveForm(forms.Form):
    """The envelope of a mail that arrives, and what SES makes of it.

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

    def __init__(self, *args: Any, rules: Sequence[str], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        choices = [("", "The first that matches"), *((rule, rule) for rule in rules)]
        self.fields["rule"].choices = choices  # type: ignore[attr-defined]
        for name in VERDICT_NAMES:
            choices = [(verdict, verdict.capitalize().replace("_", " ")) for verdict in VERDICTS]
            self.fields[name] = forms.ChoiceField(
                required=False, label=verdict_name(name), choices=choices
            )

    def raw(self) -> bytes:
        """The source of the mail, once the form is known to be valid."""
        raise NotImplementedError

    def clean(self) -> dict[str, Any]:
        """Take from the mail what the envelope leaves out."""
        data = super().clean() or {}
        if self.errors:
            return data
        message = AnymailInboundMessage.parse_raw_mime_bytes(self.raw())
        data["sender"] = data["sender"] or _first_sender(message)
        receivers = data["recipients"] or [*message.to, *message.cc]
        data["recipients"] = list(dict.fromkeys(address.addr_spec for address in receivers))
        if not data["recipients"]:
            self.add_error("recipients", "Enter at least one recipient.")
        return data

    @property
    def verdict_fields(self) -> list[forms.BoundField]:
        return [self[name] for name in VERDICT_NAMES]

    @property
    def verdicts(self) -> dict[str, str]:
        return {name: self.cleaned_data[name] or VERDICTS[0] for name in VERDICT_NAMES}


class SourceForm(ReceiveForm):
    """The source of a mail."""

    source: forms.CharField = forms.CharField(
        required=False, strip=False, widget=code(14, "Or paste it here.\nFrom: …")
    )
    file: forms.FileField = forms.FileField(required=False)

    def clean_file(self) -> Any:
        file = self.cleaned_data["file"]
        if file and file.size > MAX_LENGTH:
            raise ValidationError("SES takes no mail of more than 40 MB.")
        return file

    def clean(self) -> dict[str, Any]:
        data = self.cleaned_data
        if not self.errors and not data.get("file") and not data.get("source", "").strip():
            self.add_error("source", "Paste the source of a mail, or choose a file.")
        return super().clean()

    def raw(self) -> bytes:
        if file := self.cleaned_data["file"]:
            file.seek(0)
            return bytes(file.read())
        text = str(self.cleaned_data["source"]).lstrip()
        return LINE_END.sub(b"\r\n", text.encode("utf-8", "replace"))


class WriteForm(ReceiveForm):
    """The fields of a mail."""

    from_email: forms.CharField = forms.CharField(
        label="From", initial=f"Zoë Müller <{CUSTOMER}>", widget=line(), max_length=1_000
    )
    to: AddressesField = AddressesField(initial=SUPPORT, widget=line())
    subject: forms.CharField = forms.CharField(
        required=False, max_length=2_000, widget=subject_line()
    )
    text: forms.CharField = forms.CharField(required=False, strip=False, widget=area(8))
    attachments: FilesField = FilesField(required=False, allow_empty_file=True)
    headers: HeadersField = HeadersField(
        required=False,
        label="Further headers",
        help_text="One Name: value on each line.",
        widget=code(4, "In-Reply-To: <…>"),
    )

    def raw(self) -> bytes:
        data = self.cleaned_data
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
            attachments=[
                AnymailInboundMessage.construct_attachment_from_uploaded_file(file)
                for file in data["attachments"]
            ],
        )
        return LINE_END.sub(b"\r\n", mail.as_bytes())


class FaultsForm(forms.Form):
    """How slow AWS is, and when it throttles."""

    latency: forms.IntegerField = forms.IntegerField(
        min_value=0,
        max_value=60_000,
        help_text="Milliseconds that each call to send takes longer.",
    )
    rate: forms.FloatField = forms.FloatField(
        required=False,
        min_value=0.1,
        label="Send rate",
        help_text="Recipients per second; more are throttled. Empty: no limit.",
    )


def _first_sender(message: AnymailInboundMessage) -> str:
    found = message.from_email
    first = found[0] if isinstance(found, list) else found
    return first.addr_spec if first else ""
