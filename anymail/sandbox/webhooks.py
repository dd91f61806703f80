"""The webhooks of a site, and whether they have confirmed their subscriptions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING
from urllib.parse import quote, urlsplit

from .aws.defaults import EVENTS_TOPIC, INBOUND_TOPIC
from .servers import without_credentials

if TYPE_CHECKING:
    from .aws.sns.subscription import Subscription

NO_WEBHOOKS = (
    'This project has no webhooks for the sandbox to post to: its URLs lack path("anymail/", '
    'include("anymail.urls")).'
)
NO_SITE = (
    "Nothing is posted to your project's webhooks, and its receivers are not called: start the "
    "sandbox with --site http://127.0.0.1:8000, or wherever runserver serves your project."
)


@dataclass(frozen=True, kw_only=True)
class Webhooks:
    """A site whose webhooks are subscribed.

    :param url: of the site, with user name and password if its webhooks ask for them.
    """

    url: str
    tracking_path: str = "/anymail/amazon_ses/tracking/"
    inbound_path: str = "/anymail/amazon_ses/inbound/"

    def endpoints(self) -> dict[str, str]:
        """The URL of the webhook for each topic."""
        base = self.url.rstrip("/")
        return {EVENTS_TOPIC: base + self.tracking_path, INBOUND_TOPIC: base + self.inbound_path}

    def with_secret(self, secret: str) -> Webhooks:
        """The same with ``user:password`` in the URL, where SNS expects it, unless it has one."""
        parts = urlsplit(self.url)
        if "@" in parts.netloc:
            return self
        credentials = ":".join(quote(word, safe="") for word in secret.split(":", 1))
        url = parts._replace(netloc=f"{credentials}@{parts.netloc}").geturl()
        return replace(self, url=url)


class WebhookWatch:
    """Notices when sites begin or cease to receive what is posted to them.

    :param sites: the subscriptions of each, by its URL.
    """

    def __init__(self, sites: Mapping[str, Sequence[Subscription]]) -> None:
        self._sites = sites
        self._known: dict[str, str] = {}

    def changes(self) -> Iterator[tuple[str, str]]:
        """The URL of each site whose state is new, and its trouble; "" if there is none."""
        for url, webhooks in self._sites.items():
            trouble = next((found.trouble for found in webhooks if found.trouble), "")
            is_known = trouble or all(found.is_confirmed for found in webhooks)
            if is_known and trouble != self._known.get(url):
                self._known[url] = trouble
                yield without_credentials(url), trouble
