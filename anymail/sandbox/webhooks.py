"""The webhooks of a site, and whether they have confirmed their subscriptions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
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


def endpoints(
    site: str,
    secret: str,
    tracking_path: str = "/anymail/amazon_ses/tracking/",
    inbound_path: str = "/anymail/amazon_ses/inbound/",
) -> dict[str, str]:
    """The URL of a site's webhook for each topic.

    :param secret: ``user:password``, which SNS expects in the URL, for a site that names no other.
    """
    parts = urlsplit(site)
    if "@" not in parts.netloc:
        credentials = ":".join(quote(word, safe="") for word in secret.split(":", 1))
        parts = parts._replace(netloc=f"{credentials}@{parts.netloc}")
    base = parts.geturl().rstrip("/")
    return {EVENTS_TOPIC: base + tracking_path, INBOUND_TOPIC: base + inbound_path}


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
