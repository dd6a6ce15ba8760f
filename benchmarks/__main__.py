"""The command: `python -m benchmarks` measures, prints tables, writes JSON and the page, and checks the limits."""

import argparse
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TypeAlias

from rich.console import Console
from rich.table import Table

from benchmarks import (
    allocation,
    balance_lookups,
    commands,
    consumer_memory,
    exports,
    growth,
    hot_accounts,
    large_run,
    latency,
    network,
    notices,
    ocpi,
    payout_runs,
    pipeline,
    posting,
    profiles,
    projections_alone,
    proofs,
    rating,
    slow_projection,
    surface,
    two_consumers,
    verify_alone,
)
from benchmarks.figures import Figure
from benchmarks.limits import limit_of, missed, text
from benchmarks.record import Measured, fill_page, write
from benchmarks.stage import Stage, open_stage

Measure: TypeAlias = Callable[[Stage, int, Callable[[str], None]], list[Figure]]

# In this order, whatever order they are asked for in: the last ones add to the topics.
MEASURES: Mapping[str, Measure] = {
    "pipeline": pipeline.measure,
    "rating": rating.measure,
    "allocation": allocation.measure,
    "posting": posting.measure,
    "hot accounts": hot_accounts.measure,
    "projections": projections_alone.measure,
    "verify": verify_alone.measure,
    "payout runs": payout_runs.measure,
    "large-run": large_run.measure,
    "network": lambda stage, rounds, report: network.measure(stage, rounds, report, 5 * stage.wanted),
    "slow projection": slow_projection.measure,
    "two consumers": two_consumers.measure,
    "memory": consumer_memory.measure,
    "latency": latency.measure,
    "profiles": profiles.measure,
    "proofs": lambda stage, rounds, report: proofs.measure(stage, rounds, report, 5 * stage.wanted),
    "balances": lambda stage, rounds, report: balance_lookups.measure(stage, rounds, report, 5 * stage.wanted),
    "commands": commands.measure,
    "surface": surface.measure,
    "ocpi": ocpi.measure,
    "notices": notices.measure,
    "exports": lambda stage, rounds, report: exports.measure(stage, rounds, report, 5 * stage.wanted),
}
EVENTS, ROUNDS, HISTORY = 200_000, 3, (100_000, 1_000_000, 10_000_000)
QUICK_EVENTS, QUICK_HISTORY = 10_000, (10_000, 20_000)

PROJECT = Path(__file__).resolve().parent.parent
PAGE, RECORD = PROJECT / "docs" / "performance.md", PROJECT / "docs" / "performance.json"
SCRATCH = PROJECT / "bench-out" / "performance.json"

_err = Console(stderr=True)


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure as the arguments say; 1 when a limit was missed, else 0."""
    options = _parser().parse_args(arguments)
    events = options.events or (QUICK_EVENTS if options.quick else EVENTS)
    rounds = options.rounds or (1 if options.quick else ROUNDS)
    history = tuple(options.history or (QUICK_HISTORY if options.quick else HISTORY))
    # A small run says nothing that should stand on the page.
    at_full_size = (events, rounds) == (EVENTS, ROUNDS) and (not options.growth or history == HISTORY)
    found: list[Measured] = []
    with open_stage(events) as stage:
        for name, figures in _measured(stage, rounds, options.only, history if options.growth else None):
            found.append(Measured(name, events, rounds, tuple(figures)))
            _print(name, figures)
    _write(options.json or (RECORD if at_full_size else SCRATCH), found, to_page=at_full_size and not options.json)
    sentences = missed({each.name: each.figures for each in found})
    for sentence in sentences:
        _err.print(f"[bold red]{sentence}")
    return 1 if sentences else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("python -m benchmarks", description="Measure the engine on this machine.")
    parser.add_argument("--events", type=_positive, help=f"session events (default {EVENTS})")
    parser.add_argument("--rounds", type=_positive, help=f"rounds, each on a fresh database (default {ROUNDS})")
    parser.add_argument("--only", action="append", choices=list(MEASURES), help="measure just this; may be repeated")
    parser.add_argument("--quick", action="store_true", help=f"one round of {QUICK_EVENTS} events: whether it runs")
    parser.add_argument("--growth", action="store_true", help="measure on top of histories of growing size instead")
    parser.add_argument(
        "--history", type=_positive, nargs="+", help=f"events that are stored before (default {HISTORY})"
    )
    parser.add_argument(
        "--json",
        type=Path,
        help=f"the file to write; by default {RECORD.name} beside {PAGE.name}, both of which only a run of full size "
        "writes, and else a file under bench-out",
    )
    return parser


def _positive(given: str) -> int:
    number = int(given)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{number} is not 1 or more")
    return number


def _measured(
    stage: Stage, rounds: int, only: Sequence[str] | None, history: Sequence[int] | None
) -> Iterator[tuple[str, list[Figure]]]:
    if history is not None:
        yield from growth.measure(stage, rounds, _report, history).items()
        return
    for name, measure in MEASURES.items():
        if not only or name in only:
            _report(name)
            yield name, measure(stage, rounds, _report)


def _report(sentence: str) -> None:
    _err.print(f"[dim]{sentence}")


def _print(name: str, figures: Sequence[Figure]) -> None:
    table = Table(title=name, title_justify="left", header_style="bold")
    for column in ("figure", "median", "lowest", "highest", "unit", "target"):
        table.add_column(column, justify="right" if column in ("median", "lowest", "highest") else "left")
    for figure in figures:
        low, high = figure.spread
        numbers = (text(value) for value in (figure.median, low, high))
        table.add_row(figure.name, *numbers, figure.unit, limit_of(name, figure))
    Console().print(table)


def _write(path: Path, found: Sequence[Measured], *, to_page: bool) -> None:
    kept = write(path, found)
    _report(f"wrote {path}")
    if to_page:
        fill_page(PAGE, kept)
        _report(f"wrote {PAGE}")


if __name__ == "__main__":
    sys.exit(main())
