"""Amazon's answers -> facts about the account, and what to do about them. Pure.

Whatever comes in place of an answer, it is no error: there is less to show.

Sources: Amazon SES API v2 Reference, "GetAccount", "ReviewDetails", "Recommendation"; Amazon SES
Developer Guide, "Amazon SES Sending review process FAQs".
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from ...amazon_ses.error_codes import NEVER_CONNECTED, NO_CREDENTIALS_NOW, THROTTLING_CODES
from ...amazon_ses.error_codes import NO_ANSWER as NO_ANSWERS
from ...amazon_ses.untrusted_json import as_object, as_objects, as_string
from .questions import NO_ANSWER, Answer
from .wording import grouped, percent

if TYPE_CHECKING:
    from django_stubs_ext import StrOrPromise

#: How bad a fact is; the words are for those who do not see colours.
LEVELS: Mapping[str, StrOrPromise] = {
    "": "",
    "warning": gettext_lazy("Look:"),
    "error": gettext_lazy("Act:"),
}
#: The share of the daily quota from which on somebody should look.
NEARLY_USED = 0.8
REFUSALS = frozenset({"AccessDenied", "AccessDeniedException", "UnauthorizedOperation"})
WITHOUT_CREDENTIALS = NO_CREDENTIALS_NOW | {"NoCredentialsError", "PartialCredentialsError"}
MAX_TEXT = 300
#: What the words of ``EnforcementStatus`` mean: a name, a level, and what to do.
STANDING: Mapping[str, tuple[StrOrPromise, str, StrOrPromise]] = {
    "HEALTHY": (gettext_lazy("healthy: Amazon has no objection"), "", ""),
    "PROBATION": (
        gettext_lazy("under review: mail is sent, but Amazon may stop it"),
        "warning",
        gettext_lazy(
            "Amazon has written to the address of the AWS account. Remove the cause, and answer "
            "the case in the Support Center of the AWS console."
        ),
    ),
    "SHUTDOWN": (
        gettext_lazy("shut down: Amazon accepts no mail"),
        "error",
        gettext_lazy(
            "Remove the cause, and answer Amazon's case in the Support Center of the AWS console. "
            "What the outbox holds waits until then."
        ),
    ),
}
#: Words of ``ReviewDetails.Status``: of the request for production access.
REVIEWS: Mapping[str, tuple[StrOrPromise, str, StrOrPromise]] = {
    "PENDING": (gettext_lazy("Amazon is looking at the request"), "", ""),
    "GRANTED": (gettext_lazy("granted"), "", ""),
    "DENIED": (
        gettext_lazy("denied"),
        "warning",
        gettext_lazy("Answer the case in the Support Center of the AWS console."),
    ),
    "FAILED": (
        gettext_lazy("failed"),
        "warning",
        gettext_lazy("Ask for production access again: SES console, Account dashboard."),
    ),
}
IMPACTS: Mapping[str, tuple[StrOrPromise, str]] = {
    "HIGH": (gettext_lazy("high"), "error"),
    "LOW": (gettext_lazy("low"), "warning"),
}
SUPPRESSED = ("BOUNCE", "COMPLAINT")


@dataclass(frozen=True, kw_only=True)
class Fact:
    """A line about the account.

    :param level: a key of :data:`LEVELS`.
    :param advice: what to do; empty for nothing.
    """

    name: StrOrPromise
    value: StrOrPromise
    level: str = ""
    advice: StrOrPromise = ""

    @property
    def word(self) -> StrOrPromise:
        """The level in words."""
        return LEVELS[self.level]


@dataclass(frozen=True, kw_only=True)
class Quota:
    """How much of the day is used up.

    :param daily: recipients in 24 hours; -1 for no limit.
    """

    sent: int
    daily: int
    text: str
    level: str = ""

    @property
    def word(self) -> StrOrPromise:
        """The level in words."""
        return LEVELS[self.level]


@dataclass(frozen=True, kw_only=True)
class Recommendation:
    """Something that Amazon recommends.

    :param resource: what it is about, without the ARN around it.
    """

    type: str
    impact: StrOrPromise
    level: str
    resource: str
    text: str


@dataclass(frozen=True, kw_only=True)
class Queue:
    """How full a queue is; None for what nobody tells.

    :param oldest: seconds.
    """

    name: str
    waiting: int | None
    in_flight: int | None
    oldest: float | None
    dead_queue: str | None
    dead: int | None


def quota(document: object) -> Quota | None:
    """How much of the day is used up; None if Amazon does not say.

    :param document: the answer to :func:`.questions.account_question`.
    """
    given = as_object(as_object(document).get("SendQuota"))
    sent, daily = _number(given.get("SentLast24Hours")), _number(given.get("Max24HourSend"))
    if sent is None or daily is None:
        return None
    if daily < 0:
        text = _("%s recipients; Amazon sets no limit") % grouped(int(sent))
        return Quota(sent=int(sent), daily=-1, text=text)
    share = sent / daily if daily else 1.0
    text = _("%(sent)s of %(daily)s recipients (%(share)s)") % {
        "sent": grouped(int(sent)),
        "daily": grouped(int(daily)),
        "share": percent(share),
    }
    level = "error" if share >= 1 else "warning" if share >= NEARLY_USED else ""
    return Quota(sent=int(sent), daily=int(daily), text=text, level=level)


def facts(document: object) -> list[Fact]:
    """What else Amazon says about an account.

    :param document: as for :func:`quota`.
    """
    return list(_facts(as_object(document)))


def recommendations(document: object) -> list[Recommendation]:
    """What Amazon recommends.

    :param document: the answer to :func:`.questions.advice_question`.
    """
    found = as_objects(as_object(document).get("Recommendations"))
    return [_recommendation(one) for one in found]


def queue(document: object) -> Queue:
    """How full a queue is.

    :param document: the answer to :func:`.questions.queue_question`.
    """
    given = as_object(document)
    return Queue(
        name=_text(given.get("name")),
        waiting=_count(given.get("waiting")),
        in_flight=_count(given.get("in_flight")),
        oldest=_number(given.get("oldest")),
        dead_queue=as_string(given.get("dead_queue")),
        dead=_count(given.get("dead")),
    )


def why_not(answer: Answer, actions: str) -> str:
    """Why there is no answer, and what to do; empty if there is one.

    :param actions: of IAM that the question needs.
    """
    code = answer.error_code
    if not code:
        return ""
    if code in REFUSALS:
        text = _(
            "AWS does not let this application ask (%(code)s). Allow %(actions)s: "
            "manage.py anymail_setup --format iam prints the whole policy."
        )
        return text % {"code": code, "actions": actions}
    if code in WITHOUT_CREDENTIALS:
        text = _(
            "There are no credentials for AWS (%s). The process that shows this page needs those "
            "of the workers; manage.py anymail_doctor says where it looks for them."
        )
        return text % code
    if code == NO_ANSWER or code in NEVER_CONNECTED | NO_ANSWERS:
        text = _(
            "AWS has not answered within a few seconds (%s). Let this machine connect to AWS, "
            "port 443 (firewall, HTTPS_PROXY), and ask again."
        )
        return text % code
    if code in THROTTLING_CODES:
        return _("AWS is asked too often (%s). Ask again in a few seconds.") % code
    return _("AWS does not say (%(code)s). %(text)s") % {"code": code, "text": _text(answer.error)}


def _facts(account: Mapping[str, Any]) -> Iterator[Fact]:
    rate = _number(as_object(account.get("SendQuota")).get("MaxSendRate"))
    if rate is not None:
        shown = _("%s recipients a second") % grouped(int(rate)) if rate >= 1 else f"{rate:g}"
        yield Fact(name=_("Send rate"), value=shown if rate else _("no limit"))
    yield from _standing(_text(account.get("EnforcementStatus")))
    yield from _sending(account)
    yield from _production(account)
    reasons = account.get("SuppressionAttributes")
    if isinstance(reasons, dict):
        yield _suppression(reasons.get("SuppressedReasons"))


def _standing(status: str) -> Iterator[Fact]:
    if status:
        value, level, advice = STANDING.get(status, (status, "warning", ""))
        yield Fact(name=_("Standing with Amazon"), value=value, level=level, advice=advice)


def _sending(account: Mapping[str, Any]) -> Iterator[Fact]:
    is_on = account.get("SendingEnabled")
    if is_on is True:
        yield Fact(name=_("Sending"), value=_("enabled"))
    elif is_on is False and account.get("EnforcementStatus") != "SHUTDOWN":
        command = "aws sesv2 put-account-sending-attributes --sending-enabled"
        yield Fact(
            name=_("Sending"),
            value=_("paused for the whole account, by somebody who may"),
            level="error",
            advice=_("To go on: %s") % command,
        )


def _production(account: Mapping[str, Any]) -> Iterator[Fact]:
    if (has_access := account.get("ProductionAccessEnabled")) is True:
        yield Fact(name=_("Production access"), value=_("yes"))
    elif has_access is False:
        yield Fact(
            name=_("Production access"),
            value=_("no: in SES's sandbox, only verified addresses can be sent to"),
            level="warning",
            advice=_("Ask Amazon for it: SES console, Account dashboard."),
        )
    review = as_object(account.get("Review"))
    status = _text(review.get("Status"))
    if status and (status != "GRANTED" or not has_access):
        value, level, advice = REVIEWS.get(status, (status, "warning", ""))
        case = _text(review.get("CaseId"))
        shown = _("%(review)s, case %(case)s") % {"review": value, "case": case} if case else value
        yield Fact(name=_("Review of that request"), value=shown, level=level, advice=advice)


def _suppression(given: object) -> Fact:
    reasons = [reason for reason in SUPPRESSED if isinstance(given, list) and reason in given]
    if len(reasons) == len(SUPPRESSED):
        return Fact(name=_("Amazon suppresses addresses"), value=_("after bounces and complaints"))
    names = {"BOUNCE": _("after bounces only"), "COMPLAINT": _("after complaints only")}
    command = "aws sesv2 put-account-suppression-attributes --suppressed-reasons BOUNCE COMPLAINT"
    return Fact(
        name=_("Amazon suppresses addresses"),
        value=names[reasons[0]] if reasons else _("never"),
        level="warning",
        advice=_("To have it do so: %s") % command,
    )


def _recommendation(given: Mapping[str, Any]) -> Recommendation:
    impact = _text(given.get("Impact"))
    word, level = IMPACTS.get(impact, (impact, ""))
    return Recommendation(
        type=_text(given.get("Type")),
        impact=word,
        level=level,
        resource=_text(given.get("ResourceArn")).rpartition(":")[2],
        text=_text(given.get("Description")),
    )


def _number(value: object) -> float | None:
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    return float(value) if is_number and abs(value) < 1e15 else None  # type: ignore[arg-type]


def _count(value: object) -> int | None:
    number = _number(value)
    return None if number is None else int(number)


def _text(value: object) -> str:
    """A line of text; empty for anything else."""
    text = " ".join(value.split()) if isinstance(value, str) else ""
    return text if len(text) <= MAX_TEXT else f"{text[:MAX_TEXT]}…"
