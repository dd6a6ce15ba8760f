"""The record of what was measured: a JSON file, and the tables between the marks of a page."""

import json
import os
import platform
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.figures import Figure
from benchmarks.limits import LIMITS, Limit, limit_of, missed, text

# A table stands between `<!-- figures: NAME -->` and `<!-- end of figures -->`.
_TABLE = re.compile(r"(<!-- figures: ([\w -]+?) -->\n).*?(<!-- end of figures -->)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Measured:
    """The figures of one measure, with the size of the load and the rounds they were taken over."""

    name: str
    events: int
    rounds: int
    figures: tuple[Figure, ...]

    def document(self) -> dict[str, Any]:
        """The measure for programs."""
        return {
            "events": self.events,
            "rounds": self.rounds,
            "figures": {figure.name: figure.document() for figure in self.figures},
        }

    @classmethod
    def read(cls, name: str, document: Mapping[str, Any]) -> "Measured":
        """The measure that `document` gave."""
        figures = tuple(
            Figure(figure, found["unit"], tuple(found["rounds"])) for figure, found in document["figures"].items()
        )
        return cls(name, document["events"], document["rounds"], figures)


def write(path: Path, measured: Sequence[Measured]) -> list[Measured]:
    """Put measures into a JSON file beside those that it holds of earlier runs; all that it holds now."""
    kept = {each.name: each for each in _read(path)} | {each.name: each for each in measured}
    found = {each.name: each.figures for each in kept.values()}
    document = {
        "processors": os.cpu_count(),
        "python": platform.python_version(),
        "measures": {each.name: each.document() for each in kept.values()},
        "missed": missed(found),
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(document, indent=2) + "\n", "utf-8")
    return list(kept.values())


def _read(path: Path) -> list[Measured]:
    if not path.exists():
        return []
    measures = json.loads(path.read_text("utf-8"))["measures"]
    return [Measured.read(name, document) for name, document in measures.items()]


def fill_page(page: Path, measured: Sequence[Measured]) -> None:
    """Write the tables of a page anew; what has no mark on the page, and the words around the marks, stay."""
    tables = {each.name: table(each) for each in measured}
    before = page.read_text("utf-8")
    after = _TABLE.sub(lambda found: f"{found[1]}{tables.get(found[2], _body(found))}{found[3]}", before)
    page.write_text(after, "utf-8")


def _body(found: "re.Match[str]") -> str:
    return found[0][len(found[1]) : -len(found[3])]


def table(measured: Measured, limits: Sequence[Limit] = LIMITS) -> str:
    """The Markdown table of a measure."""
    size = f"{measured.events:,} events, " if measured.events else ""
    count = f"{measured.rounds} rounds" if measured.rounds > 1 else "1 round"
    lines = [
        f"{size}{count}:",
        "",
        "| figure | median | lowest | highest | unit | target |",
        "| --- | ---: | ---: | ---: | --- | --- |",
    ]
    for figure in measured.figures:
        low, high = (text(value) for value in figure.spread)
        target = limit_of(measured.name, figure, limits)
        if target and missed({measured.name: [figure]}, limits):
            target = f"**missed**: {target}"
        lines.append(f"| {figure.name} | {text(figure.median)} | {low} | {high} | {figure.unit} | {target} |")
    return "\n".join(lines) + "\n"
