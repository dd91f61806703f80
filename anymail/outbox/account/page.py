"""What the page of the account shows."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from django.http import HttpRequest
from django.utils import timezone
from django.utils.html import format_html_join
from django.utils.safestring import SafeString
from django.utils.timesince import timesince
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from ...admin_lists.changelist import MAX_COUNT
from ...conf import AmazonSESSettings, current_settings
from ...exceptions import AnymailConfigurationError
from ..page_context import pause_context, waiting_shown
from .answers import Fact, Queue, Quota, Recommendation, facts, queue, quota, why_not
from .answers import recommendations as recommended
from .backlog import backlog, newest_event
from .counting import MAX_DAYS, count_missing, kept, live
from .days import is_over, last_days
from .figures import BOUNCE_LIMIT, COMPLAINT_LIMIT, WINDOW, days_from, totals, weekly
from .plots import plots
from .questions import Answer, Question, account_question, advice_question, answers, queue_question
from .senders import Sender, senders
from .wording import Words, grouped, words, words_of_days

#: The tabs.
SPANS = (14, MAX_DAYS)
#: Seconds for which a page counts days that nobody has counted yet.
COUNTING_TIME = 1.0


@dataclass(frozen=True, kw_only=True)
class Section:
    """What Amazon says about an account.

    :param names: of the mailers that send with it.
    :param problem: why Amazon does not say it, or is not asked.
    :param asked: how long ago Amazon was asked; empty if it was not.
    """

    names: tuple[str, ...]
    problem: str = ""
    region: str = ""
    asked: str = ""
    quota: Quota | None = None
    facts: Sequence[Fact] = ()
    recommendations: Sequence[Recommendation] = ()
    has_more: bool = False
    advice_problem: str = ""


@dataclass(frozen=True, kw_only=True)
class QueueLine:
    """A queue of events.

    :param problem: why nobody tells how full it is.
    """

    name: str
    problem: str = ""
    queue: Queue | None = None
    oldest: str = ""


def account_context(request: HttpRequest) -> dict[str, Any]:
    """Everything for the template.

    :param request: ``?days=`` is one of :data:`SPANS`, ``?again=1`` asks Amazon once more.
    """
    span = next((one for one in SPANS if request.GET.get("days") == str(one)), SPANS[0])
    pauses = pause_context(request)
    return {
        **_numbers(span),
        **_from_amazon(again="again" in request.GET),
        **_backlog(),
        **pauses,
        "waiting": pauses["waiting"] or waiting_shown(),
    }


def _numbers(span: int) -> dict[str, Any]:
    is_complete = count_missing(COUNTING_TIME)
    now = timezone.now()
    dates = last_days(now, span + WINDOW - 1)
    going_on = {day: live(day) for day in dates if not is_over(day, now)}
    days = days_from(dates, kept(dates), going_on)
    shown, weeks = days[-span:], weekly(days)[-span:]
    names, sums = words_of_days(shown), totals(shown)
    many = words(sums, ngettext("%d day", "%d days", span) % span)
    return {
        "span": span,
        "spans": SPANS,
        "is_complete": is_complete,
        "sums": many,
        "is_above_bounces": (sums.bounce_rate or 0) >= BOUNCE_LIMIT,
        "is_above_complaints": (sums.complaint_rate or 0) >= COMPLAINT_LIMIT,
        "plots": plots(shown, weeks, names, many),
        "rows": _rows([many, *reversed(names)]),
        "zone": timezone.get_default_timezone_name(),
    }


def _rows(all: Sequence[Words]) -> SafeString:
    """The table, line by line; a template takes ten times as long."""
    return format_html_join(
        "\n",
        '<tr><th scope="row">{}</th><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td>{}</td>'
        "<td>{}</td></tr>",
        (tuple(one.values()) for one in all),
    )


def _backlog() -> dict[str, Any]:
    found, newest = backlog(), newest_event()
    return {
        "oldest": found.oldest and _age(found.oldest),
        "in_doubt": _capped(found.in_doubt),
        "running": _capped(found.running),
        "newest_event": newest and _age(newest),
    }


def _from_amazon(*, again: bool) -> dict[str, Any]:
    """Everything that Amazon says, asked for at the same time."""
    who = senders()
    ours = [(one, one.settings) for one in who if one.settings is not None]
    queues, about_queues, problem = _queues()
    questions = [
        *(account_question(its, one.names) for one, its in ours),
        *(advice_question(its, one.names) for one, its in ours),
        *about_queues,
    ]
    found = answers(questions, again=again)
    accounts, advice, depths = found[: len(ours)], found[len(ours) :], found[2 * len(ours) :]
    sections = [
        (accounts[position], _section(one, accounts[position], advice[position]))
        for position, (one, _settings) in enumerate(ours)
    ]
    return {
        "sections": _merged(sections) + _not_asked(who),
        "queues": [_queue(name, answer) for name, answer in zip(queues, depths, strict=True)],
        "queues_problem": problem,
    }


def _queues() -> tuple[Sequence[str], list[Question], str]:
    """The names of the queues, what to ask about them, and what is wrong with the settings."""
    try:
        settings = current_settings().get(AmazonSESSettings)
    except AnymailConfigurationError as err:
        return (), [], str(err)
    return settings.queues, [queue_question(settings, name) for name in settings.queues], ""


def _section(sender: Sender, account: Answer, advice: Answer) -> Section:
    asked = _duration(max(time.time() - account.at, 0.0))
    if problem := why_not(account, "ses:GetAccount"):
        return Section(names=sender.names, problem=problem, asked=asked)
    document: Any = account.value
    given: Any = advice.value
    return Section(
        names=sender.names,
        region=str(document["Region"]),
        asked=asked,
        quota=quota(document),
        facts=facts(document),
        recommendations=recommended(given),
        has_more=bool(given and given["More"]),
        advice_problem=why_not(advice, "ses:ListRecommendations"),
    )


def _merged(sections: Sequence[tuple[Answer, Section]]) -> list[Section]:
    """One for each account: several mailers may have the same."""
    found: dict[str, Section] = {}
    for position, (answer, section) in enumerate(sections):
        owner = str(position) if section.problem else str(answer.value["Owner"])
        known = found.get(owner, section)
        names = (*known.names, *section.names) if owner in found else section.names
        found[owner] = replace(known, names=names)
    return list(found.values())


def _not_asked(who: Sequence[Sender]) -> list[Section]:
    """Mailers that do not send with Amazon SES, or cannot be used."""
    return [Section(names=one.names, problem=one.problem) for one in who if one.settings is None]


def _queue(name: str, answer: Answer) -> QueueLine:
    shown = name.rstrip("/").rpartition("/")[2].rpartition(":")[2]
    if problem := why_not(answer, "sqs:GetQueueUrl, sqs:GetQueueAttributes"):
        return QueueLine(name=shown, problem=problem)
    found = queue(answer.value)
    oldest = _duration(found.oldest) if found.waiting and found.oldest is not None else ""
    return QueueLine(name=shown, queue=found, oldest=oldest)


def _duration(seconds: float) -> str:
    return _age(timezone.now() - timedelta(seconds=seconds))


def _age(moment: datetime) -> str:
    """How long ago something was."""
    now = timezone.now()
    if (now - moment).total_seconds() < 60:
        return _("less than a minute")
    return timesince(moment, now, depth=1)


def _capped(count: int) -> str:
    return grouped(count) if count <= MAX_COUNT else _("more than %s") % grouped(MAX_COUNT)
