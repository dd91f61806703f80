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
from .context import Operations, Result, SesContext
from .errors import ErrorCode, SesError
from .handlebars import TemplateError

#: Amazon SES Developer Guide, "Service quotas".
MAX_SIZE = 500 * 1024


@dataclass(frozen=True, kw_only=True)
class Template:
    """A template.

    :param name: empty if it came with the call. Then it may only have variables (SES API reference
        v2, "EmailTemplateContent").
    """

    name: str = ""
    subject: str = ""
    text: str | None = None
    html: str | None = None
    created: datetime = field(default_factory=now)

    @property
    def parts(self) -> tuple[str, str | None, str | None]:
        """Subject, text and HTML."""
        return self.subject, self.text, self.html

    def render(self, *data: str | None) -> tuple[str, str | None, str | None]:
        """Subject, text and HTML of a message.

        :param data: JSON texts; later ones win.
        :raises TemplateError: the data is not valid, or lacks something.
        """
        known = parse_data(*data)
        subject, text, html = (
            None if part is None else handlebars.render(part, known, blocks=bool(self.name))
            for part in self.parts
        )
        return subject or "", text, html


def parse_data(*texts: str | None) -> dict[str, Any]:
    """Template data. Values of later texts replace those of earlier ones.

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


def find_template(ses: SesContext, region: str, name: str) -> Template:
    """The template with a name.

    :raises SesError: there is none.
    """
    found = ses.templates.get((region, name))
    if found is None:
        raise SesError(ErrorCode.NO_TEMPLATE, f"Template {name} does not exist.")
    return found


def template_of(content: Mapping[str, str], name: str = "") -> Template:
    """A template from its content, as v2 has it."""
    subject = content.get("Subject", "")
    return Template(name=name, subject=subject, text=content.get("Text"), html=content.get("Html"))


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


def get_template_v1(ses: SesContext, request: ApiRequest) -> Result:
    found = find_template(ses, request.region, request.params["TemplateName"])
    keys = ("SubjectPart", "TextPart", "HtmlPart")
    return {"Template": {"TemplateName": found.name, **dict(zip(keys, found.parts, strict=True))}}


def get_template_v2(ses: SesContext, request: ApiRequest) -> Result:
    found = find_template(ses, request.region, request.params["TemplateName"])
    content = dict(zip(("Subject", "Text", "Html"), found.parts, strict=True))
    return {"TemplateName": found.name, "TemplateContent": content}


def delete_template_v1(ses: SesContext, request: ApiRequest) -> Result:
    """There need not be one."""
    ses.templates.pop((request.region, request.params["TemplateName"]), None)
    return {}


def delete_template_v2(ses: SesContext, request: ApiRequest) -> Result:
    find_template(ses, request.region, request.params["TemplateName"])
    return delete_template_v1(ses, request)


def list_templates(ses: SesContext, request: ApiRequest) -> Result:
    """All on one page, the oldest first. v1 has ``Name``, v2 ``TemplateName``."""
    metadata = [
        {"Name": found.name, "TemplateName": found.name, "CreatedTimestamp": found.created}
        for (region, _), found in list(ses.templates.items())
        if region == request.region
    ]
    return {"TemplatesMetadata": metadata}


def _checked_template(request: ApiRequest) -> Template:
    """The template in a call.

    :raises SesError: SES does not take it.
    """
    if request.service == "sesv2":
        content, name = request.params["TemplateContent"], request.params["TemplateName"]
    else:
        given = request.params["Template"]
        content = {key.removesuffix("Part"): value for key, value in given.items()}
        name = given["TemplateName"]
    template = template_of(content, name)
    parts = [part for part in template.parts if part is not None]
    if not template.subject:
        raise SesError(ErrorCode.INVALID_TEMPLATE, "The subject must be specified.")
    if sum(len(part.encode()) for part in parts) > MAX_SIZE:
        text = f"A template has at most {MAX_SIZE} bytes."
        raise SesError(ErrorCode.INVALID_TEMPLATE, text)
    try:
        for part in parts:
            handlebars.parse(part)
    except TemplateError as err:
        raise SesError(ErrorCode.INVALID_TEMPLATE, str(err)) from err
    return template


OPERATIONS: Operations = {
    ("ses", "CreateTemplate"): create_template,
    ("ses", "DeleteTemplate"): delete_template_v1,
    ("ses", "GetTemplate"): get_template_v1,
    ("ses", "ListTemplates"): list_templates,
    ("ses", "UpdateTemplate"): update_template,
    ("sesv2", "CreateEmailTemplate"): create_template,
    ("sesv2", "DeleteEmailTemplate"): delete_template_v2,
    ("sesv2", "GetEmailTemplate"): get_template_v2,
    ("sesv2", "ListEmailTemplates"): list_templates,
    ("sesv2", "UpdateEmailTemplate"): update_template,
}
