"""Matters between operators and the platform as stored: what is said of them is taken in, and the clock judges them.

Each is a stream of its own. It is judged when something is said of it, when the clock comes to a moment at which it
books something by itself, and when other terms of its operator are known.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from functools import partial
from uuid import UUID

from psycopg import Cursor
from psycopg.rows import TupleRow

from contracts.messages import MESSAGE_TYPES, stream_of
from domain.book.bookings import Booking
from domain.book.findings import FindingEnded, FindingOpened
from domain.book.matter_bookings import BalanceCollected, BalanceFunded
from domain.book.refusals import DecisionRefused
from domain.book.release import Release
from domain.book.standing import Booked, Retracted
from domain.catalogue.catalogue import Catalogue
from domain.fact import RecordedFact
from domain.matter.matter import HOLD_MAX_AGE, Matter
from domain.matter.treasury import BY_RUN, CONVERTED
from engine.folding import fold
from engine.treasury import surroundings
from engine.work import Work
from ledger.book.lines import MovedRelease
from ledger.events.heads import lock_streams
from ledger.events.store import StoredEvent, read_streams
from ledger.intake.matters import MatterHead, choose_matters, save_matters

# What runs say in the form of a message, with the type of that.
_MESSAGE_OF = {BY_RUN: CONVERTED}
# What puts money on the account of client money, which the bank is going to book too.
_ON_BANK = (BalanceFunded, BalanceCollected)


def take_matters(
    cursor: Cursor[TupleRow],
    work: Work,
    facts: Iterable[RecordedFact],
    catalogue: Catalogue,
    hold_max_age: timedelta = HOLD_MAX_AGE,
) -> None:
    """Store facts in the streams of their matters, and judge each of those once for all that came."""
    by_stream: dict[UUID, list[RecordedFact]] = defaultdict(list)
    for fact in facts:
        by_stream[stream_of(_MESSAGE_OF.get(fact.type, fact.type), fact.data)].append(fact)
    if not by_stream:
        return
    matters = _load(cursor, by_stream)
    for stream_id, matter in matters.items():
        stream = work.stream(stream_id, matter)
        for fact in by_stream[stream_id]:
            stream.append(fact)
            _learn(matter, fact)
    _judge(cursor, work, matters, catalogue, None, hold_max_age)


def advance_matters(
    cursor: Cursor[TupleRow],
    work: Work,
    catalogue: Catalogue,
    until: datetime,
    at_most: int,
    hold_max_age: timedelta = HOLD_MAX_AGE,
) -> int:
    """Judge matters that are due by a moment, or to be judged again; how many there were."""
    matters = _load(cursor, choose_matters(cursor, until, at_most))
    _judge(cursor, work, matters, catalogue, until, hold_max_age)
    return len(matters)


def _load(cursor: Cursor[TupleRow], stream_ids: Iterable[UUID]) -> dict[UUID, Matter]:
    """Lock the streams of matters and fold them."""
    versions = lock_streams(cursor, stream_ids)
    stored = read_streams(cursor, [stream_id for stream_id, version in versions.items() if version])
    return {stream_id: _replayed(stream_id, stored.get(stream_id, ())) for stream_id in sorted(versions)}


def _replayed(stream_id: UUID, stored: Sequence[StoredEvent]) -> Matter:
    matter = Matter(stream_id)
    fold(matter, stored, partial(_learn, matter))
    return matter


def _learn(matter: Matter, fact: RecordedFact) -> None:
    named = MESSAGE_TYPES[_MESSAGE_OF.get(fact.type, fact.type)].stream
    matter.name = matter.name or (named(fact.data) if named else "")
    matter.learn(fact)


def _judge(
    cursor: Cursor[TupleRow],
    work: Work,
    matters: Mapping[UUID, Matter],
    catalogue: Catalogue,
    clock: datetime | None,
    hold_max_age: timedelta,
) -> None:
    heads = []
    of_treasury = surroundings(cursor, matters, catalogue.operators)
    for stream_id, matter in matters.items():
        outcome = matter.decide(catalogue.operators, clock, hold_max_age, of_treasury.get(stream_id))
        stream = work.stream(stream_id, matter)
        if any(isinstance(each, Booked | Retracted) for each in outcome.decisions) and _moves_bank(matter):
            work.told_receipts[stream_id] = (matter.name, matter.standing.bookings())
        for decision in outcome.decisions:
            stream.append(decision)
            if isinstance(decision, Booked | Retracted):
                stream.book(decision, outcome.around.release_of(decision.booking))
            elif isinstance(decision, FindingOpened | FindingEnded):
                stream.tell(decision)
            elif isinstance(decision, DecisionRefused):
                stream.send("settlement.notifications", decision.subject)
        if clock is not None:
            _move(work, stream_id, matter, outcome.around.release_of)
        versions = outcome.around.versions
        waits = not versions or versions.at(outcome.acts_from) is None
        heads.append(MatterHead(stream_id, matter.operator_id, outcome.due_at, outcome.acts_until, waits))
    save_matters(cursor, heads)


def _moves_bank(matter: Matter) -> bool:
    """Whether it puts money on the account of client money, which the bank is going to book too."""
    return any(isinstance(each, _ON_BANK) for each in matter.standing.bookings())


def _move(work: Work, stream_id: UUID, matter: Matter, release_of: Callable[[Booking], Release | None]) -> None:
    """Bring unpaid lines in step with the terms that are known now."""
    for booked in matter.standing:
        release = release_of(booked.booking)
        if release is not None:
            share = booked.booking.share
            work.moved.append(MovedRelease(stream_id, share, release.released_at, release.available_on))
