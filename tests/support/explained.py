"""What each payout of a store should be explained with, folded from the journal and the events by the test itself."""

from collections import defaultdict
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID

import orjson
import psycopg

from ledger.database import Role, connect
from ledger.events.store import event_id
from projections.payout_change import change
from projections.payout_excluded import excluded
from projections.payout_explained import explained_payout
from projections.payout_steps import paid_lines, waterfall
from projections.payout_why import why
from projections.runner import catch_up

_EVENTS = "SELECT notification_id, originator_id, originator_version, topic FROM event_store.stored_events"
# With the entries of its own, where people let it go later: what it keeps of what it pays.
_MADE = """
SELECT notification_id, state, (
    SELECT array_agg(entry_id::text) FROM book.entry
    WHERE kind IN ('J31', 'J34', 'J41') AND reverses IS NULL AND entry.payout_id = made.payout_id
        AND made.status = 'AWAITING_APPROVAL'
)
FROM (
    SELECT notification_id, state, convert_from(state, 'UTF8')::jsonb ->> 'payout_id' AS payout_id,
           convert_from(state, 'UTF8')::jsonb ->> 'status' AS status
    FROM event_store.stored_events WHERE topic = 'PayoutCreated'
) AS made
ORDER BY notification_id
"""
_JOURNAL = """
SELECT entry.entry_id, entry.kind, entry.effective_at, entry.payout_id, entry.cause, posting.account,
       posting.currency, posting.amount_minor
FROM book.entry JOIN book.posting USING (entry_id)
WHERE posting.account LIKE '2010/%' OR posting.account LIKE '2011/%'
"""


@dataclass(frozen=True)
class Move:
    """What an entry adds to one operator's payable in one currency, and the position of the event that posted it."""

    entry_id: UUID
    kind: str
    effective_at: datetime
    payout_id: str | None
    position: int
    amount: int


def moves(dsn: str) -> dict[tuple[str, str], list[Move]]:
    """All that was ever posted to 2010 and 2011, by operator and currency; one move an entry, also of nothing."""
    with psycopg.connect(dsn) as connection:
        positions = {event_id(stream, version): at for at, stream, version, _ in connection.execute(_EVENTS)}
        sums: dict[tuple[Any, ...], int] = defaultdict(int)
        for entry, kind, at, payout_id, cause, account, currency, amount in connection.execute(_JOURNAL):
            sums[account[5:], currency, entry, kind, at, payout_id, positions[cause]] -= amount
    found: dict[tuple[str, str], list[Move]] = defaultdict(list)
    for (operator_id, currency, entry, kind, at, payout_id, position), amount in sums.items():
        found[operator_id, currency].append(Move(entry, kind, at, payout_id, position, amount))
    return found


def made_payouts(dsn: str) -> list[tuple[int, dict[str, Any]]]:
    """Each payout as the event that made it says, with that event's position; none where there is no store."""
    with psycopg.connect(dsn) as connection:
        if connection.execute("SELECT to_regclass('event_store.stored_events')").fetchone() == (None,):
            return []
        return [(position, _with(orjson.loads(state), held)) for position, state, held in connection.execute(_MADE)]


def _with(body: dict[str, Any], held: list[str] | None) -> dict[str, Any]:
    return body | {"entry_ids": [*body["entry_ids"], *(held or ())]}


def unexplained(dsn: str) -> tuple[int, list[str]]:
    """How many payouts a store has, and what about their explanations is not as the journal says."""
    made = made_payouts(dsn)
    if not made:
        return 0, []
    catch_up(dsn)
    of = moves(dsn)
    faults: list[str] = []
    with connect(dsn, Role.AUDITOR) as connection, connection.cursor() as cursor:
        for position, body in made:
            known = of[body["operator_id"], body["currency"]]
            faults += [f"{body['payout_id']}: {fault}" for fault in _faults(cursor, position, body, known)]
    return len(made), faults


def _faults(cursor: Any, position: int, body: dict[str, Any], known: list[Move]) -> list[str]:
    payout = explained_payout(cursor, body["payout_id"])
    assert payout is not None
    fired_at = datetime.fromisoformat(body["fired_at"])
    by_then = [move for move in known if move.effective_at <= fired_at]
    own = [move for move in by_then if move.payout_id == payout.payout_id]
    before = [m for m in by_then if m.position < position or (m in own and m.kind in ("J32", "J34", "J41"))]
    late = [m for m in by_then if m.position > position and m not in own and m.amount]
    told = excluded(cursor, payout)
    lines, steps = paid_lines(cursor, payout), waterfall(cursor, payout).steps
    checks = {
        "position": (payout.position, position),
        "payable_before": (told.payable_before, sum(move.amount for move in before)),
        "included - reserve": (payout.included - payout.reserve, body["amount"]),
        "included + excluded": (payout.included + sum(each.amount for each in told.excluded), told.payable_before),
        "late": ({each.entry_id: each.amount for each in told.late}, {each.entry_id: each.amount for each in late}),
        "lines": (sum(line.amount for line in lines), body["amount"]),
        "entries": ({str(line.entry_id) for line in lines if line.entry_id}, set(body["entry_ids"])),
        "waterfall": (sum(step.amount for step in steps), body["amount"]),
        "entries of the waterfall": (sum(step.entries for step in steps), len(body["entry_ids"])),
    }
    against = change(cursor, payout)
    difference = body["amount"] - (against.before.amount if against.before else 0)
    checks["change"] = (sum(step.amount for step in against.steps), difference)
    checks["parts of the change"] = (sum(part.amount for part in why(cursor, against).parts), difference)
    sizes = [abs(step.amount) for step in against.steps]
    checks["order of the change"] = (sizes, sorted(sizes, reverse=True))
    wrong = [f"{name} is {found}, not {wanted}" for name, (found, wanted) in checks.items() if found != wanted]
    for each in told.excluded:
        later = each.available_on is not None and each.available_on > date.fromisoformat(body["business_date"])
        if later != (each.reason == "AVAILABLE_LATER"):
            wrong.append(f"{each.reason} comes with {each.available_on}")
        if each.reason == "UNEXPLAINED":
            wrong.append(f"{each.amount} of {each.entries} entries have no reason")
        if each.entries < 1 and each.reason != "WITHHELD":
            wrong.append(f"{each.reason} has no entries")
    return wrong
