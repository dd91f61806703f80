"""The operations that send, of both APIs, whose parameters differ in names more than in meaning.

Source: Amazon SES API references (v1 2010-12-01, v2 2019-09-27) and Amazon SES Developer Guide,
"Header fields in Amazon SES".
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from ...journal import SentMail, now
from ..api import ApiRequest
from ..events.documents import new_id
from ..headers import Header, first, parse_headers
from . import mime
from .addresses import addresses_in, parse_address, parse_addresses
from .configuration_sets import check_configuration_set
from .context import Operations, Result, SesContext
from .errors import BULK_STATUS, ErrorCode, SesError, invalid
from .handlebars import TemplateError
from .submit import check_count, check_senders, submit
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
    return {"MessageId": submit(ses, _raw(request, data, destinations, MAX_SIZE_V1))}


def send_email_v1(ses: SesContext, request: ApiRequest) -> Result:
    return {"MessageId": submit(ses, _simple(request, request.params["Message"]))}


def send_email_v2(ses: SesContext, request: ApiRequest) -> Result:
    params, content = request.params, request.params["Content"]
    if len(content) != 1:
        raise invalid("Exactly one of Simple, Raw and Template is needed in Content.")
    ((kind, given),) = content.items()
    if kind == "Raw":
        destinations = _addresses(params.get("Destination", {}))
        mail = _raw(request, given["Data"], destinations, MAX_SIZE_V2)
    elif kind == "Simple":
        mail = _simple(request, given)
    else:
        template = _template_v2(ses, request.region, given)
        mail = _templated(request, template, [given.get("TemplateData")], given)
    _check_size(mail.raw, MAX_SIZE_V2)
    return {"MessageId": submit(ses, mail)}


def send_templated_email(ses: SesContext, request: ApiRequest) -> Result:
    template = find_template(ses, request.region, request.params["Template"])
    mail = _templated(request, template, [request.params["TemplateData"]])
    return {"MessageId": submit(ses, mail)}


def send_bulk_templated_email(ses: SesContext, request: ApiRequest) -> Result:
    params = request.params
    template = find_template(ses, request.region, params["Template"])

    def mail(entry: Params) -> SentMail:
        data = [params["DefaultTemplateData"], entry.get("ReplacementTemplateData")]
        return _templated(_of_entry(request, entry), template, data)

    return {"Status": _send_bulk(ses, request, params["Destinations"], mail)}


def send_bulk_email(ses: SesContext, request: ApiRequest) -> Result:
    params = request.params
    given = params["DefaultContent"].get("Template")
    if given is None:
        raise invalid("DefaultContent needs a Template.")
    template = _template_v2(ses, request.region, given)

    def mail(entry: Params) -> SentMail:
        content = entry.get("ReplacementEmailContent", {}).get("ReplacementTemplate", {})
        data = [given.get("TemplateData"), content.get("ReplacementTemplateData")]
        replaced = _custom_headers(entry.get("ReplacementHeaders", ()))
        return _templated(_of_entry(request, entry), template, data, given, replaced)

    results = _send_bulk(ses, request, params["BulkEmailEntries"], mail)
    return {"BulkEmailEntryResults": results}


def _send_bulk(
    ses: SesContext,
    request: ApiRequest,
    entries: Sequence[Params],
    mail: Callable[[Params], SentMail],
) -> list[dict[str, str]]:
    """Send every entry that SES takes. If it takes none, it refuses the call."""
    is_v2, configuration_set = request.service == "sesv2", _configuration_set(request)
    addresses = sum(len(_addresses(entry.get("Destination", {}))) for entry in entries)
    check_count(max(len(entries), addresses))
    check_senders(ses, request.region, parse_address(_sender(request)))
    if configuration_set:
        check_configuration_set(request.region, configuration_set)
    results: list[dict[str, str]] = []
    for entry in entries:
        try:
            status = "SUCCESS" if is_v2 else "Success"
            results.append({"Status": status, "MessageId": submit(ses, mail(entry))})
        except SesError as err:
            is_first = err.code is ErrorCode.THROTTLED and not results
            if is_first or err.code not in BULK_STATUS:
                raise
            results.append({"Status": BULK_STATUS[err.code][is_v2], "Error": str(err)})
    return results


def _of_entry(request: ApiRequest, entry: Params) -> ApiRequest:
    """The call that would send one entry of a bulk call."""
    params = request.params
    defaults = params.get("DefaultTags") or params.get("DefaultEmailTags") or ()
    replaced = {tag["Name"] for tag in entry.get("ReplacementTags", ())}
    kept = [tag for tag in defaults if tag["Name"] not in replaced]
    changed = {
        "Destination": entry.get("Destination", {}),
        "Tags": [*kept, *entry.get("ReplacementTags", ())],
    }
    return replace(request, params={**params, **changed})


def _raw(request: ApiRequest, data: bytes, destinations: Sequence[str], max_size: int) -> SentMail:
    """A raw message. Parameters replace what its headers say; nothing is merged."""
    _check_size(data, max_size)
    headers = parse_headers(data)
    mime.check_headers(headers)
    for name in ("From", "To"):
        if first(headers, name.lower()) is None:
            raise invalid(f"Missing required header '{name}'.")
    authors, source = addresses_in(headers, "from"), _sender(request, "")
    if not authors:
        raise invalid("Missing final '@domain'")
    recipients = parse_addresses(destinations) or addresses_in(headers, "to", "cc", "bcc")
    mail = _mail(request, parse_address(source) if source else authors[0], recipients)
    return replace(
        mail,
        raw=data,
        headers=headers,
        configuration_set=mail.configuration_set or first(headers, CONFIGURATION_SET),
        message_tags=mail.message_tags or _tags_in(first(headers, MESSAGE_TAGS) or ""),
    )


def _simple(request: ApiRequest, message: Params) -> SentMail:
    body, custom = message["Body"], _custom_headers(message.get("Headers", ()))
    subject, charset = _encoded(message["Subject"])
    text, html = (_encoded(body[key]) if key in body else None for key in ("Text", "Html"))
    attachments = message.get("Attachments", ())
    return _composed(request, subject.decode(charset, "replace"), text, html, custom, attachments)


def _templated(
    request: ApiRequest,
    template: Template,
    data: Iterable[str | None],
    content: Params | None = None,
    replaced: Sequence[Header] = (),
) -> SentMail:
    """A message from a template. If data is missing, it is accepted all the same, and fails later.

    :param content: what v2 has beside the template.
    :param replaced: headers that replace those with their names.
    """
    content, names = content or {}, {name.lower() for name, _ in replaced}
    custom = _custom_headers(content.get("Headers", ()))
    headers = [header for header in custom if header[0].lower() not in names] + [*replaced]
    try:
        subject, text, html = template.render(*data)
    except TemplateError as err:
        return replace(_composed_mail(request), template=template.name, failure=str(err))
    attachments = content.get("Attachments", ())
    mail = _composed(request, subject, _utf8(text), _utf8(html), headers, attachments)
    return replace(mail, template=template.name)


def _composed(
    request: ApiRequest,
    subject: str,
    text: mime.Body | None,
    html: mime.Body | None,
    custom: Iterable[Header],
    attachments: Iterable[Params],
) -> SentMail:
    mail, destination = _composed_mail(request), request.params.get("Destination", {})
    addresses = [
        ("From", _sender(request)),
        ("To", ", ".join(destination.get("ToAddresses", ()))),
        ("Cc", ", ".join(destination.get("CcAddresses", ()))),
        ("Reply-To", ", ".join(request.params.get("ReplyToAddresses", ()))),
    ]
    fields = [*((name, value) for name, value in addresses if value), ("Subject", subject), *custom]
    raw = mime.compose(fields, text, html, attachments)
    headers = parse_headers(raw)
    mime.check_headers(headers)
    return replace(mail, raw=raw, headers=headers)


def _composed_mail(request: ApiRequest) -> SentMail:
    """A message that SES composes, without its content."""
    parse_addresses(request.params.get("ReplyToAddresses", ()))
    recipients = parse_addresses(_addresses(request.params.get("Destination", {})))
    return _mail(request, parse_address(_sender(request)), recipients)


def _mail(request: ApiRequest, source: str, recipients: list[str]) -> SentMail:
    at = now()
    return SentMail(
        id=new_id(request.region, at),
        operation=("v2 " if request.service == "sesv2" else "") + request.operation,
        region=request.region,
        source=source,
        recipients=recipients,
        raw=b"",
        configuration_set=_configuration_set(request),
        message_tags=_tags(request),
        source_ip=request.source_ip,
        at=at,
    )


def _sender(request: ApiRequest, default: str | None = None) -> str:
    sender = request.params.get("Source") or request.params.get("FromEmailAddress") or default
    if sender is None:
        raise invalid("FromEmailAddress is missing.")
    return str(sender)


def _configuration_set(request: ApiRequest) -> str | None:
    return request.params.get("ConfigurationSetName") or None


def _addresses(destination: Params) -> list[str]:
    return [address for key in DESTINATION_KEYS for address in destination.get(key, ())]


def _tags(request: ApiRequest) -> dict[str, list[str]]:
    tags: dict[str, list[str]] = {}
    for tag in request.params.get("Tags") or request.params.get("EmailTags") or ():
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
