"""The command: `python -m benchmarks` measures, prints a table, writes JSON and checks the floors."""

import argparse
import json
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TypeAlias

from rich.console import Console
from rich.table import Table

from benchmarks import consumer_memory, pipeline
from benchmarks.figures import Figure
from benchmarks.stage import Stage, open_stage

Measure: TypeAlias = Callable[[Stage, int, Callable[[str], None]], list[Figure]]

MEASURES: Mapping[str, Measure] = {"pipeline": pipeline.measure, "memory": consumer_memory.measure}
# What a figure's median must not fall below.
FLOORS: Mapping[str, float] = {"end to end": 3_000}
# How far the history grows when memory is what is looked at.
MEMORY_EVENTS = 1_000_000

_err = Console(stderr=True)


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure as the arguments say; 1 when a floor was missed, else 0."""
    options = _parser().parse_args(arguments)
    events, names = options.events, options.only or list(MEASURES)
    if options.memory:
        events, names = max(events, MEMORY_EVENTS), ["memory"]
    found: dict[str, list[Figure]] = {}
    _report(f"publishing {events:,} events")
    with open_stage(events) as stage:
        for name in names:
            found[name] = MEASURES[name](stage, options.rounds, _report)
            _print(name, found[name])
        published = stage.events
    missed = _missed(found)
    _write(options.json, published, options.rounds, found, missed)
    for sentence in missed:
        _err.print(f"[bold red]{sentence}")
    return 1 if missed else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("python -m benchmarks", description="Measure the engine on this machine.")
    parser.add_argument("--events", type=_positive, default=200_000, help="session events (default 200000)")
    parser.add_argument("--rounds", type=_positive, default=3, help="rounds, each on a fresh database (default 3)")
    parser.add_argument("--only", action="append", choices=list(MEASURES), help="measure just this; may be repeated")
    parser.add_argument("--memory", action="store_true", help=f"only the memory, over {MEMORY_EVENTS:,} events")
    parser.add_argument(
        "--json", type=Path, default=Path("bench.json"), help="the file to write (default bench.json)"
    )
    return parser


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{number} is not 1 or more")
    return number


def _report(sentence: str) -> None:
    _err.print(f"[dim]{sentence}")


def _print(name: str, measured: Sequence[Figure]) -> None:
    table = Table(title=name, title_justify="left", header_style="bold")
    for column in ("figure", "median", "lowest", "highest", "unit"):
        table.add_column(column, justify="right" if column in ("median", "lowest", "highest") else "left")
    for figure in measured:
        low, high = figure.spread
        table.add_row(figure.name, *(_text(value) for value in (figure.median, low, high)), figure.unit)
    Console().print(table)


def _text(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def _missed(found: Mapping[str, Sequence[Figure]]) -> list[str]:
    return [
        f"{figure.name}: {figure.median:,.0f} {figure.unit} is below the floor of {FLOORS[figure.name]:,.0f}"
        for measured in found.values()
        for figure in measured
        if figure.name in FLOORS and figure.median < FLOORS[figure.name]
    ]


def _write(
    path: Path, events: int, rounds: int, found: Mapping[str, Sequence[Figure]], missed: Sequence[str]
) -> None:
    document = {
        "events": events,
        "rounds": rounds,
        "processors": os.cpu_count(),
        "measures": {name: {each.name: each.document() for each in measured} for name, measured in found.items()},
        "floors": dict(FLOORS),
        "missed": list(missed),
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(document, indent=2) + "\n", "utf-8")
    _report(f"wrote {path}")


if __name__ == "__main__":
    sys.exit(main())
