"""What is asked for: options of the command, read together with the settings. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from ...addresses.address import parse_single_address
from ...addresses.idna_encoders import IDNA_ENCODERS
from ...checks.sending import is_on_this_machine
from ...exceptions import AnymailConfigurationError, AnymailInvalidAddress
from .resources import Part

#: For names of all resources: the characters that a bucket may have, and the set-up adds to them.
NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,23}[a-z0-9]")
#: RFC 1035, section 2.3.1, with digits in front (RFC 1123).
DOMAIN = re.compile(
    r"(?=.{4,253}$)(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z][a-z0-9-]*[a-z0-9]"
)
HOST = re.compile(r"[A-Za-z0-9._-]+(?::[0-9]{1,5})?")


@dataclass(frozen=True, kw_only=True)
class SetupRequest:
    """What is asked for.

    :param identities: domains and addresses to send from.
    :param mail_from: a custom MAIL FROM domain, or None.
    :param name: for resources that the settings do not name.
    :param tracking_url: of the webhook, without user name and password; None to subscribe none.
    :param inbound_url: the same, for received mail.
    :param secret: ``user:password`` of the webhooks; empty if they have none.
    :param receive_domains: that receive mail.
    :param keep_mail: days after which received mail is deleted.
    :param tags: of all that can be tagged, besides the set-up's own.
    """

    parts: Sequence[Part]
    identities: Sequence[str] = ()
    mail_from: str | None = None
    name: str = "ses-events"
    tracking_url: str | None = None
    inbound_url: str | None = None
    secret: str = field(default="", repr=False)
    receive_domains: Sequence[str] = ()
    keep_mail: int = 90
    tags: Mapping[str, str] = field(default_factory=dict)


def check_name(name: str) -> str:
    """A name for resources.

    :raises AnymailConfigurationError: it has other characters, or is too long.
    """
    if not NAME.fullmatch(name):
        raise AnymailConfigurationError(
            f"--name {name!r} cannot be used for all resources: it takes 2 to 25 lower-case "
            "letters, digits and hyphens, like ses-events."
        )
    return name


def parse_domain(text: str, option: str) -> str:
    """A domain in ASCII and lower case.

    :param option: that it came from, for the error.
    :raises AnymailConfigurationError: it is not a domain.
    """
    try:
        domain = IDNA_ENCODERS["idna2008"](text.strip().rstrip(".")) if text.strip() else ""
    except UnicodeError:
        domain = ""
    if not DOMAIN.fullmatch(domain):
        raise AnymailConfigurationError(f"{option} is not a domain. It looks like example.com.")
    return domain


def parse_sender(text: str, option: str) -> str:
    """The address in a From header, its domain in ASCII and lower case.

    :param option: that it came from, for the error.
    :raises AnymailConfigurationError: it is not one address.
    """
    try:
        address = parse_single_address(text)
    except AnymailInvalidAddress:
        raise AnymailConfigurationError(
            f"{option} is not an address. It looks like shop@example.com."
        ) from None
    return f"{address.username}@{parse_domain(address.domain, option)}"


def parse_mail_from(text: str | None, domains: Sequence[str]) -> str | None:
    """A custom MAIL FROM domain.

    Source: Amazon SES Developer Guide, "Using a custom MAIL FROM domain".

    :param text: None for Amazon's.
    :param domains: to send from.
    :raises AnymailConfigurationError: it is below none of them.
    """
    if text is None:
        return None
    domain = parse_domain(text, "--mail-from-domain")
    if not any(domain.endswith(f".{parent}") for parent in domains):
        raise AnymailConfigurationError(
            "--mail-from-domain must be below a domain that you send from, like mail.example.com "
            "for --domain example.com"
        )
    return domain


def domain_of_sender(default_from_email: str) -> str:
    """The domain of ``DEFAULT_FROM_EMAIL``.

    :raises AnymailConfigurationError: it has none.
    """
    try:
        return parse_sender(default_from_email, "DEFAULT_FROM_EMAIL").rpartition("@")[2]
    except AnymailConfigurationError:
        raise AnymailConfigurationError(
            "DEFAULT_FROM_EMAIL has no domain from which mail can be sent. Set it, or name the "
            "domain: manage.py anymail_setup --domain example.com"
        ) from None


def parse_site_url(url: str) -> str:
    """The site's URL, without a slash at its end. Without TLS only on this machine.

    :raises AnymailConfigurationError: SNS could not post to it.
    """
    try:
        parts = urlsplit(url)
    except ValueError:
        parts = urlsplit("")
    if parts.scheme == "http" and not is_on_this_machine(url):
        raise AnymailConfigurationError(
            "--url begins with http://, so the secret of the webhook would be readable on its "
            "way. Use the https:// URL of your site."
        )
    rest = parts.path.strip("/") or parts.query or parts.fragment
    if parts.scheme not in ("http", "https") or rest or not HOST.fullmatch(parts.netloc):
        raise AnymailConfigurationError(
            "--url is the address of your site, without user name, password and path: "
            "https://www.example.com"
        )
    return f"{parts.scheme}://{parts.netloc.lower()}"


def check_secret(secrets: Sequence[str]) -> str:
    """The secret that subscriptions get: the first.

    :param secrets: ``WEBHOOK_SECRET``.
    :return: empty if there is none.
    :raises AnymailConfigurationError: it has no colon.
    """
    secret = next(iter(secrets), "")
    if secret and ":" not in secret:
        raise AnymailConfigurationError(
            'ANYMAIL["WEBHOOK_SECRET"] has no colon, so the webhooks refuse every request. It must '
            'be "some-user:some-password".'
        )
    return secret


def parse_tag(text: str) -> tuple[str, str]:
    """``KEY=VALUE``.

    :raises AnymailConfigurationError: AWS does not take such a tag.
    """
    key, equals, value = (part.strip() for part in text.partition("="))
    is_valid = all(all(map(_is_in_tags, part)) for part in (key, value))
    if not (equals and key and is_valid and len(key) <= 128 and len(value) <= 256):
        raise AnymailConfigurationError(
            "--tag is not KEY=VALUE, like team=shop, of letters, digits, spaces and _.:/=+-@"
        )
    return key, value


def _is_in_tags(character: str) -> bool:
    """Whether a tag may have it (Tagging AWS Resources User Guide, "Tag naming limits")."""
    return character.isalnum() or character in " _.:/=+-@"
