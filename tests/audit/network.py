"""Random histories of a small charging network that use every event, and what settles them without Kafka."""

import json
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from random import Random
from typing import Any
from uuid import NAMESPACE_URL, uuid5

import psycopg

from engine.clock import Clock
from engine.intake import Intake
from engine.ports import Record
from engine.working_set import WorkingSet
from tests.support.decisions import KEYRING, signed

Event = dict[str, Any]
BEGINNING = datetime(2026, 3, 1, tzinfo=UTC)
DAYS = 12
PARTITION = ("t", 0)
CURRENCY = {"OP-A": "EUR", "OP-B": "EUR", "OP-C": "JPY", "OP-D": "EUR"}
TARIFFS = {"OP-A": ("T-A", "T-A-FIXED"), "OP-B": ("T-B", "T-B-TIME"), "OP-C": ("T-C",), "OP-D": ("T-D",)}
PRICES = {"EUR": Decimal("0.49"), "JPY": Decimal("60")}


def _iso(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def _event(kind: str, key: str, time: datetime, data: Event) -> Event:
    made = {
        "specversion": "1.0",
        "id": f"{kind}:{key}",
        "source": "urn:test",
        "type": kind,
        "subject": key,
        "time": _iso(time),
        "data": data,
    }
    return signed(made)


def _money(amount: Decimal | int | str, currency: str) -> Event:
    quantum = Decimal(1) if currency == "JPY" else Decimal("0.01")
    return {"amount": str(Decimal(amount).quantize(quantum, ROUND_HALF_UP)), "currency": currency}


def _operator(operator_id: str, iban: str, percent: str = "8.5", **others: Any) -> Event:
    currency = CURRENCY[operator_id]
    data = {
        "operator_id": operator_id,
        "name": f"Operator {operator_id}",
        "country_code": "NL",
        "party_id": operator_id.replace("-", ""),
        "time_zone": "Europe/Amsterdam",
        "currency": currency,
        "effective_from": _iso(BEGINNING),
        "commission": {"percent": percent, "per_session": "10" if currency == "JPY" else "0.10", "vat_percent": "21"},
        "psp_fee_bearer": "PLATFORM",
        "fund_release": "ON_SESSION",
        "payout": {
            "cutoff_time": "03:00",
            "business_days_only": False,
            "delay_days": 0,
            "minimum": "1",
            "reserve_percent": "0",
            "reserve_days": 0,
            "requires_approval": False,
        }
        | others.pop("payout", {}),
        "bank_account": {"holder": operator_id, "iban": iban},
    }
    return data | others


def _tariff(operator_id: str, tariff_id: str, elements: list[Event], **others: Any) -> Event:
    tariff = {
        "country_code": "NL",
        "party_id": operator_id.replace("-", ""),
        "id": tariff_id,
        "currency": CURRENCY[operator_id],
        "elements": elements,
        "last_updated": _iso(BEGINNING),
    }
    return {"operator_id": operator_id, "effective_from": _iso(BEGINNING), "tariff": tariff | others}


def _component(kind: str, price: float, step_size: int = 1, vat: float = 21.0) -> Event:
    return {"type": kind, "price": price, "step_size": step_size, "vat": vat}


OLD_IBAN, NEW_IBAN = "NL91ABNA0417164300", "NL20INGB0001234567"
_TERMS: dict[str, Event] = {
    "OP-A": {
        "payout": {"reserve_percent": "10", "reserve_days": 2, "retain": "5.00", "max_carry_days": 3},
        "advance_limit": "100000.00",
        "withholding": [{"regime": "IN-TCS", "percent": "0.5", "base": "GROSS", "threshold_year": "20.00"}],
        "instant_fee": {"percent": "1.5", "fixed": "0.25", "vat_percent": "21"},
    },
    "OP-B": {"psp_fee_bearer": "OPERATOR", "fund_release": "ON_CAPTURE", "payout": {"delay_days": 1}},
    "OP-C": {"fund_release": "ON_SETTLEMENT"},
    "OP-D": {"payout": {"requires_approval": True, "reserve_percent": "5", "reserve_days": 1}},
}


def catalogue() -> Iterator[Event]:
    """Operators with every kind of terms, flat and timed tariffs, partners of both kinds, and changes of terms."""
    for operator_id, terms in _TERMS.items():
        terms = {name: dict(value) if isinstance(value, dict) else value for name, value in terms.items()}
        yield _event("operator.registered", operator_id, BEGINNING, _operator(operator_id, OLD_IBAN, **terms))
        price = float(PRICES[CURRENCY[operator_id]])
        tariff_id = TARIFFS[operator_id][0]
        energy = [{"price_components": [_component("ENERGY", price)]}]
        yield _event("tariff.published", tariff_id, BEGINNING, _tariff(operator_id, tariff_id, energy))
    fixed = [{"price_components": [_component("ENERGY", 0.3, 500), _component("FLAT", 1.0, vat=9.0)]}]
    bound = {"excl_vat": 3.0, "incl_vat": 3.5}
    yield _event("tariff.published", "T-A-FIXED", BEGINNING, _tariff("OP-A", "T-A-FIXED", fixed, min_price=bound))
    timed = [{"price_components": [_component("TIME", 2.0, 60), _component("PARKING_TIME", 5.0, 300)]}]
    yield _event("tariff.published", "T-B-TIME", BEGINNING, _tariff("OP-B", "T-B-TIME", timed))
    for party, funding in (("ABC", "PAY_WHEN_PAID"), ("XYZ", "ADVANCE")):
        data = {
            "country_code": "DE",
            "party_id": party,
            "name": party,
            "currency": "EUR",
            "fee": {"percent": "1", "per_session": "0"},
            "payment_terms_days": 30,
            "funding": funding,
        }
        yield _event("partner.registered", f"DE-{party}", BEGINNING, data)
    for operator_id, day in (("OP-A", 5), ("OP-B", 6)):
        terms = {
            name: dict(value) if isinstance(value, dict) else value for name, value in _TERMS[operator_id].items()
        }
        at = BEGINNING + timedelta(days=day)
        changed = _operator(operator_id, NEW_IBAN, "12", **terms)
        yield _event("operator.changed", operator_id, at, changed | {"effective_from": _iso(at)})


def _instant_requests() -> Iterator[Event]:
    """An operator asks to be paid at once now and then: all there is, or some of it."""
    for day, amount in ((3, None), (5, "1.00"), (7, None), (9, "100000.00")):
        at = BEGINNING + timedelta(days=day, hours=14)
        data = {"operator_id": "OP-A", "currency": "EUR", "amount": amount, "at": _iso(at), "by": "office"}
        yield _event("payout.instant_requested", f"OP-A:{day}", at, data)


def _session(random: Random, number: int) -> Iterator[Event]:
    session_id = f"S-{number:03d}"
    operator_id = random.choice(list(CURRENCY))
    tariff_id = random.choice(TARIFFS[operator_id])
    started = BEGINNING + timedelta(minutes=random.randrange(60, (DAYS - 3) * 1440))
    ended = started + timedelta(minutes=random.randrange(5, 300), microseconds=random.randrange(1_000_000))
    begin_wh = random.randrange(100_000)
    stop_wh = begin_wh + random.choice([0, random.randrange(60_000)])
    start: Event = {
        "session_id": session_id,
        "operator_id": operator_id,
        "location_id": "L-1",
        "evse_uid": "E-1",
        "connector_id": "1",
        "started_at": _iso(started),
        "meter_start_wh": begin_wh,
        "tariff_id": tariff_id,
        "auth_method": "WHITELIST",
    }
    roaming = random.random() < 0.35 and CURRENCY[operator_id] == "EUR"
    party = random.choice(["ABC", "XYZ", "NOBODY"])
    if roaming:
        token = {"country_code": "DE", "party_id": party[:3], "uid": "U", "type": "RFID", "contract_id": "C"}
        start["token"] = token
    if random.random() < 0.95:
        yield _event("charging.session.started", session_id, started, start)
    idle = started + (ended - started) / 2
    yield _event(
        "charging.session.state_changed",
        session_id,
        idle,
        {"session_id": session_id, "at": _iso(idle), "state": "IDLE"},
    )
    end = {
        "session_id": session_id,
        "ended_at": _iso(ended),
        "meter_stop_wh": str(stop_wh),
        "reason": "UNPLUGGED",
    }
    if random.random() < 0.95:
        yield _event("charging.session.ended", session_id, ended, end)
    if random.random() < 0.03:
        yield _event("charging.session.ended", f"{session_id}-2", ended, end | {"meter_stop_wh": str(stop_wh + 1)})
    for index in range(random.choice([0, 0, 0, 1, 2])):
        at = ended + timedelta(minutes=random.choice([5, 50, 3_000]) + index)
        corrected = begin_wh + random.choice(
            [random.randrange(60_000), stop_wh - begin_wh, -1, (stop_wh - begin_wh) // 2]
        )
        data = {
            "session_id": session_id,
            "corrected_at": _iso(at),
            "meter_stop_wh": str(max(0, corrected)),
            "reason": "METER",
        }
        yield _event("charging.session.meter_corrected", f"{session_id}-{index}", at, data)
    exact = Decimal(stop_wh - begin_wh) / 1000 * PRICES[CURRENCY[operator_id]] * Decimal("1.21")
    if roaming and party != "NOBODY":
        yield from _answers(random, session_id, party, ended, exact)
    else:
        yield from _payments(random, session_id, operator_id, ended, exact)


def _answers(random: Random, session_id: str, party: str, ended: datetime, exact: Decimal) -> Iterator[Event]:
    for number in (1, 2):
        cdr_id = str(uuid5(NAMESPACE_URL, f"wattledger:cdr:{session_id}:{number}"))
        partner = f"DE-{party}"
        at = ended + timedelta(minutes=random.choice([20, 2_000, 4_000]))
        data = {"cdr_id": cdr_id, "partner": partner, "at": _iso(at)}
        if random.random() < 0.8:
            yield _event("roaming.cdr_accepted", cdr_id, at, data)
        if random.random() < 0.2:
            later = at + timedelta(minutes=random.choice([-15, 900]))
            yield _event("roaming.cdr_rejected", cdr_id, later, data | {"at": _iso(later), "reason": "UNKNOWN"})
        if random.random() < 0.6:
            paid = at + timedelta(minutes=500)
            invoice: Event = {
                "invoice_id": f"I-{session_id}-{number}",
                "partner": partner,
                "cdr_ids": [cdr_id],
                "amount": _money(max(exact, Decimal(1)), "EUR"),
                "paid_at": _iso(paid),
            }
            yield _event("roaming.invoice_paid", invoice["invoice_id"], paid, invoice)


def _payments(random: Random, session_id: str, operator_id: str, ended: datetime, exact: Decimal) -> Iterator[Event]:
    currency = CURRENCY[operator_id]
    payment_id, provider = f"P-{session_id}", random.choice(["psp-1", "psp-2"])
    head: Event = {"payment_id": payment_id, "session_id": session_id}
    captured = ended + timedelta(minutes=random.choice([-1, 1, 600]))
    if random.random() < 0.15:
        failed = captured + timedelta(minutes=random.choice([-30, 30]))
        failure = head | {"failed_at": _iso(failed), "reason": "declined"}
        yield _event("payment.failed", payment_id, failed, failure)
    if random.random() < 0.2:
        return
    paid_in = random.choice([currency] * 12 + ["USD"])
    amount = exact * random.choice([Decimal(1), Decimal(1), Decimal(1), Decimal("0.5"), Decimal("1.1")])
    fee = Decimal(7 if currency == "JPY" else "0.07")
    capture = head | {"amount": _money(amount, paid_in), "fee": _money(fee, paid_in), "captured_at": _iso(captured)}
    yield _event("payment.captured", payment_id, captured, capture | {"provider": provider})
    if random.random() < 0.7:
        settled = captured + timedelta(hours=random.choice([6, 30]))
        real_fee = _money(fee * random.choice([1, 1, 2]), currency)
        item: Event = {"payment_id": payment_id, "gross": _money(amount, currency), "fee": real_fee}
        settlement: Event = {
            "settlement_id": f"X-{session_id}",
            "provider": provider,
            "settled_at": _iso(settled),
            "items": [item],
            "net": _money(Decimal(item["gross"]["amount"]) - Decimal(real_fee["amount"]), currency),
        }
        yield _event("payment.settled", settlement["settlement_id"], settled, settlement)
    for index in range(random.choice([0, 0, 1, 2])):
        at = captured + timedelta(minutes=random.choice([10, 1_500, 4_500]) + index)
        refund: Event = head | {
            "refund_id": f"R-{session_id}-{index}",
            "amount": _money(max(amount / random.choice([1, 3]), Decimal(1)), paid_in),
            "refunded_at": _iso(at),
            "borne_by": random.choice(["OPERATOR", "PLATFORM", "SHARED"]),
        }
        yield _event("payment.refunded", refund["refund_id"], at, refund)
    if random.random() < 0.3:
        yield from _dispute(random, head, session_id, captured, _money(max(amount, Decimal(1)), paid_in))


def _dispute(random: Random, head: Event, session_id: str, captured: datetime, amount: Event) -> Iterator[Event]:
    opened = captured + timedelta(minutes=random.choice([60, 2_000]))
    dispute: Event = head | {
        "dispute_id": f"D-{session_id}",
        "amount": amount,
        "fee": _money("15", amount["currency"]),
        "opened_at": _iso(opened),
    }
    yield _event("payment.disputed", dispute["dispute_id"], opened, dispute)
    if random.random() < 0.8:
        closed = opened + timedelta(minutes=random.choice([-10, 1_000]))
        close = head | {
            "dispute_id": dispute["dispute_id"],
            "outcome": random.choice(["WON", "LOST"]),
            "closed_at": _iso(closed),
        }
        yield _event("payment.dispute_closed", dispute["dispute_id"], closed, close)


def _second_thoughts(random: Random, events: Sequence[Event]) -> list[Event]:
    """Refunds that did not reach the driver, disputes that are decided again, and a capture of what was missing."""
    found: list[Event] = []
    for event in events:
        data, later = event["data"], timedelta(minutes=random.choice([0, 1, 2_000]))
        at = datetime.fromisoformat(event["time"]) + later
        head = {name: data.get(name) for name in ("payment_id", "session_id")}
        if event["type"] == "payment.refunded" and random.random() < 0.3:
            failure = head | {"refund_id": data["refund_id"], "failed_at": _iso(at), "reason": "account closed"}
            found.append(_event("payment.refund_failed", data["refund_id"], at, failure))
        if event["type"] == "payment.dispute_closed" and random.random() < 0.4:
            again = data | {"outcome": random.choice(["WON", "LOST"]), "closed_at": _iso(at)}
            found.append(_event("payment.dispute_closed", f"{data['dispute_id']}-2", at, again))
        if event["type"] == "payment.captured" and random.random() < 0.2:
            again = data | {"captured_at": _iso(at), "capture_id": "2"}
            found.append(_event("payment.captured", f"{data['payment_id']}-2", at, again))
    return found


def _payout_answers(random: Random) -> Iterator[Event]:
    for operator_id, currency in CURRENCY.items():
        for day in range(DAYS):
            date = (BEGINNING + timedelta(days=day)).date()
            for attempt in (1, 2):
                payout_id = str(uuid5(NAMESPACE_URL, f"wattledger:payout:{operator_id}:{currency}:{date}:{attempt}"))
                answers = random.choice(
                    ["accepted", "paid", "failed", "returned", "paid failed", "paid returned", ""]
                )
                for index, answer in enumerate(answers.split()):
                    at = BEGINNING + timedelta(days=day + attempt, hours=2 + 2 * attempt + index)
                    data = {"payout_id": payout_id, "at": _iso(at)}
                    if answer in ("failed", "returned"):
                        data["reason"] = "AC04"
                    yield _event(f"payout.{answer}", payout_id, at, data)


def history(seed: int, sessions: int) -> list[Event]:
    """Everything that happened in the network within twelve days, in random order."""
    random = Random(seed)
    events = [*catalogue(), *_payout_answers(random), *_instant_requests()]
    for number in range(sessions):
        events += _session(random, number)
    events += _second_thoughts(Random(f"second thoughts {seed}"), events)
    random.shuffle(events)
    # One message is told again with other content.
    (partner,) = (event for event in events if event["id"] == "partner.registered:DE-ABC")
    return [*events, partner | {"data": partner["data"] | {"name": "Another name"}}]


# The first payout that stands as it failed, and the first in EUR that came back.
_FAILED_AND_BACK = """
WITH last AS (
    SELECT DISTINCT ON (originator_id) originator_id, convert_from(state, 'UTF8')::jsonb AS body
    FROM event_store.stored_events WHERE topic = 'PayoutStatusChanged'
    ORDER BY originator_id, originator_version DESC
), made AS (
    SELECT originator_id, convert_from(state, 'UTF8')::jsonb ->> 'currency' AS currency
    FROM event_store.stored_events WHERE topic = 'PayoutCreated'
)
SELECT min(body ->> 'payout_id') FILTER (WHERE body ->> 'status' = 'FAILED' AND originator_id NOT IN (
           SELECT originator_id FROM event_store.stored_events WHERE topic = 'PayoutSuperseded')),
       min(body ->> 'payout_id') FILTER (WHERE body ->> 'status' = 'RETURNED' AND currency = 'EUR')
FROM last JOIN made USING (originator_id)
"""


def settle_last_words(dsn: str) -> None:
    """What is said after all: a payout was paid that somebody had paid again, and of another less came back."""
    with psycopg.connect(dsn) as connection:
        row = connection.execute(_FAILED_AND_BACK).fetchone()
    assert row is not None
    assert None not in row, "nothing failed or nothing came back in this history"
    failed, back = row
    end = BEGINNING + timedelta(days=DAYS)
    retried = {"payout_id": failed, "at": _iso(end), "reason": "the bank was at fault", "by": "m.ortega"}
    less = {"payout_id": back, "at": _iso(end), "reason": "AC04", "amount": _money("0.50", "EUR")}
    settle(
        dsn,
        [
            _event("payout.retried", f"{failed}:after all", end, retried),
            _event("payout.returned", f"{back}:less", end, less),
        ],
        stages=1,
        partition=1,
        days=DAYS + 1,
    )
    later = end + timedelta(days=1, hours=6)
    paid = {"payout_id": failed, "at": _iso(later)}
    settle(dsn, [_event("payout.paid", f"{failed}:after all", later, paid)], clock=False, partition=2)


def settle(
    dsn: str,
    events: Sequence[Event],
    stages: int = 3,
    batch: int = 50,
    clock: bool = True,
    partition: int = 0,
    days: int = DAYS,
) -> None:
    """Take the events in, in batches, and let the clock run after each stage of them."""
    intake, hands, home = Intake(WorkingSet.of(dsn, decision_keys=KEYRING)), Clock(dsn), (PARTITION[0], partition)
    try:
        epoch = {home: intake.claim([home])[home].epoch}
        size = -(-len(events) // stages)
        for stage in range(stages):
            for first in range(stage * size, min((stage + 1) * size, len(events)), batch):
                chosen = list(enumerate(events))[first : min(first + batch, (stage + 1) * size)]
                records = [Record(*home, offset, None, json.dumps(event).encode()) for offset, event in chosen]
                intake.process(records, epoch)
            if clock:
                hands.advance(BEGINNING + timedelta(days=days * (stage + 1) / stages))
    finally:
        intake.close()
        hands.close()
