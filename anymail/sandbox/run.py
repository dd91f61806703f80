"""Starts everything in its order, and ends it."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import django

from . import SandboxError, own_site
from .aws.faults import Faults
from .aws.local_aws import (
    LocalAws,
    check_installed,
    forget_environment,
    run_services,
    set_up_account,
)
from .aws.sns.signing_key import SigningKey, default_key_file
from .journal import Journal
from .options import Options, project_command
from .servers import check_listener, check_site, local_hosts, serve, without_credentials
from .settings import BACKEND, MAILERS, anymail_settings, settings_snippet
from .webhooks import NO_SITE, NO_WEBHOOKS, WebhookWatch, endpoints

if TYPE_CHECKING:
    from .aws.dns.zone import Dns
    from .aws.sns.local_sns import LocalSns
    from .aws.sns.subscription import Subscription

#: Seconds that the sandbox waits for its own webhooks.
PATIENCE = 60


@dataclass(frozen=True, kw_only=True)
class Sandbox:
    """A sandbox that runs.

    :param page: the URL of the page.
    :param anymail: the ``ANYMAIL`` setting with which a project uses it.
    :param watch: notices when sites confirm.
    :param nameserver: ``host:port`` of the DNS server; empty if there is none.
    """

    page: str
    aws: LocalAws
    anymail: dict[str, Any]
    watch: WebhookWatch
    options: Options
    nameserver: str

    @property
    def must_paste(self) -> bool:
        """Whether it runs beside a project whose settings do not lead here yet."""
        project = self.options.project
        ours = self.anymail["AMAZON_SES_SNS_CERTIFICATES"].items()
        return bool(project) and not (
            project["endpoint"] == self.aws.url and ours <= project["certificates"].items()
        )

    @property
    def problem(self) -> str:
        """Why nothing is posted to the project; empty if something is."""
        project = self.options.project
        if self.options.empty:
            return ""
        if project and not self.options.site:
            return NO_SITE
        return NO_WEBHOOKS if project and not project["paths"] else ""


@contextmanager
def run_sandbox(options: Options, doing: Callable[[str], None]) -> Iterator[Sandbox]:
    """Run the sandbox for the length of a ``with`` block. This works once in a process.

    :param doing: called with each step that begins.
    """
    check_options(options)
    check_installed()
    forget_environment()
    with ExitStack() as stack:
        key, is_kept = _signing_key(options, doing)
        hosts = ["*"] if options.allow_remote else local_hosts(options.bind)
        apis: Future[Any] = Future()  # it takes long to import them
        url = stack.enter_context(
            serve(lambda *wsgi: apis.result()(*wsgi), options.bind, options.amazon_port)
        )
        rate, verified_only = options.max_send_rate, bool(options.verified) or options.empty
        faults = Faults(latency=options.latency, rate=rate, verified_only=verified_only)
        aws = LocalAws(url=url, journal=Journal(), faults=faults)
        if is_kept:
            aws.settings_text = _snippet(options, url)
        if options.is_beside_project:
            aws.sites = [without_credentials(url) for url in options.site]
        secret = options.project.get("secret") or key.secret
        anymail = anymail_settings(
            url, certificates=key.certificates, secret=secret, empty=options.empty
        )
        doing("Starting the page")
        page = stack.enter_context(_page(options, anymail, aws, hosts))
        nameserver = stack.enter_context(_nameserver(aws.dns, page, options.bind, doing))
        # The page answers already: what takes long to import comes after it.
        doing(f"The page is at {page}/. Starting the AWS APIs")
        stack.enter_context(run_services(aws, apis, key=key, hosts=hosts))
        watch = WebhookWatch({})
        if not options.empty:
            set_up_account(aws, options.domain, options.configuration_set, options.verified)
            doing("Subscribing the webhooks")
            watch = _subscribe_all(aws.started_sns, options, page, secret)
        yield Sandbox(
            page=f"{page}/",
            aws=aws,
            anymail=anymail,
            watch=watch,
            options=options,
            nameserver=nameserver,
        )
        doing("Stopping everything")


def check_options(options: Options) -> None:
    """Raise SandboxError if other machines could get in or read mail, unless they may."""
    others = ("once", "site", "domain", "configuration_set", "verified")
    if options.empty and (given := [name for name in others if getattr(options, name)]):
        names = ", ".join("--" + name.replace("_", "-") for name in given)
        raise SandboxError(f"With --empty, nothing is set up: leave out {names}.")
    check_listener(options.bind, allow_remote=options.allow_remote)
    for url in options.site:
        check_site(url, allow_remote=options.allow_remote)


def _signing_key(options: Options, doing: Callable[[str], None]) -> tuple[SigningKey, bool]:
    """The key, and whether a project finds it, too."""
    if options.key_file is not None:
        return SigningKey.load_or_create(options.key_file), True
    if not options.once:
        try:
            return SigningKey.load_or_create(default_key_file()), True
        except SandboxError as err:
            doing(f"Making a key for this run only, which no project can use ({err})")
    return SigningKey.generate(), False


def _snippet(options: Options, endpoint: str) -> str:
    return settings_snippet(
        endpoint,
        command=project_command({**vars(options), "amazon_port": urlsplit(endpoint).port}),
        backend=options.project.get("backend", MAILERS if django.VERSION >= (6, 1) else BACKEND),
        key_file=options.key_file,
        empty=options.empty,
    )


@contextmanager
def _page(
    options: Options, anymail: dict[str, Any], aws: LocalAws, hosts: list[str]
) -> Iterator[str]:
    # A request that is being answered at the end may still write into the folder.
    with tempfile.TemporaryDirectory(
        prefix="anymail-sandbox-", ignore_cleanup_errors=True
    ) as folder:
        has_outbox = find_spec("anymail.outbox") is not None
        outbox = options.project.get("outbox") if options.is_beside_project else {}
        own_site.configure(anymail, Path(folder), hosts, outbox if has_outbox else None)
        own_site.create_tables()

        from .page.apps import connect

        connect(aws)
        with ExitStack() as stack:
            if has_outbox and outbox is not None and not options.once:
                stack.enter_context(_outbox(options, anymail, aws, Path(folder)))
            yield stack.enter_context(serve(own_site.application(), options.bind, options.port))


@contextmanager
def _nameserver(dns: Dns, page: str, bind: str, doing: Callable[[str], None]) -> Iterator[str]:
    """Answer DNS queries at the port of the page; gives ``host:port``, empty if it is taken."""
    from .aws.dns.server import serve_dns

    address = urlsplit(page)
    with ExitStack() as stack:
        try:
            stack.enter_context(serve_dns(dns, bind, address.port or 0))
        except SandboxError as err:
            doing(str(err))
            yield ""
        else:
            yield address.netloc


@contextmanager
def _outbox(
    options: Options, anymail: dict[str, Any], aws: LocalAws, folder: Path
) -> Iterator[None]:
    from .outbox_worker import OutboxWorker, watching

    with watching(aws.journal):
        if options.is_beside_project:
            yield
            return
        aws.outbox = OutboxWorker(anymail, folder)
        try:
            yield
        finally:
            aws.outbox.kill()


def _subscribe_all(sns: LocalSns, options: Options, page: str, secret: str) -> WebhookWatch:
    """Subscribe the project's webhooks, or the sandbox's own, which confirm at once."""
    paths = options.project.get("paths", {})
    sites = {site: endpoints(site, secret, **paths) for site in options.site}
    own = {} if options.is_beside_project else {page: endpoints(page, secret)}
    _wait_until_confirmed(_subscribe(sns, own))
    return WebhookWatch(_subscribe(sns, sites))


def _subscribe(sns: LocalSns, sites: Mapping[str, Any]) -> dict[str, list[Subscription]]:
    """The subscriptions of each site, by its URL."""
    return {
        site: [sns.subscribe(topic, url) for topic, url in webhooks.items()]
        for site, webhooks in sites.items()
    }


def _wait_until_confirmed(own: dict[str, list[Subscription]]) -> None:
    end = time.monotonic() + PATIENCE
    while not all(found.is_confirmed for found in chain(*own.values())):
        if time.monotonic() > end:
            raise SandboxError("The sandbox's own webhooks did not confirm their subscriptions.")
        time.sleep(0.01)
