"""Stored templates, which both APIs share, and what becomes of them with data."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from threading import Lock
from typing import Any

from ...journal import now
from . import handlebars
from .composing import Content
from .handlebars import TemplateError
from .refusals import Reason, Refused

#: Amazon SES Developer Guide, "Service quotas".
MAX_SIZE = 500 * 1024


@dataclass(frozen=True, kw_only=True)
class Template:
    """A template.

    :param name: empty if it came with the call.
    :param inline: likewise: then it may only have variables (SES API reference v2,
        "EmailTemplateContent").
    """

    name: str = ""
    subject: str = ""
    text: str | None = None
    html: str | None = None
    inline: bool = False
    created: datetime = field(default_factory=now)

    @property
    def parts(self) -> list[str]:
        """Everything in it that is a template."""
        return [part for part in (self.subject, self.text, self.html) if part is not None]

    def render(self, data: Mapping[str, Any]) -> Content:
        """What the message says.

        :raises TemplateError: the data lacks something.
        """
        subject, text, html = (
            None if part is None else handlebars.render(part, data, blocks=not self.inline)
            for part in (self.subject, self.text, self.html)
        )
        return Content(subject=subject or "", text=_encoded(text), html=_encoded(html))


class Templates:
    """The stored templates of each region. Safe to use from several threads."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._templates: dict[tuple[str, str], Template] = {}

    def get(self, region: str, name: str) -> Template:
        """A template.

        :raises Refused: there is none with this name.
        """
        with self._lock:
            found = self._templates.get((region, name))
        if found is None:
            raise Refused(Reason.NO_TEMPLATE, f"Template {name} does not exist.")
        return found

    def put(self, region: str, template: Template) -> None:
        """Keep a template, in place of another one with its name."""
        with self._lock:
            self._templates[region, template.name] = template

    def add(self, region: str, template: Template) -> bool:
        """Keep a template, unless there is one with its name; tells whether it does."""
        with self._lock:
            return self._templates.setdefault((region, template.name), template) is template

    def remove(self, region: str, name: str) -> None:
        """Forget a template; without effect if there is none."""
        with self._lock:
            self._templates.pop((region, name), None)

    def all(self, region: str) -> list[Template]:
        """All templates of a region, the oldest first."""
        with self._lock:
            return [found for (where, _), found in self._templates.items() if where == region]


def problem(template: Template) -> str:
    """Why SES would not keep a template; empty if it would."""
    if not template.subject:
        return "The subject must be specified."
    if sum(len(part.encode()) for part in template.parts) > MAX_SIZE:
        return f"A template has at most {MAX_SIZE} bytes."
    try:
        for part in template.parts:
            handlebars.parse(part)
    except TemplateError as err:
        return str(err)
    return ""


def parse_data(*texts: str | None) -> dict[str, Any]:
    """Template data, the later texts before the earlier ones.

    :raises TemplateError: it is not a JSON object.
    """
    data: dict[str, Any] = {}
    for text in filter(None, texts):
        try:
            found = json.loads(text)
        except (ValueError, RecursionError) as err:
            raise TemplateError("The rendering data is not valid JSON.") from err
        if not isinstance(found, dict):
            raise TemplateError("The rendering data is not a JSON object.")
        data.update(found)
    return data


def page(
    items: Iterable[Template], size: int, token: str | None
) -> tuple[list[Template], str | None]:
    """Some of the templates, and what to ask for the next ones with."""
    found = list(items)
    names = [template.name for template in found]
    start = names.index(token) if token in names else 0
    rest = names[start + size : start + size + 1]
    return found[start : start + size], rest[0] if rest else None


def _encoded(text: str | None) -> bytes | None:
    # JSON can hold halves of characters.
    return None if text is None else text.encode("utf-8", "replace")
