"""The four plots of the page."""

from __future__ import annotations

from collections.abc import Sequence

from django.utils.translation import gettext as _

from .figures import BOUNCE_LIMIT, COMPLAINT_LIMIT, WINDOW, Day, Totals
from .plot import Limit, Plot, Series, plot
from .wording import Words, compact, percent

#: The distance of two lines across in the plots of rates, at least.
SMALLEST_RATE = 0.0001


def plots(
    days: Sequence[Day], weeks: Sequence[Totals | None], words: Sequence[Words], all: Words
) -> list[Plot]:
    """What to draw of days.

    :param days: the oldest first.
    :param weeks: of each, see :func:`.figures.weekly`.
    :param words: of each, see :func:`.wording.words`.
    :param all: those of their sums, whose ``day`` says how many days they are.
    """
    of_bounces = [None if week is None else week.bounce_rate for week in weeks]
    of_complaints = [None if week is None else week.complaint_rate for week in weeks]
    return [
        _sent(days, words, all),
        _harm(days, words, all),
        _bounce_rate(days, of_bounces, words, all),
        _complaint_rate(days, of_complaints, words, all),
    ]


def _sent(days: Sequence[Day], words: Sequence[Words], all: Words) -> Plot:
    hover = _("%(day)s: %(sent)s sent, %(delivered)s delivered")
    return plot(
        "anymail-plot-sent",
        _("Sent and delivered"),
        _("In %(day)s, %(sent)s recipients were sent to, and %(delivered)s deliveries are known.")
        % all,
        [word["day"] for word in words],
        (
            Series(_("sent"), "sent", "bars", [day.sent if day.is_over else None for day in days]),
            _so_far([None if day.is_over else day.sent for day in days]),
            Series(
                _("delivered"),
                "delivered",
                "line",
                [day.delivered if day.is_over else None for day in days],
            ),
        ),
        compact,
        [hover % word for word in words],
    )


def _harm(days: Sequence[Day], words: Sequence[Words], all: Words) -> Plot:
    hover = _("%(day)s: %(bounced)s bounced, %(complained)s complained")
    return plot(
        "anymail-plot-harm",
        _("Bounced and complained"),
        _("In %(day)s, there were %(bounced)s bounces and %(complained)s complaints.") % all,
        [word["day"] for word in words],
        (
            Series(
                _("bounced"),
                "bounced",
                "bars",
                [day.bounced if day.is_over else None for day in days],
            ),
            _so_far([None if day.is_over else day.bounced for day in days]),
            Series(_("complained"), "complained", "line", [day.complained for day in days]),
        ),
        compact,
        [hover % word for word in words],
    )


def _bounce_rate(
    days: Sequence[Day], weeks: Sequence[float | None], words: Sequence[Words], all: Words
) -> Plot:
    text = _("In %(day)s, %(bounce_rate)s of the recipients bounced.") % all
    limit = _("Amazon's limit: %s") % percent(BOUNCE_LIMIT)
    hover = _("%(day)s: %(bounce_rate)s")
    return plot(
        "anymail-plot-bounce-rate",
        _("Bounce rate"),
        f"{text} {limit}",
        [word["day"] for word in words],
        _rates([day.bounce_rate for day in days], weeks),
        percent,
        [f"{hover % word}; {_of_week(week)}" for word, week in zip(words, weeks, strict=True)],
        limit=Limit(BOUNCE_LIMIT, limit),
        smallest=SMALLEST_RATE,
    )


def _complaint_rate(
    days: Sequence[Day], weeks: Sequence[float | None], words: Sequence[Words], all: Words
) -> Plot:
    text = _("In %(day)s, %(complaint_rate)s of the recipients complained.") % all
    limit = _("Amazon's limit: %s") % percent(COMPLAINT_LIMIT)
    hover = _("%(day)s: %(complaint_rate)s")
    return plot(
        "anymail-plot-complaint-rate",
        _("Complaint rate"),
        f"{text} {limit}",
        [word["day"] for word in words],
        _rates([day.complaint_rate for day in days], weeks),
        percent,
        [f"{hover % word}; {_of_week(week)}" for word, week in zip(words, weeks, strict=True)],
        limit=Limit(COMPLAINT_LIMIT, limit),
        smallest=SMALLEST_RATE,
    )


def _so_far(values: Sequence[int | None]) -> Series:
    """Of a day that goes on; it has no point on a line, which would seem to fall."""
    return Series(_("so far"), "so-far", "bars", values)


def _rates(days: Sequence[float | None], weeks: Sequence[float | None]) -> tuple[Series, Series]:
    return (
        Series(_("of the day"), "day-rate", "dots", days),
        Series(_("of %s days") % WINDOW, "week-rate", "line", weeks),
    )


def _of_week(rate: float | None) -> str:
    return _("%(rate)s in %(days)s days") % {"rate": percent(rate), "days": WINDOW}
