"""What payment providers report: captures, failures, refunds, disputes, and the daily settlements."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from fractions import Fraction
from random import Random

from domain.money import percent_of
from wattledger.demo.cast import Provider
from wattledger.demo.catalogue import LATE_TARIFF, LATE_TARIFF_TIME
from wattledger.demo.charging import FOLLOWED_SESSION, Visit
from wattledger.demo.foresight import Foresight
from wattledger.demo.messages import FIRST_DAY, ONE_DAY, Event, event, money

DECLINED_PER_THOUSAND = 15
SETTLED_HOUR = timedelta(hours=6)
# A settlement that keeps more than the capture said: which one of a provider's, and by how much.
DEARER_SETTLEMENT, DEARER_BY = 3, 5


@dataclass(frozen=True, slots=True)
class Charge:
    """A captured payment of a visit, in minor units of its operator's currency."""

    visit: Visit
    payment_id: str
    amount: int
    fee: int
    at: datetime

    @property
    def currency(self) -> str:
        return self.visit.player.currency

    @property
    def provider(self) -> Provider:
        return self.visit.player.provider

    @property
    def source(self) -> str:
        return source_of(self.provider)


@dataclass(frozen=True, slots=True)
class Movement:
    """What a provider takes from a settlement besides captures (below zero), or gives back, and its line there."""

    provider: str
    at: datetime
    amount: int
    line: Mapping[str, object]


def source_of(provider: Provider) -> str:
    """The source attribute of a provider's events."""
    return f"urn:demo:provider:{provider.name}"


def fee_of(provider: Provider, amount: int) -> int:
    """What a provider keeps of a payment."""
    return percent_of(amount, Fraction(provider.fee_hundredths, 100)) + provider.fee_each


def charges(random: Random, visits: Iterable[Visit], foresight: Foresight) -> tuple[list[Event], list[Charge]]:
    """Each driver is charged when the session ends, or once its tariff is known; a few cards are declined."""
    events: list[Event] = []
    made: list[Charge] = []
    for visit in visits:
        bills = foresight.bills(visit.session_id) if visit.ended and not visit.partner else []
        if not bills or not bills[0].gross:
            continue
        at = visit.ended_at + timedelta(seconds=random.randrange(15, 150))
        if visit.tariff_id == LATE_TARIFF:
            at = max(at, LATE_TARIFF_TIME + timedelta(seconds=random.randrange(30, 900)))
        payment_id = f"P-{visit.session_id[2:]}"
        if visit.session_id != FOLLOWED_SESSION and random.randrange(1000) < DECLINED_PER_THOUSAND:
            data = {"payment_id": payment_id, "session_id": visit.session_id, "reason": "card declined"}
            events.append(_event("payment.failed", visit, at, data, "failed_at"))
            if random.randrange(2):
                continue
            payment_id, at = f"{payment_id}-R", at + timedelta(hours=20)
        charge = _charge(visit, payment_id, bills[0].gross, at)
        made.append(charge)
        events.append(_captured(charge))
    return events, made


def charge_at_once(visit: Visit, foresight: Foresight) -> tuple[Event, Charge]:
    """What a visit cost, charged two minutes after its end."""
    gross = foresight.bills(visit.session_id)[0].gross
    charge = _charge(visit, f"P-{visit.session_id[2:]}", gross, visit.ended_at + timedelta(minutes=2))
    return _captured(charge), charge


def _charge(visit: Visit, payment_id: str, amount: int, at: datetime) -> Charge:
    return Charge(visit, payment_id, amount, fee_of(visit.player.provider, amount), at)


def _event(
    type_: str, visit: Visit, at: datetime, data: Mapping[str, object], time_name: str, key: str = ""
) -> Event:
    moment = event(type_, source_of(visit.player.provider), visit.session_id, at, data, key)
    moment["data"][time_name] = moment["time"]
    return moment


def _captured(charge: Charge) -> Event:
    data: dict[str, object] = {
        "payment_id": charge.payment_id,
        "session_id": charge.visit.session_id,
        "amount": money(charge.amount, charge.currency),
        "fee": money(charge.fee, charge.currency),
        "provider": charge.provider.name,
    }
    return _event("payment.captured", charge.visit, charge.at, data, "captured_at", charge.payment_id)


