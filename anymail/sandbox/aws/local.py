"""The Amazon side as a whole: starts it, and sets up an account as people set up theirs."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from .. import SandboxError
from ..journal import Journal, ReceivedMail
from ..servers import local_hosts, serve
from . import defaults
from .sns.signing_key import SigningKey
from .switches import Switches

if TYPE_CHECKING:
    from .sns.local_sns import LocalSns


@dataclass(kw_only=True)
class LocalAmazon:
    """SES, SNS, S3, SQS and KMS behind one URL.

    :param url: the endpoint of all of them.
    :param switches: how slow it is, and whom it refuses.
    :param settings_text: what a project has in its settings to use it; empty if none can.
    :param sites: of the project beside which it runs; None if it runs by itself.
    """

    url: str
    journal: Journal
    switches: Switches
    sns: LocalSns
    settings_text: str = ""
    sites: Sequence[str] | None = None
    _session: Any = None
    _clients: dict[str, Any] = field(default_factory=dict)

    def receive(
        self,
        raw: bytes,
        *,
        sender: str,
        recipients: Sequence[str],
        rule: str | None = None,
        verdicts: Mapping[str, str] | None = None,
    ) -> ReceivedMail:
        """A mail arrives from outside.

        :param rule: the receipt rule that takes it; None: the first that wants its recipients.
        :param verdicts: of ``spam``, ``virus``, ``spf``, ``dkim``, ``dmarc``; ``PASS`` unless
            given.
        :raises SandboxError: no rule takes it, or it is too large for the rule's action.
        """
        from .receive.receive import receive

        return receive(
            raw,
            sender=sender,
            recipients=recipients,
            region=defaults.REGION,
            sns=self.sns,
            journal=self.journal,
            rule=rule,
            verdicts=verdicts,
        )

    def client(self, service: str) -> Any:
        """A boto3 client of it."""
        import boto3

        if self._session is None:
            credentials: dict[str, Any] = dict(defaults.CREDENTIALS)
            self._session = boto3.session.Session(**credentials)
        if service not in self._clients:
            self._clients[service] = self._session.client(service, endpoint_url=self.url)
        return self._clients[service]


def forget_environment() -> None:
    """Make boto3 blind to this machine's AWS settings and proxies, and moto to its own."""
    for name in list(os.environ):
        if name.upper().startswith(("AWS_", "BOTO_", "MOTO_")):
            del os.environ[name]
    os.environ["AWS_CONFIG_FILE"] = os.environ["AWS_SHARED_CREDENTIALS_FILE"] = os.devnull
    os.environ["AWS_EC2_METADATA_DISABLED"] = "true"
    os.environ["NO_PROXY"] = os.environ["no_proxy"] = "*"


def check_installed() -> None:
    """Refuse to go on without moto, which takes a second to import and is imported later.

    :raises SandboxError: it is not installed.
    """
    missing = [name for name in ("moto", "flask", "flask_cors") if find_spec(name) is None]
    if missing:
        raise SandboxError(
            f"The sandbox needs {', '.join(missing)}. "
            'Install it with: python -m pip install "django-anymail-ses[sandbox]"'
        )


@contextmanager
def local_amazon(
    host: str, port: int, *, key: SigningKey, switches: Switches, allow_remote: bool
) -> Iterator[LocalAmazon]:
    """Run the Amazon side for the length of a ``with`` block."""
    from .endpoint import AmazonEndpoint
    from .events.publish import Publisher
    from .receive.receive import receive
    from .sns.local_sns import LocalSns

    journal = Journal()
    sns = LocalSns(journal, key, allow_remote=allow_remote)
    publisher = Publisher(journal, sns, receive)
    try:
        hosts = ["*"] if allow_remote else local_hosts(host)
        endpoint = AmazonEndpoint(publisher, sns, switches, hosts=hosts)
        with serve(endpoint, host, port) as url:
            yield LocalAmazon(url=url, journal=journal, switches=switches, sns=sns)
    finally:
        publisher.close()
        sns.close()
