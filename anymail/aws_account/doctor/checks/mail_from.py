"""The custom MAIL FROM domain: what SPF is about, and where bounces go.

Source: Amazon SES Developer Guide, "Using a custom MAIL FROM domain".
"""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterator

from ...dns.records import mail_from_records
from ...dns.spf import spf_problem
from ..context import Context
from ..findings import Finding, Fix, command, dns_record, error, not_used, ok, warning
from ..identities import Identity, mail_from_identity
from ..senders import from_senders

#: Amazon's words for the states that are not ``SUCCESS``.
STATES = {
    "PENDING": "SES has not looked for its MX record yet",
    "FAILED": "SES has not found its MX record",
    "TEMPORARY_FAILURE": "SES could not look for its MX record",
}


def mail_from(context: Context) -> Iterator[Finding]:
    """D07: the custom MAIL FROM domain works, if there is one."""
    found: dict[str, Identity] = {}
    for sender in from_senders(context):
        if identity := mail_from_identity(sender.address, context):
            found[identity.mail_from["MailFromDomain"]] = identity
    if not found:
        yield not_used("none: DMARC depends on DKIM alone (D06)")
    for domain, identity in found.items():
        yield from _state(domain, identity)
    for domain, identity in found.items():  # last: the DNS may not answer
        problems = list(_published(domain, identity, context))
        is_seen = identity.mail_from.get("MailFromDomainStatus") == "SUCCESS"
        yield from problems or ([ok(f"{domain}: MX and SPF are right")] if is_seen else [])


def _state(domain: str, identity: Identity) -> Iterator[Finding]:
    status = identity.mail_from.get("MailFromDomainStatus")
    if status != "SUCCESS":
        text = f"{domain}: {STATES.get(str(status), status)}{_effect(identity)}"
        fixes = [_again(domain, identity)] if status == "FAILED" else []
        yield _severity(identity)(text, *fixes)


def _published(domain: str, identity: Identity, context: Context) -> Iterator[Finding]:
    mx, spf = mail_from_records(domain, region=context.region)
    host = mx.value.split()[1]
    hosts = sorted(value.split()[1] for value in context.look_up(domain, "MX"))
    if hosts != [host]:
        text = f"{domain}: its MX is {', '.join(hosts)}" if hosts else f"{domain} has no MX record"
        instead = f": replace it{_effect(identity)}" if hosts else _effect(identity)
        yield _severity(identity)(f"{text}{instead}", dns_record(str(mx)))
    if problem := spf_problem(domain, lambda name: context.look_up(name, "TXT")):
        instead = "" if "no SPF" in problem else ": replace it"
        yield warning(f"{domain} {problem}{instead}", dns_record(str(spf)))


def _rejects(identity: Identity) -> bool:
    return identity.mail_from.get("BehaviorOnMxFailure") == "REJECT_MESSAGE"


def _severity(identity: Identity) -> Callable[..., Finding]:
    return error if _rejects(identity) else warning


def _effect(identity: Identity) -> str:
    return "; SES refuses mail" if _rejects(identity) else "; SES uses amazonses.com"


def _again(domain: str, identity: Identity) -> Fix:
    """The command after which SES looks again."""
    behavior = identity.mail_from.get("BehaviorOnMxFailure", "USE_DEFAULT_VALUE")
    return command(
        "aws sesv2 put-email-identity-mail-from-attributes "
        f"--email-identity {shlex.quote(identity.name)} --mail-from-domain {shlex.quote(domain)} "
        f"--behavior-on-mx-failure {behavior}"
    )
