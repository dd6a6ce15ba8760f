"""Payouts as stored: what banks and people say of them is taken in, and what nobody says is noticed."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from uuid import UUID

from psycopg import Cursor
from psycopg.rows import TupleRow

from domain.fact import RecordedFact
from domain.payout.answers import parse_payout_fact
from domain.payout.deciding import next_look, take_votes
from domain.payout.events import PayoutDecision, PayoutStatus, payout_stream
from domain.payout.findings import (
    find_in_attempts,
    find_in_facts,
    find_unanswered,
    is_looked_for,
)
from domain.payout.payout import Payout
from domain.payout.steps import count_twice, take_answers
from engine.attempts import attempts_of
from engine.office import Office
from engine.payout_streams import answer_due_at, load_payouts, write_all, write_decisions
from engine.work import Work
from ledger.book.lines import are_free
from ledger.intake.looks import look

# Payouts whose answer is due by a moment.
_DUE_PAYOUTS = "SELECT payout_id FROM intake.open_payout WHERE due_at <= %s ORDER BY due_at, payout_id LIMIT %s"
_LOOK_AGAIN = """
UPDATE intake.open_payout AS known SET due_at = new.due_at FROM unnest(%s::text[], %s::timestamptz[])
    AS new (payout_id, due_at) WHERE known.payout_id = new.payout_id
"""


def take_payout_facts(
    cursor: Cursor[TupleRow], work: Work, facts: Mapping[str, Sequence[RecordedFact]], office: Office
) -> None:
    """Store facts in their payouts' streams and book what they mean; those of a payout not yet made wait there."""
    if not facts:
        return
    payouts = load_payouts(cursor, facts)
    decided: list[tuple[Payout, list[PayoutDecision]]] = []
    for payout_id, payout in payouts.items():
        stream = work.stream(payout_stream(payout_id), payout)
        for fact in facts[payout_id]:
            stream.append(fact)
            payout.learn(parse_payout_fact(fact.type, fact.data, fact.source, fact.id))
        decided.append((payout, take_answers(payout)))
        if payout.created is not None and has_decisions(payout) and not office.puts_off:
            decided.append((payout, take_decisions(cursor, payout, office)))
    for attempts in attempts_of(cursor, payouts):
        decided += count_twice(attempts) + find_in_attempts(attempts)
    write_all(cursor, work, decided, office)
    look(cursor, [key for key, payout in payouts.items() if has_decisions(payout) and office.leaves_open(payout)])


def has_decisions(payout: Payout) -> bool:
    """Whether people decided anything about it."""
    return bool(payout.votes or payout.retries)


def take_decisions(
    cursor: Cursor[TupleRow],
    payout: Payout,
    office: Office,
    until: datetime | None = None,
    covered_at: datetime | None = None,
) -> list[PayoutDecision]:
    """What people's decisions about a payout come to; `covered_at` is when client money reaches for it."""
    made = payout.created
    if made is None:
        return []
    entries = [UUID(each) for each in made.entry_ids]
    around = office.around(made.operator_id)
    return take_votes(payout, around, until, lambda: are_free(cursor, entries, made.operator_id), covered_at)


def look_for_answers(cursor: Cursor[TupleRow], work: Work, office: Office, until: datetime, at_most: int) -> int:
    """Find of payouts whose answer is due by a moment that nobody has answered them; how many were looked at.

    Likewise of those that wait for approval that an approval has lapsed.
    """
    due = [found[0] for found in cursor.execute(_DUE_PAYOUTS, (until, at_most)).fetchall()]
    next_due: list[datetime | None] = []
    for payout_id, payout in load_payouts(cursor, due).items():
        versions = office.versions(payout)
        if payout.status is PayoutStatus.AWAITING_APPROVAL:
            lapsed = take_decisions(cursor, payout, office, until)
            write_decisions(work.stream(payout_stream(payout_id), payout), payout, lapsed, versions)
            next_due.append(next_look(payout, office.around(payout.created.operator_id)) if payout.created else None)
            continue
        answer_due = answer_due_at(payout.created, versions) if payout.created and is_looked_for(payout) else None
        # Of payouts that an older engine made nobody worked that out before.
        is_due = answer_due is None or answer_due <= until
        changes = find_unanswered(payout, answer_due) if answer_due and is_due else find_in_facts(payout)
        if changes:
            stream = work.stream(payout_stream(payout_id), payout)
            for change in changes:
                stream.append(change)
                stream.tell(change)
        next_due.append(None if is_due else answer_due)
    work.keep_payouts(cursor)
    if due:
        cursor.execute(_LOOK_AGAIN, (sorted(due), next_due))
    return len(due)
