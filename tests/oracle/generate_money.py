"""Adds to a generated network what others answer: payments, roaming partners and banks."""

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from tests.oracle.business_days import parse_time
from tests.oracle.cast import Json, bank_account, iso, money
from tests.oracle.exact import text_of
from tests.oracle.facts import Facts
from tests.oracle.judging import Judged, judge
from tests.oracle.model import settle

if TYPE_CHECKING:
    from tests.oracle.generate import Network

BEARERS = ("OPERATOR", "OPERATOR", "PLATFORM", "SHARED", "SHARED")
# What the bank answers about a payout, and how often in a hundred.
FATES = {
    "accepted paid": 35,
    "paid": 30,
    "failed": 8,
    "accepted paid returned": 6,
    "returned": 3,
    "paid failed": 3,
    "": 15,
}
Capture = tuple[str, str, datetime, Json, Json]


def add_payments(network: "Network", facts: Facts) -> None:
    """Captures, failures, refunds, disputes and settlements for the sessions whose drivers pay."""
    captures: list[Capture] = []
    for session_id in sorted(facts.sessions):
        judged = judge(facts, session_id)
        drives = judged.partner is None or ("roaming payments" in network.rare and network.random.random() < 0.3)
        if drives and judged.operator_id and judged.operator_id in network.versions:
            captures += _payments_of(network, judged)
    _settlements(network, captures)


