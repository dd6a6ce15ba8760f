"""What moves sessions on their way to cash: rated, captured, settled, each at its own time, by which event.

Kept as steps, and not as sums: whether captures reach a price is a question of a moment, and of what was known.
"""

from collections import defaultdict
from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from psycopg import Cursor
from psycopg.rows import TupleRow

from contracts.messages import CAPTURED_ELSEWHERE, LINE_STANDING
from domain.book.bookings import (
    AcceptedCdrCredited,
    CapturedSessionReRated,
    CdrAccepted,
    CdrInvoicePaid,
    PaymentCaptured,
    PspFeeRecharged,
    SessionRated,
    SessionReRated,
)
from domain.book.discount_bookings import DiscountFunded, DiscountGranted
from domain.book.roaming_bookings import CdrDisputeLost, InvoicedCdrPaid
from domain.book.sale_bookings import CapturedChargeReSold, CdrSold, ChargeReSold, ChargeSold, SoldCdrCredited
from domain.book.standing import Booked
from domain.book.wallet_bookings import WalletCharged
from domain.session.driver.settlements import settles, settlings
from domain.session.facts import Captured, CapturedElsewhere, LineStanding, Settled, parse_fact
from domain.session.payment_facts import PaymentFacts, distinct_captures
from ledger.arrays import array
from ledger.events.codec import read_body
from ledger.events.store import read_streams
from projections.feed import Place
from projections.movements import BOOK_TOPICS, EventSet, booked

_CAPTURED, _SETTLED = "payment.captured", "payment.settled.item"
# What tells otherwise what settlements settle: lines that stand no more, and other sessions of the same payment.
_MENDS = frozenset({LINE_STANDING, CAPTURED_ELSEWHERE})
_OF_PAYMENTS = frozenset({_CAPTURED, _SETTLED, *_MENDS})

# Adds steps in the order of the key; whose they are is in the set, or in what is there of their streams.
_ADD = """
INSERT INTO projection.cash_step_row (generation, stream_id, position, at, operator_id, currency, gross, share,
                                      captured, settled)
SELECT %s, new.*
FROM unnest(%s::uuid[], %s::bigint[], %s::timestamptz[], %s::text[], %s::text[], %s::bigint[], %s::bigint[],
            %s::bigint[], %s::bigint[]) AS new
"""
_WHOSE = """
SELECT DISTINCT ON (stream_id) stream_id, operator_id FROM projection.cash_step_row
WHERE generation = %s AND stream_id = ANY(%s) AND operator_id <> ''
ORDER BY stream_id, position DESC
"""
# Steps of which nobody knew whose they are.
_CLAIM = """
UPDATE projection.cash_step_row AS kept SET operator_id = known.operator_id
FROM unnest(%s::uuid[], %s::text[]) AS known (stream_id, operator_id)
WHERE kept.generation = %s AND kept.stream_id = known.stream_id AND kept.operator_id = ''
"""
# Of these streams, those in which a step of nothing says that settlements were told otherwise.
_TOLD_OTHERWISE = """
SELECT DISTINCT stream_id FROM projection.cash_step_row
WHERE generation = %s AND stream_id = ANY(%s) AND at = '-infinity'
"""
_MARK = "-infinity"
# What is settled so far by the steps of settlements: what a wallet pays is settled with its charge.
_SETTLED_SO_FAR = """
SELECT stream_id, currency, at, sum(settled)::bigint FROM projection.cash_step_row
WHERE generation = %s AND stream_id = ANY(%s) AND NOT (gross = 0 AND captured <> 0)
GROUP BY stream_id, currency, at HAVING sum(settled) <> 0
"""


class Moved(NamedTuple):
    """By how much a booking moves a session's price, the operator's share, what is captured and what is settled."""

    gross: int = 0
    share: int = 0
    captured: int = 0
    settled: int = 0


def _share(gross: int, commission: int, vat: int) -> int:
    return gross - commission - vat


def _rated(b: SessionRated) -> Moved:
    return Moved(b.gross, _share(b.gross, b.commission, b.commission_vat))


