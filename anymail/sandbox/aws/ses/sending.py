"""The operations that send, of both APIs, whose parameters differ in names more than in meaning.

Source: Amazon SES API references (v1 2010-12-01, v2 2019-09-27) and Amazon SES Developer Guide,
"Header fields in Amazon SES".
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from ..api import ApiRequest
from ..headers import Header, first, parse_headers, split, values
from . import mime
from .addresses import parse_address, parse_addresses
from .configuration_sets import check_configuration_set
from .context import Operations, Result, SesContext
from .errors import BULK_STATUS, ErrorCode, SesError, invalid
from .handlebars import TemplateError
from .submit import Submission, check_count, check_senders, submit
from .templates import Template, find_template, template_of

Params = Mapping[str, Any]
MAX_SIZE_V1 = 10 * 1024 * 1024
MAX_SIZE_V2 = 40 * 1024 * 1024
CONFIGURATION_SET = "x-ses-configuration-set"
MESSAGE_TAGS = "x-ses-message-tags"
DESTINATION_KEYS = ("ToAddresses", "CcAddresses", "BccAddresses")
#: What a text has without a ``Charset`` (SES API reference, "Content").
DEFAULT_CHARSET = "us-ascii"


def send_raw_email(ses: SesContext, request: ApiRequest) -> Result:
    params = request.params
    data, destinations = params["RawMessage"]["Data"], params.get("Destinations", ())
    return {"MessageId": submit(ses, request, _raw(params, data, destinations, MAX_SIZE_V1))}


def send_email_v1(ses: SesContext, request: ApiRequest) -> Result:
    return {"MessageId": submit(ses, request, _simple(request.params, request.params["Message"]))}


def send_email_v2(ses: SesContext, request: ApiRequest) -> Result:
    params, content = request.params, request.params["Content"]
    if len(content) != 1:
        raise invalid("Exactly one of Simple, Raw and Template is needed in Content.")
    ((kind, given),) = content.items()
    if kind == "Raw":
        destinations = _addresses(params.get("Destination", {}))
        submission = _raw(params, given["Data"], destinations, MAX_SIZE_V2)
    elif kind == "Simple":
        submission = _simple(params, given)
    else:
        template = _template_v2(ses, request.region, given)
        submission = _templated(params, template, [given.get("TemplateData")], given)
    _check_size(submission.raw, MAX_SIZE_V2)
    return {"MessageId": submit(ses, request, submission)}


def send_templated_email(ses: SesContext, request: ApiRequest) -> Result:
    params = request.params
    template = find_template(ses, request.region, params["Template"])
    submission = _templated(params, template, [params["TemplateData"]])
    return {"MessageId": submit(ses, request, submission)}


def send_bulk_templated_email(ses: SesContext, request: ApiRequest) -> Result:
    params = request.params
    template = find_template(ses, request.region, params["Template"])

    def submission(entry: Params) -> Submission:
        data = [params["DefaultTemplateData"], entry.get("ReplacementTemplateData")]
        return _templated(_of_entry(params, entry), template, data)

    return {"Status": _send_bulk(ses, request, params["Destinations"], submission)}


def send_bulk_email(ses: SesContext, request: ApiRequest) -> Result:
    params = request.params
    given = params["DefaultContent"].get("Template")
    if given is None:
        raise invalid("DefaultContent needs a Template.")
    template = _template_v2(ses, request.region, given)

    def submission(entry: Params) -> Submission:
        content = entry.get("ReplacementEmailContent", {}).get("ReplacementTemplate", {})
        data = [given.get("TemplateData"), content.get("ReplacementTemplateData")]
        replaced = _custom_headers(entry.get("ReplacementHeaders", ()))
        return _templated(_of_entry(params, entry), template, data, given, replaced)

    results = _send_bulk(ses, request, params["BulkEmailEntries"], submission)
    return {"BulkEmailEntryResults": results}


def _send_bulk(
    ses: SesContext,
    request: ApiRequest,
    entries: Sequence[Params],
    submission: Callable[[Params], Submission],
) -> list[dict[str, str]]:
    """Send every entry that SES takes. If it takes none, it refuses the call."""
    params, is_v2 = request.params, request.service == "sesv2"
    addresses = sum(len(_addresses(entry.get("Destination", {}))) for entry in entries)
    check_count(max(len(entries), addresses))
    check_senders(ses, request, parse_address(_sender(params)))
    if params.get("ConfigurationSetName"):
        check_configuration_set(request.region, params["ConfigurationSetName"])
    results: list[dict[str, str]] = []
    for entry in entries:
        try:
            message_id = submit(ses, request, submission(entry))
            status = "SUCCESS" if is_v2 else "Success"
            results.append({"Status": status, "MessageId": message_id})
        except SesError as err:
            is_first = err.code is ErrorCode.THROTTLED and not results
            if is_first or err.code not in BULK_STATUS:
                raise
            results.append({"Status": BULK_STATUS[err.code][is_v2], "Error": str(err)})
    return results


def _of_entry(params: Params, entry: Params) -> Params:
    """The parameters of a single message for an entry of a bulk call."""
    defaults = params.get("DefaultTags") or params.get("DefaultEmailTags") or ()
    replaced = {tag["Name"] for tag in entry.get("ReplacementTags", ())}
    kept = [tag for tag in defaults if tag["Name"] not in replaced]
    return {
        **params,
        "Destination": entry.get("Destination", {}),
        "Tags": [*kept, *entry.get("ReplacementTags", ())],
    }


def _raw(params: Params, data: bytes, destinations: Sequence[str], max_size: int) -> Submission:
    """A raw message. Parameters replace what its headers say; nothing is merged."""
    _check_size(data, max_size)
    headers = parse_headers(data)
    mime.check_headers(headers)
    for name in ("From", "To"):
        if first(headers, name.lower()) is None:
            raise invalid(f"Missing required header '{name}'.")
    authors = _addresses_in(headers, "from")
    if not authors:
        raise invalid("Missing final '@domain'")
    source, recipients = _sender(params, ""), parse_addresses(destinations)
    return Submission(
        source=parse_address(source) if source else authors[0],
        recipients=recipients or _addresses_in(headers, "to", "cc", "bcc"),
        headers=headers,
        raw=data,
        configuration_set=params.get("ConfigurationSetName") or first(headers, CONFIGURATION_SET),
        tags=_tags(params) or _tags_in(first(headers, MESSAGE_TAGS) or ""),
        senders=authors,
    )


def _simple(params: Params, message: Params) -> Submission:
    body, headers = message["Body"], _custom_headers(message.get("Headers", ()))
    subject, charset = _encoded(message["Subject"])
    text, html = (_encoded(body[key]) if key in body else None for key in ("Text", "Html"))
    attachments = message.get("Attachments", ())
    return _composed(params, subject.decode(charset, "replace"), text, html, headers, attachments)


def _templated(
    params: Params,
    template: Template,
    data: Iterable[str | None],
    content: Params | None = None,
    replaced: Sequence[Header] = (),
) -> Submission:
    """A message from a template. If data is missing, it is accepted all the same, and fails later.

    :param content: what v2 has beside the template.
    :param replaced: headers that replace those with their names.
    """
    content, names = content or {}, {name.lower() for name, _ in replaced}
    headers = [
        header
        for header in _custom_headers(content.get("Headers", ()))
        if header[0].lower() not in names
    ]
    try:
        subject, text, html = template.render(*data)
    except TemplateError as err:
        return replace(_envelope(params), template=template.name, failure=str(err))
    attachments = content.get("Attachments", ())
    fields = [*headers, *replaced]
    message = _composed(params, subject, _utf8(text), _utf8(html), fields, attachments)
    return replace(message, template=template.name)


def _composed(
    params: Params,
    subject: str,
    text: mime.Body | None,
    html: mime.Body | None,
    custom: Iterable[Header],
    attachments: Iterable[Params],
) -> Submission:
    destination = params.get("Destination", {})
    addresses = [
        ("From", _sender(params)),
        ("To", ", ".join(destination.get("ToAddresses", ()))),
        ("Cc", ", ".join(destination.get("CcAddresses", ()))),
        ("Reply-To", ", ".join(params.get("ReplyToAddresses", ()))),
    ]
    fields = [*((name, value) for name, value in addresses if value), ("Subject", subject), *custom]
    submission, raw = _envelope(params), mime.compose(fields, text, html, attachments)
    headers = parse_headers(raw)
    mime.check_headers(headers)
    return replace(submission, raw=raw, headers=headers)


def _envelope(params: Params) -> Submission:
    parse_addresses(params.get("ReplyToAddresses", ()))
    return Submission(
        source=parse_address(_sender(params)),
        recipients=parse_addresses(_addresses(params.get("Destination", {}))),
        configuration_set=params.get("ConfigurationSetName"),
        tags=_tags(params),
    )


def _sender(params: Params, default: str | None = None) -> str:
    sender = params.get("Source") or params.get("FromEmailAddress") or default
    if sender is None:
        raise invalid("FromEmailAddress is missing.")
    return str(sender)


def _addresses(destination: Params) -> list[str]:
    return [address for key in DESTINATION_KEYS for address in destination.get(key, ())]


def _addresses_in(headers: Sequence[Header], *names: str) -> list[str]:
    found = values(headers, *names)
    return [parse_address(mailbox) for value in found for mailbox in split(value)]


def _tags(params: Params) -> dict[str, list[str]]:
    tags: dict[str, list[str]] = {}
    for tag in params.get("Tags") or params.get("EmailTags") or ():
        tags.setdefault(tag["Name"], []).append(tag["Value"])
    return tags


def _tags_in(header: str) -> dict[str, list[str]]:
    """The tags in an ``X-SES-MESSAGE-TAGS`` header: ``a=1, b=2``."""
    tags: dict[str, list[str]] = {}
    for pair in filter(None, map(str.strip, header.split(","))):
        name, _, value = pair.partition("=")
        tags.setdefault(name.strip(), []).append(value.strip())
    return tags


def _custom_headers(given: Iterable[Mapping[str, str]]) -> list[Header]:
    headers = [(header["Name"], header["Value"]) for header in given]
    mime.check_custom_headers(headers)
    return headers


def _template_v2(ses: SesContext, region: str, given: Params) -> Template:
    """The template that a message names, or has with it."""
    arn, inline = given.get("TemplateArn", ""), given.get("TemplateContent")
    name = given.get("TemplateName") or arn.partition(":template/")[2]
    if bool(name) == bool(inline):
        raise invalid("Either the name of a template or the content of one is needed.")
    return template_of(inline) if inline else find_template(ses, region, name)


def _encoded(given: Mapping[str, str]) -> mime.Body:
    """What the character set does not have becomes a question mark."""
    charset = given.get("Charset") or DEFAULT_CHARSET
    try:
        if re.fullmatch(r"[\w.:+-]+", charset, re.ASCII):
            return given["Data"].encode(charset, "replace"), charset
    except (LookupError, UnicodeError):
        pass
    raise invalid(f"Unsupported charset <{charset}>.")


def _utf8(text: str | None) -> mime.Body | None:
    # JSON can hold halves of characters.
    return None if text is None else (text.encode("utf-8", "replace"), "utf-8")


def _check_size(raw: bytes, max_size: int) -> None:
    if len(raw) > max_size:
        size = len(raw)
        raise invalid(f"Message length is more than {max_size} bytes long: '{size}'.")


OPERATIONS: Operations = {
    ("ses", "SendBulkTemplatedEmail"): send_bulk_templated_email,
    ("ses", "SendEmail"): send_email_v1,
    ("ses", "SendRawEmail"): send_raw_email,
    ("ses", "SendTemplatedEmail"): send_templated_email,
    ("sesv2", "SendBulkEmail"): send_bulk_email,
    ("sesv2", "SendEmail"): send_email_v2,
}
