"""The sites whose webhooks are subscribed, and whether they have confirmed that."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Protocol
from urllib.parse import quote, urlsplit, urlunsplit

from .aws.defaults import EVENTS_TOPIC, INBOUND_TOPIC
from .journal import Attempt
from .servers import without_credentials
from .site import INBOUND_PATH, TRACKING_PATH

NO_WEBHOOKS = (
    'This project has no webhooks for the sandbox to post to: its URLs lack path("anymail/", '
    'include("anymail.urls")).'
)
NO_SITE = (
    "Nothing is posted to your project's webhooks, and its receivers hear nothing: start it "
    "with --site http://127.0.0.1:8000, or wherever runserver serves your project."
)
#: What an answer to the request to confirm means.
MEANINGS = {
    200: "is AMAZON_SES_AUTO_CONFIRM_SNS_SUBSCRIPTIONS off?",
    400: "are the sandbox's settings in it, and was it started again?",
    401: "is its WEBHOOK_SECRET another?",
    403: "is its WEBHOOK_SECRET another?",
    404: "has it webhooks?",
    503: "are the sandbox's settings in it, and was it started again?",
}


@dataclass(frozen=True, kw_only=True)
class Webhooks:
    """A site whose webhooks are subscribed.

    :param url: of the site, with user name and password if its webhooks ask for them.
    """

    url: str
    tracking_path: str = TRACKING_PATH
    inbound_path: str = INBOUND_PATH

    def endpoints(self) -> dict[str, str]:
        """The URL of the webhook for each topic."""
        base = self.url.rstrip("/")
        return {EVENTS_TOPIC: base + self.tracking_path, INBOUND_TOPIC: base + self.inbound_path}


class Topics(Protocol):
    """The part of SNS that is needed here."""

    def is_confirmed(self, topic_arn: str, url: str) -> bool:
        """Whether a webhook has confirmed."""

    def last_attempt(self, topic_arn: str, url: str) -> Attempt | None:
        """How a webhook answered when it was last asked to confirm."""


@dataclass(frozen=True, kw_only=True)
class SiteState:
    """Whether a site hears what happens.

    :param url: without user name and password.
    :param waits_for: why it does not yet; empty if both webhooks have confirmed.
    """

    url: str
    waits_for: str = ""


class Watch:
    """Notices when sites confirm, or refuse in another way than before."""

    def __init__(self, sns: Topics, sites: Sequence[Webhooks]) -> None:
        self._sns = sns
        self._sites = sites
        self._known: dict[str, SiteState] = {}

    def changes(self) -> Iterator[SiteState]:
        """The states that are new."""
        for site in self._sites:
            state = self._state(site)
            if state is not None and state != self._known.get(site.url):
                self._known[site.url] = state
                yield state

    def _state(self, site: Webhooks) -> SiteState | None:
        """None as long as nothing is known."""
        # The attempts first: who confirms does it before he answers.
        found = [
            (self._sns.last_attempt(topic, url), self._sns.is_confirmed(topic, url))
            for topic, url in site.endpoints().items()
        ]
        shown = without_credentials(site.url)
        if all(is_confirmed for _, is_confirmed in found):
            return SiteState(url=shown)
        answers = (_answer(attempt) for attempt, is_confirmed in found if not is_confirmed)
        waits_for = next(filter(None, answers), "")
        return SiteState(url=shown, waits_for=waits_for) if waits_for else None


def _answer(attempt: Attempt | None) -> str:
    """What a webhook answered, in words; empty if it was not asked yet."""
    if attempt is None:
        return ""
    if attempt.status is None:
        return attempt.error.rstrip(".")
    meaning = MEANINGS.get(attempt.status)
    return f"it answered {attempt.status}" + (f": {meaning}" if meaning else "")


def with_secret(webhooks: Webhooks, secret: str) -> Webhooks:
    """The same with user name and password in the URL, where SNS expects them."""
    parts = urlsplit(webhooks.url)
    if "@" in parts.netloc:
        return webhooks
    user, _, password = secret.partition(":")
    netloc = f"{quote(user, safe='')}:{quote(password, safe='')}@{parts.netloc}"
    return replace(webhooks, url=urlunsplit(parts._replace(netloc=netloc)))
