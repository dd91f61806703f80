"""What can be asked about templates, in both APIs. moto has only those of v1."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ..api import ApiError, ApiRequest
from .composing import Envelope, compose
from .handlebars import TemplateError
from .refusals import Reason
from .templates import Template, page, parse_data, problem

if TYPE_CHECKING:
    from .desk import Desk, Operation

Result = Mapping[str, Any]
#: SES API references, "ListTemplates" and "ListEmailTemplates".
PAGE_SIZE = 10


def create_v1(desk: Desk, request: ApiRequest) -> Result:
    """CreateTemplate."""
    template = _template_v1(request.params["Template"])
    _check(template, "InvalidTemplate")
    if not desk.templates.add(request.region, template):
        raise ApiError("AlreadyExists", f"Template {template.name} already exists.")
    return {}


def create_v2(desk: Desk, request: ApiRequest) -> Result:
    """CreateEmailTemplate."""
    template = _template_v2(request.params)
    _check(template, Reason.INVALID.value.v2)
    if not desk.templates.add(request.region, template):
        text = f"Template {template.name} already exists."
        raise ApiError("AlreadyExistsException", text)
    return {}


def update_v1(desk: Desk, request: ApiRequest) -> Result:
    """UpdateTemplate."""
    return _update(desk, request, _template_v1(request.params["Template"]), "InvalidTemplate")


def update_v2(desk: Desk, request: ApiRequest) -> Result:
    """UpdateEmailTemplate."""
    return _update(desk, request, _template_v2(request.params), Reason.INVALID.value.v2)


def get_v1(desk: Desk, request: ApiRequest) -> Result:
    """GetTemplate."""
    template = desk.templates.get(request.region, request.params["TemplateName"])
    return {
        "Template": {
            "TemplateName": template.name,
            "SubjectPart": template.subject,
            "TextPart": template.text,
            "HtmlPart": template.html,
        }
    }


def get_v2(desk: Desk, request: ApiRequest) -> Result:
    """GetEmailTemplate."""
    template = desk.templates.get(request.region, request.params["TemplateName"])
    content = {"Subject": template.subject, "Text": template.text, "Html": template.html}
    return {"TemplateName": template.name, "TemplateContent": content}


def delete_v1(desk: Desk, request: ApiRequest) -> Result:
    """DeleteTemplate; there need not be one."""
    desk.templates.remove(request.region, request.params["TemplateName"])
    return {}


def delete_v2(desk: Desk, request: ApiRequest) -> Result:
    """DeleteEmailTemplate."""
    desk.templates.get(request.region, request.params["TemplateName"])
    return delete_v1(desk, request)


def list_v1(desk: Desk, request: ApiRequest) -> Result:
    """ListTemplates."""
    return _list(desk, request, "MaxItems")


def list_v2(desk: Desk, request: ApiRequest) -> Result:
    """ListEmailTemplates."""
    return _list(desk, request, "PageSize")


def test_v1(desk: Desk, request: ApiRequest) -> Result:
    """TestRenderTemplate."""
    return _test(desk, request, "InvalidRenderingParameter", "MissingRenderingAttribute")


def test_v2(desk: Desk, request: ApiRequest) -> Result:
    """TestRenderEmailTemplate."""
    return _test(desk, request, Reason.INVALID.value.v2, Reason.INVALID.value.v2)


def _template_v1(given: Mapping[str, str]) -> Template:
    return Template(
        name=given["TemplateName"],
        subject=given.get("SubjectPart", ""),
        text=given.get("TextPart"),
        html=given.get("HtmlPart"),
    )


def _template_v2(params: Mapping[str, Any]) -> Template:
    content = params["TemplateContent"]
    return Template(
        name=params["TemplateName"],
        subject=content.get("Subject", ""),
        text=content.get("Text"),
        html=content.get("Html"),
    )


def _update(desk: Desk, request: ApiRequest, template: Template, code: str) -> Result:
    desk.templates.get(request.region, template.name)
    _check(template, code)
    desk.templates.put(request.region, template)
    return {}


def _list(desk: Desk, request: ApiRequest, size_name: str) -> Result:
    size = request.params.get(size_name, PAGE_SIZE)
    if not 0 < size <= 100:
        size = PAGE_SIZE
    token = request.params.get("NextToken")
    found, following = page(desk.templates.all(request.region), size, token)
    metadata = [
        {"Name": item.name, "TemplateName": item.name, "CreatedTimestamp": item.created}
        for item in found
    ]
    return {"TemplatesMetadata": metadata, "NextToken": following}


def _test(desk: Desk, request: ApiRequest, bad_data: str, missing: str) -> Result:
    template = desk.templates.get(request.region, request.params["TemplateName"])
    try:
        data = parse_data(request.params["TemplateData"])
    except TemplateError as err:
        raise ApiError(bad_data, str(err)) from err
    try:
        content = template.render(data)
    except TemplateError as err:
        raise ApiError(missing, str(err)) from err
    return {"RenderedTemplate": compose(Envelope(sender=""), content).decode("ascii", "replace")}


def _check(template: Template, code: str) -> None:
    found = problem(template)
    if found:
        raise ApiError(code, found)


OPERATIONS: Mapping[tuple[str, str], Operation] = {
    ("ses", "CreateTemplate"): create_v1,
    ("ses", "DeleteTemplate"): delete_v1,
    ("ses", "GetTemplate"): get_v1,
    ("ses", "ListTemplates"): list_v1,
    ("ses", "TestRenderTemplate"): test_v1,
    ("ses", "UpdateTemplate"): update_v1,
    ("sesv2", "CreateEmailTemplate"): create_v2,
    ("sesv2", "DeleteEmailTemplate"): delete_v2,
    ("sesv2", "GetEmailTemplate"): get_v2,
    ("sesv2", "ListEmailTemplates"): list_v2,
    ("sesv2", "TestRenderEmailTemplate"): test_v2,
    ("sesv2", "UpdateEmailTemplate"): update_v2,
}
