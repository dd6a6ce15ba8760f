"""The treasury: exchanges, suppliers and hubs are on the book as they were told, and positions are what they come to.

A position is folded here anew, over all exchanges of a pair in the order in which they act.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from itertools import groupby
from typing import Any
from uuid import UUID

import orjson

from ledger.audit.amounts import exact, half_up, instant, minor_of, minor_units
from ledger.audit.named_rows import NamedRows, Table
from ledger.audit.report import Tally
from ledger.audit.snapshot import Snapshot
from ledger.audit.streams import CONVERSION, DEAL, HUB_INVOICE, SUPPLIER_PAYMENT, Body, Fact, Stream, in_order
from ledger.audit.wanted import Told

_RATES = "SELECT state FROM event_store.stored_events WHERE topic = 'fx.rate_published'"
_BEFORE = "SELECT sold_before, bought_before FROM intake.fx_move WHERE stream_id = %s"
_MOVES = """
SELECT sold_currency, bought_currency, stream_id, sold, bought, sold_before, bought_before
FROM intake.fx_move ORDER BY sold_currency, bought_currency, at, source, id
"""
# The last rate of a pair by a moment, and whether it is the other way round.
_LAST_RATE = """
SELECT rate, base = %(sold)s AS direct FROM intake.fx_rate
WHERE (base, quote) IN ((%(sold)s, %(bought)s), (%(bought)s, %(sold)s)) AND at <= %(at)s
ORDER BY at DESC, direct DESC, source DESC, id DESC LIMIT 1
"""
# The rates of a pair that were published within a day before a moment, and whether each is the other way round.
_RATES_OF_A_DAY = """
SELECT rate, base = %(sold)s FROM intake.fx_rate
WHERE (base, quote) IN ((%(sold)s, %(bought)s), (%(bought)s, %(sold)s)) AND at <= %(at)s
  AND at >= %(at)s - interval '24 hours'
"""
# What was accrued of an invoice's days goes to the first that has them.
_ACCRUED = """
SELECT vat_code, fee, fee_vat FROM intake.hub_fee AS accrued
WHERE hub_id = %(hub)s AND currency = %(currency)s AND at >= %(since)s AND at < %(until)s AND %(stream)s = (
    SELECT stream_id FROM intake.hub_invoice AS taken
    WHERE taken.hub_id = %(hub)s AND taken.currency = %(currency)s AND taken.since <= accrued.at
      AND taken.until > accrued.at
    ORDER BY taken.at, taken.source, taken.id LIMIT 1)
