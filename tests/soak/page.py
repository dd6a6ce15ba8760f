"""The last figures of each row, kept in `docs/guarantees.json` and shown on `docs/guarantees.md`."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from tests.soak.table import Line

_DOCS = Path(__file__).resolve().parent.parent.parent / "docs"
PAGE, RECORD = _DOCS / "guarantees.md", _DOCS / "guarantees.json"
BEGIN, END = "<!-- figures, by python -m tests.soak --record -->\n", "<!-- end of figures -->\n"
_HEAD = "| row | kind | tries | held | seconds | on | command |\n| --- | --- | ---: | ---: | ---: | --- | --- |\n"

Figure = dict[str, Any]


def record(lines: Iterable[Line], seed: int, on: str) -> None:
    """Keep figures in place of those that their rows had, with the date, and write the page anew."""
    made = [line.as_json() | {"seed": seed, "on": on} for line in lines]
    rows = {each["row"] for each in made}
    kept = [each for each in read() if each["row"] not in rows]
    found = sorted([*kept, *made], key=lambda each: each["row"])
    RECORD.write_text(json.dumps(found, indent=1) + "\n")
    before, _, rest = PAGE.read_text().partition(BEGIN)
    PAGE.write_text(before + BEGIN + table(found) + END + rest.partition(END)[2])


def read() -> list[Figure]:
    """The figures that are kept."""
    found: list[Figure] = json.loads(RECORD.read_text())
    return found


def table(figures: Iterable[Figure]) -> str:
    """The figures as the page has them; `--seconds` is not repeated, since it says nothing of what was tried."""
    return _HEAD + "".join(
        f"| {each['row']} | {each['kind']} | {each['tries']:,} | {each['held']:,} | {each['seconds']:,.0f} "
        f"| {each['on']} | `python -m tests.soak --only {each['row']} --seed {each['seed']}` |\n"
        for each in figures
    )
