"""The webhooks of a site, and whether they have confirmed their subscriptions."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import starmap
from typing import TYPE_CHECKING
from urllib.parse import quote, urlsplit

from .aws.defaults import EVENTS_TOPIC, INBOUND_TOPIC
from .servers import without_credentials

if TYPE_CHECKING:
    from .aws.sns.local_sns import LocalSns

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
    """Notices when sites confirm, or answer in another way than before."""

    def __init__(self, sns: LocalSns, sites: Sequence[Webhooks]) -> None:
        self._sns = sns
        self._sites = sites
        self._known: dict[str, str | None] = {}

    def changes(self) -> Iterator[tuple[str, str]]:
        """The URL of each site whose state is new, and why it still waits; "" if it does not."""
        for site in self._sites:
            url, waits_for = without_credentials(site.url), self._waits_for(site)
            if waits_for is not None and waits_for != self._known.get(url):
                self._known[url] = waits_for
                yield url, waits_for

    def _waits_for(self, site: Webhooks) -> str | None:
        found = list(filter(None, starmap(self._sns.find, site.endpoints().items())))
        if all(webhook.is_confirmed for webhook in found):
            return ""
        return next((w.trouble for w in found if w.trouble and not w.is_confirmed), None)
