"""Stored templates, which both APIs share. moto has only those of v1."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from ...journal import now
from ..api import ApiRequest
from . import handlebars
from .context import Result, SesContext
from .errors import ErrorCode, SesError
from .handlebars import TemplateError

#: Amazon SES Developer Guide, "Service quotas".
MAX_SIZE = 500 * 1024


@dataclass(frozen=True, kw_only=True)
class Template:
    """A template.

    :param name: empty if it came with the call. Then it may only have variables (SES API reference
        v2, "EmailTemplateContent").
    :param parts: ``Subject``, ``Text`` and ``Html``.
    """

    name: str = ""
    parts: Mapping[str, str]
    created: datetime = field(default_factory=now)

    def render(self, *data: str | None) -> dict[str, str]:
        """The parts of a message.

        :param data: JSON texts; later ones win. TemplateError if they are not, or lack something.
        """
        known, blocks = _parse_data(*data), bool(self.name)
        return {
            key: handlebars.render(part, known, blocks=blocks) for key, part in self.parts.items()
        }


def find_template(ses: SesContext, region: str, name: str) -> Template:
    """The template with a name; SesError if there is none."""
    found = ses.templates.get((region, name))
    if found is None:
        raise SesError(ErrorCode.NO_TEMPLATE, f"Template {name} does not exist.")
    return found


def create_template(ses: SesContext, request: ApiRequest) -> Result:
    template = _checked_template(request)
    if ses.templates.setdefault((request.region, template.name), template) is not template:
        raise SesError(ErrorCode.EXISTS, f"Template {template.name} already exists.")
    return {}


def update_template(ses: SesContext, request: ApiRequest) -> Result:
    template = _checked_template(request)
    find_template(ses, request.region, template.name)
    ses.templates[request.region, template.name] = template
    return {}


def get_template(ses: SesContext, request: ApiRequest) -> Result:
    """As both APIs spell it."""
    found = find_template(ses, request.region, request.params["TemplateName"])
    v1 = {f"{key}Part": part for key, part in found.parts.items()}
    return {
        "TemplateName": found.name,
        "TemplateContent": found.parts,
        "Template": {"TemplateName": found.name, **v1},
    }


def delete_template(ses: SesContext, request: ApiRequest) -> Result:
    """For v1, there need not be one."""
    name = request.params["TemplateName"]
    if request.service == "sesv2":
        find_template(ses, request.region, name)
    ses.templates.pop((request.region, name), None)
    return {}


def list_templates(ses: SesContext, request: ApiRequest) -> Result:
    """All on one page, the oldest first. v1 has ``Name``, v2 ``TemplateName``."""
    metadata = [
        {"Name": found.name, "TemplateName": found.name, "CreatedTimestamp": found.created}
        for (region, _), found in list(ses.templates.items())
        if region == request.region
    ]
    return {"TemplatesMetadata": metadata}


def _parse_data(*texts: str | None) -> dict[str, Any]:
    data: dict[str, Any] = {}
    for text in filter(None, texts):
        try:
            data.update(**json.loads(text))
        except (RecursionError, TypeError, ValueError) as err:
            raise TemplateError("The rendering data is not a JSON object.") from err
    return data


def _checked_template(request: ApiRequest) -> Template:
    """The template in a call of either API."""
    given = request.params.get("Template") or request.params["TemplateContent"]
    content = {key.removesuffix("Part"): value for key, value in given.items()}
    name = content.get("TemplateName") or request.params.get("TemplateName", "")
    parts = {key: content[key] for key in ("Subject", "Text", "Html") if key in content}
    if not name or not parts.get("Subject"):
        raise TemplateError("The name and the subject must be specified.")
    if len("".join(parts.values()).encode()) > MAX_SIZE:
        raise TemplateError(f"A template has at most {MAX_SIZE} bytes.")
    for part in parts.values():
        handlebars.parse(part)
    return Template(name=name, parts=parts)
