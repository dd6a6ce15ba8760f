"""Where the processor time of one engine process goes: `python -m benchmarks.where_time_goes` prints a table a phase.

A backlog without a broker is taken in, the clock is moved on what is warm, and the projections catch up, in this
process. Every millisecond of its processor time the stack is looked at; a part's share is that of the looks at which
one of its functions was on the stack.
"""

import signal
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from types import FrameType
from typing import Any

from rich.console import Console
from rich.table import Table

from benchmarks.backlog import prepare
from benchmarks.load_parts import more_sessions
from benchmarks.stage import MESSAGES_PER_SESSION, OPERATORS
from consumers.app import BATCH_MAX_RECORDS
from engine.clock import Clock
from engine.intake import Intake
from engine.ports import Record
from engine.working_set import WorkingSet
from projections.runner import catch_up
from wattledger.embedded import EmbeddedPostgres

EVENTS = 60_000
_LOOK_EVERY_S = 0.001

# A part of the work by the functions whose being on the stack means it; parts within parts follow theirs.
_PARTS: Mapping[str, Mapping[str, Sequence[str]]] = {
    "intake": {
        "decoding and checking records": ("contracts.decode.decode", "ledger.intake.messages.message_key"),
        "duplicates, conflicts, deduplication keys": ("engine.intake.Intake._sort_out",),
        "storing and parsing facts": ("engine.sessions.record_facts",),
        "judging sessions": ("engine.sessions.judge",),
        "– rating": ("domain.session.assessment.assess",),
        "– the walk over payments, the CDR chain, releases, comparing what stands": (
            "domain.session.judging._Verdict._wanted",
            "domain.session.judging._Verdict._move_chain",
            "domain.session.judging._Verdict._release",
            "domain.session.judging._Verdict._book",
            "domain.session.judging._Verdict._report",
        ),
        "– bookings into entries and lines": ("engine.work.Stream.book",),
        "locking and loading sessions": ("engine.sessions.SessionStore.lock",),
        "writing sets": ("engine.work.Work.write",),
        "– entries and balances": ("ledger.book.journal.write_entries",),
        "– events": ("ledger.events.store.append",),
    },
    "clock": {
        "locking and loading sessions": ("engine.sessions.SessionStore.lock",),
        "judging sessions": ("engine.sessions.judge",),
        "– rating": ("domain.session.assessment.assess",),
        "– making CDR documents": ("domain.session.cdr_chain._document",),
        "– bookings into entries and lines": ("engine.work.Stream.book",),
        "writing sets": ("engine.work.Work.write",),
        "payout runs": ("engine.clock.Clock._fire_runs",),
    },
    "projections": {
        "operator balances": ("projections.operator_balances.OperatorBalances.apply",),
        "sessions": ("projections.sessions.Sessions.apply",),
        "CDRs": ("projections.cdrs.Cdrs.apply",),
        "reading events": ("projections.feed.read_piece",),
    },
}


def main() -> None:
    """Run the three phases and print where their time went."""
    with TemporaryDirectory(prefix="wattledger-bench-") as folder, EmbeddedPostgres(Path(folder) / "data") as server:
        dsn = server.dsn
        prepare(dsn)
        made = more_sessions(EVENTS, MESSAGES_PER_SESSION, OPERATORS, "W")
        # No topic of the contract, where every type counts.
        records = [Record("fed", 0, number, None, value) for number, (_, _, value) in enumerate(made)]
        working_set = WorkingSet.of(dsn)
        intake, clock = Intake(working_set), Clock(working_set)
        moment: Any = None
        try:
            _look("intake", lambda: _take_in(intake, records))
            moment = clock.event_time()
            _look("clock", lambda: clock.advance(moment))
        finally:
            working_set.close()
        _look("projections", lambda: catch_up(dsn))


def _take_in(intake: Intake, records: Sequence[Record]) -> None:
    home = records[0].home
    epochs = {home: intake.claim([home])[home].epoch}
    for start in range(0, len(records), BATCH_MAX_RECORDS):
        intake.process(records[start : start + BATCH_MAX_RECORDS], epochs)


def _look(phase: str, work: Callable[[], object]) -> None:
    """Do the work under the eyes of the sampler and print its table."""
    seen: Counter[str] = Counter()
    before, began = time.process_time(), time.perf_counter()
    with _sampled(seen):
        work()
    spent_us = (time.process_time() - before) * 1e6 / EVENTS
    wall_us = (time.perf_counter() - began) * 1e6 / EVENTS
    table = Table(
        title=f"{phase}: {spent_us:.1f} µs of processor time an event, {wall_us:.1f} by the clock on the wall"
    )
    table.add_column("part")
    table.add_column("share", justify="right")
    for part, functions in _PARTS[phase].items():
        table.add_row(part, f"{100 * sum(seen[name] for name in functions) / max(1, seen['']):.0f} %")
    Console().print(table)


@contextmanager
def _sampled(seen: Counter[str]) -> Iterator[None]:
    """Count, a look at a time, each function that is on the stack; all looks are under the empty name."""

    def look(_signal: int, frame: FrameType | None) -> None:
        on_stack = {""}
        while frame is not None:
            on_stack.add(f"{frame.f_globals.get('__name__')}.{frame.f_code.co_qualname}")
            frame = frame.f_back
        seen.update(on_stack)

    handler = signal.signal(signal.SIGPROF, look)
    signal.setitimer(signal.ITIMER_PROF, _LOOK_EVERY_S, _LOOK_EVERY_S)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, handler)


if __name__ == "__main__":
    main()
