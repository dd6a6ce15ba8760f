"""Reads the worked examples of docs/tariffs.md: a tariff, sessions, and the lines that the text says they give.

A section has a block `json` with the terms of a tariff, or with `tariff` and the `taxes` beside it, and one or more
blocks `session`, each with a table after it. A line of a session is a local time with its offset, a word, and the
register in kWh where there is one.
"""

import json
import re
from dataclasses import dataclass
from datetime import datetime
from fractions import Fraction
from functools import cache
from pathlib import Path
from typing import Any, TypeAlias
from zoneinfo import ZoneInfo

from domain.charging import ChargingPeriod
from domain.rating.explanation import explanation
from domain.rating.periods import split, split_no_show
from domain.rating.pricing import price
from domain.rating.rating import Rating
from domain.tariff.published import taxes_of
from domain.tariff.tariff import Tariff

DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "tariffs.md"
HEADER = "| from | to | component | quantity | price | tax % | without tax | with tax |"
ZONE = ZoneInfo("Europe/Amsterdam")
# What a tariff is called and whose it is; examples leave it out.
_NAMES = {"country_code": "NL", "party_id": "GRS", "id": "T-1", "last_updated": "2026-01-01T00:00:00Z"}

Row: TypeAlias = tuple[str, ...]
_PIECE = re.compile(r"^```(json|session)\n(.*?)^```$|^(\| from \|.*?)\n\n", re.MULTILINE | re.DOTALL)
_SECTION = re.compile(r"^### (.+)$", re.MULTILINE)


@dataclass(frozen=True)
class Example:
    """A session under a tariff: the title of its section, the event's data, its lines, its table."""

    title: str
    number: int
    data: dict[str, Any]
    lines: tuple[str, ...]
    rows: tuple[Row, ...]

    @property
    def tariff(self) -> Tariff:
        return Tariff.from_ocpi(self.data["tariff"], taxes_of(self.data.get("taxes")))

    @property
    def rating(self) -> Rating:
        return price(self.tariff, periods(self.lines, self.tariff), ZONE)

    def __str__(self) -> str:
        return f"{self.title} {self.number}"


@cache
def examples() -> tuple[Example, ...]:
    """Every session of the page, with the tariff that stands last before it."""
    found: list[Example] = []
    parts = _SECTION.split(DOCUMENT.read_text(encoding="utf-8"))[1:]
    for title, body in zip(parts[::2], parts[1::2], strict=True):
        data: dict[str, Any] = {}
        waiting: list[tuple[str, ...]] = []
        for language, text, table in _PIECE.findall(f"{body}\n\n"):
            if language == "json":
                data = _data(json.loads(text))
            elif language == "session":
                waiting.append(tuple(text.strip().split("\n")))
            elif waiting:
                found.append(Example(title, len(found) + 1, data, waiting.pop(), _rows(table)))
        assert not waiting, f"{title}: a session without a table"
    return tuple(found)


def _data(terms: dict[str, Any]) -> dict[str, Any]:
    data = terms if "tariff" in terms else {"tariff": terms}
    return data | {"tariff": {"currency": "EUR"} | _NAMES | data["tariff"]}


def _rows(table: str) -> tuple[Row, ...]:
    header, _, *lines = table.split("\n")
    assert header == HEADER, header
    return tuple(tuple(cell.strip() for cell in line.strip()[1:-1].split("|")) for line in lines)


def periods(lines: tuple[str, ...], tariff: Tariff) -> tuple[ChargingPeriod, ...]:
    """The charging periods of a session as it is told."""
    told = [(datetime.fromisoformat(at), word, register) for at, word, *register in map(str.split, lines)]
    moments = {word: at for at, word, _ in told}
    if "expired" in moments:
        return split_no_show(moments["reserved"], moments["expired"], tariff, ZONE)
    return split(
        tariff=tariff,
        time_zone=ZONE,
        started_at=moments["started"],
        ended_at=moments["ended"],
        registers=[(at, Fraction(register[0]) * 1000) for at, _, register in told if register],
        states=[(at, word) for at, word, _ in told if word in ("IDLE", "CHARGING")],
        reserved_from=moments.get("reserved"),
    )


def rows_of(example: Example) -> tuple[Row, ...]:
    """What the engine says of an example, as the page writes it."""
    told = explanation(example.rating, example.tariff, example.tariff.currency)
    rows = [_line(line) for line in told["lines"]]
    rounding = told["rounding"]
    for name, key in (("sum", "sum"), ("OCPI", "ocpi"), ("ledger", "ledger")):
        rows.append(("", "", name, "", "", "", rounding[key]["excl_vat"], rounding[key]["incl_vat"]))
    return tuple(rows)


def _line(line: dict[str, Any]) -> Row:
    quantity = "once" if line["unit"] == "fee" else f"{line['quantity']} {line['unit']}"
    component = f"{line['component']} (reservation)" if line.get("reservation") else line["component"]
    clock = [datetime.fromisoformat(line[name]).astimezone(ZONE).strftime("%H:%M") for name in ("from", "to")]
    return (*clock, component, quantity, line["price"], line.get("vat", ""), line["excl_vat"], line["incl_vat"])


def table_of(rows: tuple[Row, ...]) -> str:
    """Rows as the page writes them, to be compared by eye or copied."""
    rule = "| --- | --- | --- | ---: | ---: | ---: | ---: | ---: |"
    lines = [f"| {' | '.join(row)} |" for row in rows]
    return "\n".join([HEADER, rule, *(re.sub(r" +(?= \|)", "", line) for line in lines)])
