"""Charts as SVG made here: geometry in attributes, colours by class, a title and a description for each.

None of them is the only place of a figure: bars of days stand above their table, and bars within a table's row show
what the amount beside them says. Numbers of geometry are floats; amounts are never computed from them.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import groupby
from typing import Final, TypeAlias

from markupsafe import Markup

from api.pages.format import Reader

_WIDTH: Final = 640
_HEIGHT: Final = 240
_LEFT: Final = 56
_BOTTOM: Final = 24
_TOP: Final = 8
_STEPS: Final = (1, 2, 2.5, 5, 10)
# How broad a letter of an axis is at most, and the room between two labels with it.
_LETTER: Final = 8.5
_Height: TypeAlias = Callable[[float], float]


@dataclass(frozen=True, slots=True)
class Series:
    """Bars of one colour: what they are, the class that colours them, a value for each label."""

    name: str
    shade: str
    values: Sequence[Decimal]


@dataclass(frozen=True, slots=True)
class Part:
    """A part of a whole: its name, the class that colours it, and how much."""

    name: str
    shade: str
    value: Decimal


def bars(
    title: str,
    description: str,
    labels: Sequence[str],
    series: Sequence[Series],
    reader: Reader,
    bands: Sequence[tuple[Decimal, Decimal] | None] = (),
    limits: Sequence[Decimal | None] = (),
) -> Markup:
    """Bars side by side for each label, with lines at round values; values may be negative.

    With `bands` a thin line over the first bar of each label, from its lowest to its highest value. With `limits` a
    line across each label at the height that its bars may have; none where it is None.
    """
    ends = [end for band in bands if band for end in band] + [each for each in limits if each is not None]
    low, high, step = _scale([*(value for each in series for value in each.values), *ends])
    span = high - low

    def y(value: float) -> float:
        return round(_TOP + (high - value) / span * (_HEIGHT - _TOP - _BOTTOM), 1)

    drawn = [_line(y(low + step * n), low + step * n, reader) for n in range(round(span / step) + 1)]
    slot = (_WIDTH - _LEFT) / max(1, len(labels))
    width = max(1.0, slot * 0.84 / max(1, len(series)))
    every = math.ceil(max((len(label) for label in labels), default=1) * _LETTER / slot)
    for place, label in enumerate(labels):
        left = _LEFT + place * slot + slot * 0.08
        for nth, each in enumerate(series):
            drawn.append(_bar(label, each, place, (round(left + nth * width, 1), round(width - 1, 1)), y, reader))
        if place < len(bands) and (band := bands[place]):
            drawn.append(_band(label, band, round(left + (width - 1) / 2, 1), y, reader))
        if place % every == 0:
            drawn.append(
                Markup('<text class="axis" x="{}" y="{}" text-anchor="middle">{}</text>').format(
                    round(left + slot * 0.42, 1), _HEIGHT - 6, label
                )
            )
    drawn += _limit_lines(limits, slot, y, reader)
    return _svg("chart", (_WIDTH, _HEIGHT), title, description, drawn)


def split(parts: Sequence[Part], reader: Reader) -> Markup:
    """A narrow bar that shows how a whole is split; negative parts are left out. Its words are its title."""
    shown = [part for part in parts if part.value > 0]
    whole = sum((part.value for part in shown), Decimal(0))
    drawn, x = [Markup('<rect class="frame" x="0.5" y="0.5" width="119" height="9"/>')], 0.0
    for part in shown:
        width = float(part.value / whole) * 120
        drawn.append(
            Markup('<rect class="{}" x="{}" y="0" width="{}" height="10"/>').format(
                part.shade, round(x, 2), round(max(width - 0.6, 0.4), 2)
            )
        )
        x += width
    words = ", ".join(f"{part.name} {reader.number_text(part.value)}" for part in shown) or "nothing"
    return Markup('<svg class="split" viewBox="0 0 120 10" role="img"><title>{}</title>{}</svg>').format(
        words, Markup("").join(drawn)
    )


def steps(amounts: Sequence[Decimal]) -> list[Markup]:
    """One bar for each step of a waterfall, each beginning where the one before ended, and one for their sum.

    Pictures for the eye alone: the amount stands beside each in the table.
    """
    ends = [Decimal(0)]
    for amount in amounts:
        ends.append(ends[-1] + amount)
    low, high = min(ends), max(ends)
    span = float(high - low) or 1.0

    def bar(start: Decimal, end: Decimal, shade: str) -> Markup:
        left = float(min(start, end) - low) / span * 200
        width = max(float(abs(end - start)) / span * 200, 0.8)
        zero = float(-low) / span * 200
        return Markup(
            '<svg class="step" viewBox="0 0 200 12" preserveAspectRatio="none" aria-hidden="true" focusable="false">'
            '<rect class="zero-line" x="{}" y="0" width="0.6" height="12"/>'
            '<rect class="{}" x="{}" y="1" width="{}" height="10"/></svg>'
        ).format(round(min(zero, 199.4), 2), shade, round(min(left, 199.2), 2), round(width, 2))

    drawn = [bar(ends[n], ends[n + 1], "plus" if amount >= 0 else "minus") for n, amount in enumerate(amounts)]
    return [*drawn, bar(Decimal(0), ends[-1], "whole")]


def course(title: str, description: str, points: Sequence[tuple[float, Decimal]], reader: Reader) -> Markup:
    """A stepped line: how a balance moved. Points are (place from 0 to 1, value from there on), in order."""
    low, high, step = _scale([value for _, value in points])

    def y(value: float) -> float:
        return round(_TOP + (high - value) / (high - low) * (_HEIGHT - _TOP - _BOTTOM), 1)

    drawn = [_line(y(low + step * n), low + step * n, reader) for n in range(round((high - low) / step) + 1)]
    path = ""
    for place, value in points:
        x = round(_LEFT + place * (_WIDTH - _LEFT), 1)
        path += f"M{x} {y(float(value))}" if not path else f"H{x}V{y(float(value))}"
    drawn.append(Markup('<path class="course" d="{}H{}"/>').format(path, _WIDTH))
    return _svg("chart", (_WIDTH, _HEIGHT), title, description, drawn)


def outlook(
    title: str,
    description: str,
    labels: Sequence[str],
    values: Sequence[Decimal],
    lows: Sequence[Decimal | None],
    reader: Reader,
) -> Markup:
    """What is expected to be left day by day as a line, over the room down to its lower end; zero is a line too."""
    low, high, step = _scale([*values, *(each for each in lows if each is not None)])
    across = (_WIDTH - _LEFT) / max(1, len(values) - 1)

    def y(value: float) -> float:
        return round(_TOP + (high - value) / (high - low) * (_HEIGHT - _TOP - _BOTTOM), 1)

    def path(heights: Sequence[Decimal]) -> list[str]:
        return [f"{round(_LEFT + place * across, 1)} {y(float(each))}" for place, each in enumerate(heights)]

    drawn = [_line(y(low + step * n), low + step * n, reader) for n in range(round((high - low) / step) + 1)]
    told = [each for each in lows if each is not None]
    if len(told) == len(values):
        around = "L".join([*path(values), *reversed(path(told))])
        drawn.append(Markup('<path class="room" d="M{}Z"/>').format(around))
    drawn.append(Markup('<path class="course" d="M{}"/>').format("L".join(path(values))))
    every = max(1, math.ceil(max((len(label) for label in labels), default=1) * _LETTER / across))
    for place in range(0, len(labels), every):
        drawn.append(
            Markup('<text class="axis" x="{}" y="{}" text-anchor="middle">{}</text>').format(
                round(_LEFT + place * across, 1), _HEIGHT - 6, labels[place]
            )
        )
    return _svg("chart", (_WIDTH, _HEIGHT), title, description, drawn)


def _bar(label: str, each: Series, place: int, across: tuple[float, float], y: _Height, reader: Reader) -> Markup:
    value = each.values[place]
    top, bottom = y(max(float(value), 0.0)), y(min(float(value), 0.0))
    words = f"{label}: {each.name} {reader.number_text(value)}"
    return Markup('<rect class="{}" x="{}" y="{}" width="{}" height="{}"><title>{}</title></rect>').format(
        each.shade, across[0], top, across[1], round(bottom - top, 1), words
    )


def _band(label: str, band: tuple[Decimal, Decimal], x: float, y: _Height, reader: Reader) -> Markup:
    low, high = (reader.number_text(end) for end in band)
    top, bottom = y(float(band[1])), y(float(band[0]))
    return Markup('<path class="band" d="M{} {}V{}M{} {}H{}M{} {}H{}"><title>{}</title></path>').format(
        x, top, bottom, x - 3, top, x + 3, x - 3, bottom, x + 3, f"{label}: {low} to {high}"
    )


def _limit_lines(limits: Sequence[Decimal | None], slot: float, y: _Height, reader: Reader) -> list[Markup]:
    """A line for each run of labels that have one limit, over all their width, with its value as its title."""
    drawn, place = [], 0
    for limit, run in groupby(limits):
        first, place = place, place + len(list(run))
        if limit is not None:
            ends = [round(_LEFT + each * slot, 1) for each in (first, place)]
            words = f"limit {reader.number_text(limit)}"
            drawn.append(
                Markup('<path class="limit" d="M{} {}H{}"><title>{}</title></path>').format(
                    ends[0], y(float(limit)), ends[1], words
                )
            )
    return drawn


def _line(y: float, value: float, reader: Reader) -> Markup:
    text = reader.number_text(Decimal(str(round(value, 6))).normalize().__format__("f"))
    return Markup(
        '<line class="grid{}" x1="{}" x2="{}" y1="{}" y2="{}"/>'
        '<text class="axis" x="{}" y="{}" text-anchor="end">{}</text>'
    ).format(" base" if value == 0 else "", _LEFT, _WIDTH, y, y, _LEFT - 6, round(y + 4, 1), text)


def _scale(values: Sequence[Decimal]) -> tuple[float, float, float]:
    """Lowest and highest value of an axis and the step between its lines: a round number, four lines or so."""
    low = float(min([*values, Decimal(0)]))
    high = float(max([*values, Decimal(0)]))
    if high == low:
        return 0.0, 1.0, 1.0
    rough = (high - low) / 4
    power = 10 ** math.floor(math.log10(rough))
    step = next(power * each for each in _STEPS if power * each >= rough * 0.999)
    return math.floor(low / step) * step, math.ceil(high / step) * step, step


def _svg(kind: str, size: tuple[int, int], title: str, description: str, drawn: Sequence[Markup]) -> Markup:
    return Markup('<svg class="{}" viewBox="0 0 {} {}" role="img"><title>{}</title><desc>{}</desc>{}</svg>').format(
        kind, *size, title, description, Markup("").join(drawn)
    )


def duration(title: str, description: str, heights: Sequence[Decimal], reader: Reader) -> Markup:
    """A filled staircase, from the highest value to the lowest: its width at a height is how many reach it."""
    top, scale, step = _scale([Decimal(0), *heights])
    assert top == 0

    def y(value: float) -> float:
        return round(_TOP + (scale - value) / scale * (_HEIGHT - _TOP - _BOTTOM), 1)

    drawn = [_line(y(step * n), step * n, reader) for n in range(round(scale / step) + 1)]
    path, last = f"M{_LEFT} {y(0)}", None
    for place, value in enumerate(heights):
        height = y(float(value))
        # Equal steps are one, so that a month of quarter hours is a path of some hundred points.
        if height != last:
            path += f"H{round(_LEFT + place / len(heights) * (_WIDTH - _LEFT), 1)}V{height}"
            last = height
    drawn.append(Markup('<path class="stairs" d="{}H{}V{}Z"/>').format(path, _WIDTH, y(0)))
    return _svg("chart", (_WIDTH, _HEIGHT), title, description, drawn)
