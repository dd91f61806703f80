"""The options of ``anymail_setup``, and what they mean together with the settings."""

from __future__ import annotations

import re
from argparse import ArgumentParser, ArgumentTypeError
from collections.abc import Mapping, Sequence
from typing import Any, get_args

from django.urls import NoReverseMatch, reverse

from ...conf import AmazonSESSettings, WebhookSettings, django_setting
from ...exceptions import AnymailConfigurationError
from ...processes.options import number
from .request import (
    SetupRequest,
    check_name,
    check_secret,
    domain_of_sender,
    parse_domain,
    parse_mail_from,
    parse_sender,
    parse_site_url,
    parse_tag,
)
from .resources import Part

FORMATS = ("awscli", "cloudformation", "iam", "terraform")
#: Who a policy is for: names of :class:`.permissions.row.Holder`.
HOLDERS = ("application", "doctor", "setup")
PART_HELP: Mapping[Part, str] = {
    "sending": "an identity and a configuration set",
    "tracking": "an SNS topic, to which the configuration set publishes events",
    "queue": "an SQS queue, subscribed to the topics, for anymail_consume",
    "inbound": "a bucket, a topic and a receipt rule for received mail",
}


def add_arguments(parser: ArgumentParser) -> None:
    """Add the options to the command."""
    what = parser.add_mutually_exclusive_group()
    what.add_argument(
        "--plan", action="store_true", help="show what is missing, and change nothing (default)"
    )
    what.add_argument("--apply", action="store_true", help="create what is missing; asks first")
    what.add_argument(
        "--format",
        choices=FORMATS,
        help="print what an empty account needs, as code for another tool, and change nothing",
    )
    parser.add_argument(
        "--for",
        choices=HOLDERS,
        dest="holder",
        help="who needs the policy of --format iam: your application (default), "
        "anymail_doctor, or anymail_setup",
    )
    parser.add_argument(
        "--noinput",
        "--no-input",
        action="store_false",
        dest="interactive",
        help="do not ask before --apply",
    )
    for part, text in PART_HELP.items():
        parser.add_argument(
            f"--{part}", action="append_const", dest="parts", const=part, default=[], help=text
        )
    _add_senders(parser)
    _add_names(parser)


def account_id(text: str) -> str:
    """The id of an AWS account: the ``type`` of an argument.

    :raises argparse.ArgumentTypeError: it is not one.
    """
    if not re.fullmatch(r"[0-9]{12}", text):
        raise ArgumentTypeError(f"{text[:20]!r} is not the id of an account: 12 digits")
    return text


def _add_senders(parser: ArgumentParser) -> None:
    parser.add_argument(
        "--domain",
        action="append",
        default=[],
        help="to send from; can be repeated (default: that of DEFAULT_FROM_EMAIL)",
    )
    parser.add_argument(
        "--from",
        action="append",
        default=[],
        dest="senders",
        metavar="ADDRESS",
        help="a single address to send from, where you cannot change the domain's DNS",
    )
    parser.add_argument(
        "--mail-from-domain",
        metavar="DOMAIN",
        help="a subdomain for bounces, for example mail.example.com",
    )
    parser.add_argument(
        "--receive-domain",
        action="append",
        default=[],
        metavar="DOMAIN",
        help="that receives mail, for --inbound; can be repeated",
    )
    parser.add_argument(
        "--keep-mail",
        type=number(int, 1),
        default=90,
        metavar="DAYS",
        help="after which the bucket deletes received mail (default: 90)",
    )
    parser.add_argument("--url", help="of your site: its webhooks are subscribed")


def _add_names(parser: ArgumentParser) -> None:
    parser.add_argument(
        "--name",
        default="ses-events",
        help="of everything that the settings do not name (default: ses-events)",
    )
    parser.add_argument(
        "--tag",
        action="append",
        default=[],
        dest="tags",
        metavar="KEY=VALUE",
        help="a tag of everything that is created; can be repeated",
    )
    parser.add_argument("--region", help="of Amazon SES (default: that of the settings)")
    parser.add_argument(
        "--account",
        type=account_id,
        metavar="ID",
        help="for --format without a call of AWS (default: AWS is asked)",
    )
    parser.add_argument("--mailer", metavar="ALIAS", help="an entry of MAILERS (default: default)")


def read_request(options: Mapping[str, Any], settings: AmazonSESSettings) -> SetupRequest:
    """What the options ask for.

    :param settings: ``queues`` counts.
    :raises AnymailConfigurationError: an option or a setting is wrong.
    """
    if options["holder"] and options["format"] != "iam":
        raise AnymailConfigurationError("--for is only for --format iam.")
    parts = _parts(options["parts"], settings)
    domains = [parse_domain(text, "--domain") for text in options["domain"]]
    senders = [parse_sender(text, "--from") for text in options["senders"]]
    receive = [parse_domain(text, "--receive-domain") for text in options["receive_domain"]]
    if "sending" in parts and not domains + senders:
        domains = [domain_of_sender(django_setting("DEFAULT_FROM_EMAIL"))]
    if "inbound" in parts and not receive:
        raise AnymailConfigurationError(
            "--inbound needs the domain that receives mail: --receive-domain example.com"
        )
    url = options["url"]
    return SetupRequest(
        parts=parts,
        identities=[*domains, *senders],
        mail_from=parse_mail_from(options["mail_from_domain"], domains),
        name=check_name(options["name"]),
        tracking_url=_webhook(url, "amazon_ses_tracking_webhook") if url else None,
        inbound_url=_webhook(url, "amazon_ses_inbound_webhook") if url else None,
        secret=check_secret(WebhookSettings.load().webhook_secret),
        receive_domains=receive,
        keep_mail=options["keep_mail"],
        tags=dict(map(parse_tag, options["tags"])),
    )


def _parts(asked: Sequence[str], settings: AmazonSESSettings) -> list[Part]:
    default = {"sending", "tracking", *(["queue"] if settings.queues else [])}
    return [part for part in get_args(Part) if part in (set(asked) or default)]


def _webhook(url: str, name: str) -> str:
    site = parse_site_url(url)
    try:
        return f"{site}{reverse(f'anymail:{name}')}"
    except NoReverseMatch:
        raise AnymailConfigurationError(
            "The URLconf has no webhooks, so --url cannot be used. Add this to it: "
            'path("anymail/", include("anymail.urls"))'
        ) from None
