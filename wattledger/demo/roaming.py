"""What roaming partners say: they take or refuse CDRs and pay them by invoice."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random

from domain.session.cdr_chain import cdr_id
from wattledger.demo.cast import ROAMERS, Roamer
from wattledger.demo.catalogue import LATE_TARIFF, LATE_TARIFF_TIME
from wattledger.demo.charging import Visit
from wattledger.demo.foresight import Foresight
from wattledger.demo.messages import FIRST_DAY, ONE_DAY, ROAMING_HUB, Event, event, money, stamp

CDR_DELAY = timedelta(minutes=15)
INVOICED_EVERY = 5
REFUSED = 4


@dataclass(frozen=True, slots=True)
class SentCdr:
    """A CDR that a partner has accepted: `gross` in minor units of the partner's currency."""

    cdr_id: str
    partner: str
    gross: int
    accepted_at: datetime


def answers(random: Random, visits: Sequence[Visit], foresight: Foresight) -> tuple[list[Event], list[SentCdr]]:
    """Partners accept the first CDR of each roaming session within the hour, all but one."""
    events: list[Event] = []
    accepted: list[SentCdr] = []
    roaming = [visit for visit in visits if visit.partner and visit.ended]
    for number, visit in enumerate(roaming):
        bills = foresight.bills(visit.session_id)
        if not bills or not visit.partner:
            continue
        at = visit.ended_at + CDR_DELAY + timedelta(seconds=random.randrange(30, 3_000))
        if visit.tariff_id == LATE_TARIFF:
            at = max(at, LATE_TARIFF_TIME + timedelta(seconds=random.randrange(60, 3_000)))
        id_ = cdr_id(visit.session_id, 1)
        foresight.knows_cdr(id_, visit.session_id)
        if number == REFUSED:
            events.append(_answer("roaming.cdr_rejected", visit.partner, id_, at, "contract has ended"))
            continue
        events.append(_answer("roaming.cdr_accepted", visit.partner, id_, at))
        accepted.append(SentCdr(id_, visit.partner, bills[0].gross, at))
    return events, accepted


def accepted_again(visit: Visit, at: datetime, foresight: Foresight) -> Event:
    """A partner accepts the CDR that replaced a credited one."""
    id_ = cdr_id(visit.session_id, 2)
    foresight.knows_cdr(id_, visit.session_id)
    return _answer("roaming.cdr_accepted", visit.partner or "", id_, at)


def _answer(type_: str, partner: str, id_: str, at: datetime, reason: str = "") -> Event:
    data = {"cdr_id": id_, "partner": partner, "at": stamp(at)}
    return event(type_, ROAMING_HUB, partner, at, data | {"reason": reason} if reason else data, id_)


def invoices(accepted: Sequence[SentCdr], days: int) -> Iterator[Event]:
    """Each partner pays, every fifth day at noon, what it had accepted by the midnight before."""
    for roamer in ROAMERS:
        since = FIRST_DAY - ONE_DAY
        for day in range(INVOICED_EVERY, days + 1, INVOICED_EVERY):
            closes = FIRST_DAY + day * ONE_DAY
            billed = [cdr for cdr in accepted if cdr.partner == roamer.partner and since <= cdr.accepted_at < closes]
            since = closes
            if billed:
                yield _invoice(roamer, closes + timedelta(hours=12), billed)


def _invoice(roamer: Roamer, at: datetime, billed: Sequence[SentCdr]) -> Event:
    invoice_id = f"INV-{roamer.party}-{at:%Y%m%d}"
    data = {
        "invoice_id": invoice_id,
        "partner": roamer.partner,
        "cdr_ids": [cdr.cdr_id for cdr in billed],
        "amount": money(sum(cdr.gross for cdr in billed), roamer.currency),
        "paid_at": stamp(at),
    }
    return event("roaming.invoice_paid", ROAMING_HUB, roamer.partner, at, data, invoice_id)
