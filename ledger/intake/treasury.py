"""What the treasury is judged by, as kept: rates, positions before exchanges, fees of hubs and the days of invoices.

Who judges an exchange or a hub's invoice, and who changes what they are judged by, holds `Lock.TREASURY` to the end
of its transaction: so that of two the second sees what the first did.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from fractions import Fraction
from typing import NamedTuple, TypeAlias
from uuid import UUID

from psycopg import Cursor
from psycopg.rows import TupleRow

from domain.book.treasury_bookings import HubFeeAccrued
from domain.catalogue.exchange import Movement, Position, moved
from domain.matter.judgement import Accrued
from ledger.arrays import columns
from ledger.locks import Lock, hold

Order: TypeAlias = tuple[datetime, str, str]

_KEEP_RATES = """
INSERT INTO intake.fx_rate (base, quote, at, source, id, rate)
SELECT * FROM unnest(%s::text[], %s::text[], %s::timestamptz[], %s::text[], %s::text[], %s::numeric[])
ON CONFLICT DO NOTHING
"""
# Conversions of which a rate is the last by then, in either direction, are looked at anew.
_MARK_BY_RATES = """
UPDATE intake.matter SET stale = true
FROM unnest(%s::text[], %s::text[], %s::timestamptz[]) AS rate (base, quote, at)
JOIN intake.fx_move AS move ON move.at >= rate.at AND move.sold > 0
    AND ((sold_currency = base AND bought_currency = quote) OR (sold_currency = quote AND bought_currency = base))
WHERE matter.stream_id = move.stream_id AND NOT stale AND NOT EXISTS (
    SELECT FROM intake.fx_rate AS later WHERE later.base = rate.base AND later.quote = rate.quote
    AND later.at > rate.at AND later.at <= move.at)
"""
_LAST_RATE = """
SELECT at, rate FROM intake.fx_rate WHERE base = %s AND quote = %s AND at <= %s
ORDER BY at DESC, source DESC, id DESC LIMIT 1
"""
_MOVES = """
SELECT stream_id, sold_currency, bought_currency, at, source, id, operator_id, sold, bought, sold_before,
       bought_before
FROM intake.fx_move WHERE stream_id = ANY(%s)
"""
_SAVE_MOVES = """
INSERT INTO intake.fx_move (stream_id, sold_currency, bought_currency, at, source, id, operator_id, sold, bought,
                            sold_before, bought_before)
SELECT *, 0, 0 FROM unnest(%s::uuid[], %s::text[], %s::text[], %s::timestamptz[], %s::text[], %s::text[], %s::text[],
                           %s::bigint[], %s::bigint[])
ON CONFLICT (stream_id) DO UPDATE SET sold_currency = excluded.sold_currency,
    bought_currency = excluded.bought_currency, at = excluded.at, source = excluded.source, id = excluded.id,
    operator_id = excluded.operator_id, sold = excluded.sold, bought = excluded.bought
"""
_BEFORE = """
SELECT sold, bought, sold_before, bought_before FROM intake.fx_move
WHERE sold_currency = %s AND bought_currency = %s AND (at, source, id) < (%s, %s, %s)
ORDER BY at DESC, source DESC, id DESC LIMIT 1
"""
_FROM = """
SELECT stream_id, sold, bought, sold_before, bought_before FROM intake.fx_move
WHERE sold_currency = %s AND bought_currency = %s AND (at, source, id) >= (%s, %s, %s)
ORDER BY at, source, id
"""
_SAVE_POSITIONS = """
UPDATE intake.fx_move SET sold_before = new.sold, bought_before = new.bought
FROM unnest(%s::uuid[], %s::bigint[], %s::bigint[]) AS new (stream_id, sold, bought)
WHERE fx_move.stream_id = new.stream_id
"""
_MARK = "UPDATE intake.matter SET stale = true WHERE stream_id = ANY(%s) AND NOT stale"
_FEES = """
SELECT hub_id, currency, at FROM intake.hub_fee
WHERE (stream_id, key) IN (SELECT * FROM unnest(%s::uuid[], %s::text[]))
"""
_FORGET_FEES = "DELETE FROM intake.hub_fee WHERE (stream_id, key) IN (SELECT * FROM unnest(%s::uuid[], %s::text[]))"
_SAVE_FEES = """
INSERT INTO intake.hub_fee (stream_id, key, hub_id, currency, at, vat_code, fee, fee_vat)
SELECT * FROM unnest(%s::uuid[], %s::text[], %s::text[], %s::text[], %s::timestamptz[], %s::text[], %s::bigint[],
                     %s::bigint[])
