"""Matters between operators and the platform: what is booked follows from what people decided, and nothing else does.

Told by itself, from the messages: who proposed, who decided first, what a hold has left, what of an invoice is
earned.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import orjson

from ledger.audit.amounts import instant, microseconds, minor_of
from ledger.audit.catalogue import Timeline
from ledger.audit.findings import open_findings
from ledger.audit.people import folded
from ledger.audit.posting_table import Postings, journals_of
from ledger.audit.report import Tally
from ledger.audit.snapshot import Snapshot
from ledger.audit.streams import (
    ADJUSTMENT,
    COLLECTED,
    FUNDED,
    HOLD,
    RECEIVED_CDR,
    SAAS_INVOICE,
    WRITE_OFF,
    Body,
    Fact,
    Stream,
    in_order,
)
from ledger.audit.treasury import OF_TREASURY, KeptTreasury, check_by_run, converting_terms, judge
from ledger.audit.wanted import Told, Wanted

_ZONES = """
SELECT state FROM event_store.stored_events WHERE topic IN ('operator.registered', 'operator.changed')
"""
_WAITING = "SELECT stream_id, due_at, stale FROM intake.matter WHERE due_at IS NOT NULL OR stale"
# Lines of matters come with the next run: none waits, and none is for a later day than that of its release.
_LATE_LINES = """
SELECT entry_id, line.kind, line.released_at, line.available_on
FROM intake.line AS line JOIN intake.matter USING (stream_id)
WHERE line.kind <> 'J24h' AND (released_at IS NULL OR available_on > (released_at AT TIME ZONE 'UTC')::date + 1)
ORDER BY entry_id
"""
_ONE_DAY, _BEFORE_MIDNIGHT = timedelta(days=1), timedelta(seconds=1)
# What a write-off posts beside the account: number, account, and whether that is debited.
_AGAINST = {
    "2010": ("J50", "5050", True),
    "1210": ("J22", "5055", True),
    "1110": ("J54", "5070", True),
    "1105": ("J45", "5060", True),
    "1230": ("J45", "5060", True),
    "1250": ("J45", "5060", True),
    "2080": ("J46", "5060", False),
    "2410": ("J46", "5060", False),
}
# The messages that say what a matter is; what is decided without them is about nothing.
CAUSES = (
    "adjustment.proposed",
    "write_off.proposed",
    "reserve.held",
    "saas.invoiced",
    "operator.balance_funded",
    "operator.balance_collected",
    "fx.converted",
    "fx.converted.by_run",
    "fx.executed",
    "supplier.paid",
    "hub.invoiced",
    "roaming.cdr_received",
)


@dataclass(frozen=True, slots=True)
class MatterSurroundings:
    """The time zones of operators by time, and which matters wait: for the clock since a moment, or to be judged."""

    zones: Mapping[str, Timeline[str]]
    due: Mapping[UUID, datetime | None]
    stale: frozenset[UUID]
    treasury: KeptTreasury

    def zone(self, operator_id: str, at: datetime) -> ZoneInfo | None:
        """The zone of an operator, of its first terms before they were in effect; None while it is not known."""
        known = self.zones.get(operator_id)
        if known is None:
            return None
        return ZoneInfo(known.at(at) or known.first())


def read_surroundings(snapshot: Snapshot) -> MatterSurroundings:
    """Whatever matters are checked against."""
    zones: dict[str, Timeline[str]] = {}
    converting: dict[str, set[tuple[str, Fraction]]] = {}
    for (state,) in snapshot.rows(_ZONES):
        try:
            body = orjson.loads(state)
            data = body["data"]
            version = (instant(body["time"]), body["source"], body["id"], instant(data["effective_from"]))
            zones.setdefault(data["operator_id"], Timeline()).versions.append((*version, data["time_zone"]))
            if terms := converting_terms(data):
                converting.setdefault(data["operator_id"], set()).add(terms)
        except (ValueError, LookupError, TypeError, AttributeError):
            continue  # The catalogue's reader tells what cannot be read.
    waiting = list(snapshot.rows(_WAITING))
    stale = frozenset(stream_id for stream_id, _, is_stale in waiting if is_stale)
    return MatterSurroundings(
        zones, {stream_id: due_at for stream_id, due_at, _ in waiting}, stale, KeptTreasury(snapshot, converting)
    )


def check_matter(stream: Stream, around: MatterSurroundings, tally: Tally) -> None:
    """What stands on the book of a matter, what is refused of it, and where it is said to stand."""
    tally.examined += 1
    if stream.stream_id in around.stale:
        return
    told = _judged(stream, around)
    where = stream.name
    on_book = Counter(_standing(stream))
    wanted = Counter(told.entries)
    for kind, _, currency, postings in (wanted - on_book).elements():
        sentence = f"{where}: {kind} of {_legs(postings)} {currency} should stand, as it was decided, and does not"
        tally.note(where, f"{kind} {_legs(postings)}", "nothing", sentence)
    for kind, _, currency, postings in (on_book - wanted).elements():
        sentence = f"{where}: {kind} of {_legs(postings)} {currency} stands, and nobody decided it so"
        tally.note(where, "nothing", f"{kind} {_legs(postings)}", sentence)
    refused = _refused(stream)
    for source, id_ in sorted(told.refused - refused):
        tally.note(where, "refused", "counts", f"{where}: message {id_} of {source} should be refused, and is not")
    for source, id_ in sorted(refused - told.refused):
        tally.note(where, "counts", "refused", f"{where}: message {id_} of {source} is refused, and should count")
    said = stream.decided("MatterJudged")
    tally.compare(where, told.state, said[-1]["state"] if said else None, "the state")
    is_nothing = not any(stream.facts.get(type_) for type_ in CAUSES)
    is_told = any(finding["kind"] == "MATTER_UNKNOWN" for finding in open_findings(stream))
    tally.compare(where, is_nothing, is_told, "whether people are told that nobody knows what is decided about")
    check_by_run(stream, around.treasury, tally)
    if told.findings is not None:
        found = {(finding["kind"], finding["key"]) for finding in open_findings(stream)}
        tally.compare(where, sorted(told.findings), sorted(found), "what is open as findings")
    due_at = around.due.get(stream.stream_id)
    if told.next_at is not None and (due_at is None or due_at > told.next_at):
        kept = f"intake.matter {stream.stream_id}"
        sentence = f"{where}: the clock should book more at {told.next_at}, and will not look ({kept})"
        tally.note(where, told.next_at, due_at, sentence)


def _judged(stream: Stream, around: MatterSurroundings) -> Told:
    if stream.kind not in OF_TREASURY:
        told: Told = _JUDGES[stream.kind](stream, around)
        return told
    operator_id = next((fact.data.get("operator_id") for facts in stream.facts.values() for fact in facts), None)
    return judge(stream, around.treasury, is_known=operator_id is None or operator_id in around.zones)


def check_matter_lines(snapshot: Snapshot, tally: Tally) -> None:
    """The lines of matters may be paid by the next run."""
    for entry_id, kind, released_at, available_on in snapshot.rows(_LATE_LINES):
        where = f"line of entry {entry_id}"
        sentence = f"{where} ({kind}) is released at {released_at} for {available_on}: the next run leaves it out"
        tally.note(where, "payable at once", available_on, sentence)


def _standing(stream: Stream) -> Iterator[Wanted]:
    for booking_type, booking in stream.standing.values():
        at = microseconds(instant(booking["effective_at"]))
        for _, kind, postings in journals_of(booking_type, booking, 1):
            yield kind, at, booking["currency"], tuple(postings)


def _legs(postings: Postings | tuple[tuple[str, int], ...]) -> str:
    return ", ".join(f"{account} {amount:+}" for account, amount in postings)


def _refused(stream: Stream) -> set[tuple[str, str]]:
    found: set[tuple[str, str]] = set()
    for _, topic, body in stream.decisions:
        if topic == "DecisionRefused":
            found.add((body["source"], body["id"]))
        elif topic == "DecisionCounts":
            found.discard((body["source"], body["id"]))
    return found


def _of(stream: Stream, *types: str) -> list[Fact]:
    return in_order(fact for type_ in types for fact in stream.facts.get(type_, ()))


def _by_two(stream: Stream, what: str, told: Told) -> tuple[Fact | None, Fact | None, bool]:
    """The proposal that stands, the decision on it, and whether that approves it."""
    proposals = _of(stream, f"{what}.proposed")
    proposed = proposals[0] if proposals else None
    told.refuse(proposals[1:])
    approvals = {(fact.source, fact.id) for fact in stream.facts.get(f"{what}.approved", ())}
    decision: Fact | None = None
    for fact in _of(stream, f"{what}.approved", f"{what}.rejected"):
        approves = (fact.source, fact.id) in approvals
        is_late = decision is not None or proposed is None or fact.at < proposed.at
        if proposed is None or is_late or (approves and folded(fact.data["by"]) == folded(proposed.data["by"])):
            told.refuse([fact])
        else:
            decision = fact
    is_approved = decision is not None and (decision.source, decision.id) in approvals
    if proposed is not None:
        told.state = "PROPOSED" if decision is None else ("APPROVED" if is_approved else "REJECTED")
    return proposed, decision, is_approved


def _adjustment(stream: Stream, around: MatterSurroundings) -> Told:
    told = Told()
    proposed, decision, is_approved = _by_two(stream, "adjustment", told)
    if proposed is None or decision is None or not is_approved:
        return told
    operator_id, money = proposed.data["operator_id"], proposed.data["amount"]
    if around.zone(operator_id, decision.at) is None:
        told.refuse([decision])
        told.state = "PROPOSED"
        return told
    gives = proposed.data["direction"] == "CREDIT"
    amount = minor_of(money) if gives else -minor_of(money)
    legs = ("5060", amount), (f"2010/{operator_id}", -amount)
    told.post("J45" if gives else "J46", decision.at, money["currency"], *legs)
    return told


def _write_off(stream: Stream, around: MatterSurroundings) -> Told:
    told = Told()
    proposed, decision, is_approved = _by_two(stream, "write_off", told)
    if proposed is None or decision is None or not is_approved:
        return told
    account, money = proposed.data["account"], proposed.data["amount"]
    code, _, dimension = account.partition("/")
    if code in ("2010", "1230") and around.zone(dimension, decision.at) is None:
        told.refuse([decision])
        told.state = "PROPOSED"
        return told
    kind, against, is_debited = _AGAINST[code]
    amount = minor_of(money) if is_debited else -minor_of(money)
    told.post(kind, decision.at, money["currency"], (against, amount), (account, -amount))
    return told


def _hold(stream: Stream, around: MatterSurroundings) -> Told:
    told = Told()
    holds, releases = _of(stream, "reserve.held"), _of(stream, "reserve.released")
    placed = holds[0] if holds else None
    told.refuse(holds[1:])
    if placed is None or around.zone(placed.data["operator_id"], placed.at) is None:
        told.refuse([*([placed] if placed else []), *releases])
        return told
    operator_id, money = placed.data["operator_id"], placed.data["amount"]
    until = instant(placed.data["until"]) if placed.data.get("until") else None
    left, currency = minor_of(money), money["currency"]
    held, available = f"2020/{operator_id}", f"2010/{operator_id}"
    told.post("J31", placed.at, currency, (available, left), (held, -left))
    for release in releases:
        asked = release.data.get("amount")
        fits = asked is None or (asked["currency"] == currency and minor_of(asked) <= left)
        in_time = release.at >= placed.at and (until is None or release.at < until)
        if left and fits and in_time and release.data["operator_id"] == operator_id:
            amount = left if asked is None else minor_of(asked)
            left -= amount
            told.post("J32", release.at, currency, (held, amount), (available, -amount))
        else:
            told.refuse([release])
    if left and until is not None:
        over = max(until, placed.at)
        if _has_booked(stream, "HoldReleased", over, left):
            told.post("J32", over, currency, (held, left), (available, -left))
            left = 0
        else:
            told.next_at = over
    told.state = "HELD" if left else "RELEASED"
    return told


def _has_booked(stream: Stream, booking_type: str, at: datetime, amount: int) -> bool:
    """Whether the clock has booked something at a moment: only then has it been there."""
    found = stream.bookings(booking_type)
    return any(instant(body["effective_at"]) == at and body["amount"] == amount for body in found)


def _balance(stream: Stream, around: MatterSurroundings) -> Told:
    told = Told()
    first, *again = _of(stream, "operator.balance_funded", "operator.balance_collected")
    told.refuse(again)
    operator_id, money = first.data["operator_id"], first.data["amount"]
    if around.zone(operator_id, first.at) is None:
        told.refuse([first])
        return told
    amount = minor_of(money)
    if stream.kind == FUNDED:
        told.post("J48", first.at, money["currency"], ("1010", amount), ("1020", -amount))
    else:
        told.post("J49", first.at, money["currency"], ("1010", amount), (f"2010/{operator_id}", -amount))
    told.state = "BOOKED"
    return told


def _saas_invoice(stream: Stream, around: MatterSurroundings) -> Told:
    told = Told()
    invoice = _of(stream, "saas.invoiced")[0]
    data = invoice.data
    operator_id, currency = data["operator_id"], data["net"]["currency"]
    zone = around.zone(operator_id, invoice.at)
    told.state = "WAITING" if zone is None else "BOOKED"
    if zone is None:
        return told
    net, vat = minor_of(data["net"]), minor_of(data["vat"])
    owed, deferred = f"1230/{operator_id}", f"2310/{operator_id}"
    told.post("J42", invoice.at, currency, (owed, net + vat), (deferred, -net), ("2110", -vat))
    if data["netting"]:
        told.post("J43", invoice.at, currency, (f"2010/{operator_id}", net + vat), (owed, -net - vat))
    for last, part in _parts(data, net):
        midnight = datetime.combine(last + _ONE_DAY, datetime.min.time(), zone).astimezone(UTC)
        at = max(midnight - _BEFORE_MIDNIGHT, invoice.at)
        if not part:
            continue
        if _has_booked(stream, "SaasRecognised", at, part):
            told.post("J44", at, currency, (deferred, part), ("4030", -part))
        else:
            told.next_at = min(told.next_at or at, at)
    return told


def _parts(data: Body, net: int) -> Sequence[tuple[date, int]]:
    """By month its last day in the period and its part: by days, largest remainders first, earlier ones before."""
    day, last = date.fromisoformat(data["period_from"]), date.fromisoformat(data["period_to"])
    days: Counter[tuple[int, int]] = Counter()
    ends: dict[tuple[int, int], date] = {}
    while day <= last:
        days[day.year, day.month] += 1
        ends[day.year, day.month] = day
        day += _ONE_DAY
    whole = sum(days.values())
    parts = {month: net * count // whole for month, count in days.items()}
    by_remainder = sorted(days, key=lambda month: (-(net * days[month] % whole), month))
    for month in by_remainder[: net - sum(parts.values())]:
        parts[month] += 1
    return [(ends[month], parts[month]) for month in sorted(parts)]


def _received_cdr(stream: Stream, around: MatterSurroundings) -> Told:
    first, *again = _of(stream, "roaming.cdr_received")
    data, told = first.data, Told(findings=set())
    net, vat, currency = minor_of(data["net"]), minor_of(data["vat"]), data["net"]["currency"]
    partner, payee_id, open_ = data["partner"].upper(), data.get("payee_id"), told.findings or set()
    open_ |= {("CDR_DOCUMENT_TOLD_OTHERWISE", f"told:{f.source}:{f.id}") for f in again if f.data != data}
    told.findings = open_
    if payee_id is None:
        rate = Decimal(str(data["vat_percent"]))
        code = f"{data['jurisdiction']}-{rate.normalize():f}"
        told.post("J24", first.at, currency, ("5030", net), (f"1310/{code}", vat), (f"2220/{partner}", -net - vat))
        return told
    pending, available = f"2011/{payee_id}", f"2010/{payee_id}"
    told.post("J24h", first.at, currency, (f"1210/{partner}", net + vat), (pending, -net - vat))
    if around.zone(payee_id, first.at) is None:
        open_.add(("PAYEE_UNKNOWN", f"payee:{payee_id}"))
    # When it matures is the terms' to say: `payable_lines` and the sums of accounts look at that.
    for matured in stream.bookings("ShareMatured"):
        at = instant(matured["effective_at"])
        if at >= first.at:
            told.post("J08", at, currency, (pending, net + vat), (available, -net - vat))
    return told


_JUDGES: Mapping[str, Any] = {
    ADJUSTMENT: _adjustment,
    WRITE_OFF: _write_off,
    HOLD: _hold,
    FUNDED: _balance,
    COLLECTED: _balance,
    SAAS_INVOICE: _saas_invoice,
    RECEIVED_CDR: _received_cdr,
}
MATTERS = frozenset(_JUDGES) | OF_TREASURY
