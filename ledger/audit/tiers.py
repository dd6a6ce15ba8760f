"""Tiers of months once more: what sessions count for, and J02t of each month that is settled.

Sums alone are kept while streams are read; a month is compared once all of its sessions are counted, by the row that
says so. Until then it waits for the clock.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from hashlib import sha256
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from ledger.audit.amounts import Money, exact, half_up, instant, minor_units
from ledger.audit.commissions import is_of, rate_of
from ledger.audit.report import Tally
from ledger.audit.sessions import Session, charge_of
from ledger.audit.snapshot import Snapshot
from ledger.audit.streams import Body, Stream, stream_id_of

_KEPT = """
SELECT stream_id, sum(sessions)::bigint, sum(net)::bigint, array_agg(energy_wh) FILTER (WHERE sessions > 0),
       sum(commission)::bigint, sum(commission_vat)::bigint, bool_and(counted)
FROM intake.tier_session GROUP BY stream_id ORDER BY stream_id
"""
# Of which month a row is: its stream is named by that.
_MONTHS = "SELECT DISTINCT stream_id, operator_id, ends_at, words, currency FROM intake.tier_session ORDER BY 1, 2"


@dataclass(slots=True)
class _Sum:
    """What the sessions of a month come to: minor units and Wh."""

    sessions: int = 0
    net: int = 0
    energy_wh: Fraction = Fraction(0)
    commission: int = 0
    commission_vat: int = 0


@dataclass(frozen=True, slots=True)
class _Month:
    operator_id: str
    ends_at: datetime
    currency: str
    vat_percent: Fraction
    tiers: Mapping[str, Any]


@dataclass(slots=True)
class Tiers:
    """Months by their streams: what sessions come to, and what stands of them on the book."""

    _months: dict[UUID, _Month] = field(default_factory=dict)
    _sums: dict[UUID, _Sum] = field(default_factory=dict)
    _booked: dict[UUID, list[Body]] = field(default_factory=dict)

    def note_stream(self, stream: Stream) -> None:
        """Note what stands of a month."""
        booked = stream.bookings("TiersSettled")
        if booked:
            self._booked[stream.stream_id] = booked

    def note_session(self, session: Session) -> None:
        """Note what a session counts for."""
        terms, start = session.terms, session.start
        if terms is None or start is None or not any(row.get("tiers") for row in terms.schedule):
            return
        if terms.dealing.is_principal:
            return
        found = _charged(session)
        if found is None:
            return
        at, net, energy_wh, commission, vat = found
        charge = charge_of(session, start, {"net": net, "energy_wh": energy_wh})
        row = next((each for each in terms.schedule if is_of(each, charge)), None)
        if row is None or not row.get("tiers"):
            return
        zone = ZoneInfo(terms.zone)
        ends_at = _last_second(at, zone)
        percent = terms.vat_percent if terms.dealing.taxes_commission else Fraction(0)
        at_place = terms.dealing.commission_at(terms.vat_percent)
        words = "|".join([terms.currency, zone.key, str(percent), at_place, _words(row, terms.currency)])
        stream_id = _stream_of(session.operator_id, ends_at, words)
        self._months[stream_id] = _Month(session.operator_id, ends_at, terms.currency, percent, row["tiers"])
        sums = self._sums.setdefault(stream_id, _Sum())
        sums.sessions += 1
        sums.net += net
        sums.energy_wh += energy_wh
        sums.commission += commission
        sums.commission_vat += vat

    def compare(self, snapshot: Snapshot, tally: Tally) -> None:
        """Rows have what sessions come to, and J02t of a month is what it has to be once all are counted."""
        counted = set[UUID]()
        kept: dict[UUID, _Sum] = {}
        for stream_id, sessions, net, energies, commission, vat, is_counted in snapshot.rows(_KEPT):
            kept[stream_id] = _Sum(sessions, net, _energy(energies or ()), commission, vat)
            counted |= {stream_id} if is_counted else set()
        for stream_id in sorted({*kept, *self._sums, *self._booked}):
            tally.examined += 1
            month = self._months.get(stream_id)
            of = f"{month.operator_id} to {month.ends_at}, " if month else ""
            where = f"tiers of {of}stream {stream_id}"
            sums = self._sums.get(stream_id, _Sum())
            tally.compare(where, sums, kept.get(stream_id, _Sum()), "what its sessions come to")
            if stream_id in counted:
                self._compare(where, stream_id, month, sums, tally)
        for stream_id, operator_id, ends_at, words, currency in snapshot.rows(_MONTHS):
            named = (_stream_of(operator_id, ends_at.astimezone(UTC), words), words.partition("|")[0])
            tally.compare(f"tiers of stream {stream_id}", named, (stream_id, currency), "the month of its rows")

    def _compare(self, where: str, stream_id: UUID, month: _Month | None, sums: _Sum, tally: Tally) -> None:
        wanted = []
        if month is not None:
            whole = _whole(month.tiers, month.currency, sums)
            more = (whole - sums.commission, half_up(month.vat_percent * whole / 100) - sums.commission_vat)
            money = [Money(each, month.currency) for each in more]
            wanted = [(month.operator_id, month.ends_at, *money)] if any(more) else []
        found = [
            (
                *(each["operator_id"], instant(each["effective_at"])),
                *(Money(each[name], each["currency"]) for name in ("commission", "commission_vat")),
            )
            for each in self._booked.get(stream_id, ())
        ]
        tally.compare(where, wanted, found, "what is settled of it (J02t)")


def _stream_of(operator_id: str, ends_at: datetime, words: str) -> UUID:
    return stream_id_of(f"tiers:{operator_id}:{ends_at.isoformat()}:{sha256(words.encode()).hexdigest()[:16]}")


def _energy(texts: Iterable[str]) -> Fraction:
    """The sum of energies that are kept as texts; -1 Wh, which sessions never come to, where one is no number."""
    try:
        return sum(map(exact, texts), Fraction(0))
    except ValueError:
        return Fraction(-1)


def _charged(session: Session) -> tuple[datetime, int, Fraction, int, int] | None:
    """When it is effective, net, energy, commission and the VAT on it."""
    outcome = session.outcome
    if session.partner is not None:
        credited = {booking["cdr_id"] for booking in session.stream.bookings("AcceptedCdrCredited")}
        lost = Counter[str]()
        for booking in session.stream.bookings("CdrDisputeLost"):
            lost[booking["cdr_id"]] += booking["amount"]
        for booking in session.stream.bookings("CdrAccepted"):
            if booking["cdr_id"] not in credited and lost[booking["cdr_id"]] < booking["gross"]:
                sent = session.stream.decided("CdrIssued")
                key = next(body["key"] for body in sent if body["cdr_id"] == booking["cdr_id"])
                at = instant(booking["effective_at"])
                return at, key[1], exact(key[0]), booking["commission"], booking["commission_vat"]
        return None
    if outcome is None or not session.is_rated or session.end is None:
        return None
    at = session.end.at
    for booking in session.stream.bookings("SessionRated"):
        at = instant(booking["effective_at"])
    energy_wh = exact(outcome["energy_wh"])
    return at, outcome["net"], energy_wh, outcome["commission"], outcome["commission_vat"]


def _last_second(at: datetime, zone: ZoneInfo) -> datetime:
    local = at.astimezone(zone)
    later = local.replace(day=1) + timedelta(days=32)
    return datetime(later.year, later.month, 1, tzinfo=zone).astimezone(UTC) - timedelta(seconds=1)


def _words(row: Mapping[str, Any], currency: str) -> str:
    when, tiers = row.get("when") or {}, row["tiers"]
    places = sorted({place.casefold() for place in when.get("locations") or ()})
    units = minor_units(currency)
    told = [
        "=".join(
            [
                str(_begin(step, tiers, units)),
                "/".join(
                    [
                        str(exact(step.get("percent") or 0)),
                        str(exact(step.get("per_kwh") or 0) * units),
                        str(exact(step.get("per_session") or 0) * units),
                    ]
                ),
            ]
        )
        for step in tiers["steps"]
    ]
    return "|".join(
        [when.get("channel") or "*", ",".join(places) or "*", f"{tiers['measure']}:{tiers['mode']}", *told]
    )


def _begin(step: Mapping[str, Any], tiers: Mapping[str, Any], units: int) -> Fraction:
    return exact(step["from"]) * (units if tiers["measure"] == "NET" else 1)


def _whole(tiers: Mapping[str, Any], currency: str, sums: _Sum) -> int:
    """The commission of a month by its steps, in minor units."""
    measures = {"NET": Fraction(sums.net), "KWH": sums.energy_wh / 1000, "SESSIONS": Fraction(sums.sessions)}
    measure, steps, units = measures[tiers["measure"]], tiers["steps"], minor_units(currency)
    found = Fraction(0)
    for place, step in enumerate(steps):
        begins = _begin(step, tiers, units)
        ends = _begin(steps[place + 1], tiers, units) if place + 1 < len(steps) else None
        if tiers["mode"] == "ALL":
            part = Fraction(begins <= measure and (ends is None or measure < ends))
        elif measure:
            part = max(Fraction(0), (measure if ends is None else min(measure, ends)) - begins) / measure
        else:
            part = Fraction(place == 0)
        found += part * rate_of(step, currency, sums.net, sums.energy_wh, sums.sessions)
    return min(sums.net, half_up(found))
