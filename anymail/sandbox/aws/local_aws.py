"""The Amazon side as a whole: starts it, and sets up an account as people set up theirs."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.util import find_spec
from threading import Event
from typing import TYPE_CHECKING, Any

from .. import SandboxError
from ..journal import Journal, ReceivedMail
from . import defaults
from .faults import Faults
from .sns.signing_key import SigningKey

if TYPE_CHECKING:
    from .sns.local_sns import LocalSns


@dataclass(kw_only=True)
class LocalAws:
    """SES, SNS, S3, SQS and KMS behind one URL.

    :param url: the endpoint of all of them.
    :param faults: how slow it is, and whom it refuses.
    :param settings_text: what a project has in its settings to use it; empty if none can.
    :param sns: None until it has started.
    :param sites: of the project beside which it runs; None if it runs by itself.
    """

    url: str
    journal: Journal
    faults: Faults
    sns: LocalSns | None = None
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
            sns=self.started_sns,
            journal=self.journal,
            rule=rule,
            verdicts=verdicts,
        )

    @property
    def started_sns(self) -> LocalSns:
        if self.sns is None:
            raise SandboxError("The sandbox is still starting. Try again in a moment.")
        return self.sns

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


class DelayedApplication:
    """A WSGI application that other processes may call already, and that comes later."""

    def __init__(self) -> None:
        self._application: Callable[..., Iterable[bytes]] | None = None
        self._is_there = Event()

    def set(self, application: Callable[..., Iterable[bytes]]) -> None:
        self._application = application
        self._is_there.set()

    def __call__(self, *arguments: Any) -> Iterable[bytes]:
        self._is_there.wait()
        return self._application(*arguments) if self._application else []


@contextmanager
def run_services(
    aws: LocalAws, application: DelayedApplication, *, key: SigningKey, hosts: Sequence[str]
) -> Iterator[None]:
    """Run the services for the length of a ``with`` block. Their imports take a second.

    :param hosts: the names under which they may be called, and posted to; ``["*"]`` for all.
    """
    from .endpoint import AwsEndpoint
    from .events.publish import Publisher
    from .receive.receive import receive
    from .sns.local_sns import LocalSns

    aws.sns = LocalSns(aws.journal, key, allow_remote="*" in hosts)
    publisher = Publisher(aws.journal, aws.sns, receive)
    try:
        application.set(AwsEndpoint(publisher, aws.sns, aws.faults, hosts=hosts))
        yield
    finally:
        publisher.close()
        aws.sns.close()
