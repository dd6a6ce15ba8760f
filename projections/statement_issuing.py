"""Statements are issued: of each operator, currency and month once, in order, and kept as they were issued.

A statement is made of the book as it was known at the position where it is issued. What came to be known of an
earlier month after the statement before was issued is in it too, as told late, so that each opens with what the one
before closed with ([decision 63](docs/decisions/0063-statements-as-issued.md)).
"""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date

from psycopg import Cursor
from psycopg.rows import TupleRow

from ledger.arrays import columns
from ledger.database import Role, acting_as, connect
from ledger.locks import Lock, hold
from projections.errors import NothingToRestate
from projections.freshness import up_to_date
from projections.operators import OperatorTerms, operator, operators
from projections.statement_content import Earlier, Movement, StatementDraft, content_of
from projections.statement_months import Head, Known, Month, known_now, moved_in, to_issue

# How many operators have their statements made in one transaction.
_OPERATORS_A_SET = 500

_LAST = "SELECT operator_id, max(sequence) FROM intake.statement WHERE operator_id = ANY(%s) GROUP BY operator_id"
_KEEP = """
INSERT INTO intake.statement (number, operator_id, sequence, currency, month, since, until, position, follows,
                              restates, opening, closing, issued_at, issued_by, content, content_sha256)
SELECT told.number, told.operator_id, told.sequence, told.currency, told.month, told.since, told.until, %s,
       told.follows, told.restates, told.opening, told.closing, %s, %s, content, sha256(content)
FROM unnest(%s::text[], %s::text[], %s::integer[], %s::text[], %s::date[], %s::timestamptz[], %s::timestamptz[],
            %s::text[], %s::text[], %s::bigint[], %s::bigint[])
    WITH ORDINALITY AS told (number, operator_id, sequence, currency, month, since, until, follows, restates, opening,
                             closing, place)
JOIN unnest(%s::bytea[]) WITH ORDINALITY AS written (content, place) USING (place)
ORDER BY place
"""
# What is to be said anew, the one that did so already, and the one before it.
_ANEW = """
SELECT old.operator_id, old.currency, old.month, old.since, old.until, old.opening, old.position,
       encode(old.content_sha256, 'hex'), newer.number, old.follows, encode(before.content_sha256, 'hex'),
       before.position, (SELECT max(sequence) FROM intake.statement WHERE operator_id = old.operator_id)
FROM intake.statement AS old
LEFT JOIN intake.statement AS newer ON newer.restates = old.number
LEFT JOIN intake.statement AS before ON before.number = old.follows
WHERE old.number = %s
"""


@dataclass(frozen=True, slots=True)
class IssuedSet:
    """The statements that were issued of some operators, and the operators whose month is not over yet."""

    issued: Sequence[StatementDraft]
    not_over: Sequence[str]


@dataclass(frozen=True, slots=True)
class _Place:
    """What a statement is put behind: the one before it, how many there are with it, and what it says anew."""

    follows: Earlier | None
    opening: int
    sequence: int
    restates: Earlier | None = None


def issue_statements(dsn: str, month: date, by: str, operator_id: str | None = None) -> Iterator[IssuedSet]:
    """Issue the statements through a month, by its first day, that were not issued yet: set by set of operators.

    Of a currency months begin with that of its first entry; one in which nothing moved and nothing was owed has no
    statement. A month is over once its last business date was closed by a run. `by` says who issues them. Of one
    operator, or of all. Raises NotReadYet where read models show nothing yet.
    """
    with up_to_date(dsn):
        pass
    after: str | None = None
    while True:
        with connect(dsn, Role.PROJECTOR) as connection, connection.cursor() as cursor:
            hold(cursor, Lock.STATEMENTS)
            with acting_as(cursor, Role.AUDITOR):
                found = _next_operators(cursor, operator_id, after)
                drafts, not_over = _drafts(cursor, found, month, by) if found else ([], [])
            _keep(cursor, drafts)
        if found:
            yield IssuedSet(drafts, not_over)
        if operator_id is not None or len(found) < _OPERATORS_A_SET:
            return
        after = found[-1].operator_id


