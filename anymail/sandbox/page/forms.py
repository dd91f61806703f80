"""The forms to compose a message, and to change how Amazon behaves."""

from __future__ import annotations

from typing import Any

from django import forms

from ..samples import SENDER
from .fields import (
    AddressesField,
    FilesField,
    HeadersField,
    JsonObjectField,
    MetadataField,
    WordsField,
)

APIS = {"v1": "API v1", "v2": "API v2"}
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
#: Names of the fields in which nothing is completed or corrected.
PLAIN = {"autocomplete": "off", "autocapitalize": "off", "spellcheck": "false", "dir": "auto"}
#: Attributes of fields that hold code, which is written from left to right.
CODE = {"class": "code", "spellcheck": "false"}


def line(placeholder: str = "", **attrs: Any) -> forms.TextInput:
    """A field of one line."""
    return forms.TextInput(attrs={**PLAIN, "placeholder": placeholder, **attrs})


def area(rows: int, placeholder: str = "", **attrs: Any) -> forms.Textarea:
    """A field of several lines; ``**CODE`` for those that hold code."""
    attrs = {"dir": "ltr" if "class" in attrs else "auto", **attrs}
    return forms.Textarea(attrs={**attrs, "rows": rows, "placeholder": placeholder})


def subject_line() -> forms.TextInput:
    """A field for a subject, which browsers may correct."""
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
    text: forms.CharField = forms.CharField(
        required=False, strip=False, label="Text", widget=area(7)
    )
    html: forms.CharField = forms.CharField(required=False, label="HTML", widget=area(7, **CODE))
    attachments: FilesField = FilesField(required=False)
    files_of: forms.CharField = forms.CharField(required=False)
    tags: WordsField = WordsField(
        required=False, help_text="Between commas.", widget=line("welcome, spring")
    )
    metadata: MetadataField = MetadataField(
        required=False,
        help_text="One key=value on each line, or JSON.",
        widget=area(3, "user_id=12345", **CODE),
    )
    template_id: forms.CharField = forms.CharField(
        required=False,
        label="Template",
        help_text="Its subject and body replace yours: leave those empty.",
        widget=line("welcome", list="templates"),
    )
    merge_data: JsonObjectField = JsonObjectField(
        required=False,
        of_objects=True,
        label="Data of each recipient",
        help_text="merge_data: JSON, by address.",
        widget=area(3, '{"ann@example.com": {"name": "Ann"}}', **CODE),
    )
    merge_global_data: JsonObjectField = JsonObjectField(
        required=False,
        label="Data for everybody",
        help_text="merge_global_data: JSON.",
        widget=area(3, '{"shop": "the tea shop"}', **CODE),
    )
    headers: HeadersField = HeadersField(
        required=False,
        label="Headers",
        help_text="One Name: value on each line.",
        widget=area(4, "List-Unsubscribe: <https://example.com/leave>", **CODE),
    )
    esp_extra: JsonObjectField = JsonObjectField(
        required=False,
        label="Further parameters",
        help_text="esp_extra: JSON.",
        widget=area(3, '{"ConfigurationSetName": "sandbox"}', **CODE),
    )
    api: forms.ChoiceField = forms.ChoiceField(
        choices=list(APIS.items()), initial="v1", label="API", widget=forms.RadioSelect
    )

    def clean(self) -> dict[str, Any]:
        """There is somebody to send to."""
        data = super().clean() or {}
        if not any(name in self.errors or data.get(name) for name in ("to", "cc", "bcc")):
            self.add_error("to", "Name somebody to send to.")
        return data

    def opened(self, *names: str) -> bool:
        """Whether one of these fields has something to show."""
        return any(self[name].value() or self[name].errors for name in names)

    @property
    def has_more_addresses(self) -> bool:
        """Whether to show the further address fields."""
        return self.opened("cc", "bcc", "reply_to")

    @property
    def has_marks(self) -> bool:
        """Whether to show tags and metadata."""
        return self.opened("tags", "metadata")

    @property
    def has_template(self) -> bool:
        """Whether to show the template's fields."""
        return self.opened("template_id", "merge_data", "merge_global_data")

    @property
    def has_extra(self) -> bool:
        """Whether to show headers and Amazon's parameters."""
        return self.opened("headers", "esp_extra")


class SwitchesForm(forms.Form):
    """How Amazon behaves."""

    latency: forms.IntegerField = forms.IntegerField(
        min_value=0,
        max_value=60_000,
        label="Latency",
        help_text="Milliseconds that each call to send takes longer.",
    )
    rate: forms.FloatField = forms.FloatField(
        required=False,
        min_value=0.1,
        label="Send rate",
        help_text="Recipients per second; more are throttled. Empty: no limit.",
    )
