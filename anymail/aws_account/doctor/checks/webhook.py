"""The webhook as SNS meets it: TLS, the secret, and what stands before Django.

Source: Amazon SNS Developer Guide, "Fanout to HTTP/S endpoints": a redirect, and any answer of 4xx
but 429, is final; a password is sent after a 401 with a challenge; SNS waits 15 seconds.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from urllib.parse import urlsplit

from ....checks.sending import is_on_this_machine
from ...subscriptions import without_credentials
from ..context import Context
from ..findings import Finding, advice, error, not_used, ok, setting, warning
from ..receivers import find_receivers
from ..sns_requests import PATIENCE, Answer, NoAnswer, request
from ..webhooks import Webhook, webhook_at

DEBUG_PAGE = re.compile(r"You.{1,6}re seeing this error because you have\s+<code>DEBUG = True")
CSRF_PAGE = "CSRF verification failed"


def webhook(context: Context) -> Iterator[Finding]:
    """D17: the webhook answers as SNS needs it, called from here."""
    given = context.options.url
    if given is None:
        yield not_used("not asked for: anymail_doctor --url https://www.example.com")
        return
    found, url = _webhook_and_url(context, given)
    if found is None:
        yield error(f"the URLconf has no webhook at {url}")
        return
    problems = list(_problems(url, found))
    yield from problems or [ok(f"{url} answers as SNS needs it{_aside(url)}")]


def _webhook_and_url(context: Context, given: str) -> tuple[Webhook | None, str]:
    url = urlsplit(without_credentials(urlsplit(given)))
    if url.path.strip("/"):
        return webhook_at(url.path), url.geturl()
    webhooks = find_receivers(context, ()).webhooks
    if not webhooks:
        return None, url.geturl()
    return webhooks[0], url._replace(path=webhooks[0].path).geturl()


def _problems(url: str, found: Webhook) -> Iterator[Finding]:
    if not url.startswith("https:") and not is_on_this_machine(url):
        yield warning(f"{url} is not HTTPS: anybody on the way reads events and the secret")
    try:
        first = request("POST", url, body=b"{}")
        problem = _problem(url, first, found, secret=False)
        if problem is None and found.secrets:
            first = request("POST", url, body=b"{}", secret=found.secrets[0])
            problem = _problem(url, first, found, secret=True)
    except NoAnswer as err:
        yield error(f"{url}: {err}")
        return
    if problem is not None:
        yield problem
    if DEBUG_PAGE.search(first.body):
        yield warning(f"{url} shows pages of DEBUG to everybody", setting("DEBUG = False"))
    if first.seconds > PATIENCE:
        yield error(f"{url} takes {first.seconds:.0f} s, and SNS waits {PATIENCE:.0f}")


def _problem(url: str, answer: Answer, found: Webhook, *, secret: bool) -> Finding | None:
    """What is wrong with the answer to an unsigned message.

    :param secret: it was sent.
    """
    status, wanted = answer.status, 400 if secret or not found.secrets else 401
    challenge = answer.headers.get("www-authenticate", "").lower()
    if status == wanted == 400 and not _is_of_django(answer):
        return _other_secret(url) if secret and challenge else None
    if status == wanted == 401:
        if challenge.startswith("basic"):
            return None
        return error(f"{url} answers 401 without a challenge: SNS sends no secret then")
    return _explain(url, answer)


def _other_secret(url: str) -> Finding:
    deploy = advice("Deploy these settings, or give the doctor those of the site.")
    return error(f"{url} has another WEBHOOK_SECRET than these settings", deploy)


def _explain(url: str, answer: Answer) -> Finding:
    status = answer.status
    if 300 <= status < 400:
        return _redirect(url, answer.headers.get("location", ""))
    if status == 400 and _is_of_django(answer):
        host = urlsplit(url).hostname
        return error(f"Django refuses the host: {url}", setting(f'ALLOWED_HOSTS += ["{host}"]'))
    if status == 400:
        deploy = advice("Deploy these settings, and restart the site.")
        return error(f"{url} asks for no secret, and these settings have one", deploy)
    if status == 401:
        fix = advice(
            "With Apache: WSGIPassAuthorization On. Other proxies have such an option, too."
        )
        return error(f"the secret does not reach {url}: a proxy drops the Authorization", fix)
    if status == 403:
        return _forbidden(url, answer)
    if status == 404:
        deploy = advice("Deploy the URLconf of these settings; a proxy may have another path.")
        return error(f"{url} does not exist (404)", deploy)
    if status < 300:
        check = advice("Another view or a proxy may answer there; the webhook would answer 400.")
        return error(f"{url} takes anything from anybody ({status})", check)
    look = advice("The log of the site says why, or that of the proxy before it.")
    return error(f"{url} answers {status}", look)


def _redirect(url: str, location: str) -> Finding:
    target = location.partition("?")[0]
    if location.startswith("https:") and url.startswith("http:"):
        return error(f"{url} redirects to HTTPS: SNS does not follow, so subscribe {target}")
    if re.search("log-?in|sign-?in|auth|sso", target, re.IGNORECASE):
        exempt = advice("Exempt the path of the webhook from what asks for a login.")
        return error(f"{url} redirects to a login: {target}", exempt)
    exact = advice("SNS does not follow redirects: subscribe the URL that answers itself.")
    return error(f"{url} redirects to {target}", exact)


def _forbidden(url: str, answer: Answer) -> Finding:
    if CSRF_PAGE in answer.body:
        exempt = advice("Include anymail.urls, whose views are exempt, or use csrf_exempt.")
        return error(f"{url} asks for a CSRF token", exempt)
    allow = advice("A firewall or proxy refuses POSTs: allow them for the path of the webhook.")
    return error(f"{url} is forbidden (403), not by the webhook", allow)


def _is_of_django(answer: Answer) -> bool:
    """The webhook's own refusal has no body."""
    return bool(answer.body.strip())


def _aside(url: str) -> str:
    return " (on this machine, which SNS cannot reach)" if is_on_this_machine(url) else ""