ORDER BY vat_code
"""
FX_RATES = Table("intake.fx_rate", ("source", "id"), ("base", "quote", "at", "rate"))
FX_MOVES = Table(
    "intake.fx_move",
    ("stream_id",),
    ("sold_currency", "bought_currency", "at", "source", "id", "operator_id", "sold", "bought"),
)
HUB_FEES = Table("intake.hub_fee", ("stream_id", "key"), ("hub_id", "currency", "at", "vat_code", "fee", "fee_vat"))
HUB_INVOICES = Table(
    "intake.hub_invoice", ("stream_id",), ("hub_id", "currency", "since", "until", "at", "source", "id")
)
TABLES = (FX_RATES, FX_MOVES, HUB_FEES, HUB_INVOICES)
_OFF_PERCENT = 2
_DAY = timedelta(days=1)


def check_positions(snapshot: Snapshot, tally: Tally) -> None:
    """What stands before each exchange is what those before it leave: a position of nothing stands at nothing."""
    for (sold_currency, bought_currency), rows in groupby(snapshot.rows(_MOVES), key=lambda row: row[:2]):
        open_, stands_at = 0, 0
        for _, _, stream_id, sold, bought, sold_before, bought_before in rows:
            tally.examined += 1
            where = f"intake.fx_move {stream_id}"
            position = f"the position of {sold_currency}-{bought_currency} before it"
            tally.compare(where, (open_, stands_at), (sold_before, bought_before), position)
            gone, came = _closes(open_, stands_at, sold, bought)
            open_, stands_at = open_ + sold, stands_at + bought - gone - came


def _closes(open_: int, stands_at: int, sold: int, bought: int) -> tuple[int, int]:
    """What leaves a position by an exchange, at its average, and what comes for that; nothing where it adds to it."""
    if open_ * sold >= 0:
        return 0, 0
    part = Fraction(min(abs(open_), abs(sold)))
    return half_up(stands_at * part / abs(open_)), half_up(bought * part / abs(sold))


def note_rows(stream: Stream, rows: NamedRows, is_known: Callable[[str], bool]) -> None:
    """Note what a stream makes of the rows by which the treasury is judged."""
    says: dict[str, Any]
    for key, (type_, booking) in stream.standing.items():
        if type_ == "HubFeeAccrued":
            says = {name: booking[name] for name in ("hub_id", "currency", "vat_code", "fee", "fee_vat")}
            rows.tell(HUB_FEES, (stream.stream_id, key), says | {"at": instant(booking["effective_at"])})
    if stream.kind in (CONVERSION, DEAL):
        first = _first(stream)
        if stream.kind == DEAL or is_known(first.data["operator_id"]):
            sold, bought, sold_currency, bought_currency = _exchanged(stream, first)
            says = {
                "sold_currency": sold_currency,
                "bought_currency": bought_currency,
                "sold": sold,
                "bought": bought,
            }
            says |= {"at": first.at, "source": first.source, "id": first.id}
            operator_id = first.data.get("operator_id") or ""
            rows.tell(FX_MOVES, (stream.stream_id,), says | {"operator_id": operator_id})
    elif stream.kind == HUB_INVOICE:
        first = _first(stream)
        since, until = _span(first.data)
        says = {"hub_id": first.data["hub_id"], "currency": first.data["net"]["currency"], "since": since}
        says |= {"until": until, "at": first.at, "source": first.source, "id": first.id}
        rows.tell(HUB_INVOICES, (stream.stream_id,), says)


def note_rates(snapshot: Snapshot, rows: NamedRows) -> None:
    """Note the rates that were published."""
    for (state,) in snapshot.rows(_RATES):
        body = orjson.loads(state)
        data = body["data"]
        says = {"base": data["base"], "quote": data["quote"], "at": instant(data["at"])}
        rows.tell(FX_RATES, (body["source"], body["id"]), says | {"rate": Decimal(data["rate"])})


class KeptTreasury:
    """What exchanges and invoices are compared with, of each when it is its turn.

    `converting` are the currencies into which operators' runs convert by any of their terms, with the spread.
    """

    def __init__(self, snapshot: Snapshot, converting: Mapping[str, Collection[tuple[str, Fraction]]]) -> None:
        self._snapshot, self.converting = snapshot, converting

    def rates_of_a_day(self, sold: str, bought: str, at: datetime) -> set[Fraction]:
        """By which rates a run may convert at a moment: of nine decimals, half-up."""
        asked = {"sold": sold, "bought": bought, "at": at}
        rates = (
            Fraction(rate) if is_direct else 1 / Fraction(rate)
            for rate, is_direct in self._snapshot.rows(_RATES_OF_A_DAY, asked)
        )
        return {Fraction(half_up(rate * 10**9), 10**9) for rate in rates}

    def before(self, stream_id: UUID) -> tuple[int, int]:
        """The position before an exchange; nothing for one that is not kept."""
        return next(((row[0], row[1]) for row in self._snapshot.rows(_BEFORE, (stream_id,))), (0, 0))

    def last_rate(self, sold: str, bought: str, at: datetime) -> Fraction | None:
        """The last rate of a pair that was published by a moment, in units of what is bought."""
        for rate, is_direct in self._snapshot.rows(_LAST_RATE, {"sold": sold, "bought": bought, "at": at}):
            return Fraction(rate) if is_direct else 1 / Fraction(rate)
        return None

    def accrued(self, stream_id: UUID, data: Body) -> list[tuple[str, int, int]]:
        """What was accrued of an invoice's days, unless another takes it: the VAT's code, fee and VAT."""
        since, until = _span(data)
        asked = {"hub": data["hub_id"], "currency": data["net"]["currency"], "since": since, "until": until}
        return [(row[0], row[1], row[2]) for row in self._snapshot.rows(_ACCRUED, asked | {"stream": stream_id})]


def judge(stream: Stream, kept: KeptTreasury, *, is_known: bool) -> Told:
    """What should be of a stream of the treasury; `is_known` is its operator, where it is about one."""
    first = _first(stream)
    told = Told(findings=set(_told_otherwise(stream, first)))
    _JUDGES[stream.kind](told, stream, first, kept, is_known)
    return told


def converting_terms(data: Body) -> tuple[str, Fraction] | None:
    """Into which currency an operator's terms have its runs convert, and at which spread in percent."""
    to, spread = (
        data["payout"].get(name) if data.get(name) is None else data[name]
        for name in ("convert_to", "fx_spread_percent")
    )
    return (to, exact(spread or 0)) if to else None


def check_by_run(stream: Stream, kept: KeptTreasury, tally: Tally) -> None:
    """A run converts as its operator's terms say, at a rate that was published within a day."""
    for fact in stream.facts.get("fx.converted.by_run", ()):
        data, where = fact.data, stream.name
        agreed = (data["to_currency"], exact(data["spread_percent"]))
        if agreed not in kept.converting.get(data["operator_id"], ()):
            sentence = f"{where}: a run converted to {agreed[0]} at {agreed[1]} %, and no terms say so"
            tally.note(where, "what terms say", data["to_currency"], sentence)
        rates = kept.rates_of_a_day(data["sold"]["currency"], data["to_currency"], fact.at)
        if exact(data["rate"]) not in rates:
            sentence = f"{where}: a run converted at {data['rate']}, which was not published within 24 hours"
            tally.note(where, "a rate of that day", data["rate"], sentence)