def refund(charge: Charge, number: int, amount: int, borne_by: str, at: datetime) -> tuple[Event, Movement]:
    """A refund, and what it takes from the provider's next settlement."""
    data: dict[str, object] = {
        "refund_id": f"RF-{number}",
        "payment_id": charge.payment_id,
        "session_id": charge.visit.session_id,
        "amount": money(amount, charge.currency),
        "borne_by": borne_by,
    }
    found = _event("payment.refunded", charge.visit, at, data, "refunded_at", f"RF-{number}")
    return found, _movement(charge, at, -amount, 0, {"kind": "REFUND", "refund_id": data["refund_id"]})


def dispute(
    charge: Charge, number: int, fee: int, opened_at: datetime, closed_at: datetime, outcome: str | None
) -> tuple[list[Event], list[Movement]]:
    """A dispute about a whole payment, closed when it has an outcome."""
    about: dict[str, object] = {
        "dispute_id": f"D-{number}",
        "payment_id": charge.payment_id,
        "session_id": charge.visit.session_id,
    }
    amounts = {"amount": money(charge.amount, charge.currency), "fee": money(fee, charge.currency)}
    events = [_event("payment.disputed", charge.visit, opened_at, about | amounts, "opened_at", f"D-{number}")]
    of_it = {"kind": "DISPUTE", "dispute_id": about["dispute_id"]}
    movements = [_movement(charge, opened_at, -charge.amount, fee, of_it)]
    if outcome:
        closed = about | {"outcome": outcome}
        events.append(_event("payment.dispute_closed", charge.visit, closed_at, closed, "closed_at", f"D-{number}"))
        movements += [_movement(charge, closed_at, charge.amount, 0, of_it)] if outcome == "WON" else []
    return events, movements


def _movement(charge: Charge, at: datetime, gross: int, fee: int, line: Mapping[str, object]) -> Movement:
    head: dict[str, object] = {"payment_id": charge.payment_id, "gross": money(gross, charge.currency)}
    head["fee"] = money(fee, charge.currency)
    return Movement(charge.provider.name, at, gross - fee, {**head, **line})


def settlements(made: Sequence[Charge], movements: Sequence[Movement], until: datetime) -> Iterator[Event]:
    """Each provider pays out each UTC day's captures at six the next morning, less what it gave back meanwhile."""
    days: dict[Provider, dict[datetime, list[Charge]]] = defaultdict(lambda: defaultdict(list))
    for charge in made:
        day = FIRST_DAY + (charge.at - FIRST_DAY) // ONE_DAY * ONE_DAY
        days[charge.provider][day].append(charge)
    for provider in sorted(days, key=lambda each: each.name):
        since = FIRST_DAY - ONE_DAY
        for number, (day, items) in enumerate(sorted(days[provider].items()), 1):
            closes = day + ONE_DAY
            at = closes + SETTLED_HOUR
            if at > until:
                break
            others = [m for m in movements if m.provider == provider.name and since <= m.at < closes]
            since = closes
            yield _settled(provider, at, items, others, number == DEARER_SETTLEMENT)


def _settled(
    provider: Provider, at: datetime, charged: Sequence[Charge], others: Sequence[Movement], dearer: bool
) -> Event:
    currency = charged[0].currency
    fees = [charge.fee for charge in charged]
    if dearer:
        fees[0] += DEARER_BY
    items: list[Mapping[str, object]] = [
        {"payment_id": charge.payment_id, "gross": money(charge.amount, currency), "fee": money(fee, currency)}
        for charge, fee in zip(charged, fees, strict=True)
    ]
    settlement_id = f"{provider.name}-{at:%Y%m%d}"
    items += [other.line for other in others]
    net = sum(charge.amount for charge in charged) - sum(fees) + sum(other.amount for other in others)
    data = {"settlement_id": settlement_id, "provider": provider.name, "items": items, "net": money(net, currency)}
    found = event("payment.settled", source_of(provider), provider.name, at, data, settlement_id)
    found["data"]["settled_at"] = found["time"]
    return found
