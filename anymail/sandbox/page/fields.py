"""Form fields for what a message has: addresses, JSON, metadata, files."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable, Sequence
from typing import Any

from django import forms
from django.core.exceptions import ValidationError

from ...addresses import EmailAddress, parse_address_list
from ...exceptions import AnymailInvalidAddress


class AddressesField(forms.CharField):
    """Addresses with or without names, between commas, semicolons or line ends."""

    def clean(self, value: Any) -> list[EmailAddress]:
        """The addresses, one by one."""
        text = super().clean(value)
        if not text.strip(" ,;\r\n"):
            return []
        separated = _outside_quotes(text).strip(" ,")
        try:
            return parse_address_list([separated])
        except AnymailInvalidAddress as err:
            raise ValidationError(str(err)) from err


class WordsField(forms.CharField):
    """Words between commas."""

    def clean(self, value: Any) -> list[str]:
        """The words."""
        return [word for part in super().clean(value).split(",") if (word := part.strip())]


class JsonObjectField(forms.CharField):
    """A JSON object; None for nothing.

    :param of_objects: its values are objects too.
    """

    widget = forms.Textarea

    def __init__(self, *, of_objects: bool = False, **kwargs: Any) -> None:
        self.of_objects = of_objects
        super().__init__(**kwargs)

    def clean(self, value: Any) -> dict[str, Any] | None:
        """The object."""
        text = super().clean(value).strip()
        found = parse_object(text) if text else None
        if self.of_objects and found and not all(isinstance(v, dict) for v in found.values()):
            raise ValidationError(
                'Each address needs an object: {"ann@example.com": {"name": "Ann"}}'
            )
        return found


class MetadataField(forms.CharField):
    """A JSON object, or lines of ``key=value``; None for nothing."""

    widget = forms.Textarea

    def clean(self, value: Any) -> dict[str, Any] | None:
        """The metadata."""
        text = super().clean(value).strip()
        if not text:
            return None
        if text.startswith("{"):
            return parse_object(text)
        pairs = [line.partition("=") for line in text.splitlines() if line.strip()]
        if not all(name.strip() and equals for name, equals, _ in pairs):
            raise ValidationError("One key=value on each line, or a JSON object.")
        return {name.strip(): content.strip() for name, _, content in pairs}


class HeadersField(forms.CharField):
    """Lines of ``Name: value``."""

    widget = forms.Textarea

    def clean(self, value: Any) -> dict[str, str]:
        """The headers."""
        lines = [line.strip() for line in super().clean(value).splitlines() if line.strip()]
        pairs = [line.partition(":") for line in lines]
        # RFC 5322 section 2.2
        if not all(colon and re.fullmatch(r"[!-9;-~]+", name) for name, colon, _ in pairs):
            raise ValidationError("One Name: value on each line.")
        return {name: content.strip() for name, _, content in pairs}


def header_lines(headers: Iterable[tuple[str, str]]) -> str:
    """What a :class:`HeadersField` takes."""
    return "\n".join(f"{name}: {on_one_line(value)}" for name, value in headers)


def on_one_line(text: Any) -> str:
    """Text for a header."""
    return " ".join(str(text).split())


class FilesInput(forms.ClearableFileInput):
    """Lets people choose several files."""

    allow_multiple_selected = True


class FilesField(forms.FileField):
    """Any number of files; there may be nothing in them."""

    widget = FilesInput

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(allow_empty_file=True, **kwargs)

    def clean(self, data: Any, initial: Any = None) -> list[Any]:
        """The files."""
        files: Sequence[Any] = data if isinstance(data, (list, tuple)) else [data]
        return [super(FilesField, self).clean(file, initial) for file in files if file]


def parse_object(text: str) -> dict[str, Any]:
    """A JSON object.

    :raises ValidationError: it is none; says where it goes wrong.
    """
    try:
        found = json.loads(text, parse_constant=_refuse_constant, parse_float=_finite)
    except json.JSONDecodeError as err:
        raise ValidationError(
            f"This is not valid JSON: {err.msg}, line {err.lineno}, column {err.colno}."
        ) from err
    except (ValueError, RecursionError) as err:
        raise ValidationError(f"This is not valid JSON: {err}.") from err
    if not isinstance(found, dict):
        raise ValidationError("This needs to be a JSON object: {…}.")
    return found


def _refuse_constant(name: str) -> None:
    raise ValidationError(f"This is not valid JSON: it has no {name}. Write null, or a number.")


def _finite(digits: str) -> float:
    number = float(digits)
    if math.isinf(number):
        raise ValidationError(f"{digits[:50]} is too large a number.")
    return number


def _outside_quotes(text: str) -> str:
    """The same addresses, with commas between them."""
    pieces = re.split(r'("[^"]*")', text)
    return "".join(
        piece if piece.startswith('"') else re.sub(r"[;,\s]*[;\r\n][;,\s]*", ", ", piece)
        for piece in pieces
    )