def _re_rated(b: SessionReRated | CapturedSessionReRated) -> Moved:
    before = _share(b.old_gross, b.old_commission, b.old_commission_vat)
    return Moved(b.gross - b.old_gross, _share(b.gross, b.commission, b.commission_vat) - before)


def _accepted(b: CdrAccepted) -> Moved:
    return Moved(b.gross, _share(b.gross, b.commission, b.commission_vat), b.gross)


def _credited(b: AcceptedCdrCredited) -> Moved:
    share = _share(b.gross, b.commission, b.commission_vat)
    return Moved(-b.gross, -share, -b.gross, -b.gross if b.invoiced and not b.unpaid else 0)


def _dispute_lost(b: CdrDisputeLost) -> Moved:
    share = _share(b.amount, b.commission_back, b.commission_vat_back)
    return Moved(-b.amount, -share, -b.amount, -b.amount if b.paid else 0)


def _sold_credited(b: SoldCdrCredited) -> Moved:
    return Moved(-b.gross, -b.owed, -b.gross, -b.gross if b.invoiced and not b.unpaid else 0)


_MOVED_BY: Mapping[type, Callable[[Any], Moved]] = {
    SessionRated: _rated,
    SessionReRated: _re_rated,
    CapturedSessionReRated: _re_rated,
    PspFeeRecharged: lambda b: Moved(share=-b.fee),
    PaymentCaptured: lambda b: Moved(captured=b.amount),
    WalletCharged: lambda b: Moved(captured=b.amount, settled=b.amount),
    DiscountGranted: lambda b: Moved(captured=b.amount, settled=b.amount),
    DiscountFunded: lambda b: Moved(captured=b.amount, settled=b.amount),
    CdrAccepted: _accepted,
    AcceptedCdrCredited: _credited,
    CdrInvoicePaid: lambda b: Moved(settled=b.gross),
    ChargeSold: lambda b: Moved(b.gross, b.owed),
    ChargeReSold: lambda b: Moved(b.more_gross, b.more_owed),
    CapturedChargeReSold: lambda b: Moved(b.more_gross, b.more_owed),
    CdrSold: lambda b: Moved(b.gross, b.owed, b.gross),
    SoldCdrCredited: _sold_credited,
    InvoicedCdrPaid: lambda b: Moved(settled=b.gross),
    CdrDisputeLost: _dispute_lost,
}


class Step(NamedTuple):
    """One step as it is stored; `at` as text."""

    stream_id: UUID
    position: int
    at: str
    operator_id: str
    currency: str
    gross: int
    share: int
    captured: int
    settled: int


@dataclass(frozen=True, slots=True)
class CashSteps:
    """Keeps a step for each booking, and each line of a settlement, that moves a session on its way to cash."""

    topics: frozenset[str] = BOOK_TOPICS | {_SETTLED} | _MENDS
    table: str = "cash_step_row"

    def apply(self, cursor: Cursor[TupleRow], generation: int, events: Sequence[tuple[str, bytes]]) -> None:
        """Add the steps of a set; raises TypeError for events without their places."""
        if not isinstance(events, EventSet) or len(events.places) != len(events):
            raise TypeError("steps to cash are kept by position: an EventSet with places is needed")
        mended = _mended(cursor, generation, events)
        steps = _steps(events, {place.position for places in mended.values() for place in places})
        if not steps and not mended:
            return
        whose = {step.stream_id: step.operator_id for step in steps if step.operator_id}
        unknown = {step.stream_id for step in steps if not step.operator_id} | mended.keys()
        asked = list(unknown - whose.keys())
        known: dict[UUID, str] = dict(cursor.execute(_WHOSE, (generation, asked)).fetchall()) if asked else {}
        _add(cursor, generation, steps, known | whose)
        if whose:
            cursor.execute(_CLAIM, (array(whose), array(whose.values()), generation))
        if mended:
            _add(cursor, generation, _mends(cursor, generation, mended), known | whose)


def _add(cursor: Cursor[TupleRow], generation: int, steps: Iterable[Step], whose: Mapping[UUID, str]) -> None:
    rows = sorted(step._replace(operator_id=whose.get(step.stream_id, "")) for step in steps)
    if rows:
        cursor.execute(_ADD, (generation, *[array(column) for column in zip(*rows, strict=True)]))


