"""Numbers of days -> the shapes of a plot, for the SVG in ``plot.html``. Pure.

Attributes of SVG have a point, whatever the user's language writes, so shapes are text here. What
they look like is in ``account.css``: the Content-Security-Policy allows no styles in a page.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.utils.html import format_html_join
from django.utils.safestring import SafeString

if TYPE_CHECKING:
    from django_stubs_ext import StrOrPromise

#: In units of the viewBox, which are CSS pixels on a phone.
WIDTH, HEIGHT = 340, 200
LEFT, RIGHT, TOP, BOTTOM = 42, 18, 30, 24
#: Lines across at most, without the one at the bottom.
MAX_LINES = 4
#: Days from one label below to the next: at most six labels fit.
MAX_LABELS = 6
#: Up to so many days, each point of a line has a mark.
MAX_MARKS = 31

Value = float | None


@dataclass(frozen=True)
class Series:
    """Numbers that are drawn alike.

    :param name: for the legend.
    :param look: the end of its CSS class, for example ``"sent"``.
    :param shape: ``"bars"``, ``"line"`` or ``"dots"``.
    :param values: one for each day; None leaves a gap.
    """

    name: StrOrPromise
    look: str
    shape: str
    values: Sequence[Value]


@dataclass(frozen=True)
class Limit:
    """A line that should not be crossed."""

    value: float
    name: StrOrPromise


@dataclass(frozen=True, kw_only=True)
class Shape:
    """A path, and the marks on it.

    :param path: the attribute ``d``.
    :param marks: the same of its marks; empty if it has none.
    :param legend: the left end of its name in the legend.
    """

    name: StrOrPromise
    look: str
    shape: str
    path: str
    marks: str
    legend: str


@dataclass(frozen=True, kw_only=True)
class Text:
    """A label, and where it is."""

    text: StrOrPromise
    x: str
    y: str


@dataclass(frozen=True, kw_only=True)
class Plot:
    """Everything that is drawn.

    :param id: of the element.
    :param title: what it shows.
    :param description: the same in a sentence with numbers.
    :param across: labels at the left of lines across; their ``y`` is that of the line.
    :param hovers: a column for each day: browsers show what is said about the one below the mouse.
    """

    id: str
    title: StrOrPromise
    description: str
    shapes: Sequence[Shape]
    across: Sequence[Text]
    below: Sequence[Text]
    hovers: SafeString
    limit: Text | None
    width: int = WIDTH
    height: int = HEIGHT
    left: int = LEFT
    right: int = WIDTH - RIGHT


@dataclass(frozen=True, kw_only=True)
class Scale:
    """Where days and values are.

    :param days: how many.
    :param top: the value at the top.
    """

    days: int
    top: float

    @property
    def step(self) -> float:
        """The width of a day."""
        return (WIDTH - LEFT - RIGHT) / self.days

    def x(self, position: int) -> float:
        """The middle of a day, from 0 on."""
        return LEFT + (position + 0.5) * self.step

    def y(self, value: float) -> float:
        """The height of a value."""
        share = min(max(value / self.top, 0.0), 1.0)
        return HEIGHT - BOTTOM - share * (HEIGHT - TOP - BOTTOM)


def plot(
    id: str,
    title: StrOrPromise,
    description: str,
    labels: Sequence[str],
    series: Sequence[Series],
    tick: Callable[[float], str],
    hovers: Sequence[str],
    limit: Limit | None = None,
    smallest: float = 1.0,
) -> Plot:
    """Draw.

    :param id: of the element, which is unique in the page.
    :param labels: of the days, of which some are shown.
    :param tick: the label of a value.
    :param hovers: what is said about each day.
    :param smallest: distance of two lines across: with 1, there are only whole numbers.
    """
    values = [value for one in series for value in one.values if value is not None]
    lines = lines_across(max([*values, limit.value * 1.3 if limit else 0.0]), smallest)
    scale = Scale(days=len(labels), top=lines[-1])
    return Plot(
        id=id,
        title=title,
        description=description,
        shapes=list(_shapes(series, scale)),
        across=[Text(text=tick(value), x=_n(LEFT - 6), y=_n(scale.y(value))) for value in lines],
        below=list(_below(labels, scale)),
        hovers=_hovers(hovers, scale),
        limit=None if limit is None else _limit_name(limit, scale),
    )


def lines_across(highest: float, smallest: float) -> list[float]:
    """The values of lines across, from 0 to one that nothing exceeds.

    :param highest: the highest value there is.
    :param smallest: the distance of two lines at least.
    """
    wanted = max(highest / MAX_LINES, smallest)
    power = 10.0 ** math.floor(math.log10(wanted))
    steps = (power * factor for factor in (1, 2, 5, 10))
    step = next(step for step in steps if step >= wanted * (1 - 1e-9))
    count = max(math.ceil(highest / step - 1e-9), 1)
    return [step * number for number in range(count + 1)]


def shown_labels(days: int) -> list[int]:
    """The positions of days with a label; the newest has one."""
    step = math.ceil(days / MAX_LABELS)
    return [*reversed(range(days - 1, -1, -step))]


def _limit_name(limit: Limit, scale: Scale) -> Text:
    return Text(text=limit.name, x=_n(WIDTH - RIGHT), y=_n(scale.y(limit.value)))


def _shapes(series: Sequence[Series], scale: Scale) -> Iterator[Shape]:
    legend = float(LEFT)
    for one in series:
        if one.look == "so-far" and not any(one.values):
            continue
        draw = DRAW[one.shape]
        marked = one.shape == "line" and scale.days <= MAX_MARKS
        yield Shape(
            name=one.name,
            look=one.look,
            shape=one.shape,
            path=draw(one.values, scale),
            marks=_dots(one.values, scale) if marked else "",
            legend=_n(legend),
        )
        legend += 28 + 6 * len(str(one.name))


def _bars(values: Sequence[Value], scale: Scale) -> str:
    width, bottom = scale.step * 0.75, scale.y(0)
    return "".join(
        f"M{_n(scale.x(position) - width / 2)} {_n(bottom)}V{_n(scale.y(value))}"
        f"h{_n(width)}V{_n(bottom)}z"
        for position, value in enumerate(values)
        if value
    )


def _line(values: Sequence[Value], scale: Scale) -> str:
    found, command = [], "M"
    for position, value in enumerate(values):
        if value is None:
            command = "M"
            continue
        found.append(f"{command}{_n(scale.x(position))} {_n(scale.y(value))}")
        command = "L"
    return "".join(found)


def _dots(values: Sequence[Value], scale: Scale) -> str:
    """Lines without length: their round ends are dots."""
    return "".join(
        f"M{_n(scale.x(position))} {_n(scale.y(value))}h0"
        for position, value in enumerate(values)
        if value is not None
    )


def _below(labels: Sequence[str], scale: Scale) -> Iterator[Text]:
    for position in shown_labels(len(labels)):
        yield Text(text=labels[position], x=_n(scale.x(position)), y=_n(HEIGHT - 8))


def _hovers(texts: Sequence[str], scale: Scale) -> SafeString:
    return format_html_join(
        "",
        '<rect class="anymail-hover" x="{}" y="{}" width="{}" height="{}"><title>{}</title></rect>',
        (
            (
                _n(scale.x(position) - scale.step / 2),
                TOP,
                _n(scale.step),
                HEIGHT - TOP - BOTTOM,
                text,
            )
            for position, text in enumerate(texts)
        ),
    )


def _n(number: float) -> str:
    """A number in an attribute."""
    return f"{number:.1f}".removesuffix(".0")


DRAW: dict[str, Callable[[Sequence[Value], Scale], str]] = {
    "bars": _bars,
    "line": _line,
    "dots": _dots,
}
