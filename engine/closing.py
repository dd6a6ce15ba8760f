"""Affairs of the book as stored: what people decide is kept, and the clock judges each decision at its own time."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from functools import cache, partial
from typing import Any
from uuid import UUID

from psycopg import Cursor
from psycopg.rows import TupleRow

from contracts.messages import MESSAGE_TYPES, stream_of
from domain.book.findings import FindingEnded, FindingOpened
from domain.book.refusals import DecisionRefused
from domain.book.standing import Booked
from domain.catalogue.catalogue import Catalogue
from domain.closing.affair import Affair, Decision
from domain.closing.events import PeriodClosed, PeriodReopened
from domain.closing.kinds import AFFAIRS
from domain.closing.period import PeriodAffair, PeriodAround
from domain.closing.statement import OWED, POOL, Bounds, figures_of
from domain.closing.sweep import SweepAffair, SweepAround
from domain.closing.vat_return import VatAffair, VatAround
from domain.fact import RecordedFact
from domain.matter.told import Told
from engine.due_runs import due_runs
from engine.folding import fold
from engine.work import Stream, Work
from ledger.book.balances import trial_balance
from ledger.book.periods import (
    book_calendar,
    booked_through,
    bounds_of,
    fix_zone,
    hold_calendar,
    issued_before,
    turn_period,
)
from ledger.book.vat_figures import vat_accounts
from ledger.events.codec import decode
from ledger.events.heads import lock_streams
from ledger.events.store import StoredEvent, event_id, read_streams
from ledger.intake.affairs import AffairHead, next_due, reserved, return_filed, save_affairs
from ledger.intake.checklist import checklist

NOTIFICATIONS = "settlement.notifications"


def take_affairs(cursor: Cursor[TupleRow], work: Work, facts: Iterable[RecordedFact]) -> None:
    """Store what people decided in the streams of its affairs; the clock judges it."""
    by_stream: dict[UUID, list[RecordedFact]] = defaultdict(list)
    for fact in facts:
        stream_id = stream_of(fact.type, fact.data)
        by_stream[stream_id].append(fact)
    if not by_stream:
        return
    heads = []
    for stream_id, affair in _load(cursor, {stream_id: found[0] for stream_id, found in by_stream.items()}).items():
        stream = work.stream(stream_id, affair)
        for fact in by_stream[stream_id]:
            stream.append(fact)
            affair.learn(fact)
        heads.append(_head(affair))
    save_affairs(cursor, heads)


def decide_next(cursor: Cursor[TupleRow], work: Work, catalogue: Catalogue, until: datetime, book_zone: str) -> int:
    """Judge the decision that is due first by a moment; how many there were, none or one."""
    stream_id = next_due(cursor, until)
    if stream_id is None:
        return 0
    affair = _load(cursor, {stream_id: None})[stream_id]
    told = affair.due()
    if told is not None and told.at <= until:
        stream = work.stream(stream_id, affair)
        for decision in affair.decide(told, _around(cursor, catalogue, affair, told, book_zone)):
            _keep(cursor, stream, affair, decision)
    save_affairs(cursor, [_head(affair)])
    return 1


def _name(fact: RecordedFact) -> str:
    named = MESSAGE_TYPES[fact.type].stream
    return named(fact.data) if named else ""


def _load(cursor: Cursor[TupleRow], first_facts: Mapping[UUID, RecordedFact | None]) -> dict[UUID, Affair]:
    """Lock the streams of affairs and fold them; a fact of each that may have none says what it is."""
    versions = lock_streams(cursor, first_facts)
    stored = read_streams(cursor, [stream_id for stream_id, version in versions.items() if version])
    return {id_: _replayed(id_, first_facts[id_], stored.get(id_, ())) for id_ in sorted(versions)}


def _replayed(stream_id: UUID, first: RecordedFact | None, stored: Sequence[StoredEvent]) -> Affair:
    events = (decode(each.topic, each.state) for each in stored)
    said = next((event for event in events if isinstance(event, RecordedFact)), first)
    if said is None:
        raise LookupError(f"stream {stream_id} has no decision of people")
    affair = AFFAIRS[said.type](stream_id, _name(said))
    fold(affair, stored, affair.learn)
    return affair


def _head(affair: Affair) -> AffairHead:
    due = affair.due()
    due_at = due.at if due else None
    if isinstance(affair, SweepAffair) and affair.is_open and affair.reserved is not None:
        return AffairHead(affair.stream_id, affair.name, due_at, affair.reserved.currency, affair.reserved.amount)
    if isinstance(affair, VatAffair) and affair.filed is not None:
        filed, jurisdiction = affair.filed, affair.jurisdiction
        return AffairHead(
            affair.stream_id,
            affair.name,
            due_at,
            jurisdiction=jurisdiction,
            filed_from=filed.first_period,
            filed_to=filed.last_period,
        )
    return AffairHead(affair.stream_id, affair.name, due_at)


def _keep(cursor: Cursor[TupleRow], stream: Stream, affair: Affair, decision: Decision) -> None:
    """Store a decision, and what follows from it beside the events."""
    stream.append(decision)
    if isinstance(decision, Booked):
        stream.book(decision)
    elif isinstance(decision, FindingOpened | FindingEnded):
        stream.tell(decision)
    elif isinstance(decision, DecisionRefused):
        stream.send(NOTIFICATIONS, decision.subject)
    elif isinstance(decision, PeriodClosed):
        issued = (bytes.fromhex(decision.statement_hash), decision.issued, decision.balance_sheet, decision.checklist)
        stream.send(NOTIFICATIONS, decision.period)
        _turn(cursor, stream, affair, "CLOSED", decision, *issued)
    elif isinstance(decision, PeriodReopened):
        stream.send(NOTIFICATIONS, decision.period)
        _turn(cursor, stream, affair, "REOPENED", decision)


def _turn(
    cursor: Cursor[TupleRow],
    stream: Stream,
    affair: Affair,
    kind: str,
    decision: PeriodClosed | PeriodReopened,
    *issued: Any,
) -> None:
    cause = event_id(stream.stream_id, affair.version)
    turn_period(cursor, kind, decision.period, decision.version, decision.zone, decision.at, cause, *issued)


def _around(cursor: Cursor[TupleRow], catalogue: Catalogue, affair: Affair, told: Told, book_zone: str) -> Any:
    """What a decision is judged in, as the book is now."""
    if isinstance(affair, PeriodAffair):
        hold_calendar(cursor)
        return period_around(cursor, catalogue, affair.subject, book_zone)
    calendar = book_calendar(cursor)
    if isinstance(affair, SweepAffair):
        return SweepAround(free_to_sweep(cursor, told.data["currency"], told.at))
    if told.type == "vat.paid":
        return VatAround(calendar.first_open, None, tuple)
    jurisdiction = told.data["jurisdiction"]
    first, last = (str(told.data[name])[:7] for name in ("from", "to"))
    currency = told.data["output"]["currency"]
    overlaps = return_filed(cursor, first, last, jurisdiction, affair.name)
    figures = partial(vat_accounts, cursor, jurisdiction, currency, first, last, calendar.zone)
    return VatAround(calendar.first_open, overlaps, figures)


def period_around(cursor: Cursor[TupleRow], catalogue: Catalogue, period: str, book_zone: str) -> PeriodAround:
    """What a period is judged in, as the book is now."""
    calendar = book_calendar(cursor)
    zone = calendar.zone if calendar.is_fixed else fix_zone(cursor, book_zone)
    bounds = Bounds(period, zone, *bounds_of(cursor, period, zone))
    before = issued_before(cursor, period)
    return PeriodAround(
        bounds,
        calendar.first_open,
        due_runs(cursor, catalogue, bounds.ends_at).operator_ids,
        cache(partial(booked_through, cursor, period, bounds.ends_at)),
        lambda: figures_of(before) if before else {},
        cache(partial(checklist, cursor, bounds.ends_at)),
        return_filed(cursor, period, period),
    )


def free_to_sweep(cursor: Cursor[TupleRow], currency: str, at: datetime) -> int:
    """How much may be swept as of a moment: the cover, at most what the bank has, less what is reserved.

    Minor units; below zero where there is too little.
    """
    balances = trial_balance(cursor, at, (*POOL, *OWED)).get(currency, {})
    cover = sum(debits - credits for debits, credits in balances.values())
    debits, credits = balances.get("1010", (0, 0))
    return min(cover, debits - credits) - reserved(cursor, currency)
