"""The forms: to compose a message, and to receive a mail."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from email.utils import format_datetime, make_msgid
from typing import Any, ClassVar, TypeVar

from django import forms
from django.core.exceptions import ValidationError
from django.core.validators import MaxLengthValidator
from django.utils.html import format_html

from ...addresses import EmailAddress
from ...inbound import AnymailInboundMessage
from ..journal import now
from ..samples import CUSTOMER, SENDER, SUPPORT
from .badges import verdict_name
from .fields import (
    AddressesField,
    FilesField,
    HeadersField,
    JsonObjectField,
    WordsField,
    on_one_line,
)

FieldT = TypeVar("FieldT", bound=forms.Field)
#: SES Developer Guide, "Contents of notifications".
VERDICTS = ("PASS", "FAIL", "GRAY", "PROCESSING_FAILED", "DISABLED")
VERDICT_NAMES = ("spam", "virus", "spf", "dkim", "dmarc")
#: The largest mail that SES receives (SES Developer Guide, "Quotas").
APIS = (("v1", "SES API v1"), ("v2", "SES API v2"), ("outbox", "API v2, through the outbox"))
MAX_LENGTH = 40_000_000
#: Fields for whole bodies, and how many characters all others take.
BODIES = ("text", "html", "source")
MAX_FIELD = 200_000
LINE_END = re.compile(rb"\r?\n")


def line(placeholder: str = "") -> forms.TextInput:
    """A field in which nothing is completed or corrected."""
    plain = {"autocomplete": "off", "autocapitalize": "off", "spellcheck": "false", "dir": "auto"}
    return forms.TextInput(attrs={**plain, "placeholder": placeholder})


def area(rows: int) -> forms.Textarea:
    return forms.Textarea(attrs={"rows": rows, "dir": "auto"})


def code(rows: int, placeholder: str = "") -> forms.Textarea:
    """A field for code, which is written from left to right."""
    attrs = {"class": "code", "spellcheck": "false", "dir": "ltr"}
    return forms.Textarea(attrs={**attrs, "rows": rows, "placeholder": placeholder})


def optional(kind: type[FieldT], widget: forms.Widget, help_text: str = "", **more: Any) -> FieldT:
    """A field that may stay empty."""
    return kind(required=False, widget=widget, help_text=help_text, **more)


class SandboxForm(forms.Form):
    """A form whose rarely used fields are in sections that people open.

    :cvar SECTIONS: the names of their fields by title.
    """

    SECTIONS: ClassVar[Mapping[str, Sequence[str]]] = {}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.label_suffix = ""
        for name, field in self.fields.items():
            if isinstance(field, forms.CharField) and name not in BODIES:
                field.validators.append(MaxLengthValidator(MAX_FIELD))

    def usual_fields(self) -> list[forms.BoundField]:
        rare = {name for names in self.SECTIONS.values() for name in names}
        return [field for field in self if field.name not in rare]

    def sections(self) -> Iterator[tuple[str, list[forms.BoundField], bool]]:
        """Each with its title, its fields, and whether there is anything to see in them."""
        for title, names in self.SECTIONS.items():
            fields = [self[name] for name in names if name in self.fields]
            if fields:
                yield title, fields, any(field.value() or field.errors for field in fields)

    def set_choices(self, name: str, first: str, others: Sequence[str]) -> None:
        choices = [("", first), *((other, other) for other in others)]
        self.fields[name].choices = choices  # type: ignore[attr-defined]


class ComposeForm(SandboxForm):
    """What a message can have.

    :param templates: the stored templates to choose from.
    :param has_outbox: whether it may go through the outbox.
    """

    SECTIONS: ClassVar[Mapping[str, Sequence[str]]] = {
        "Cc and Bcc": ("cc", "bcc"),
        "Outbox": ("wait", "priority"),
        "Tags and metadata": ("tags", "metadata"),
        "Template": ("template_id", "merge_data", "merge_global_data"),
    }
    from_email: forms.CharField = forms.CharField(
        label="From", initial=f"Tea Shop <{SENDER}>", widget=line()
    )
    to: AddressesField = optional(AddressesField, line("Ann <ann@example.com>, bob@example.com"))
    cc: AddressesField = optional(AddressesField, line(), label="Cc")
    bcc: AddressesField = optional(AddressesField, line(), label="Bcc")
    subject: forms.CharField = optional(forms.CharField, line())
    text: forms.CharField = optional(forms.CharField, area(7), strip=False)
    html: forms.CharField = optional(forms.CharField, code(7), label="HTML")
    attachments: FilesField = FilesField(required=False, allow_empty_file=True)
    api: forms.ChoiceField = forms.ChoiceField(choices=APIS, label="API")
    wait: forms.IntegerField = optional(
        forms.IntegerField,
        forms.NumberInput(),
        "send_at, in seconds.",
        min_value=0,
        max_value=86400,
    )
    priority: forms.IntegerField = optional(
        forms.IntegerField, forms.NumberInput(), "-100 to 100.", min_value=-100, max_value=100
    )
    tags: WordsField = optional(WordsField, line("welcome, spring"), "Separated by commas.")
    metadata: JsonObjectField = optional(JsonObjectField, code(3, '{"user_id": "12345"}'), "JSON.")
    template_id: forms.ChoiceField = forms.ChoiceField(
        required=False,
        label="Template",
        help_text=format_html(
            'Its subject and body replace yours: leave those empty. <a href="{}">{}</a>',
            "?template",
            "Try the sample",
        ),
    )
    merge_data: JsonObjectField = optional(
        JsonObjectField,
        code(3, '{"ann@example.com": {"name": "Ann"}}'),
        "merge_data: JSON, keyed by address.",
        label="Data of each recipient",
    )
    merge_global_data: JsonObjectField = optional(
        JsonObjectField,
        code(3, '{"shop": "the tea shop"}'),
        "merge_global_data: JSON.",
        label="Data for everybody",
    )

    def __init__(
        self, *args: Any, templates: Sequence[str], has_outbox: bool = False, **kwargs: Any
    ) -> None:
        super().__init__(*args, **kwargs)
        if not has_outbox:
            del self.fields["wait"], self.fields["priority"]
            self.fields["api"].choices = APIS[:2]  # type: ignore[attr-defined]
        self.set_choices("template_id", "None", templates)

    def clean_merge_data(self) -> dict[str, Any] | None:
        found: dict[str, Any] | None = self.cleaned_data["merge_data"]
        if not all(isinstance(fields, dict) for fields in (found or {}).values()):
            raise ValidationError(
                'Each address needs an object: {"ann@example.com": {"name": "Ann"}}'
            )
        return found

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        if not any(name in self.errors or data.get(name) for name in ("to", "cc", "bcc")):
            self.add_error("to", "Enter at least one recipient.")
        return data


class ReceiveForm(SandboxForm):
    """A mail that arrives, its envelope, and what SES makes of it.

    :param rules: the receipt rules to choose from.
    """

    SECTIONS: ClassVar[Mapping[str, Sequence[str]]] = {
        "More headers": ("headers",),
        "Paste or upload a message instead": ("file", "source"),
        "Envelope": ("sender", "recipients"),
        "Receipt rule and verdicts": ("rule", *VERDICT_NAMES),
    }
    from_email: forms.CharField = optional(
        forms.CharField, line(), label="From", initial=f"Zoë Müller <{CUSTOMER}>"
    )
    to: AddressesField = optional(AddressesField, line(), initial=SUPPORT)
    subject: forms.CharField = optional(forms.CharField, line())
    text: forms.CharField = optional(forms.CharField, area(8), strip=False)
    attachments: FilesField = FilesField(required=False, allow_empty_file=True)
    headers: HeadersField = optional(
        HeadersField, code(4, "Auto-Submitted: auto-replied"), "One Name: value per line."
    )
    file: forms.FileField = forms.FileField(required=False)
    source: forms.CharField = optional(forms.CharField, code(14), strip=False)
    sender: forms.CharField = optional(
        forms.CharField, line(), "Defaults to the address in From.", label="Envelope sender"
    )
    recipients: AddressesField = optional(
        AddressesField,
        line(),
        "Defaults to the addresses in To and Cc.",
        label="Envelope recipients",
    )
    rule: forms.ChoiceField = forms.ChoiceField(required=False, label="Receipt rule")

    def __init__(self, *args: Any, rules: Sequence[str], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.set_choices("rule", "The first that matches", rules)
        choices = [(verdict, verdict.capitalize().replace("_", " ")) for verdict in VERDICTS]
        for name in VERDICT_NAMES:
            self.fields[name] = forms.ChoiceField(
                choices=choices, initial=VERDICTS[0], label=verdict_name(name), required=False
            )

    def clean_file(self) -> bytes | None:
        file = self.cleaned_data["file"]
        if file and file.size > MAX_LENGTH:
            raise ValidationError("SES accepts messages of up to 40 MB.")
        return bytes(file.read()) if file else None

    def clean(self) -> dict[str, Any]:
        """Make the source of the mail, and take from it what the envelope leaves out."""
        data = super().clean() or {}
        if self.errors:
            return data
        data["raw"] = data["file"] or _pasted(data["source"]) or _written(data)
        message = AnymailInboundMessage.parse_raw_mime_bytes(data["raw"])
        data["sender"] = data["sender"] or next(_addresses(message.get_address_header("From")), "")
        receivers = data["recipients"] or [*message.to, *message.cc]
        data["recipients"] = list(dict.fromkeys(_addresses(receivers)))
        if not data["recipients"]:
            self.add_error("recipients", "Enter at least one recipient.")
        return data

    def envelope(self) -> dict[str, Any]:
        """The arguments of ``LocalAws.receive``, once the form is known to be valid."""
        data = self.cleaned_data
        return {
            "sender": data["sender"],
            "recipients": data["recipients"],
            "rule": data["rule"] or None,
            "verdicts": {name: data[name] or VERDICTS[0] for name in VERDICT_NAMES},
        }


def _addresses(found: Sequence[EmailAddress]) -> Iterator[str]:
    return (address.addr_spec for address in found)


def _pasted(source: str) -> bytes:
    return LINE_END.sub(b"\r\n", source.lstrip().encode("utf-8", "replace"))


def _written(data: Mapping[str, Any]) -> bytes:
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