def _steps(events: EventSet, left_out: Container[int]) -> list[Step]:
    """The steps of bookings, and of lines of settlements but for those at some positions."""
    found = []
    for (decision, _), place in booked(events):
        booking = decision.booking
        moves = _MOVED_BY.get(type(booking))
        if moves is not None:
            sign = 1 if type(decision) is Booked else -1
            moved = [sign * amount for amount in moves(booking)]
            at = booking.effective_at.isoformat()
            found.append(Step(place.stream_id, place.position, at, booking.operator_id, booking.currency, *moved))
    for (topic, state), place in zip(events, events.places, strict=True):
        if topic == _SETTLED and place.position not in left_out:
            line = _parsed(topic, state)
            assert isinstance(line, Settled)
            amount = settles(line)
            if amount:
                at = line.at.isoformat()
                found.append(Step(place.stream_id, place.position, at, "", line.currency, 0, 0, 0, amount))
    return found


def _parsed(topic: str, state: bytes) -> Any:
    body = read_body(topic, state)
    return parse_fact(topic, body["data"], body["source"], body["id"])


def _mended(cursor: Cursor[TupleRow], generation: int, events: EventSet) -> dict[UUID, list[Place]]:
    """By stream, the events about payments from which on all that was told of them says what is settled.

    That is from the first on that tells otherwise what settlements settle.
    """
    found: dict[UUID, list[Place]] = {}
    before: dict[UUID, list[Place]] = defaultdict(list)
    for (topic, _), place in zip(events, events.places, strict=True):
        if topic in _OF_PAYMENTS:
            if topic in _MENDS or place.stream_id in found:
                found.setdefault(place.stream_id, []).append(place)
            else:
                before[place.stream_id].append(place)
    if before:
        for (stream_id,) in cursor.execute(_TOLD_OTHERWISE, (generation, list(before))):
            found[stream_id] = before[stream_id] + found.get(stream_id, [])
    return found


def _mends(cursor: Cursor[TupleRow], generation: int, mended: Mapping[UUID, Sequence[Place]]) -> list[Step]:
    """Steps by which what is settled of sessions becomes what all that was told of their payments says."""
    so_far: dict[UUID, dict[tuple[str, datetime], int]] = defaultdict(dict)
    for stream_id, currency, at, amount in cursor.execute(_SETTLED_SO_FAR, (generation, list(mended))):
        so_far[stream_id][currency, at] = amount
    steps = []
    for stream_id, events in read_streams(cursor, list(mended)).items():
        facts = [
            (event.version, _parsed(event.topic, event.state)) for event in events if event.topic in _OF_PAYMENTS
        ]
        before = so_far[stream_id]
        for place in mended[stream_id]:
            steps.append(Step(stream_id, place.position, _MARK, "", "", 0, 0, 0, 0))
            now = _settled(fact for version, fact in facts if version <= place.version)
            for currency, at in before.keys() | now.keys():
                amount = now.get((currency, at), 0) - before.get((currency, at), 0)
                if amount:
                    moment = at.isoformat()
                    steps.append(Step(stream_id, place.position, moment, "", currency, 0, 0, 0, amount))
            before = now
    return steps


def _settled(facts: Iterable[Any]) -> dict[tuple[str, datetime], int]:
    """What settlements settle of a session, by currency and moment, by all that was told of its payments."""
    payments = PaymentFacts()
    for fact in facts:
        _learn(payments, fact)
    sums: dict[tuple[str, datetime], int] = defaultdict(int)
    for each in settlings(distinct_captures(payments.captures), payments):
        sums[each.capture.currency, each.at] += each.settled
    return sums


def _learn(payments: PaymentFacts, fact: Any) -> None:
    kinds: dict[type, list[Any]] = {
        Captured: payments.captures,
        CapturedElsewhere: payments.elsewhere,
        Settled: payments.settled,
        LineStanding: payments.standings,
    }
    kinds[type(fact)].append(fact)
