"""Form fields for what a message has: addresses, JSON, metadata, headers, files."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from typing import Any

from django import forms
from django.core.exceptions import ValidationError

from ...addresses import EmailAddress, parse_address_list
from ...exceptions import AnymailInvalidAddress


class AddressesField(forms.CharField):
    """Addresses with or without names, between commas, semicolons or line ends."""

    def clean(self, value: Any) -> list[EmailAddress]:
        pieces = re.split(r'("[^"]*")', super().clean(value))
        separated = "".join(
            piece if piece.startswith('"') else re.sub(r"[;,\s]+", _separator, piece)
            for piece in pieces
        ).strip(" ,")
        try:
            return parse_address_list([separated]) if separated else []
        except AnymailInvalidAddress as err:
            raise ValidationError(str(err)) from err


def _separator(found: re.Match[str]) -> str:
    return ", " if set(found[0]) & set(";\r\n") else found[0]


class WordsField(forms.CharField):
    """Words between commas."""

    def clean(self, value: Any) -> list[str]:
        return [word for part in super().clean(value).split(",") if (word := part.strip())]


class JsonObjectField(forms.JSONField):
    """A JSON object; None for nothing."""

    def to_python(self, value: Any) -> Any:
        try:
            found = super().to_python(value)
            json.dumps(found, allow_nan=False)  # Python reads NaN, Infinity and 1e999, too
        except (RecursionError, ValueError) as err:
            raise ValidationError(self.error_messages["invalid"]) from err
        if not isinstance(found, dict | None):
            raise ValidationError("Enter a JSON object: {…}.")
        return found

    def bound_data(self, data: Any, initial: Any) -> Any:
        return data

    def prepare_value(self, value: Any) -> Any:
        return value if isinstance(value, str | None) else super().prepare_value(value)


class MergeDataField(JsonObjectField):
    """A JSON object of objects."""

    def to_python(self, value: Any) -> Any:
        found = super().to_python(value)
        if not all(isinstance(fields, dict) for fields in (found or {}).values()):
            raise ValidationError(
                'Each address needs an object: {"ann@example.com": {"name": "Ann"}}'
            )
        return found


class MetadataField(JsonObjectField):
    """A JSON object, or lines of ``key=value``; None for nothing."""

    def to_python(self, value: Any) -> Any:
        if not isinstance(value, str) or not value.strip() or value.lstrip().startswith("{"):
            return super().to_python(value)
        pairs = [line.partition("=") for line in value.splitlines() if line.strip()]
        if not all(name.strip() and equals for name, equals, _ in pairs):
            raise ValidationError("Enter one key=value on each line, or a JSON object.")
        return {name.strip(): content.strip() for name, _, content in pairs}


class HeadersField(forms.CharField):
    """Lines of ``Name: value``."""

    widget = forms.Textarea

    def clean(self, value: Any) -> dict[str, str]:
        lines = [line.strip() for line in super().clean(value).splitlines() if line.strip()]
        pairs = [line.partition(":") for line in lines]
        # RFC 5322 section 2.2
        if not all(colon and re.fullmatch(r"[!-9;-~]+", name) for name, colon, _ in pairs):
            raise ValidationError("Enter one Name: value on each line.")
        return {name: content.strip() for name, _, content in pairs}


def header_lines(headers: Iterable[tuple[str, str]]) -> str:
    """What a :class:`HeadersField` takes."""
    return "\n".join(f"{name}: {on_one_line(value)}" for name, value in headers)


def on_one_line(text: Any) -> str:
    return " ".join(str(text).split())


class FilesInput(forms.ClearableFileInput):
    """Lets people choose several files."""

    allow_multiple_selected = True


class FilesField(forms.FileField):
    """Any number of files; there may be nothing in them."""

    widget = FilesInput

    def clean(self, data: Any, initial: Any = None) -> list[Any]:
        files = data if isinstance(data, list | tuple) else [data]
        return [super(FilesField, self).clean(file, initial) for file in files if file]
