"""What gateways, providers, banks and people send beside the ordinary course of things, as an addition to histories.

Each of them is made of a message that is there: a refund fails, a dispute is decided again, a settlement is told
otherwise, a session is reviewed. Nothing of it need make sense, and all of it must come to the same in any order.
"""

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from random import Random
from typing import Any, TypeAlias

from tests.support.events import captured, event, metered, money

Event: TypeAlias = dict[str, Any]

# The reasons of failures: of the account, of the bank, and one that is no code of ISO 20022.
REASONS = ("AC04", "MD07", "AM04", "MS03", "XXXX")


def mishaps(random: Random, events: list[Event]) -> list[Event]:
    """What comes besides to these messages, in no order; `random` decides what."""
    return [
        made
        for message in list(events)
        for mishap in _MISHAPS.get(message["type"], ())
        if random.randrange(100) < _LIKELY_PERCENT
        for made in mishap(random, message)
    ]


_LIKELY_PERCENT = 14


def _later(random: Random, message: Event, days: int = 4) -> str:
    """Up to so many days after a message, or a little before it."""
    moment = datetime.fromisoformat(message["time"]) + timedelta(minutes=random.randint(-30, days * 1_440))
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def _reviewed(random: Random, ended: Event) -> Iterator[Event]:
    """Somebody looks at the session, and another after her."""
    for _ in range(random.choice((1, 1, 2))):
        at, verdict = _later(random, ended), random.choice(("BILL", "VOID"))
        session_id = ended["data"]["session_id"]
        data = {"session_id": session_id, "at": at, "verdict": verdict, "reason": "looked at", "by": "I. Jansen"}
        yield event("charging.session.reviewed", session_id, at, data, f"review:{session_id}:{at}:{verdict}")


def _ended_again(random: Random, ended: Event) -> Iterator[Event]:
    """Another end is reported; mostly a correction then says which times and registers are right."""
    data = ended["data"]
    ends = (datetime.fromisoformat(data["ended_at"]) + timedelta(minutes=7)).strftime("%Y-%m-%dT%H:%M:%SZ")
    session_id = data["session_id"]
    yield event("charging.session.ended", session_id, ends, data | {"ended_at": ends}, f"again:{session_id}")
    if random.randrange(4):
        at = _later(random, ended)
        right = {
            "session_id": session_id,
            "corrected_at": at,
            "meter_start_wh": 1_000,
            "meter_stop_wh": data["meter_stop_wh"],
            "ended_at": random.choice((ends, data["ended_at"])),
            "reason": "two ends",
        }
        yield event("charging.session.meter_corrected", session_id, at, right, f"cure:{session_id}:{at}")


def _resolution(random: Random, read: Event) -> Iterator[Event]:
    """The same register a fraction of a watt-hour lower, at the very same moment or a minute later."""
    data = read["data"]
    moment = datetime.fromisoformat(data["read_at"]) + timedelta(minutes=random.choice((0, 1)))
    register = f"{data['register_wh'] - 1}.{random.choice((2, 9))}"
    at = moment.strftime("%Y-%m-%dT%H:%M:%SZ")
    yield metered(data["session_id"], at, register) | {"id": f"resolution:{read['id']}:{register}"}


def _same_capture_again(random: Random, capture: Event) -> Iterator[Event]:
    """As much is captured once more at the same moment, under an id of its own or by another provider."""
    data = capture["data"]
    more = random.choice(({"capture_id": "second"}, {"provider": "other-psp"}))
    yield event("payment.captured", capture["subject"], capture["time"], data | more, f"more:{capture['id']}")


def _tops_up(random: Random, capture: Event) -> Iterator[Event]:
    """Some more is captured days later, which may cover a price that was raised."""
    session_id, at = capture["data"]["session_id"], _later(random, capture, 8)
    currency = capture["data"]["amount"]["currency"]
    yield captured(session_id, at, random.choice(("0.61", "4.00")), "0.05", f"T-{session_id}", currency)


def _refund_failed(random: Random, refund: Event) -> Iterator[Event]:
    """The refund did not reach the driver."""
    data, at = refund["data"], _later(random, refund)
    named = {name: data[name] for name in ("refund_id", "payment_id", "session_id")}
    failed = named | {"failed_at": at, "reason": "account closed"}
    yield event("payment.refund_failed", refund["subject"], at, failed, f"failed:{data['refund_id']}:{at}")


