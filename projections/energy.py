"""Energy accounts: what was metered against what was billed, by operator and cause."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from fractions import Fraction
from typing import Any

from psycopg import Connection, Cursor
from psycopg.rows import TupleRow

from domain.facts import Metered, Started, in_order, parse_fact
from domain.money import plain
from domain.session import session_stream
from ledger.codec import RecordedFact, decode
from ledger.event_store import read_streams

SESSIONS_AT_ONCE = 1_000
END_MISSING = "END_MISSING"

# The sessions of an operator (or of all) that ended in a span of time, by cause.
_BY_CAUSE = """
SELECT operator_id, cause, count(*), sum(metered_wh), sum(billed_wh)
FROM projection.leakage
WHERE (%(operator_id)s::text IS NULL OR operator_id = %(operator_id)s)
  AND (%(since)s::timestamptz IS NULL OR ended_at >= %(since)s)
  AND (%(before)s::timestamptz IS NULL OR ended_at < %(before)s)
GROUP BY operator_id, cause
ORDER BY operator_id, cause
"""
# The same one by one, where more or less was billed than metered.
_SESSIONS = """
SELECT operator_id, cause, session_id, metered_wh, billed_wh
FROM projection.leakage
WHERE leaked_wh <> 0
  AND (%(operator_id)s::text IS NULL OR operator_id = %(operator_id)s)
  AND (%(since)s::timestamptz IS NULL OR ended_at >= %(since)s)
  AND (%(before)s::timestamptz IS NULL OR ended_at < %(before)s)
ORDER BY operator_id, cause, session_id
"""
# Sessions that are still going on, or whose end never came: their energy is only in their readings.
_WITHOUT_END = """
SELECT session_id, operator_id FROM projection.sessions
WHERE state = 'OPEN' AND reason = 'END_MISSING'
  AND (%(operator_id)s::text IS NULL OR operator_id = %(operator_id)s)
ORDER BY operator_id, session_id
"""
_ENTRIES = """
SELECT kind, effective_at, debit, credit, wh FROM projection.energy_entries
WHERE session_id = %s AND wh <> 0 ORDER BY effective_at, kind, debit
"""
_BALANCES = """
SELECT account, debits, credits, balance FROM projection.energy_balances
WHERE account = %(account)s OR starts_with(account, %(account)s || '/') ORDER BY account
"""


@dataclass(frozen=True, slots=True)
class Leakage:
    """Energy in Wh, metered and billed, of an operator's sessions that share a cause; or of the one that is named."""

    operator_id: str
    cause: str
    sessions: int
    metered_wh: Fraction
    billed_wh: Fraction
    session_id: str | None = None

    @property
    def leaked_wh(self) -> Fraction:
        """What was metered and not billed; negative where more was billed."""
        return self.metered_wh - self.billed_wh


@dataclass(frozen=True, slots=True)
class EnergyEntry:
    """J60 (metered) or J61 (billed) in Wh, as exact decimal text; negative where it takes back."""

    kind: str
    effective_at: datetime | None
    debit: str
    credit: str
    wh: str


def leakage(
    connection: Connection[TupleRow],
    operator_id: str | None = None,
    since: datetime | None = None,
    before: datetime | None = None,
) -> list[Leakage]:
    """Metered against billed energy by operator and cause, of sessions that ended in [since, before) or of all.

    Without a span, sessions whose end is missing count with their last reading, under END_MISSING.
    """
    asked = {"operator_id": operator_id, "since": since, "before": before}
    with connection.cursor() as cursor:
        rows = cursor.execute(_BY_CAUSE, asked).fetchall()
    found = [
        Leakage(operator, cause, count, Fraction(metered_wh), Fraction(billed_wh))
        for operator, cause, count, metered_wh, billed_wh in rows
    ]
    if since is not None or before is not None:
        return [each for each in found if each.cause != END_MISSING]
    counted: dict[str, Fraction] = {}
    for operator, _, energy_wh in _unfinished(connection, operator_id):
        counted[operator] = counted.get(operator, Fraction(0)) + energy_wh
    return [
        Leakage(each.operator_id, each.cause, each.sessions, counted.get(each.operator_id, Fraction(0)), Fraction(0))
        if each.cause == END_MISSING
        else each
        for each in found
    ]


def leaking_sessions(
    connection: Connection[TupleRow],
    operator_id: str | None = None,
    since: datetime | None = None,
    before: datetime | None = None,
) -> Iterator[Leakage]:
    """Each session that leaks, by operator, cause and id; those without an end come last."""
    asked = {"operator_id": operator_id, "since": since, "before": before}
    with connection.transaction(), connection.cursor(name="leaking") as cursor:
        for operator, cause, session_id, metered_wh, billed_wh in cursor.execute(_SESSIONS, asked):
            yield Leakage(operator, cause, 1, Fraction(metered_wh), Fraction(billed_wh), session_id)
    if since is None and before is None:
        for operator, session_id, energy_wh in _unfinished(connection, operator_id):
            if energy_wh:
                yield Leakage(operator, END_MISSING, 1, energy_wh, Fraction(0), session_id)


def _unfinished(connection: Connection[TupleRow], operator_id: str | None) -> Iterator[tuple[str, str, Fraction]]:
    """Operator, session and energy so far of sessions without an end."""
    with (
        connection.transaction(),
        connection.cursor(name="unfinished") as named,
        connection.cursor() as cursor,
    ):
        named.execute(_WITHOUT_END, {"operator_id": operator_id})
        while rows := named.fetchmany(SESSIONS_AT_ONCE):
            streams = read_streams(cursor, [session_stream(session_id) for session_id, _ in rows])
            for session_id, operator in rows:
                yield operator, session_id, _energy_so_far(streams[session_stream(session_id)])


def _energy_so_far(stored: list[Any]) -> Fraction:
    """From the start to the last reading; none where either is missing, or the register fell."""
    events = [decode(event.topic, event.state) for event in stored]
    facts = [parse_fact(e.type, e.data, e.source, e.id) for e in events if isinstance(e, RecordedFact)]
    start = min((fact for fact in facts if isinstance(fact, Started)), key=in_order, default=None)
    last = max((fact for fact in facts if isinstance(fact, Metered)), key=in_order, default=None)
    if start is None or last is None:
        return Fraction(0)
    return max(Fraction(last.register_wh - start.register_wh), Fraction(0))


def energy_entries(cursor: Cursor[TupleRow], session_id: str) -> tuple[EnergyEntry, ...]:
    """The energy entries of a session by effective time."""
    rows = cursor.execute(_ENTRIES, (session_id,)).fetchall()
    return tuple(
        EnergyEntry(kind, effective_at, debit, credit, plain(Fraction(wh)))
        for kind, effective_at, debit, credit, wh in rows
    )


def energy_balances(cursor: Cursor[TupleRow], account: str) -> list[tuple[str, str, str, str]]:
    """Account, debits, credits and balance (debit positive) in Wh, of one account or of all of a code."""
    rows = cursor.execute(_BALANCES, {"account": account}).fetchall()
    return [
        (name, plain(Fraction(debits)), plain(Fraction(credits)), plain(Fraction(balance)))
        for name, debits, credits, balance in rows
    ]
