"""The operations of v2 of the API that send.

Source: Amazon SES API reference (v2, 2019-09-27).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ..api import ApiRequest
from .addresses import parse_address
from .bulk import Bulk, Entry, send_bulk
from .composing import check_custom_headers, compose, parse_content
from .parameters import DESTINATION_KEYS, envelope_of, recipients_of, tags_of
from .raw_mail import check_once, parse_headers
from .raw_sending import RawMessage, raw_submission
from .refusals import invalid
from .submission import Submission, submit
from .templated import TemplatedMessage, templated_submission
from .templates import Template

if TYPE_CHECKING:
    from .desk import Desk, Operation

Result = Mapping[str, Any]
MAX_SIZE = 40 * 1024 * 1024


def send_email(desk: Desk, request: ApiRequest) -> Result:
    """SendEmail."""
    content = request.params["Content"]
    if len(content) != 1:
        raise invalid("Exactly one of Simple, Raw and Template is needed in Content.")
    (kind,) = content
    submission = SUBMISSIONS[kind](desk, request, content[kind])
    if len(submission.raw) > MAX_SIZE:
        raise invalid(f"Message length is more than {MAX_SIZE} bytes long.")
    return {"MessageId": submit(desk, request, submission)}


def send_bulk_email(desk: Desk, request: ApiRequest) -> Result:
    """SendBulkEmail."""
    params = request.params
    given = params["DefaultContent"].get("Template")
    if given is None:
        raise invalid("DefaultContent needs a Template.")
    headers = _custom_headers(given)
    bulk = Bulk(
        sender=_sender(params),
        reply_to=params.get("ReplyToAddresses", ()),
        template=_template(desk, request.region, given),
        default_data=given.get("TemplateData"),
        default_tags=params.get("DefaultEmailTags", ()),
        headers=headers,
        attachments=given.get("Attachments", ()),
        configuration_set=params.get("ConfigurationSetName"),
        entries=[_entry(found) for found in params["BulkEmailEntries"]],
    )
    outcomes = send_bulk(desk, request, bulk)
    return {"BulkEmailEntryResults": [outcome.as_v2() for outcome in outcomes]}


def _raw(_desk: Desk, request: ApiRequest, given: Mapping[str, Any]) -> Submission:
    params = request.params
    destination = params.get("Destination", {})
    return raw_submission(
        RawMessage(
            data=given["Data"],
            source=params.get("FromEmailAddress"),
            destinations=[a for key in DESTINATION_KEYS for a in destination.get(key, ())],
            tags=tags_of(params.get("EmailTags", ())),
            configuration_set=params.get("ConfigurationSetName"),
            max_size=MAX_SIZE,
        )
    )


def _simple(_desk: Desk, request: ApiRequest, given: Mapping[str, Any]) -> Submission:
    params = request.params
    destination, sender = params.get("Destination", {}), _sender(params)
    envelope = envelope_of(
        sender, destination, params.get("ReplyToAddresses", ()), headers=_custom_headers(given)
    )
    content = parse_content(
        given["Subject"], given["Body"], attachments=given.get("Attachments", ())
    )
    recipients = recipients_of(destination)
    raw = compose(envelope, content)
    headers = parse_headers(raw)
    check_once(headers)
    return Submission(
        source=parse_address(sender),
        recipients=recipients,
        headers=headers,
        raw=raw,
        configuration_set=params.get("ConfigurationSetName"),
        tags=tags_of(params.get("EmailTags", ())),
    )


def _templated(desk: Desk, request: ApiRequest, given: Mapping[str, Any]) -> Submission:
    params = request.params
    destination, sender = params.get("Destination", {}), _sender(params)
    message = TemplatedMessage(
        envelope=envelope_of(
            sender,
            destination,
            params.get("ReplyToAddresses", ()),
            headers=_custom_headers(given),
        ),
        source=parse_address(sender),
        recipients=recipients_of(destination),
        template=_template(desk, request.region, given),
        data=(given.get("TemplateData"),),
        tags=tags_of(params.get("EmailTags", ())),
        configuration_set=params.get("ConfigurationSetName"),
        attachments=given.get("Attachments", ()),
    )
    return templated_submission(message)


SUBMISSIONS: dict[str, Callable[[Desk, ApiRequest, Mapping[str, Any]], Submission]] = {
    "Raw": _raw,
    "Simple": _simple,
    "Template": _templated,
}


def _sender(params: Mapping[str, Any]) -> str:
    sender: str = params.get("FromEmailAddress", "")
    if not sender:
        raise invalid("FromEmailAddress is missing.")
    return sender


def _template(desk: Desk, region: str, given: Mapping[str, Any]) -> Template:
    """The template that a message names, or brings along."""
    arn = given.get("TemplateArn", "")
    name = given.get("TemplateName") or arn.partition(":template/")[2]
    inline = given.get("TemplateContent")
    if bool(name) == bool(inline):
        raise invalid("Either the name of a template or the content of one is needed.")
    if not inline:
        return desk.templates.get(region, name)
    return Template(
        subject=inline.get("Subject", ""),
        text=inline.get("Text"),
        html=inline.get("Html"),
        inline=True,
    )


def _entry(given: Mapping[str, Any]) -> Entry:
    replacement = given.get("ReplacementEmailContent", {}).get("ReplacementTemplate", {})
    return Entry(
        destination=given.get("Destination", {}),
        data=replacement.get("ReplacementTemplateData"),
        tags=given.get("ReplacementTags", ()),
        headers=_custom_headers(given, "ReplacementHeaders"),
    )


def _custom_headers(given: Mapping[str, Any], key: str = "Headers") -> Sequence[tuple[str, str]]:
    headers = [(header["Name"], header["Value"]) for header in given.get(key, ())]
    check_custom_headers(headers)
    return headers


OPERATIONS: Mapping[tuple[str, str], Operation] = {
    ("sesv2", "SendBulkEmail"): send_bulk_email,
    ("sesv2", "SendEmail"): send_email,
}
