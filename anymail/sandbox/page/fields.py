"""Form fields for what a message has: addresses, tags, JSON, headers, files."""

from __future__ import annotations

import json
import re
from typing import Any

from django import forms
from django.core.exceptions import ValidationError

from ...addresses import EmailAddress, parse_address_list
from ...exceptions import AnymailInvalidAddress


class AddressesField(forms.CharField):
    """Addresses with or without names, between commas."""

    def clean(self, value: Any) -> list[EmailAddress]:
        text = super().clean(value).strip(" ,")
        try:
            return parse_address_list([text]) if text else []
        except AnymailInvalidAddress as err:
            raise ValidationError(str(err)) from err


class WordsField(forms.CharField):
    """Words between commas."""

    def clean(self, value: Any) -> list[str]:
        return [word for part in super().clean(value).split(",") if (word := part.strip())]


class JsonObjectField(forms.CharField):
    """A JSON object; None for nothing."""

    widget = forms.Textarea

    def clean(self, value: Any) -> dict[str, Any] | None:
        text = super().clean(value)
        try:
            found = json.loads(text or "null")
            json.dumps(found, allow_nan=False)  # Python reads NaN, Infinity and 1e999, too
        except (RecursionError, ValueError) as err:
            raise ValidationError("Enter a valid JSON.") from err
        if not isinstance(found, dict | None):
            raise ValidationError("Enter a JSON object: {…}.")
        return found


class HeadersField(forms.CharField):
    """Lines of ``Name: value``."""

    widget = forms.Textarea

    def clean(self, value: Any) -> dict[str, str]:
        lines = [line.strip() for line in super().clean(value).splitlines() if line.strip()]
        pairs = [line.partition(":") for line in lines]
        # RFC 5322 section 2.2
        if not all(colon and re.fullmatch(r"[!-9;-~]+", name) for name, colon, _ in pairs):
            raise ValidationError("Enter one Name: value per line.")
        return {name: content.strip() for name, _, content in pairs}


class FilesInput(forms.ClearableFileInput):
    """Lets people choose several files."""

    allow_multiple_selected = True


class FilesField(forms.FileField):
    """Any number of files; there may be nothing in them."""

    widget = FilesInput

    def clean(self, data: Any, initial: Any = None) -> list[Any]:
        files = data if isinstance(data, list | tuple) else [data]
        return [super(FilesField, self).clean(file, initial) for file in files if file]


def on_one_line(text: Any) -> str:
    return " ".join(str(text).split())
