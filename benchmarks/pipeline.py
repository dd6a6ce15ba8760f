"""Measures the engine end to end beside the bare pipeline, round by round, so that both have the same neighbours."""

from collections.abc import Callable
from dataclasses import dataclass

from benchmarks import bare_pipeline, end_to_end
from benchmarks.bare_pipeline import Bare
from benchmarks.end_to_end import EndToEnd, RowsWritten, rows_written
from benchmarks.figures import Figure, figures
from benchmarks.recording import record
from benchmarks.stage import Stage
from projections.schema import migrate


@dataclass(frozen=True, slots=True)
class _Round:
    """The engine, the same rows bare by a client and as ready bytes, and how many the engine wrote."""

    engine: EndToEnd
    bare: Bare
    ready: Bare
    rows: RowsWritten


def measure(stage: Stage, rounds: int, report: Callable[[str], None]) -> list[Figure]:
    """Figures of both, and their ratio; the round's own ratio counts, since what disturbs one disturbs the other."""
    found = [_round(stage, f"round {number} of {rounds}", report) for number in range(1, rounds + 1)]
    ratios = [
        [
            ("ratio to the bare pipeline", _ratio(each.engine, each.bare)),
            ("ratio to ready bytes", _ratio(each.engine, each.ready)),
        ]
        for each in found
    ]
    return [
        *figures("events/s", [_speeds(each) for each in found]),
        *figures("", ratios),
        *figures("s", [_seconds(each) for each in found]),
        *figures("rows", [_rows(each.rows) for each in found]),
    ]


def _round(stage: Stage, name: str, report: Callable[[str], None]) -> _Round:
    events = stage.events
    with stage.database() as dsn:
        migrate(dsn)
        report(f"{name}: engine")
        engine = end_to_end.run(dsn, stage.kafka, stage.group(), events)
        rows, tables = rows_written(dsn), record(dsn, bare_pipeline.commits_of(events))
    report(f"{name}: bare pipeline")
    bare = bare_pipeline.run(stage, tables, by_rows=True)
    ready = bare_pipeline.run(stage, tables, by_rows=False)
    return _Round(engine, bare, ready, rows)


def _ratio(engine: EndToEnd, bare: Bare) -> float:
    return engine.events_per_second / bare.events_per_second


def _speeds(found: _Round) -> list[tuple[str, float]]:
    engine = found.engine
    phases = [(f"{name} alone", engine.events / seconds) for name, seconds in engine.phase_s.items()]
    return [
        ("end to end", engine.events_per_second),
        ("bare pipeline", found.bare.events_per_second),
        ("bare pipeline, ready bytes", found.ready.events_per_second),
        *phases,
    ]


def _seconds(found: _Round) -> list[tuple[str, float]]:
    return [
        *((f"{name}, wall", seconds) for name, seconds in found.engine.phase_s.items()),
        *((f"processor, {who}", seconds) for who, seconds in found.engine.spent.named()),
        *((f"processor of the bare pipeline, {who}", seconds) for who, seconds in found.bare.spent.named()),
    ]


def _rows(rows: RowsWritten) -> list[tuple[str, float]]:
    names = ("events", "entries", "postings", "cdrs", "payouts")
    return [(name, getattr(rows, name)) for name in names]
