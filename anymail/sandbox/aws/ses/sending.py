"""The operations that send.

Source: Amazon SES API reference (v2 2019-09-27) and Amazon SES Developer Guide, "Header fields in
Amazon SES".
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence

from ...journal import SentMail, now
from ..api import ApiRequest
from ..defaults import ACCOUNT
from ..events.documents import new_id, source_arn
from ..events.simulator import is_simulated
from ..faults import LATE
from ..headers import first, parse_headers
from . import mime
from .account import may_send
from .addresses import addresses_in, parse_address, parse_addresses
from .configuration_sets import check_configuration_set
from .context import Result, SesContext
from .errors import BULK_STATUS, ErrorCode, SesError, invalid
from .handlebars import TemplateError
from .templates import Template, find_template
from .tenants import check_tenant
from .v1 import Params, as_v2

#: In bytes, by service.
MAX_SIZE = {"ses": 10 * 1024 * 1024, "sesv2": 40 * 1024 * 1024}
MAX_RECIPIENTS = 50
#: The API reference, "MessageTag", says 256; SES says 255.
MAX_TAG = 255
TAG_VALUE = re.compile(r"[A-Za-z0-9_-]+")
#: Developer Guide, "Fine-grained feedback through email campaign".
TAG_NAME = re.compile(rf"ses:feedback-id-[ab]|{TAG_VALUE.pattern}")
#: Of the calls, what has no effect on the content; it is shown, and some of it is checked.
PARAMETERS = (
    *("TenantName", "EndpointId", "FromEmailAddressIdentityArn"),
    *("FeedbackForwardingEmailAddress", "FeedbackForwardingEmailAddressIdentityArn"),
)
CONFIGURATION_SET = "x-ses-configuration-set"
MESSAGE_TAGS = "x-ses-message-tags"
#: What a text has without a ``Charset`` (SES API reference, "Content").
DEFAULT_CHARSET = "us-ascii"


def send_email(ses: SesContext, request: ApiRequest) -> Result:
    return {"MessageId": _submit(ses, _build_mail(ses, request, as_v2(request)))}


def send_bulk_email(ses: SesContext, request: ApiRequest) -> Result:
    """Send every entry that SES takes."""
    call = as_v2(request)
    entries = [_call_for(call, entry) for entry in call["BulkEmailEntries"]]
    _check_bulk(ses, request.region, call, entries)
    results = [_send_entry(ses, request, entry, entry is entries[0]) for entry in entries]
    return {"BulkEmailEntryResults": results, "Status": results}


def _send_entry(
    ses: SesContext, request: ApiRequest, entry: Params, is_first: bool
) -> dict[str, str]:
    """The result for an entry. Some errors, and throttling of the first, refuse the whole call."""
    is_v2 = request.service == "sesv2"
    try:
        message_id = _submit(ses, _build_mail(ses, request, entry))
    except SesError as err:
        is_throttled = is_first and err.code is ErrorCode.THROTTLED
        if is_throttled or err.code not in BULK_STATUS:
            raise
        return {"Status": BULK_STATUS[err.code][is_v2], "Error": str(err)}
    return {"Status": "SUCCESS" if is_v2 else "Success", "MessageId": message_id}


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
        "Content": {"Template": {**template, "Headers": headers, "ReplacementTemplateData": data}},
    }


def _merged(defaults: Iterable[Params], replacements: Sequence[Params]) -> list[Params]:
    """Tags or headers, where a replacement takes the place of defaults with its name."""
    names = {one["Name"].lower() for one in replacements}
    return [*(one for one in defaults if one["Name"].lower() not in names), *replacements]


def _check_bulk(ses: SesContext, region: str, call: Params, entries: Sequence[Params]) -> None:
    """Refuse what all entries have in common."""
    _template(ses, region, call["DefaultContent"].get("Template", {}))
    _check_count(max(len(entries), sum(len(_recipients(entry)) for entry in entries)))
    _check_senders(ses, region, call, parse_address(call.get("FromEmailAddress") or ""))


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
    tracking = call.get("ConfigurationOverrides", {}).get("Tracking", {})
    return SentMail(
        id=new_id(request.region, at),
        operation=("v2 " if request.service == "sesv2" else "") + request.operation,
        region=request.region,
        source="" if sender is None else parse_address(sender),
        recipients=parse_addresses(_recipients(call)),
        raw=b"",
        configuration_set=call.get("ConfigurationSetName") or None,
        parameters={**{key: call[key] for key in PARAMETERS if call.get(key)}, **tracking},
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
    authors = addresses_in(mail.headers, "from") or [parse_address("")]
    mail.source = mail.source or authors[0]
    mail.recipients = mail.recipients or addresses_in(mail.headers, "to", "cc", "bcc")
    mail.configuration_set = mail.configuration_set or first(mail.headers, CONFIGURATION_SET)
    mail.message_tags = mail.message_tags or _tags_in(first(mail.headers, MESSAGE_TAGS) or "")


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
    body, kinds = message["Body"], {"Text": "plain", "Html": "html"}
    bodies = {kinds[key]: _encoded(body[key]) for key in kinds if key in body}
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
    mail.raw = mime.compose(headers, bodies, message.get("Attachments", ()))
    mail.headers = parse_headers(mail.raw)
    mime.check_headers(mail.headers)


def _submit(ses: SesContext, mail: SentMail) -> str:
    """Check a message, as its sender wrote it, accept it, and return its ``MessageId``."""
    _check_count(len(mail.recipients))
    _check_tags(mail.message_tags)
    sender = ses.identities.verified(mail.region, mail.source) or {}
    mail.configuration_set = mail.configuration_set or sender.get("ConfigurationSetName")
    if mail.configuration_set:
        check_configuration_set(ses, mail.region, mail.configuration_set)
    authors = addresses_in(mail.headers, "from")
    _check_senders(ses, mail.region, mail.parameters, mail.source, *authors)
    _check_recipients(ses, mail)
    mail.identity = sender["EmailIdentity"] if sender else mail.source.rpartition("@")[2]
    if tenant := mail.parameters.get("TenantName"):
        check_tenant(ses, mail.region, tenant, _used(mail))
    _check_enabled(ses, mail)
    if not ses.faults.allow(len(mail.recipients)):
        raise SesError(ErrorCode.THROTTLED, "Maximum sending rate exceeded.")
    mail.notes.extend(mime.notes(mail.headers, mail.raw))
    if mail.raw:
        mail.raw = mime.delivered(mail.raw, mail.id, mail.region, mail.at)
    _accept(ses, mail)
    return mail.id


def _accept(ses: SesContext, mail: SentMail) -> None:
    """Accept a message, unless its sender is to die before that."""
    kill, is_accepted = ses.faults.crash_for(mail.message_tags) or (None, True)
    if is_accepted:
        ses.sent[mail.region] += sum(not is_simulated(address) for address in mail.recipients)
        reasons = _suppressed_reasons(ses, mail)
        ses.publisher.accept(mail, reasons=reasons, late=LATE if kill else 0.0)
    if kill:
        kill()


def _suppressed_reasons(ses: SesContext, mail: SentMail) -> Sequence[str]:
    """For what SES keeps a suppression list: the configuration set may say it, or the account."""
    named = ses.configuration_sets.get((mail.region, mail.configuration_set or ""), {})
    options = named.get("SuppressionOptions", ses.accounts[mail.region]["SuppressionAttributes"])
    reasons: Sequence[str] = options["SuppressedReasons"]
    return reasons


def _used(mail: SentMail) -> list[str]:
    """The ARNs of what a message uses."""
    used = {"configuration-set": mail.configuration_set, "template": mail.template}
    names = [f"{kind}/{name}" for kind, name in used.items() if name]
    return [source_arn(mail), *(f"arn:aws:ses:{mail.region}:{ACCOUNT}:{name}" for name in names)]


def _check_count(recipients: int) -> None:
    """Refuse too many recipients, and none."""
    if not recipients:
        raise invalid("Missing required header 'To'.")
    if recipients > MAX_RECIPIENTS:
        raise invalid(f"Recipient count exceeds {MAX_RECIPIENTS}.")


def _check_enabled(ses: SesContext, mail: SentMail) -> None:
    """Refuse to send while the account, or the configuration set, is paused."""
    if not may_send(ses, mail.region):
        raise SesError(ErrorCode.PAUSED, "Email sending is disabled for the account.")
    named = ses.configuration_sets.get((mail.region, mail.configuration_set or ""), {})
    if not named.get("SendingOptions", {}).get("SendingEnabled", True):
        text = f"Email sending is disabled for the configuration set <{mail.configuration_set}>."
        raise SesError(ErrorCode.SET_PAUSED, text)


def _check_senders(ses: SesContext, region: str, given: Params, *addresses: str) -> None:
    """Refuse senders that are not verified. Others' identities have an ARN.

    Who has no identity at all is refused only if everybody has to have one.
    """
    failed = [
        address
        for address in dict.fromkeys(addresses)
        if (ses.faults.verified_only or ses.identities.covering(region, address))
        and not ses.identities.verified(region, address)
    ]
    if not given.get("FromEmailAddressIdentityArn"):
        _refuse(region, failed)


def _refuse(region: str, failed: Sequence[str]) -> None:
    """Refuse addresses that are not verified, if there are any."""
    if failed:
        raise SesError(
            ErrorCode.REJECTED,
            "Email address is not verified. The following identities failed the check in region "
            f"{region.upper()}: {', '.join(failed)}",
        )


def _check_recipients(ses: SesContext, mail: SentMail) -> None:
    """Without production access, mail may be sent to verified addresses and to the simulator."""
    if ses.accounts[mail.region]["ProductionAccessEnabled"]:
        return
    strangers = [one for one in mail.recipients if not is_simulated(one)]
    _refuse(
        mail.region, [one for one in strangers if not ses.identities.verified(mail.region, one)]
    )


def _check_tags(tags: Mapping[str, Sequence[str]]) -> None:
    words = "only alphanumeric ASCII characters, '_', and '-' are allowed."
    for name, values in tags.items():
        given = [("value", value, TAG_VALUE) for value in values]
        for what, text, allowed in (("name", name, TAG_NAME), *given):
            if len(text) > MAX_TAG:
                raise invalid(f"Tag {what} cannot exceed {MAX_TAG} characters.")
            if not allowed.fullmatch(text):
                raise invalid(f"Invalid tag {what} <{text}>: {words}")


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


def _tags_in(header: str) -> dict[str, list[str]]:
    """The tags in ``a=1, b=2``."""
    pairs = (tag.partition("=") for tag in header.split(",") if tag.strip())
    return _tags((name.strip(), value.strip()) for name, _, value in pairs)


def _encoded(given: Mapping[str, str]) -> mime.Body:
    """What the character set does not have becomes a question mark."""
    charset = given.get("Charset") or DEFAULT_CHARSET
    try:
        if re.fullmatch(r"[\w.:+-]+", charset, re.ASCII):
            return given["Data"].encode(charset, "replace"), charset
    except (LookupError, UnicodeError):
        pass
    raise invalid(f"Unsupported charset <{charset}>.")
