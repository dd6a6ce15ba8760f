"""What the real sessions come to, reckoned from their messages alone: nothing of the engine is used here.

It knows just what these messages use: one price by the kWh, one capture and one settlement a session, payout terms
without reserves and business days.
"""

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any, TypeAlias
from zoneinfo import ZoneInfo

Data: TypeAlias = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Bill:
    """Amounts of one session in hundredths, and when its share is released; None while it is not."""

    session_id: str
    operator_id: str
    energy_wh: int
    net: int
    gross: int
    commission: int
    commission_vat: int
    released_at: datetime | None

    @property
    def vat(self) -> int:
        """What of the gross is tax."""
        return self.gross - self.net

    @property
    def share(self) -> int:
        """What the operator keeps."""
        return self.gross - self.commission - self.commission_vat


@dataclass(frozen=True, slots=True)
class Reckoning:
    """Everything that the messages lead to: bills, payouts by operator and business date, and sums of payments."""

    operators: dict[str, Data]
    bills: dict[str, Bill]
    payouts: dict[tuple[str, date], int]
    fees: dict[str, int]
    received: dict[str, int]

    def total(self, operator_id: str, column: str) -> int:
        """A column's sum over an operator's sessions."""
        return sum(getattr(bill, column) for bill in self.bills.values() if bill.operator_id == operator_id)


def reckon(events: Path) -> Reckoning:
    """The reckoning of a file of messages up to the latest time in it."""
    by_type: dict[str, list[Data]] = defaultdict(list)
    until = datetime.min.replace(tzinfo=ZoneInfo("UTC"))
    for line in events.read_text().splitlines():
        event = json.loads(line, parse_float=Decimal)
        by_type[event["type"]].append(event["data"])
        until = max(until, datetime.fromisoformat(event["time"]))
    operators = {data["operator_id"]: data for data in by_type["operator.registered"]}
    bills = {bill.session_id: bill for bill in _bills(operators, by_type)}
    payouts = {
        (operator_id, day): amount
        for operator_id, terms in operators.items()
        for day, amount in _payouts(terms, [b for b in bills.values() if b.operator_id == operator_id], until)
    }
    captured, settled = by_type["payment.captured"], by_type["payment.settled"]
    fees = _sums((each["fee"]["currency"], each["fee"]["amount"]) for each in captured)
    received = _sums((each["net"]["currency"], each["net"]["amount"]) for each in settled)
    return Reckoning(operators, bills, payouts, fees, received)


def _bills(operators: dict[str, Data], by_type: dict[str, list[Data]]) -> Iterator[Bill]:
    tariffs = {data["tariff"]["id"]: data["tariff"] for data in by_type["tariff.published"]}
    ends = {data["session_id"]: data for data in by_type["charging.session.ended"]}
    captures = {data["session_id"]: data for data in by_type["payment.captured"]}
    settled_at = {
        item["payment_id"]: data["settled_at"] for data in by_type["payment.settled"] for item in data["items"]
    }
    for start in by_type["charging.session.started"]:
        end, terms = ends[start["session_id"]], operators[start["operator_id"]]
        capture = captures[start["session_id"]]
        moments = {
            "ON_SESSION": end["ended_at"],
            "ON_CAPTURE": max(end["ended_at"], capture["captured_at"]),
            "ON_SETTLEMENT": settled_at.get(capture["payment_id"]),
        }
        released = moments[terms["fund_release"]]
        bill = _bill(terms, tariffs[start["tariff_id"]], start, end, released)
        assert bill.gross == _hundredths(capture["amount"]["amount"]), "the driver pays what the bill says"
        yield bill


def _bill(terms: Data, tariff: Data, start: Data, end: Data, released: str | None) -> Bill:
    (component,) = tariff["elements"][0]["price_components"]
    assert (component["type"], component["step_size"]) == ("ENERGY", 1)
    energy_wh = end["meter_stop_wh"] - start["meter_start_wh"]
    exact = Fraction(energy_wh, 1000) * Fraction(component["price"]) * 100
    net = _half_up(exact)
    gross = _half_up(exact * (1 + Fraction(component.get("vat", 0)) / 100))
    agreed = terms["commission"]
    each = _hundredths(agreed["per_session"])
    commission = min(_half_up(net * Fraction(agreed["percent"]) / 100) + each, net)
    commission_vat = _half_up(commission * Fraction(agreed["vat_percent"]) / 100)
    released_at = datetime.fromisoformat(released) if released else None
    return Bill(
        start["session_id"], terms["operator_id"], energy_wh, net, gross, commission, commission_vat, released_at
    )


def _payouts(terms: Data, bills: Iterable[Bill], until: datetime) -> Iterator[tuple[date, int]]:
    """The payouts of one operator: each business date in turn, with what is carried from those before."""
    agreed = terms["payout"]
    assert not agreed["business_days_only"]
    assert Fraction(agreed["reserve_percent"]) == 0
    zone, cutoff = ZoneInfo(terms["time_zone"]), time.fromisoformat(agreed["cutoff_time"])
    into_the_day = timedelta(hours=cutoff.hour, minutes=cutoff.minute)
    minimum = _hundredths(agreed["minimum"])
    by_day: dict[date, int] = defaultdict(int)
    for bill in bills:
        if bill.released_at is not None:
            # Without its zone, so that a cut-off is taken off the clock on the wall.
            local = bill.released_at.astimezone(zone).replace(tzinfo=None)
            by_day[(local - into_the_day).date() + timedelta(days=agreed["delay_days"])] += bill.share
    carried, day = 0, min(by_day)
    while datetime.combine(day + timedelta(days=1), cutoff, zone) <= until:
        carried += by_day[day]
        if carried > 0 and carried >= minimum:
            yield day, carried
            carried = 0
        day += timedelta(days=1)


def _half_up(exact: Fraction) -> int:
    return int(exact + Fraction(1, 2))


def _hundredths(amount: str) -> int:
    return int(Decimal(amount) * 100)


def _sums(amounts: Iterable[tuple[str, str]]) -> dict[str, int]:
    sums: dict[str, int] = defaultdict(int)
    for currency, amount in amounts:
        sums[currency] += _hundredths(amount)
    return dict(sums)
