"""Calls that send a whole MIME message, in both APIs."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, TypeVar

from ..addresses import EmailAddress, IdnaEncoder, idna_encoder, parse_single_address
from ..calls import ApiCall
from ..conf import AmazonSESSettings, SendSettings
from ..conf.aws_values import IDENTITY_ARN
from ..exceptions import AnymailAPIError
from ..message import AnymailRecipientStatus
from ..mime.streaming import StreamedFile
from ..outgoing import OUTBOX_FEATURES, OutgoingMessage, unsupported
from . import ESP_NAME
from .encoded_addresses import EncodedAddresses, encode_address
from .mime import build_mime, check_mime

T = TypeVar("T")
#: :func:`build_data` or :func:`check_data`.
MakeData = Callable[[OutgoingMessage, EncodedAddresses, int, str], Any]

#: Amazon SES service quotas: recipients of one message.
MAX_RECIPIENTS = 50
#: Parameters of both APIs for a From address, and where bounces go.
SENDER_PARAMS = (
    "Source",
    "ReturnPath",
    "FromEmailAddress",
    "FeedbackForwardingEmailAddress",
)
RAW_SUPPORTS = frozenset({"esp_extra", "envelope_sender", "metadata", "tags"})
RAW_WORDING = {
    "merge_data": "merge_data without template_id",
    "merge_global_data": "global_merge_data without template_id",
    "merge_headers": "merge_headers without template_id",
    "merge_metadata": "merge_metadata without template_id",
}
OUTBOX = (
    'The app "anymail.outbox" does: add it to INSTALLED_APPS, and use its backend '
    '"anymail.backends.outbox.EmailBackend".'
)
#: With and without a template.
OUTBOX_WORDING = {name: f"{name}. {OUTBOX}" for name in OUTBOX_FEATURES}


def checked(
    message: OutgoingMessage,
    send_settings: SendSettings,
    supports: Collection[str],
    wording: Mapping[str, str],
) -> OutgoingMessage:
    """The message, without the features that ``IGNORE_UNSUPPORTED_FEATURES`` drops.

    :param send_settings: the settings.
    :param supports: the features that the raw call of this API has.
    :param wording: feature to how the error calls it.
    :raises AnymailUnsupportedFeature: it uses another feature.
    """
    if send_settings.ignore_unsupported_features:
        return message.reduced_to(supports)
    message.check_supported(supports, wording, ESP_NAME)
    for name in sorted(message.defaulted):
        raise unsupported(f"Anymail send defaults for '{name}' with Amazon SES", ESP_NAME)
    return message


def encoder(settings: AmazonSESSettings, send_settings: SendSettings) -> IdnaEncoder:
    """The encoder of internationalized domain names that the settings choose.

    :raises AnymailConfigurationError: the function does not exist.
    """
    return idna_encoder(settings.idna_encoder or send_settings.idna_encoder)


def check_recipient_count(message: OutgoingMessage, settings: AmazonSESSettings) -> None:
    """Refuse more recipients than one call can have, unless they may be split.

    :raises AnymailUnsupportedFeature: there are too many.
    """
    count = len(message.recipients)
    if count > MAX_RECIPIENTS and not settings.split_recipients:
        raise unsupported(
            f"more than {MAX_RECIPIENTS} recipients in one message; this one has {count}. "
            'Send several messages, or set ANYMAIL["AMAZON_SES_SPLIT_RECIPIENTS"] = True to have '
            "it sent in several calls.",
            ESP_NAME,
        )


def return_path(
    message: OutgoingMessage, settings: AmazonSESSettings, idna_encode: IdnaEncoder
) -> str | None:
    """Where bounces go if not to the From address: ``envelope_sender``, or else
    ``AMAZON_SES_RETURN_PATH``.

    :param idna_encode: encodes its domain.
    :raises AnymailInvalidAddress: it is not a valid address, or SES cannot use it.
    """
    if message.envelope_sender:
        address, where = message.envelope_sender, "envelope_sender"
    elif settings.return_path:
        where = "AMAZON_SES_RETURN_PATH"
        address = parse_single_address(settings.return_path, where)
    else:
        return None
    return encode_address(EmailAddress("", address.addr_spec), idna_encode, where)


def merged_params(params: Mapping[str, Any], extra: Mapping[str, Any]) -> dict[str, Any]:
    """The parameters of a call, with and without a template: those of ``esp_extra`` win, and None
    there leaves a parameter out.

    :param params: of the message and the settings.
    :param extra: of ``esp_extra``.
    """
    return {name: value for name, value in {**params, **extra}.items() if value is not None}


def senders(message: OutgoingMessage, params: Mapping[str, Any]) -> tuple[str, ...]:
    """The addresses that have to be verified for a call, with and without a template.

    :param params: of the call, with those of ``esp_extra``.
    """
    given = [params[name] for name in SENDER_PARAMS if isinstance(params.get(name), str)]
    return (*(address.addr_spec for address in message.from_emails), *given)


def check_identity_arns(extra: Mapping[str, Any], names: Sequence[str]) -> None:
    """Refuse text that cannot be the ARN of an identity.

    :param extra: parameters of ``esp_extra``.
    :param names: of those that are such ARNs.
    :raises AnymailUnsupportedFeature: one of them is not an ARN.
    """
    for name in names:
        arn = extra.get(name)
        if isinstance(arn, str) and not IDENTITY_ARN.fullmatch(arn):
            raise unsupported(
                f"esp_extra {name}: it is not the ARN of an SES identity, such as "
                '"arn:aws:ses:us-east-1:123456789012:identity/example.com".',
                ESP_NAME,
            )


def in_groups(recipients: Sequence[T]) -> list[tuple[T, ...]]:
    """Recipients, in any form, in the groups that one call each can take."""
    return [
        tuple(recipients[start : start + MAX_RECIPIENTS])
        for start in range(0, len(recipients), MAX_RECIPIENTS)
    ]


def build_data(
    message: OutgoingMessage, addresses: EncodedAddresses, max_size: int, advice: str
) -> bytes | StreamedFile:
    """Build the MIME to send; see :func:`.mime.build_mime`, which may raise too.

    :param addresses: the addresses for its headers.
    :param max_size: in bytes, after encoding.
    :param advice: what to do when it is larger.
    :raises AnymailUnsupportedFeature: it is larger.
    """
    data = build_mime(message, addresses)
    _check_size(data.size if isinstance(data, StreamedFile) else len(data), max_size, advice)
    return data


def check_data(
    message: OutgoingMessage, addresses: EncodedAddresses, max_size: int, advice: str
) -> None:
    """Refuse what :func:`build_data` refuses, without building it; see :func:`.mime.check_mime`.

    :param addresses: the addresses for its headers.
    :param max_size: in bytes, after encoding.
    :param advice: what to do when it is larger.
    :raises AnymailUnsupportedFeature: it is surely larger.
    """
    _check_size(check_mime(message, addresses), max_size, advice)


def _check_size(size: int, max_size: int, advice: str) -> None:
    if size > max_size:
        raise unsupported(
            f"messages larger than {max_size >> 20} MB with this API; this one has "
            f"{size / (1 << 20):.1f} MB ({size:,} bytes) after encoding. {advice}",
            ESP_NAME,
        )


def parse_message_id(
    call: ApiCall, response: Mapping[str, Any]
) -> dict[str, AnymailRecipientStatus]:
    """The status of every recipient, by addr-spec: SES gives one id to all of them.

    :param response: of ``SendRawEmail`` or ``SendEmail``.
    :raises AnymailAPIError: it has no id.
    """
    message_id = response.get("MessageId")
    if not isinstance(message_id, str) or not message_id:
        raise AnymailAPIError(
            f"Amazon SES answered {call.operation} without a MessageId.",
            response=dict(response),
            is_transient=True,
            scope="service",
        )
    queued = AnymailRecipientStatus(message_id, "queued")
    return {recipient.addr_spec: queued for recipient in call.recipients}
