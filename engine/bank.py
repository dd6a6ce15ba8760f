"""What banks say of our accounts: entries are stored in streams of their own, and compared with what was told.

A line and the settlement or invoice that it brings may come in any order. Whichever is second finds the other by the
names in the line; all lines and receipts that hang together by names are compared anew, under one lock.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import chain
from typing import Any
from uuid import UUID

from psycopg import Cursor
from psycopg.rows import TupleRow

from contracts.decode import Message
from contracts.messages import stream_of
from domain.bank.entry import BankEntry, BankLineConfirmed
from domain.bank.facts import BANK_FACTS
from domain.bank.matching import NOTHING, BankLine, Confirmed, ToldReceipt, folded, match, told_by
from domain.bank.statement import BankSaying
from domain.book.bookings import Booking
from domain.calendar import instant
from domain.catalogue.catalogue import Catalogue
from domain.catalogue.parties import partner_key
from domain.fact import RecordedFact
from engine.folding import fold
from engine.work import Stream, Work
from ledger.events.heads import lock_streams
from ledger.events.store import read_streams
from ledger.intake.bank import (
    KeptLine,
    KeptReceipt,
    await_partners,
    entries_awaiting,
    keep_lines,
    keep_receipts,
    kept_lines,
    lines_naming,
    lock_bank_lines,
    note_confirmed,
    note_statement,
    receipts_named,
    statements_from,
)


def take_bank(
    cursor: Cursor[TupleRow],
    work: Work,
    facts: Sequence[RecordedFact],
    catalogue: Catalogue,
    published: Iterable[Message] = (),
) -> None:
    """Store what banks said, and book what follows from that and from the receipts that changed.

    Whoever has receipts or words of banks locks bank lines first (`lock_bank_lines`). What was allocated to partners
    that are `published` here counts from now on.
    """
    registered = {_partner_of(each.data) for each in published if each.type == "partner.registered"}
    if work.told_receipts or registered:
        lock_bank_lines(cursor)
    of_entries: dict[UUID, list[RecordedFact]] = {}
    sayings: dict[UUID, list[RecordedFact]] = {}
    for fact in facts:
        to = of_entries if BANK_FACTS[fact.type] is BankEntry else sayings
        to.setdefault(stream_of(fact.type, fact.data), []).append(fact)
    for stream_id in entries_awaiting(cursor, registered) if registered else ():
        of_entries.setdefault(stream_id, [])
    if of_entries or work.told_receipts:
        _take_entries(cursor, work, of_entries, catalogue.partners.__contains__)
    if sayings:
        _take_sayings(cursor, work, sayings)


def _partner_of(data: Mapping[str, Any]) -> str:
    return partner_key(data["country_code"], data["party_id"])


def _take_entries(
    cursor: Cursor[TupleRow],
    work: Work,
    facts: Mapping[UUID, Sequence[RecordedFact]],
    is_known: Callable[[str], bool],
) -> None:
    receipts = [kept for key, told in work.told_receipts.items() for kept in _kept_receipts(key, *told)]
    keep_receipts(cursor, work.told_receipts, receipts)
    entries = _load(cursor, work, facts)
    for stream_id, found in facts.items():
        entry, stream = entries[stream_id]
        for fact in found:
            stream.append(fact)
            entry.learn(fact)
    lines = {key: [_kept(key, line) for line in entry.to_match()] for key, (entry, _) in entries.items()}
    if lines:
        keep_lines(cursor, lines)
    named = {receipt.name for receipt in receipts}
    changed = _compared(cursor, [line.reference for line in chain.from_iterable(lines.values())], named)
    entries |= _load(cursor, work, {line.stream_id for line, _ in changed} - entries.keys())
    for line, confirmed in changed:
        entry, stream = entries[line.stream_id]
        decision = BankLineConfirmed(
            line.reference, confirmed.amount, confirmed.by, confirmed.taken, confirmed.missing, confirmed.missing_of
        )
        entry.evolve(decision)
        stream.append(decision)
    note_confirmed(cursor, [(line.reference, _text(confirmed)) for line, confirmed in changed])
    awaited = []
    for stream_id, (entry, stream) in entries.items():
        stream.write(entry.decide(is_known))
        awaited += [(partner, stream_id) for partner in sorted(entry.partners_unknown(is_known))]
    await_partners(cursor, awaited)


def _compared(
    cursor: Cursor[TupleRow], references: Sequence[str], names: set[str]
) -> list[tuple[KeptLine, Confirmed]]:
    """The lines of which something else was told than is known, among those that hang together with some by names."""
    lines = {line.reference: line for line in kept_lines(cursor, references)}
    receipts: set[tuple[object, ...]] = set()
    looked_for: set[str] = set()
    wanted = set(names) | {name for line in lines.values() for name in line.names}
    while wanted:
        looked_for |= wanted
        found = receipts_named(cursor, wanted)
        receipts |= set(found)
        # Only names of receipts lead on: what else two lines have in common means nothing.
        naming = lines_naming(cursor, {receipt[2] for receipt in found} | (names & wanted))
        fresh = [line for line in naming if line.reference not in lines]
        lines |= {line.reference: line for line in fresh}
        wanted = {name for line in fresh for name in line.names} - looked_for
    told = match(map(_to_match, lines.values()), [ToldReceipt(*receipt) for receipt in receipts])  # type: ignore[arg-type]
    return [
        (line, told.get(reference, NOTHING))
        for reference, line in sorted(lines.items())
        if line.confirmed != _text(told.get(reference, NOTHING))
    ]


def _text(confirmed: Confirmed) -> str:
    """What is known of a line, as a text; "" for nothing."""
    return "" if confirmed == NOTHING else "\t".join(map(str, confirmed))


def _kept(stream_id: UUID, line: BankLine) -> KeptLine:
    return KeptLine(line.reference, stream_id, line.at, line.currency, line.amount, sorted(line.names))


def _to_match(line: KeptLine) -> BankLine:
    return BankLine(line.at, line.reference, line.currency, line.amount, frozenset(line.names))


def _kept_receipts(stream_id: UUID, stream: str, bookings: Sequence[Booking]) -> Iterable[KeptReceipt]:
    """What a receipt has on the book, by currency."""
    found: dict[str, KeptReceipt] = {}
    for each in bookings:
        named = told_by(stream, each)
        if named is None:
            continue
        id_, subject, amount = named
        known = found.get(each.currency)
        at = min(known.at, each.effective_at) if known else each.effective_at
        total = amount + (known.amount if known else 0)
        found[each.currency] = KeptReceipt(stream_id, each.currency, subject, folded(id_), at, total)
    return found.values()


def _load(cursor: Cursor[TupleRow], work: Work, stream_ids: Iterable[UUID]) -> dict[UUID, tuple[BankEntry, Stream]]:
    """Entries by their streams, locked."""
    ids = list(stream_ids)
    if not ids:
        return {}
    versions = lock_streams(cursor, ids)
    stored = read_streams(cursor, [key for key in ids if versions[key]])
    found = {}
    for key in ids:
        entry = BankEntry()
        fold(entry, stored.get(key, ()), entry.learn)
        found[key] = (entry, work.stream(key, entry))
    return found


def _take_sayings(cursor: Cursor[TupleRow], work: Work, facts: Mapping[UUID, Sequence[RecordedFact]]) -> None:
    """Keep statements and notices, and find what is wrong; a statement also changes what the next one lacks."""
    missing: dict[UUID, tuple[int, int] | None] = {}
    numbered = [fact for found in facts.values() for fact in found if fact.data.get("number") is not None]
    for fact in numbered:
        note_statement(cursor, *_series(fact), stream_of(fact.type, fact.data))
    for fact in numbered:
        for stream_id, number, before in statements_from(cursor, *_series(fact)):
            gap = before is not None and before < number - 1
            missing[stream_id] = (before + 1, number - 1) if gap and before is not None else None
    ids = [*facts, *(key for key in missing if key not in facts)]
    versions = lock_streams(cursor, ids)
    stored = read_streams(cursor, [key for key in ids if versions[key]])
    for key in ids:
        saying = BankSaying()
        fold(saying, stored.get(key, ()), saying.learn)
        stream = work.stream(key, saying)
        for fact in facts.get(key, ()):
            stream.append(fact)
            saying.learn(fact)
        stream.write(saying.decide())
        if key in missing:
            stream.write(saying.decide_missing(missing[key]))


def _series(fact: RecordedFact) -> tuple[str, int, int]:
    return fact.data["account"], instant(fact.data["told_at"]).year, fact.data["number"]