def _conversion(told: Told, stream: Stream, first: Fact, kept: KeptTreasury, is_known: bool) -> None:
    findings = _open(told)
    if not is_known:
        findings.add(("FX_WITHOUT_EFFECT", "waits"))
        return
    sold, bought, sold_currency, bought_currency = _exchanged(stream, first)
    spread = half_up(bought * exact(first.data["spread_percent"]) / 100)
    position, available = f"1510/{sold_currency}-{bought_currency}", f"2010/{first.data['operator_id']}"
    told.post("J51", first.at, sold_currency, (available, sold), (position, -sold))
    told.post("J51", first.at, bought_currency, (position, bought), (available, spread - bought), ("4070", -spread))
    _result(told, stream, first, kept)
    last = kept.last_rate(sold_currency, bought_currency, first.at)
    if last is not None and abs(exact(first.data["rate"]) / last - 1) * 100 > _OFF_PERCENT:
        findings.add(("FX_RATE_OFF", "rate"))


def _deal(told: Told, stream: Stream, first: Fact, kept: KeptTreasury, _: bool) -> None:
    sold, bought = first.data["sold"], first.data["bought"]
    position = f"1510/{sold['currency']}-{bought['currency']}"
    told.post("J52", first.at, sold["currency"], (position, minor_of(sold)), ("1010", -minor_of(sold)))
    told.post("J52", first.at, bought["currency"], ("1010", minor_of(bought)), (position, -minor_of(bought)))
    _result(told, stream, first, kept)


def _result(told: Told, stream: Stream, first: Fact, kept: KeptTreasury) -> None:
    sold, bought, sold_currency, bought_currency = _exchanged(stream, first)
    loss = sum(_closes(*kept.before(stream.stream_id), sold, bought))
    position = f"1510/{sold_currency}-{bought_currency}"
    told.post("J53", first.at, bought_currency, ("5080", loss), (position, -loss))


def _supplier_payment(told: Told, _: Stream, first: Fact, __: KeptTreasury, ___: bool) -> None:
    amount = minor_of(first.data["amount"])
    currency = first.data["amount"]["currency"]
    told.post("J24p", first.at, currency, (first.data["account"], amount), ("1020", -amount))


def _hub_invoice(told: Told, stream: Stream, first: Fact, kept: KeptTreasury, _: bool) -> None:
    accrued = kept.accrued(stream.stream_id, first.data)
    net, vat = minor_of(first.data["net"]), minor_of(first.data["vat"])
    for _code, fee, fee_vat in accrued:
        net, vat = net - fee, vat - fee_vat
    input_vat = f"1310/{accrued[0][0]}" if accrued else "1310"
    owed = f"2210/{first.data['hub_id']}"
    told.post("J15", first.at, first.data["net"]["currency"], ("5020", net), (input_vat, vat), (owed, -net - vat))
    if net or vat:
        _open(told).add(("HUB_INVOICE_DIFFERS", "differs"))


_JUDGES: Mapping[str, Callable[[Told, Stream, Fact, KeptTreasury, bool], None]] = {
    CONVERSION: _conversion,
    DEAL: _deal,
    SUPPLIER_PAYMENT: _supplier_payment,
    HUB_INVOICE: _hub_invoice,
}
OF_TREASURY = frozenset(_JUDGES)


def _open(told: Told) -> set[tuple[str, str]]:
    if told.findings is None:
        told.findings = set()
    return told.findings


def _first(stream: Stream) -> Fact:
    """The message that stands, of all about one thing."""
    return in_order(fact for facts in stream.facts.values() for fact in facts)[0]


def _told_otherwise(stream: Stream, first: Fact) -> Iterator[tuple[str, str]]:
    others: Iterable[Fact] = (fact for facts in stream.facts.values() for fact in facts)
    for fact in others:
        if fact.data != first.data:
            yield "TREASURY_TOLD_OTHERWISE", f"told:{fact.source}:{fact.id}"


def _exchanged(stream: Stream, first: Fact) -> tuple[int, int, str, str]:
    """What an exchange adds to the position: minor units of both currencies, and these."""
    data, sold = first.data, first.data["sold"]
    if stream.kind == DEAL:
        bought = data["bought"]
        return -minor_of(sold), -minor_of(bought), sold["currency"], bought["currency"]
    units = Fraction(minor_units(data["to_currency"]), minor_units(sold["currency"]))
    comes_to = half_up(minor_of(sold) * exact(data["rate"]) * units)
    return minor_of(sold), comes_to, sold["currency"], data["to_currency"]


def _span(data: Mapping[str, Any]) -> tuple[datetime, datetime]:
    """From the first midnight of an invoice's days to the one after the last, in UTC."""
    first, last = date.fromisoformat(data["from"]), date.fromisoformat(data["to"])
    return (
        datetime(first.year, first.month, first.day, tzinfo=UTC),
        datetime(last.year, last.month, last.day, tzinfo=UTC) + _DAY,
    )
