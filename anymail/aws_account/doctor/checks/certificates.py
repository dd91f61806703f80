"""The certificates that SNS signs with: whether they can be fetched from here.

Source: Amazon SNS Developer Guide, "Verifying the signatures of Amazon SNS messages".
"""

from __future__ import annotations

from collections.abc import Iterator

from ....amazon_ses.trust import DNS_SUFFIXES
from ....amazon_ses.x509 import usable_certificate
from ....exceptions import AnymailConfigurationError, AnymailWebhookValidationFailure
from ..context import Context
from ..event_paths import event_topics
from ..findings import Finding, advice, error, not_used, ok
from ..sns_requests import NoAnswer, request
from ..webhooks import event_webhooks

#: Any answer will do, so it need not exist.
PATH = "SimpleNotificationService-0.pem"


def egress(context: Context) -> Iterator[Finding]:
    """D18: the certificates of SNS can be fetched, without which no signature can be checked."""
    topics, settings = list(event_topics(context)), context.settings
    if not topics:
        yield not_used("SES publishes to no topic: see D11")
    elif not settings.verify_sns_signatures:
        yield not_used("AMAZON_SES_VERIFY_SNS_SIGNATURES is off")
    elif not event_webhooks() and settings.queue_trust != "signature":
        yield not_used("no webhook, and AMAZON_SES_QUEUE_TRUST asks for no signatures")
    elif settings.sns_certificates:
        yield from _own_certificates(context)
    else:
        yield _reach(sns_host(topics[0]))


def sns_host(topic: str) -> str:
    """The host that has the certificates for a topic."""
    _, partition, _, region, *_ = topic.split(":")
    return f"sns.{region}.{DNS_SUFFIXES.get(partition, DNS_SUFFIXES['aws'])}"


def _own_certificates(context: Context) -> Iterator[Finding]:
    count = 0
    for url, pem in context.settings.sns_certificates.items():
        try:
            usable_certificate(pem, context.now)
            count += 1
        except (AnymailConfigurationError, AnymailWebhookValidationFailure) as err:
            text = f"AMAZON_SES_SNS_CERTIFICATES: {url.rpartition('/')[2]} is of no use ({err})"
            yield error(text, advice("Take it out: certificates are fetched without it."))
    if count:
        yield ok("AMAZON_SES_SNS_CERTIFICATES has them")


def _reach(host: str) -> Finding:
    try:
        request("GET", f"https://{host}/{PATH}")
    except NoAnswer as err:
        return error(
            f"certificates cannot be fetched from {host}: {err}",
            advice(f"Let this machine connect to {host}, port 443 (firewall, HTTPS_PROXY)."),
        )
    return ok(f"{host} can be reached")