def _payments_of(network: "Network", judged: Judged) -> list[Capture]:
    random, session_id = network.random, judged.session_id
    currency = network.versions[judged.operator_id][0]["currency"]
    ended = judged.ended_at or network.moment(network.versions[judged.operator_id][0])
    delay = random.choice((1, 1, 1, 0, 2, 30, random.randrange(2000), -3)) if judged.steps else 5
    at = (ended + timedelta(minutes=delay)).replace(microsecond=0)
    if len(judged.steps) > 1 and random.random() < 0.2:
        at = judged.steps[-1].acts[0]  # At the very moment of a correction.
    known = [step.rating for step in judged.steps if step.acts[0] <= max(at, ended) and step.rating]
    gross = known[-1].gross if known else 500
    if gross == 0 or (not judged.steps and random.random() < 0.7):
        return []
    style = random.choices(
        ("whole", "two", "less", "more", "failed", "failed first", "none", "other money"),
        (70, 5, 3, 3, 4, 5, 2, 1),
    )[0]
    if not judged.steps:
        style = "whole"
    if style.startswith("failed"):
        when = at + timedelta(minutes=random.choice((-30, 0, 0)))
        data = {
            "payment_id": f"P-{session_id}",
            "session_id": session_id,
            "failed_at": iso(when),
            "reason": "declined",
        }
        network.add("payment.failed", session_id, when, data)
        at += timedelta(hours=random.choice((1, 50)))
    if style in ("failed", "none"):
        return []
    parts = {"two": (gross // 3, gross - gross // 3), "less": (gross - 1,), "more": (gross + 7,)}.get(style, (gross,))
    captures = []
    for number, amount in enumerate(parts):
        if amount > 0:
            unit = currency if style != "other money" else ("EUR" if currency != "EUR" else "USD")
            captures.append(_capture(network, session_id, number, amount, unit, at + timedelta(hours=7 * number)))
    if style == "other money":
        return []
    if judged.steps or "unrated refunds" in network.rare:
        _refunds(network, captures)
        _dispute(network, captures)
    return captures


def _capture(network: "Network", session_id: str, number: int, amount: int, currency: str, at: datetime) -> Capture:
    payment_id = f"P-{session_id}" if number == 0 else f"P-{session_id}-{number}"
    fee = money(min(network.random.choice((0, 3, amount // 50)), amount), currency)
    data = {
        "payment_id": payment_id,
        "session_id": session_id,
        "amount": money(amount, currency),
        "fee": fee,
        "captured_at": iso(at),
        "provider": f"psp-{currency.lower()}",
    }
    network.add("payment.captured", session_id, at, data, payment_id)
    return payment_id, session_id, at, data, fee


def _refunds(network: "Network", captures: list[Capture]) -> None:
    random = network.random
    if not captures or random.random() > 0.15:
        return
    payment_id, session_id, at, data, _ = random.choice(captures)
    currency, left = data["amount"]["currency"], _minor(data)
    for number in range(random.choice((1, 1, 2, 3))):
        amount = left if random.random() < 0.3 else random.randrange(left + 1)
        left -= amount
        at = (at + timedelta(hours=random.choice((0, 0.1, 5, 80, 200)))).replace(microsecond=0)
        if amount:
            refund_id = f"R-{payment_id}-{number}"
            refund: Json = {"refund_id": refund_id, "payment_id": payment_id, "session_id": session_id}
            refund |= {"amount": money(amount, currency), "refunded_at": iso(at), "borne_by": random.choice(BEARERS)}
            network.add("payment.refunded", session_id, at, refund, refund_id)


def _dispute(network: "Network", captures: list[Capture]) -> None:
    random = network.random
    if not captures or random.random() > 0.08:
        return
    payment_id, session_id, at, data, _ = captures[0]
    currency, whole = data["amount"]["currency"], _minor(data)
    amount = whole if random.random() < 0.6 else random.randrange(1, whole + 1)
    at = (at + timedelta(hours=random.choice((1, 30, 150)))).replace(microsecond=0)
    named = {"dispute_id": f"D-{payment_id}", "payment_id": payment_id, "session_id": session_id}
    dispute = {**named, "amount": money(amount, currency), "fee": money(15, currency), "opened_at": iso(at)}
    network.add("payment.disputed", session_id, at, dispute, named["dispute_id"])
    if random.random() < 0.8:
        at += timedelta(hours=random.choice((2, 60)))
        closed = {**named, "outcome": random.choice(("WON", "LOST", "LOST")), "closed_at": iso(at)}
        network.add("payment.dispute_closed", session_id, at, closed, named["dispute_id"])
        if random.random() < 0.3:
            at += timedelta(hours=random.choice((5, 90)))
            again = {**closed, "outcome": random.choice(("WON", "LOST")), "closed_at": iso(at)}
            network.add("payment.dispute_closed", session_id, at, again, f"{named['dispute_id']}-again")


def _minor(data: Json) -> int:
    return int(str(data["amount"]["amount"]).replace(".", ""))


def _settlements(network: "Network", captures: list[Capture]) -> None:
    """Each provider settles a day's captures at six the next morning, most of them and some with another fee."""
    random = network.random
    batches: dict[tuple[str, str], list[Capture]] = {}
    for capture in captures:
        if random.random() < 0.93:
            batches.setdefault((capture[3]["provider"], iso(capture[2])[:10]), []).append(capture)
    for (provider, day), batch in sorted(batches.items()):
        at = parse_time(f"{day}T06:00:00Z") + timedelta(days=1)
        items, net = [], 0
        for payment_id, _, _, data, fee in batch:
            currency = fee["currency"]
            charged = int(str(fee["amount"]).replace(".", ""))
            charged += random.choice((-1, 1, 2)) if charged and random.random() < 0.08 else 0
            items.append({"payment_id": payment_id, "gross": data["amount"], "fee": money(charged, currency)})
            net += _minor(data) - charged
        name = f"ST-{provider}-{day}"
        settled = {"settlement_id": name, "provider": provider, "settled_at": iso(at), "items": items}
        network.add("payment.settled", provider, at, {**settled, "net": money(net, currency)}, name)


def add_roaming_answers(network: "Network") -> None:
    """Partners accept or refuse CDRs, some late, and pay invoices in whole or part."""
    random, invoices = network.random, dict[tuple[str, str, str], list[tuple[str, int]]]()
    for cdr in sorted(settle(network.events, network.ends).cdrs.values(), key=lambda cdr: cdr.cdr_id):
        if cdr.account.judged.partner is None or random.random() < 0.1:
            continue
        partner = cdr.account.judged.partner_id
        at = cdr.issued_at + timedelta(minutes=random.choice((1, 5, 60, 3000)))
        if "early answers" in network.rare and random.random() < 0.3:
            at = cdr.issued_at - timedelta(minutes=random.choice((0, 2)))
        accepted = random.random() < 0.9
        answer = {"cdr_id": cdr.cdr_id, "partner": partner, "at": iso(at)}
        kind = "accepted" if accepted else "rejected"
        network.add(f"roaming.cdr_{kind}", partner, at, answer, cdr.cdr_id)
        gone = cdr.credited_at
        if accepted and random.random() < 0.12:
            at += timedelta(hours=random.choice((1, 40)))
            rejection = {**answer, "at": iso(at), "reason": "wrong tariff"}
            network.add("roaming.cdr_rejected", partner, at, rejection, cdr.cdr_id)
            gone = at if gone is None else min(gone, at)
        paid_at = at + timedelta(days=random.choice((2, 5)))
        stands = gone is None or gone > paid_at or "stale invoices" in network.rare
        if (accepted or "stale invoices" in network.rare) and random.random() < 0.7 and stands:
            day = paid_at.replace(hour=23, minute=59, second=0)
            if gone is None or gone > day or "stale invoices" in network.rare:
                key = partner, cdr.share.currency, iso(day)
                invoices.setdefault(key, []).append((cdr.cdr_id, cdr.rating.gross))
    for (partner, currency, day_text), listed in sorted(invoices.items()):
        amount = max(sum(gross for _, gross in listed) - random.choice((0, 0, 0, 25)), 1)
        name = f"I-{partner}-{day_text}"
        invoice: Json = {"invoice_id": name, "partner": partner, "cdr_ids": [cdr_id for cdr_id, _ in listed]}
        invoice |= {"amount": money(amount, currency), "paid_at": day_text}
        network.add("roaming.invoice_paid", partner, parse_time(day_text), invoice, name)


def add_payout_answers(network: "Network") -> None:
    """The bank answers payouts, some badly; operators bring new bank accounts, and what is paid again is answered."""
    random, answered = network.random, set[str]()
    for _ in range(4):
        for payout in sorted(settle(network.events, network.ends).payouts.values(), key=lambda p: p.payout_id):
            if payout.payout_id in answered or payout.status == "AWAITING_APPROVAL":
                continue
            answered.add(payout.payout_id)
            at, kind = payout.fired_at, ""
            fates = FATES | ({"paid failed paid": 10} if "odd results" in network.rare else {})
            for kind in random.choices(tuple(fates), tuple(fates.values()))[0].split():
                at += timedelta(hours=random.choice((1, 20, 49)))
                if "early results" in network.rare and random.random() < 0.2:
                    at -= timedelta(hours=60)
                answer: Json = {"payout_id": payout.payout_id, "at": iso(at), "bank_reference": "B-1"}
                if kind in ("failed", "returned"):
                    answer["reason"] = "AM04" if payout.payout_id[0] in "0123456" else "AC04"
                if kind == "returned" and payout.payout_id[1] in "0123456" and payout.amount > 50:
                    back = text_of(payout.amount - 45, payout.currency)
                    answer["amount"] = {"amount": back, "currency": payout.currency}
                network.add(f"payout.{kind}", payout.payout_id, at, answer, payout.payout_id)
            if kind in ("failed", "returned") and random.random() < 0.6:
                _new_account(network, payout.operator_id, at + timedelta(hours=random.choice((3, 30))))


def _new_account(network: "Network", operator_id: str, at: datetime) -> None:
    """A new bank account, unless another change of the operator is still to come."""
    versions = network.versions[operator_id]
    latest = max(
        parse_time(each["time"])
        for each in network.events
        if each["type"].startswith("operator.") and each["subject"] == operator_id
    )
    effective = parse_time(versions[-1]["effective_from"])
    if max(latest, effective) < at:
        account = bank_account(int(operator_id.removeprefix("OP-")), len(versions))
        network.change(operator_id, at, at, bank_account=account)