def _decided_again(random: Random, close: Event) -> Iterator[Event]:
    """The dispute is decided once more, with the other outcome or the same."""
    for _ in range(random.choice((1, 1, 2))):
        at, outcome = _later(random, close), random.choice(("WON", "LOST"))
        data = close["data"] | {"closed_at": at, "outcome": outcome}
        name = f"again:{data['dispute_id']}:{at}:{outcome}"
        yield event("payment.dispute_closed", close["subject"], at, data, name)


def _told_otherwise(random: Random, settlement: Event) -> Iterator[Event]:
    """The settlement is told again with less in it, later or at the same moment."""
    data = settlement["data"]
    at = random.choice((settlement["time"], _later(random, settlement)))
    other = data | {"items": data["items"][:-1], "settled_at": at}
    yield event("payment.settled", settlement["subject"], at, other, f"otherwise:{data['settlement_id']}")


def _in_parts(random: Random, settlement: Event) -> Iterator[Event]:
    """Another settlement comes in three parts, one of which may be missing, with lines of several kinds."""
    data, at = settlement["data"], _later(random, settlement, 2)
    currency = data["net"]["currency"]
    payment = data["items"][0]["payment_id"]
    nothing = money("0.00", currency)
    lines: tuple[list[Event], ...] = (
        [
            {
                "payment_id": payment,
                "gross": money("-1.99", currency),
                "fee": nothing,
                "kind": "REFUND",
                "refund_id": "R",
            }
        ],
        [{"payment_id": "P-nobody", "gross": money("3.33", currency), "fee": money("0.33", currency)}],
        [],
    )
    nets = ("-1.99", "3.00", "-0.50")
    for part in random.sample((1, 2, 3), random.choice((2, 3))):
        told = {
            "settlement_id": f"parts:{data['settlement_id']}",
            "provider": data["provider"],
            "settled_at": at,
            "items": lines[part - 1],
            "net": money(nets[part - 1], currency),
            "part": part,
            "parts": 3,
        }
        yield event("payment.settled", settlement["subject"], at, told, f"part-{part}:{data['settlement_id']}")


def _of_another_provider(random: Random, settlement: Event) -> Iterator[Event]:
    """Another provider numbers its settlements alike."""
    data = settlement["data"]
    other = data | {"provider": "other-psp", "items": [], "net": money("0.00", data["net"]["currency"])}
    yield event("payment.settled", "other-psp", settlement["time"], other, f"other:{data['settlement_id']}")


def _answered_otherwise(random: Random, answer: Event) -> Iterator[Event]:
    """The bank says something else too, about the id without hyphens, with any reason or less money."""
    data = answer["data"]
    kind, at = random.choice(("accepted", "paid", "failed", "returned")), _later(random, answer)
    told = {"payout_id": data["payout_id"].replace("-", "").upper(), "at": at, "bank_reference": "B-1"}
    if kind in ("failed", "returned"):
        told["reason"] = random.choice(REASONS)
    if kind == "returned" and random.randrange(2):
        told["amount"] = money("0.01")
    yield event(f"payout.{kind}", answer["subject"], at, told, f"{kind}:{data['payout_id']}:{at}")


def _retried(random: Random, failure: Event) -> Iterator[Event]:
    """Somebody has a failed payout go out again."""
    at, payout_id = _later(random, failure), failure["data"]["payout_id"]
    data = {"payout_id": payout_id, "at": at, "reason": "the bank was asked", "by": "I. Jansen"}
    yield event("payout.retried", payout_id, at, data, f"retried:{payout_id}:{at}")


_MISHAPS: dict[str, tuple[Callable[[Random, Event], Iterator[Event]], ...]] = {
    "charging.session.metered": (_resolution,),
    "charging.session.ended": (_reviewed, _ended_again),
    "payment.captured": (_same_capture_again, _tops_up),
    "payment.refunded": (_refund_failed,),
    "payment.dispute_closed": (_decided_again,),
    "payment.settled": (_told_otherwise, _in_parts, _of_another_provider),
    "payout.paid": (_answered_otherwise,),
    "payout.failed": (_answered_otherwise, _retried),
    "payout.returned": (_answered_otherwise,),
}
