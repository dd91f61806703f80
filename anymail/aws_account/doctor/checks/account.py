"""The AWS account: who we are, and what SES lets the account send.

Source: Amazon SES API v2 Reference, "GetAccount"; AWS STS API Reference, "GetCallerIdentity".
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from email.utils import parsedate_to_datetime
from typing import Any

from ....amazon_ses.installed_botocore import unknown_region
from ....exceptions import AnymailAPIError
from ....processes.wording import spoken
from ..context import Context, Unanswered
from ..findings import Finding, advice, command, error, not_checked, ok, setting, warning

#: Seconds by which a signed request may be off (AWS IAM User Guide, "Troubleshoot Signature
#: Version 4 requests").
MAX_CLOCK_SKEW = 300
#: The share of the daily quota from which on there is a warning.
NEARLY_USED = 0.8
LOOKED = (
    "boto3 has looked, in this order, in ANYMAIL (AMAZON_SES_CLIENT_PARAMS, _SESSION_PARAMS), the "
    "environment (AWS_ACCESS_KEY_ID, AWS_PROFILE), ~/.aws/credentials and ~/.aws/config, and for a "
    "role of the container or instance."
)
SET_REGION = 'ANYMAIL["AMAZON_SES_CLIENT_PARAMS"] = {"region_name": "eu-central-1"}'
PRODUCTION = (
    "aws sesv2 put-account-details --production-access-enabled --mail-type TRANSACTIONAL "
    '--website-url https://www.example.com --use-case-description "What you send, and to whom"'
)


def credentials(context: Context) -> Iterator[Finding]:
    """D01: boto3 finds credentials that AWS accepts, and a region that has SES."""
    try:
        region, identity = context.region, context.ask("sts", "GetCallerIdentity")
    except Unanswered as err:
        text = err.finding.text.removeprefix("not checked: ")
        yield _unknown_region(context) or error(
            f"AWS does not say who we are: {text}", *err.finding.fixes, advice(LOOKED)
        )
    except AnymailAPIError as err:
        yield error(f"AWS refuses the credentials ({err.error_code})", *_hints(err), advice(LOOKED))
    else:
        who = f"account {identity['Account']}, {region}, as {_who(identity['Arn'])}"
        yield _unknown_region(context) or ok(who)


def clock(context: Context) -> Iterator[Finding]:
    """D02: the clock is not off by more than AWS allows."""
    date = _http_headers(context).get("date")
    if date is None:
        yield not_checked("not checked: AWS cannot be asked, see D01")
        return
    skew = (context.now - parsedate_to_datetime(date)).total_seconds()
    if abs(skew) < MAX_CLOCK_SKEW:
        yield ok(f"within {spoken(max(abs(skew), 1))} of AWS's")
        return
    direction = "ahead" if skew > 0 else "behind"
    yield error(
        f"this machine's clock is {spoken(abs(skew))} {direction}: AWS refuses what it signs",
        command("timedatectl set-ntp true"),
    )


def status(context: Context) -> Iterator[Finding]:
    """D03: SES lets the account send, and to everybody."""
    account = context.ask("sesv2", "GetAccount")
    is_on = account["SendingEnabled"]
    yield from _enforcement(account)
    if not is_on and account["EnforcementStatus"] != "SHUTDOWN":
        yield error(
            "sending is paused for the account",
            command("aws sesv2 put-account-sending-attributes --sending-enabled"),
        )
    if not account["ProductionAccessEnabled"]:
        yield _no_production_access(account)
    elif is_on:
        yield ok("production access, sending is on")


def quota(context: Context) -> Iterator[Finding]:
    """D04: the daily quota is not used up, and we do not send faster than SES allows."""
    found = context.ask("sesv2", "GetAccount")["SendQuota"]
    rate, daily, sent = found["MaxSendRate"], found["Max24HourSend"], found["SentLast24Hours"]
    ours = context.settings.max_send_rate
    if isinstance(ours, (int, float)) and 0 < rate < ours:
        yield warning(
            f"AMAZON_SES_MAX_SEND_RATE is {ours:,.15g}, SES allows {rate:g} recipients a second",
            setting(f'ANYMAIL["AMAZON_SES_MAX_SEND_RATE"] = {rate:g}'),
        )
    yield _use_of_quota(sent, daily, rate)


def _unknown_region(context: Context) -> Finding | None:
    """A region where SES does not answer, and which botocore does not know: it may not know a new
    one, where SES does."""
    try:
        context.ask("sesv2", "GetAccount")
    except AnymailAPIError:
        return None
    except Unanswered:
        with suppress(Unanswered):
            if region := unknown_region(context.ses):
                text = f"there is no Amazon SES in the region {region}"
                return error(text, setting(SET_REGION))
    return None


def _use_of_quota(sent: float, daily: float, rate: float) -> Finding:
    if daily < 0:  # "GetAccount": -1 is an unlimited quota
        return ok(f"{rate:g} recipients a second, no daily limit")
    used = f"{sent:,.0f} of {daily:,.0f} recipients in 24 hours"
    more = advice(
        "Ask for a higher quota: Service Quotas console, Amazon Simple Email Service, "
        '"Sending quota".'
    )
    if sent >= daily:
        return error(f"the daily quota is used up: {used}", more)
    if sent >= NEARLY_USED * daily:
        return warning(f"the daily quota is nearly used up: {used}", more)
    return ok(f"{rate:g} recipients a second; {used}")


def _enforcement(account: Mapping[str, Any]) -> Iterator[Finding]:
    """What Amazon thinks of the account (Amazon SES Developer Guide, "Account review process")."""
    state = account["EnforcementStatus"]
    page = advice("Open the SES console, Account dashboard, and answer Amazon's review.")
    if state == "SHUTDOWN":
        yield error("Amazon has shut sending down for the account", page)
    elif state != "HEALTHY":
        yield warning(f"the account is under review by Amazon ({state})", page)


def _no_production_access(account: Mapping[str, Any]) -> Finding:
    text = "the account is in SES's sandbox: only verified addresses can be sent to"
    review = account.get("Details", {}).get("ReviewDetails", {}).get("Status")
    if review == "PENDING":
        return warning(f"{text}; Amazon is reviewing your request for production access")
    if review == "DENIED":
        reply = advice("Reply to the support case in which Amazon has denied production access.")
        return warning(f"{text}; Amazon has denied production access", reply)
    return warning(text, command(PRODUCTION))


def _http_headers(context: Context) -> Mapping[str, str]:
    """The headers of the answer of AWS STS, or of its refusal."""
    try:
        answer = context.ask("sts", "GetCallerIdentity")
    except AnymailAPIError as err:
        answer = err.response or {}
    except Unanswered:
        answer = {}
    headers: Mapping[str, str] = answer.get("ResponseMetadata", {}).get("HTTPHeaders", {})
    return headers


def _hints(err: AnymailAPIError) -> Iterator[Any]:
    return (advice(str(hint)) for hint in err.args[1:])


def _who(arn: str) -> str:
    """A principal without its account: ``role/shop``, ``user/deploy``, ``root``."""
    return arn.split(":", 5)[-1]
