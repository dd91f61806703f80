"""The operations that send.

Source: Amazon SES API reference (v2 2019-09-27) and Amazon SES Developer Guide, "Header fields in
Amazon SES".
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence

from ...journal import SentMail, now
from ..api import ApiRequest
from ..events.documents import new_id
from ..headers import first, parse_headers
from . import mime
from .addresses import addresses_in, parse_address, parse_addresses
from .context import Result, SesContext
from .errors import BULK_STATUS, ErrorCode, SesError, invalid
from .handlebars import TemplateError
from .submit import check_count, check_senders, submit
from .templates import Template, find_template
from .v1 import Params, as_v2

#: In bytes, by service.
MAX_SIZE = {"ses": 10 * 1024 * 1024, "sesv2": 40 * 1024 * 1024}
CONFIGURATION_SET = "x-ses-configuration-set"
MESSAGE_TAGS = "x-ses-message-tags"
#: What a text has without a ``Charset`` (SES API reference, "Content").
DEFAULT_CHARSET = "us-ascii"


def send_email(ses: SesContext, request: ApiRequest) -> Result:
    return {"MessageId": submit(ses, _build_mail(ses, request, as_v2(request)))}


def send_bulk_email(ses: SesContext, request: ApiRequest) -> Result:
    """Send every entry that SES takes. If it takes none, it refuses the call."""
    call, is_v2 = as_v2(request), request.service == "sesv2"
    entries = [_call_for(call, entry) for entry in call["BulkEmailEntries"]]
    _check_bulk(ses, request.region, call, entries)
    results: list[dict[str, str]] = []
    for entry in entries:
        try:
            message_id = submit(ses, _build_mail(ses, request, entry))
            status = "SUCCESS" if is_v2 else "Success"
            results.append({"Status": status, "MessageId": message_id})
        except SesError as err:
            is_first = err.code is ErrorCode.THROTTLED and not results
            if is_first or err.code not in BULK_STATUS:
                raise
            results.append({"Status": BULK_STATUS[err.code][is_v2], "Error": str(err)})
    return {"BulkEmailEntryResults": results, "Status": results}


def _call_for(call: Params, entry: Params) -> Params:
    """The call that would send one entry of a bulk call."""
    template = call["DefaultContent"].get("Template", {})
    replacement = entry.get("ReplacementEmailContent", {}).get("ReplacementTemplate", {})
    data = replacement.get("ReplacementTemplateData")
    headers = _merged(template.get("Headers", ()), entry.get("ReplacementHeaders", ()))
    return {
        **call,
        "Destination": entry.get("Destination", {}),
        "EmailTags": _merged(call.get("DefaultEmailTags", ()), entry.get("ReplacementTags", ())),
        "Content": {
            "Template": {**template, "Headers": headers, "ReplacementTemplateData": data},
        },
    }


def _merged(defaults: Iterable[Params], replacements: Sequence[Params]) -> list[Params]:
    """Tags or headers, where a replacement takes the place of defaults with its name."""
    names = {one["Name"].lower() for one in replacements}
    return [*(one for one in defaults if one["Name"].lower() not in names), *replacements]


def _check_bulk(ses: SesContext, region: str, call: Params, entries: Sequence[Params]) -> None:
    """Refuse what all entries have in common."""
    _template(ses, region, call["DefaultContent"].get("Template", {}))
    check_count(max(len(entries), sum(len(_recipients(entry)) for entry in entries)))
    check_senders(ses, region, parse_address(call.get("FromEmailAddress") or ""))


def _build_mail(ses: SesContext, request: ApiRequest, call: Params) -> SentMail:
    content, mail = call["Content"], _new_mail(request, call)
    if len(content) != 1:
        raise invalid("Exactly one of Simple, Raw and Template is needed in Content.")
    if "Raw" in content:
        _read_raw(mail, content["Raw"]["Data"])
    elif not mail.source:
        raise invalid("FromEmailAddress is missing.")
    elif "Simple" in content:
        _compose(mail, call, content["Simple"])
    else:
        _render(ses, mail, call, content["Template"])
    size, limit = len(mail.raw), MAX_SIZE[request.service]
    if size > limit:
        raise invalid(f"Message length is more than {limit} bytes long: '{size}'.")
    return mail


def _new_mail(request: ApiRequest, call: Params) -> SentMail:
    """A message without its content, and without a source if the call has none."""
    sender, at = call.get("FromEmailAddress"), now()
    return SentMail(
        id=new_id(request.region, at),
        operation=("v2 " if request.service == "sesv2" else "") + request.operation,
        region=request.region,
        source="" if sender is None else parse_address(sender),
        recipients=parse_addresses(_recipients(call)),
        raw=b"",
        configuration_set=call.get("ConfigurationSetName") or None,
        message_tags=_tags((tag["Name"], tag["Value"]) for tag in call.get("EmailTags", ())),
        source_ip=request.source_ip,
        at=at,
    )


def _read_raw(mail: SentMail, raw: bytes) -> None:
    """Parameters replace what the headers say; nothing is merged."""
    mail.raw, mail.headers = raw, parse_headers(raw)
    mime.check_headers(mail.headers)
    for name in ("From", "To"):
        if first(mail.headers, name.lower()) is None:
            raise invalid(f"Missing required header '{name}'.")
    authors = addresses_in(mail.headers, "from")
    if not authors:
        raise invalid("Missing final '@domain'")
    mail.source = mail.source or authors[0]
    mail.recipients = mail.recipients or addresses_in(mail.headers, "to", "cc", "bcc")
    mail.configuration_set = mail.configuration_set or first(mail.headers, CONFIGURATION_SET)
    tags = (first(mail.headers, MESSAGE_TAGS) or "").split(",")  # a=1, b=2
    pairs = (tag.partition("=") for tag in tags if tag.strip())
    mail.message_tags = mail.message_tags or _tags(
        (name.strip(), v.strip()) for name, _, v in pairs
    )


def _render(ses: SesContext, mail: SentMail, call: Params, content: Params) -> None:
    """If data is missing, the message is accepted all the same, and fails later."""
    template = _template(ses, mail.region, content)
    mail.template = template.name
    try:
        parts = template.render(content.get("TemplateData"), content.get("ReplacementTemplateData"))
    except TemplateError as err:
        mail.failure = str(err)
        return
    body = {key: {"Data": part, "Charset": "UTF-8"} for key, part in parts.items()}
    subject = body.pop("Subject", {"Data": ""})
    _compose(mail, call, {**content, "Subject": subject, "Body": body})


def _compose(mail: SentMail, call: Params, message: Params) -> None:
    """:param message: ``Simple`` of v2."""
    subject, charset = _encoded(message["Subject"])
    text, html = (
        _encoded(message["Body"][key]) if key in message["Body"] else None
        for key in ("Text", "Html")
    )
    custom = [(header["Name"], header["Value"]) for header in message.get("Headers", ())]
    mime.check_custom_headers(custom)
    parse_addresses(call.get("ReplyToAddresses", ()))
    destination = call.get("Destination", {})
    addresses = {
        "From": [call["FromEmailAddress"]],
        "To": destination.get("ToAddresses"),
        "Cc": destination.get("CcAddresses"),
        "Reply-To": call.get("ReplyToAddresses"),
    }
    headers = [(name, ", ".join(values)) for name, values in addresses.items() if values]
    headers += [("Subject", subject.decode(charset, "replace")), *custom]
    mail.raw = mime.compose(headers, text, html, message.get("Attachments", ()))
    mail.headers = parse_headers(mail.raw)
    mime.check_headers(mail.headers)


def _template(ses: SesContext, region: str, content: Params) -> Template:
    """The template that a message names, or has with it."""
    inline = content.get("TemplateContent")
    name = content.get("TemplateName") or content.get("TemplateArn", "").partition(":template/")[2]
    if bool(name) == bool(inline):
        raise invalid("Either the name of a template or the content of one is needed.")
    return Template(parts=inline) if inline else find_template(ses, region, name)


def _recipients(call: Params) -> list[str]:
    destination = call.get("Destination", {})
    keys = ("ToAddresses", "CcAddresses", "BccAddresses")
    return [address for key in keys for address in destination.get(key, ())]


def _tags(pairs: Iterable[tuple[str, str]]) -> dict[str, list[str]]:
    tags: dict[str, list[str]] = {}
    for name, value in pairs:
        tags.setdefault(name, []).append(value)
    return tags


def _encoded(given: Mapping[str, str]) -> mime.Body:
    """What the character set does not have becomes a question mark."""
    charset = given.get("Charset") or DEFAULT_CHARSET
    try:
        if re.fullmatch(r"[\w.:+-]+", charset, re.ASCII):
            return given["Data"].encode(charset, "replace"), charset
    except (LookupError, UnicodeError):
        pass
    raise invalid(f"Unsupported charset <{charset}>.")
