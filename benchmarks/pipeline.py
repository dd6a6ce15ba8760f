"""Measures the engine end to end beside the bare pipeline, round by round, so that both have the same neighbours."""

from collections.abc import Callable

from benchmarks import bare_pipeline, end_to_end
from benchmarks.bare_pipeline import Bare
from benchmarks.end_to_end import EndToEnd
from benchmarks.figures import Figure, figures
from benchmarks.stage import Stage


def measure(stage: Stage, rounds: int, report: Callable[[str], None]) -> list[Figure]:
    """Figures of both, and their ratio; the round's own ratio counts, since what disturbs one disturbs the other."""
    engine: list[EndToEnd] = []
    bare: list[Bare] = []
    for number in range(1, rounds + 1):
        report(f"round {number} of {rounds}: engine")
        engine.append(end_to_end.run(stage))
        report(f"round {number} of {rounds}: bare pipeline")
        bare.append(bare_pipeline.run(stage, engine[-1].rows))
    pairs = list(zip(engine, bare, strict=True))
    return [
        *figures("events/s", [_speeds(a, b) for a, b in pairs]),
        *figures("", [[("ratio to bare pipeline", a.events_per_second / b.events_per_second)] for a, b in pairs]),
        *figures("s", [_seconds(a, b) for a, b in pairs]),
        *figures("rows", [_rows(a) for a in engine]),
    ]


def _speeds(engine: EndToEnd, bare: Bare) -> list[tuple[str, float]]:
    phases = [(f"{name} alone", engine.events / seconds) for name, seconds in engine.phase_s.items()]
    return [("end to end", engine.events_per_second), ("bare pipeline", bare.events_per_second), *phases]


def _seconds(engine: EndToEnd, bare: Bare) -> list[tuple[str, float]]:
    return [
        *((f"{name}, wall", seconds) for name, seconds in engine.phase_s.items()),
        *((f"processor, {who}", seconds) for who, seconds in engine.spent.named()),
        *((f"processor of the bare pipeline, {who}", seconds) for who, seconds in bare.spent.named()),
    ]


def _rows(engine: EndToEnd) -> list[tuple[str, float]]:
    rows = engine.rows
    names = ("events", "entries", "postings", "cdrs", "payouts")
    return [(name, getattr(rows, name)) for name in names]