"""
_MARK_BY_FEES = """
UPDATE intake.matter SET stale = true
FROM unnest(%s::text[], %s::text[], %s::timestamptz[]) AS fee (hub_id, currency, at)
JOIN intake.hub_invoice AS invoice USING (hub_id, currency)
WHERE matter.stream_id = invoice.stream_id AND fee.at >= since AND fee.at < until AND NOT stale
"""
_SAVE_INVOICES = """
INSERT INTO intake.hub_invoice (stream_id, hub_id, currency, since, until, at, source, id)
SELECT * FROM unnest(%s::uuid[], %s::text[], %s::text[], %s::timestamptz[], %s::timestamptz[], %s::timestamptz[],
                     %s::text[], %s::text[])
ON CONFLICT (stream_id) DO UPDATE SET currency = excluded.currency, since = excluded.since, until = excluded.until,
    at = excluded.at, source = excluded.source, id = excluded.id
WHERE (hub_invoice.currency, hub_invoice.since, hub_invoice.until, hub_invoice.at, hub_invoice.source, hub_invoice.id)
    IS DISTINCT FROM
      (excluded.currency, excluded.since, excluded.until, excluded.at, excluded.source, excluded.id)
RETURNING stream_id
"""
# What an invoice takes, later ones do not: those that share days with one that is new are looked at anew.
_MARK_INVOICES = """
UPDATE intake.matter SET stale = true
FROM intake.hub_invoice AS other JOIN intake.hub_invoice AS saved ON saved.hub_id = other.hub_id
WHERE saved.stream_id = ANY(%s) AND other.stream_id <> saved.stream_id AND matter.stream_id = other.stream_id
    AND NOT stale
"""
_ACCRUED = """
SELECT invoice.stream_id, vat_code, sum(fee)::bigint, sum(fee_vat)::bigint
FROM intake.hub_invoice AS invoice JOIN intake.hub_fee AS accrued USING (hub_id, currency)
WHERE invoice.stream_id = ANY(%s) AND accrued.at >= since AND accrued.at < until AND NOT EXISTS (
    SELECT FROM intake.hub_invoice AS other
    WHERE other.hub_id = invoice.hub_id AND other.currency = invoice.currency
    AND accrued.at >= other.since AND accrued.at < other.until
    AND (other.at, other.source, other.id) < (invoice.at, invoice.source, invoice.id))
GROUP BY invoice.stream_id, vat_code ORDER BY invoice.stream_id, vat_code
"""


class KeptRate(NamedTuple):
    """A rate as it was published; `rate` as decimal text."""

    base: str
    quote: str
    at: datetime
    source: str
    id: str
    rate: str


class Move(NamedTuple):
    """An exchange as far as the position depends on it."""

    stream_id: UUID
    sold_currency: str
    bought_currency: str
    at: datetime
    source: str
    id: str
    operator_id: str
    sold: int
    bought: int

    @property
    def place(self) -> tuple[str, str, Order]:
        """Its pair, and where it comes among the exchanges of that."""
        return self.sold_currency, self.bought_currency, (self.at, self.source, self.id)


class HubBill(NamedTuple):
    """A hub's invoice as far as it takes what was accrued, from a moment to another."""

    stream_id: UUID
    hub_id: str
    currency: str
    since: datetime
    until: datetime
    at: datetime
    source: str
    id: str


def hold_treasury(cursor: Cursor[TupleRow]) -> None:
    """Let nobody else judge by these tables, or change them, to the end of the transaction."""
    hold(cursor, Lock.TREASURY)


def keep_rates(cursor: Cursor[TupleRow], rates: Sequence[KeptRate]) -> None:
    """Keep rates that were published, and have the conversions that they rule looked at anew."""
    if rates:
        hold_treasury(cursor)
        cursor.execute(_KEEP_RATES, columns(rates))
        cursor.execute(_MARK_BY_RATES, columns([rate[:3] for rate in rates]))


def last_rate(
    cursor: Cursor[TupleRow], sold_currency: str, bought_currency: str, at: datetime
) -> tuple[datetime, Fraction] | None:
    """The last rate that was published by a moment, in units of what is bought for one sold, and when it was.

    One of the pair the other way round counts by its inverse where it is later.
    """
    found = [
        (row[0], is_direct, row[1])
        for is_direct, pair in ((True, (sold_currency, bought_currency)), (False, (bought_currency, sold_currency)))
        for row in cursor.execute(_LAST_RATE, (*pair, at)).fetchall()
    ]
    if not found:
        return None
    published_at, is_direct, rate = max(found, key=lambda each: each[:2])
    return published_at, Fraction(rate) if is_direct else 1 / Fraction(rate)


