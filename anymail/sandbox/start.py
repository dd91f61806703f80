"""Starts everything in its order, and ends it."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import django

from . import SandboxError, site
from .aws.local import LocalAmazon, check_installed, forget_environment, local_amazon
from .aws.set_up import set_up_account
from .aws.sns.signing import SigningKey, default_key_file
from .aws.switches import Switches
from .paste import settings_text
from .servers import check_listener, check_site, local_hosts, serve, without_credentials
from .settings import anymail_settings
from .sites import Watch, Webhooks, with_secret

#: How long the sandbox waits for its own webhooks, in seconds.
PATIENCE = 60


@dataclass(frozen=True, kw_only=True)
class Options:
    """What the person who starts the sandbox wants.

    :param port: of the page; the next free one if it is taken. 0 for any.
    :param amazon_port: of the Amazon side, likewise.
    :param bind: the address that both listen on.
    :param allow_remote: other machines may reach the sandbox, and be posted to.
    :param sites: whose webhooks are subscribed.
    :param is_beside_project: the sandbox's own webhooks are not, so that nobody takes what they
        hear and store for what the project does.
    :param domains: that receive mail.
    :param configuration_sets: to have beside ``"sandbox"``.
    :param verified: addresses and domains that may send; everybody if empty.
    :param latency: of each call that sends, in seconds.
    :param max_send_rate: recipients per second above which SES throttles.
    :param key_file: where the signing key is kept.
    :param keeps_key: without ``key_file``, keep it where it usually is; False makes a new one.
    :param secret: what SNS shows to the sandbox's own webhooks; None makes a new one.
    :param mailers: the settings to paste have ``MAILERS``, not ``EMAIL_BACKEND``.
    :param command: what the settings to paste say that starts it.
    """

    port: int = 0
    amazon_port: int = 0
    bind: str = "127.0.0.1"
    allow_remote: bool = False
    sites: list[Webhooks] = field(default_factory=list)
    is_beside_project: bool = False
    domains: list[str] = field(default_factory=list)
    configuration_sets: list[str] = field(default_factory=list)
    verified: list[str] = field(default_factory=list)
    latency: float = 0.0
    max_send_rate: float | None = None
    key_file: Path | None = None
    keeps_key: bool = False
    secret: str | None = None
    mailers: bool = django.VERSION >= (6, 1)
    command: str = "python manage.py anymail_sandbox"


@dataclass(frozen=True, kw_only=True)
class Sandbox:
    """What runs.

    :param page: the URL of the page.
    :param anymail: the ``ANYMAIL`` setting with which a project uses it.
    :param watch: notices when the sites that it was told of confirm.
    """

    page: str
    amazon: LocalAmazon
    anymail: dict[str, Any]
    watch: Watch

    def is_used_by(self, project: Mapping[str, Any]) -> bool:
        """Whether the settings of a project point here already.

        :param project: its ``endpoint`` and ``certificates``.
        """
        mine = self.anymail["AMAZON_SES_SNS_CERTIFICATES"]
        known = project["certificates"]
        trusts = all(known.get(url) == pem for url, pem in mine.items())
        return trusts and bool(project["endpoint"] == self.amazon.url)


@contextmanager
def running(options: Options, tell: Callable[[str], None]) -> Iterator[Sandbox]:
    """Run the sandbox for the length of a ``with`` block. This works once in a process.

    :param tell: hears what is being done.
    :raises SandboxError: something does not work, or would be reachable from elsewhere.
    """
    check_options(options)
    check_installed()
    forget_environment()
    with ExitStack() as stack:
        key, is_kept = _signing_key(options, tell)
        amazon = stack.enter_context(
            local_amazon(
                options.bind,
                options.amazon_port,
                key=key,
                switches=_switches(options),
                allow_remote=options.allow_remote,
            )
        )
        secret = options.secret or key.secret
        anymail = anymail_settings(amazon.url, certificates=key.certificates, secret=secret)
        if is_kept:
            amazon.settings_text = settings_text(
                amazon.url,
                command=options.command,
                mailers=options.mailers,
                key_file=options.key_file,
            )
        if options.is_beside_project:
            amazon.sites = [without_credentials(found.url) for found in options.sites]
        folder = Path(stack.enter_context(_temporary_folder()))
        page = stack.enter_context(_site(options, anymail, folder, amazon, tell))
        # The page answers already: what takes long to import comes after it.
        tell(f"The page is at {page}/; setting up the account, its topics, rules, bucket and key")
        set_up_account(amazon, options.domains, options.configuration_sets, options.verified)
        tell("Subscribing the webhooks, which check and confirm that")
        sites = [with_secret(found, secret) for found in options.sites]
        own = [] if options.is_beside_project else [with_secret(Webhooks(url=page), secret)]
        subscribe(amazon, [*own, *sites])
        _wait_for_webhooks(amazon, own)
        watch = Watch(amazon.sns, sites)
        yield Sandbox(page=f"{page}/", amazon=amazon, anymail=anymail, watch=watch)
        tell("Stopping everything")


def check_options(options: Options) -> None:
    """Refuse what would let other machines in, or tell them of mail.

    :raises SandboxError: something does, and nobody said that it may.
    """
    check_listener(options.bind, allow_remote=options.allow_remote)
    for found in options.sites:
        check_site(found.url, allow_remote=options.allow_remote)


def subscribe(amazon: LocalAmazon, sites: list[Webhooks]) -> None:
    """Subscribe the webhooks of sites; those that do not answer yet are asked again and again."""
    for found in sites:
        for topic, url in found.endpoints().items():
            amazon.sns.subscribe(topic, url, keep_trying=True)


def _signing_key(options: Options, tell: Callable[[str], None]) -> tuple[SigningKey, bool]:
    """The key, and whether a project finds it, too."""
    if options.key_file is not None:
        return SigningKey.kept(options.key_file), True
    if options.keeps_key:
        try:
            return SigningKey.kept(default_key_file()), True
        except SandboxError as err:
            tell(f"Making a key for this time only, which no project can use ({err})")
    return SigningKey.fresh(), False


def _switches(options: Options) -> Switches:
    return Switches(
        latency=options.latency,
        rate=options.max_send_rate,
        verified_only=bool(options.verified),
    )


def _temporary_folder() -> tempfile.TemporaryDirectory[str]:
    """A request that is being answered at the end may still write into it."""
    return tempfile.TemporaryDirectory(prefix="anymail-sandbox-", ignore_cleanup_errors=True)


@contextmanager
def _site(
    options: Options,
    anymail: dict[str, Any],
    folder: Path,
    amazon: LocalAmazon,
    tell: Callable[[str], None],
) -> Iterator[str]:
    tell("Starting a site with the page, the admin and the product's own webhooks")
    hosts = ["*"] if options.allow_remote else local_hosts(options.bind)
    site.configure({**anymail, "FEEDBACK_SUPPRESS": site.SUPPRESS}, folder, hosts)
    site.create_tables()

    from .page.apps import connect

    connect(amazon)
    with serve(site.application(), options.bind, options.port) as url:
        yield url


def _wait_for_webhooks(amazon: LocalAmazon, own: list[Webhooks]) -> None:
    end = time.monotonic() + PATIENCE
    wanted = [pair for webhooks in own for pair in webhooks.endpoints().items()]
    while not all(amazon.sns.is_confirmed(*pair) for pair in wanted):
        if time.monotonic() > end:
            raise SandboxError("The sandbox's own webhooks did not confirm their subscriptions.")
        time.sleep(0.01)
