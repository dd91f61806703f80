"""Who the project's mail is from."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from ...addresses import parse_address_list
from ...amazon_ses.raw_calls import encoder
from ...checks.sending import is_local
from ...conf import SendDefaults, SendSettings, current_settings, django_setting
from ...exceptions import AnymailInvalidAddress
from .context import Context


@dataclass(frozen=True, kw_only=True)
class Source:
    """Where a sender is configured.

    :param where: the setting or option.
    :param value: addresses, as they stand there.
    :param assigned: what to write before ``=`` to change it; None for an option.
    :param arn: of the identity to use, if that is configured, too.
    :param is_from: it is for the From header, and not only for bounces.
    """

    where: str
    value: Any
    assigned: str | None
    arn: str | None
    is_from: bool = True


@dataclass(frozen=True, kw_only=True)
class Sender:
    """An address that mail is sent with.

    :param address: its domain is in its ASCII form, in lower case.
    """

    address: str
    source: Source

    @property
    def domain(self) -> str:
        """What stands after the ``@``."""
        return self.address.rpartition("@")[2]

    @property
    def is_local(self) -> bool:
        """Whether it is on this machine, as Django's defaults are."""
        return is_local(self.address)


def senders(context: Context) -> list[Sender]:
    """The addresses that the settings and ``--from`` name, without those that are no addresses."""
    found = []
    for source in sources(context):
        try:
            found += parse(source, context)
        except AnymailInvalidAddress:  # D05 reports it
            continue
    return found


def parse(source: Source, context: Context) -> list[Sender]:
    """The addresses of a setting.

    :raises AnymailInvalidAddress: one of them is none.
    """
    idna_encode = encoder(context.settings, current_settings().get(SendSettings))
    return [
        Sender(address=f"{local}@{domain.lower().rstrip('.')}", source=source)
        for address in parse_address_list(source.value, source.where)
        for local, _, domain in [address.format_addr_spec(idna_encode).rpartition("@")]
    ]


def sources(context: Context) -> Iterator[Source]:
    """Where senders are configured. ``SERVER_EMAIL`` counts if somebody gets its mail."""
    settings = context.settings
    arn = settings.from_arn or settings.source_arn
    names = ["DEFAULT_FROM_EMAIL"]
    if django_setting("ADMINS") or django_setting("MANAGERS"):
        names.append("SERVER_EMAIL")
    for name in names:
        yield Source(where=name, value=django_setting(name), assigned=name, arn=arn)
    for value in context.options.from_emails:
        yield Source(where="--from", value=value, assigned=None, arn=arn)
    bounces_arn = settings.return_path_arn or settings.source_arn
    bounces: tuple[tuple[str, Any], ...] = (
        ("AMAZON_SES_RETURN_PATH", settings.return_path),
        ("envelope_sender in SEND_DEFAULTS", send_defaults(context).get("envelope_sender")),
    )
    for where, value in bounces:
        if value:
            assigned = f'ANYMAIL["{where}"]' if where.isupper() else None
            yield Source(
                where=where, value=value, assigned=assigned, arn=bounces_arn, is_from=False
            )


def send_defaults(context: Context) -> Mapping[str, Any]:
    """The default attributes of messages: of ``SEND_DEFAULTS`` and ``AMAZON_SES_SEND_DEFAULTS``."""
    general = current_settings().get(SendDefaults).send_defaults
    return {**general, **context.settings.send_defaults}


def other_account(sender: Sender, context: Context) -> str | None:
    """The account of the identity that a sender uses; None if it is this one.

    :raises Unanswered: nobody knows which account this is.
    """
    parts = (sender.source.arn or "").split(":")
    account = parts[4] if len(parts) > 5 else None
    return account if account not in (None, context.account) else None


def from_senders(context: Context) -> list[Sender]:
    """The senders that recipients see, one for each address, whose identity is in this account."""
    found = {
        sender.address: sender
        for sender in senders(context)
        if sender.source.is_from and not sender.is_local and not other_account(sender, context)
    }
    return list(found.values())