def keep_moves(cursor: Cursor[TupleRow], moves: Sequence[Move]) -> dict[UUID, Position]:
    """Keep exchanges; the position before each of them. Others that they come before are looked at anew."""
    if not moves:
        return {}
    ids = [move.stream_id for move in moves]
    kept = {row[0]: (Move(*row[:9]), Position(*row[9:])) for row in cursor.execute(_MOVES, (ids,)).fetchall()}
    before = {stream_id: position for stream_id, (_, position) in kept.items()}
    changed = [move for move in moves if move.stream_id not in kept or kept[move.stream_id][0] != move]
    if not changed:
        return before
    cursor.execute(_SAVE_MOVES, columns(changed))
    places = [move.place for move in changed]
    places += [kept[move.stream_id][0].place for move in changed if move.stream_id in kept]
    positions: dict[UUID, Position] = {}
    for pair in sorted({place[:2] for place in places}):
        first = min(place[2] for place in places if place[:2] == pair)
        positions |= _positions_from(cursor, pair, first)
    if positions:
        rows = [(stream_id, position.sold, position.bought) for stream_id, position in sorted(positions.items())]
        cursor.execute(_SAVE_POSITIONS, columns(rows))
        cursor.execute(_MARK, (sorted(positions.keys() - set(ids)),))
    return dict.fromkeys(ids, Position()) | before | positions


def _positions_from(cursor: Cursor[TupleRow], pair: tuple[str, str], first: Order) -> dict[UUID, Position]:
    """The positions before exchanges of a pair from a place on, where they are kept otherwise."""
    found: dict[UUID, Position] = {}
    position = Position()
    for sold, bought, sold_before, bought_before in cursor.execute(_BEFORE, (*pair, *first)).fetchall():
        position, _ = moved(Position(sold_before, bought_before), Movement(*pair, sold, bought))
    for stream_id, sold, bought, sold_before, bought_before in cursor.execute(_FROM, (*pair, *first)).fetchall():
        if position != Position(sold_before, bought_before):
            found[stream_id] = position
        position, _ = moved(position, Movement(*pair, sold, bought))
    return found


def keep_hub_fees(cursor: Cursor[TupleRow], fees: Mapping[tuple[UUID, str], HubFeeAccrued | None]) -> None:
    """Keep fees as they stand on the book, by stream and key, and have the invoices of their days looked at anew."""
    if not fees:
        return
    hold_treasury(cursor)
    keys = columns(sorted(fees))
    touched: set[tuple[str, str, datetime]] = {tuple(row) for row in cursor.execute(_FEES, keys).fetchall()}
    cursor.execute(_FORGET_FEES, keys)
    stand = [(key, fee) for key, fee in sorted(fees.items(), key=lambda each: each[0]) if fee is not None]
    if stand:
        rows = [
            (*key, fee.hub_id, fee.currency, fee.effective_at, fee.vat_code, fee.fee, fee.fee_vat)
            for key, fee in stand
        ]
        cursor.execute(_SAVE_FEES, columns(rows))
        touched |= {(fee.hub_id, fee.currency, fee.effective_at) for _, fee in stand}
    if touched:
        cursor.execute(_MARK_BY_FEES, columns(sorted(touched)))


def keep_hub_invoices(cursor: Cursor[TupleRow], invoices: Sequence[HubBill]) -> dict[UUID, tuple[Accrued, ...]]:
    """Keep invoices of hubs; what was accrued of the days of each that no earlier one took."""
    if not invoices:
        return {}
    saved = [stream_id for (stream_id,) in cursor.execute(_SAVE_INVOICES, columns(sorted(invoices))).fetchall()]
    if saved:
        cursor.execute(_MARK_INVOICES, (saved,))
    return _accrued(cursor, [invoice.stream_id for invoice in invoices])


def _accrued(cursor: Cursor[TupleRow], stream_ids: Collection[UUID]) -> dict[UUID, tuple[Accrued, ...]]:
    found: dict[UUID, list[Accrued]] = {stream_id: [] for stream_id in stream_ids}
    rows: Iterable[TupleRow] = cursor.execute(_ACCRUED, (list(stream_ids),)).fetchall()
    for stream_id, *accrued in rows:
        found[stream_id].append(Accrued(*accrued))
    return {stream_id: tuple(each) for stream_id, each in found.items()}
