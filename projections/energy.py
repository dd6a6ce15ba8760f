"""Energy accounts: what was metered against what was billed, by operator and cause."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from fractions import Fraction
from typing import Any

from psycopg import Connection, Cursor
from psycopg.rows import TupleRow

from domain.fact import RecordedFact
from domain.money import plain
from domain.session.facts import Ended, Metered, Started, parse_fact
from domain.session.registers import in_reading_order
from domain.session.session import session_stream
from ledger.events.codec import decode
from ledger.events.store import read_streams

SESSIONS_AT_ONCE = 1_000
START_MISSING, END_MISSING = "START_MISSING", "END_MISSING"

# The sessions of an operator (or of all) that ended in a span of time.
_ASKED = """
FROM projection.leakage
WHERE (%(operator_id)s::text IS NULL OR operator_id = %(operator_id)s)
  AND (%(since)s::timestamptz IS NULL OR ended_at >= %(since)s)
  AND (%(before)s::timestamptz IS NULL OR ended_at < %(before)s)
"""
# They by cause, and one by one where more or less was billed than metered.
_BY_CAUSE = f"""
SELECT operator_id, cause, count(*), sum(metered_wh), sum(billed_wh) {_ASKED}
GROUP BY operator_id, cause
ORDER BY operator_id, cause
"""
_SESSIONS = f"""
SELECT operator_id, cause, session_id, metered_wh, billed_wh {_ASKED} AND leaked_wh <> 0
ORDER BY operator_id, cause, session_id
"""
# Sessions that are still going on, or whose start or end never came: their energy is only in their registers.
_OPEN = """
SELECT session_id, operator_id, reason FROM projection.sessions
WHERE state = 'OPEN' AND (%(operator_id)s::text IS NULL OR operator_id = %(operator_id)s)
ORDER BY operator_id, reason, session_id
"""
_ENTRIES = """
SELECT kind, effective_at, debit, credit, wh FROM {schema}.energy_entries
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

    Without a span, sessions whose end is missing count to their last reading, under END_MISSING, and those whose
    start is missing from their first register on, under START_MISSING (of no operator, since the start names it).
    """
    asked = {"operator_id": operator_id, "since": since, "before": before}
    with connection.cursor() as cursor:
        rows = cursor.execute(_BY_CAUSE, asked).fetchall()
    found = [
        Leakage(operator, cause, count, Fraction(metered_wh), Fraction(billed_wh))
        for operator, cause, count, metered_wh, billed_wh in rows
    ]
    if since is not None or before is not None:
        return [each for each in found if each.cause not in (START_MISSING, END_MISSING)]
    counted: dict[tuple[str, str], Fraction] = {}
    for each in _unfinished(connection, operator_id):
        of_cause = (each.operator_id, each.cause)
        counted[of_cause] = counted.get(of_cause, Fraction(0)) + each.metered_wh
    return [replace(each, metered_wh=counted.get((each.operator_id, each.cause), each.metered_wh)) for each in found]


def leaking_sessions(
    connection: Connection[TupleRow],
    operator_id: str | None = None,
    since: datetime | None = None,
    before: datetime | None = None,
) -> Iterator[Leakage]:
    """Each session that leaks, by operator, cause and id; those without a start or an end come last."""
    asked = {"operator_id": operator_id, "since": since, "before": before}
    with connection.transaction(), connection.cursor(name="leaking") as cursor:
        for operator, cause, session_id, metered_wh, billed_wh in cursor.execute(_SESSIONS, asked):
            yield Leakage(operator, cause, 1, Fraction(metered_wh), Fraction(billed_wh), session_id)
    if since is None and before is None:
        yield from (each for each in _unfinished(connection, operator_id) if each.metered_wh)


def _unfinished(connection: Connection[TupleRow], operator_id: str | None) -> Iterator[Leakage]:
    """Each session that lacks its start or its end, with the energy of its registers so far."""
    with (
        connection.transaction(),
        connection.cursor(name="unfinished") as named,
        connection.cursor() as cursor,
    ):
        named.execute(_OPEN, {"operator_id": operator_id})
        while rows := named.fetchmany(SESSIONS_AT_ONCE):
            streams = read_streams(cursor, [session_stream(session_id) for session_id, _, _ in rows])
            for session_id, operator, reason in rows:
                energy_wh = _energy_so_far(streams[session_stream(session_id)])
                yield Leakage(operator, reason, 1, energy_wh, Fraction(0), session_id)


def _energy_so_far(stored: list[Any]) -> Fraction:
    """From the start, or the first register there is, to the last one; none where the register fell."""
    events = [decode(event.topic, event.state) for event in stored]
    facts = [parse_fact(e.type, e.data, e.source, e.id) for e in events if isinstance(e, RecordedFact)]
    registers = sorted((fact for fact in facts if isinstance(fact, (Started, Metered, Ended))), key=in_reading_order)
    starts = [fact for fact in registers if isinstance(fact, Started)]
    if not registers:
        return Fraction(0)
    first, last = (starts or registers)[0], registers[-1]
    return max(Fraction(last.register_wh - first.register_wh), Fraction(0))


def energy_entries(cursor: Cursor[TupleRow], session_id: str, *, seen: bool = False) -> tuple[EnergyEntry, ...]:
    """The energy entries of a session by effective time; `seen`: none of a session that who asks may not see."""
    query = _ENTRIES.format(schema="surface" if seen else "projection")
    rows = cursor.execute(query.encode(), (session_id,)).fetchall()
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