def restate(dsn: str, number: str, by: str) -> StatementDraft:
    """Issue a statement anew, as its month says now; the new one names it.

    Raises NothingToRestate where there is no such statement, it was said anew before, or it would say the same.
    """
    with up_to_date(dsn):
        pass
    with connect(dsn, Role.PROJECTOR) as connection, connection.cursor() as cursor:
        hold(cursor, Lock.STATEMENTS)
        with acting_as(cursor, Role.AUDITOR):
            draft = _said_anew(cursor, number, by)
        _keep(cursor, [draft])
    return draft


def _next_operators(cursor: Cursor[TupleRow], operator_id: str | None, after: str | None) -> list[OperatorTerms]:
    if operator_id is None:
        return operators(cursor, _OPERATORS_A_SET, after)
    found = operator(cursor, operator_id)
    return [found] if found else []


def _drafts(
    cursor: Cursor[TupleRow], found: Sequence[OperatorTerms], month: date, by: str
) -> tuple[list[StatementDraft], Sequence[str]]:
    """The statements that operators lack through a month, and the operators whose month is not over."""
    known = known_now(cursor)
    lacking = to_issue(cursor, found, month, known)
    moved, heads = moved_in(cursor, lacking.months, known.position), dict(lacking.heads)
    terms = {each.operator_id: each for each in found}
    last: dict[str, int] = dict(cursor.execute(_LAST, ([*terms],)).fetchall())
    drafts = []
    for place, each in enumerate(lacking.months):
        before, movements = heads.get((each.operator_id, each.currency)), moved.get(place, [])
        if not movements and (before is None or not before.closing):
            continue
        last[each.operator_id] = sequence = last.get(each.operator_id, 0) + 1
        place_of = _Place(before.earlier, before.closing, sequence) if before else _Place(None, 0, sequence)
        draft = _draft(terms[each.operator_id], each, known, movements, by, place_of)
        drafts.append(draft)
        earlier = Earlier(draft.number, hashlib.sha256(content_of(draft)).hexdigest())
        heads[each.operator_id, each.currency] = Head(earlier, each.month, each.until, known.position, draft.closing)
    return drafts, lacking.not_over


def _said_anew(cursor: Cursor[TupleRow], number: str, by: str) -> StatementDraft:
    row = cursor.execute(_ANEW, (number,)).fetchone()
    if row is None:
        raise NothingToRestate(f"no statement {number!r} was issued; wattledger statements list tells all numbers")
    id_, currency, month, since, until, opening, position, digest, newer, follows, before, known_after, last = row
    if newer is not None:
        raise NothingToRestate(f"statement {number} was said anew already, as {newer}: restate that one")
    known, of = known_now(cursor), Month(id_, currency, month, since, until, known_after or 0)
    movements = moved_in(cursor, [of], known.position).get(0, [])
    if movements == moved_in(cursor, [of], position).get(0, []):
        raise NothingToRestate(f"statement {number} would say the same: nothing of its month came to be known since")
    terms = operator(cursor, id_)
    if terms is None:
        raise NothingToRestate(f"operator {id_!r} of statement {number} is not known any more")
    place_of = _Place(Earlier(follows, before) if follows else None, opening, last + 1, Earlier(number, digest))
    return _draft(terms, of, known, movements, by, place_of)


def _draft(
    terms: OperatorTerms, of: Month, known: Known, movements: Sequence[Movement], by: str, place: _Place
) -> StatementDraft:
    stated = terms.in_effect(of.since).terms
    return StatementDraft(
        operator_id=of.operator_id,
        operator_name=str(stated["name"]),
        sequence=place.sequence,
        currency=of.currency,
        month=of.month,
        since=of.since,
        until=of.until,
        time_zone=str(stated["time_zone"]),
        cutoff_time=str(stated["payout"]["cutoff_time"]),
        position=known.position,
        known_at=known.known_at,
        follows=place.follows,
        restates=place.restates,
        opening=place.opening,
        movements=tuple(movements),
        issued_at=known.now,
        issued_by=by,
    )


def _keep(cursor: Cursor[TupleRow], drafts: Sequence[StatementDraft]) -> None:
    if not drafts:
        return
    told = [
        (
            *(each.number, each.operator_id, each.sequence, each.currency, each.month, each.since, each.until),
            *(named.number if named else None for named in (each.follows, each.restates)),
            *(each.opening, each.closing),
        )
        for each in drafts
    ]
    one, contents = drafts[0], [content_of(each) for each in drafts]
    cursor.execute(_KEEP, (one.position, one.issued_at, one.issued_by, *columns(told), contents))
