"""The months lived day by day: the clock goes on, banks answer, and people decide about what they see."""

from collections import Counter
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from typing import Any

from domain.payout.content import decided_content
from ledger.events.codec import decode
from tests.oracle.months import CURRENCY, FIRST, LAST, Event, catalogue, stamp
from tests.support import matters
from tests.support.aftermath import payout_answer
from tests.support.engine import Engine
from tests.support.events import event

_NEWS = """
SELECT notification_id, topic, state FROM event_store.stored_events
WHERE topic IN ('PayoutCreated', 'PayoutHandedOff', 'PayoutStatusChanged') AND notification_id > %s
ORDER BY notification_id
"""
OTHER = {"holder": "Grachtenlader BV", "iban": "NL20INGB0001234567", "bic": "INGBNL2A"}
FAILS, RETURNS = 6, 15


class Months:
    """A store, and all messages that it was told, in their order."""

    def __init__(self, engine: Engine, undecided: Iterable[Event]) -> None:
        self.engine, self.told = engine, list[Event]()
        self.due = {each["id"]: each for each in [*catalogue(), *undecided]}
        self._seen = 0
        self._created: dict[str, Any] = {}
        self._sent: dict[str, int] = {}
        self._waited = Counter[int]()

    def live(self) -> None:
        """Day by day, each message at its time, until the end."""
        today = FIRST
        while today <= LAST:
            self._take(stamp(today))
            self.engine.advance(stamp(today))
            self._react(today)
            for decide in _PLANNED.get(today.date().isoformat(), ()):
                self.post(*decide(self, today))
            today += timedelta(days=1)

    def post(self, *events: Event) -> None:
        """Messages that come at their times."""
        self.due |= {each["id"]: each for each in events}

    def owed_by(self, operator_id: str) -> int:
        """How far an operator is below zero, in minor units; nothing where it is not."""
        return max(0, self.engine.balances().get(f"2010/{operator_id} {CURRENCY[operator_id]}", 0))

    def _take(self, until: str) -> None:
        now = sorted((each for each in self.due.values() if each["time"] < until), key=lambda e: (e["time"], e["id"]))
        for each in now:
            del self.due[each["id"]]
        self.told += now
        self.engine.feed(now)

    def _react(self, today: datetime) -> None:
        for position, topic, state in self.engine.rows(_NEWS, self._seen):
            self._seen = position
            found = decode(topic, bytes(state))
            if topic == "PayoutCreated":
                self._created[found.payout_id] = found
            if topic == "PayoutHandedOff" or getattr(found, "status", "") == "IN_TRANSIT":
                self.post(*self._answers(self._created[found.payout_id], today))
            elif topic == "PayoutCreated":
                self.post(*self._votes(found, today))
            elif found.status in ("FAILED", "RETURNED") and found.reason == "AC04":
                self.post(*another_account(found.operator_id, today))

    def _answers(self, created: Any, today: datetime) -> list[Event]:
        """What the bank says: as a rule paid, the next day; once the account is wrong, once the money comes back."""
        if created.payout_id in self._sent:
            return []
        number = sum(1 for id_ in self._sent if self._created[id_].operator_id == created.operator_id)
        self._sent[created.payout_id] = created.amount
        at = [stamp(today + timedelta(hours=hours)) for hours in (3, 27, 90)]
        id_ = created.payout_id
        if created.operator_id == "OP-A" and number == FAILS:
            return [payout_answer("failed", id_, at[0])]
        if created.operator_id == "OP-B" and number == FAILS:
            return [event("payout.failed", id_, at[0], {"payout_id": id_, "at": at[0], "reason": "AM04"})]
        if created.operator_id in ("OP-C", "OP-D") and number % 20 == RETURNS:
            data = {"payout_id": id_, "at": at[2], "reason": "MS03"}
            retried = {
                "payout_id": id_,
                "at": stamp(today + timedelta(hours=95)),
                "reason": "asked",
                "by": "m.ortega",
            }
            return [
                payout_answer("paid", id_, at[1]),
                event("payout.returned", id_, at[2], data),
                event("payout.retried", id_, retried["at"], retried),
            ]
        if number % 11 == 10:
            return []
        return [payout_answer("accepted", id_, at[0]), payout_answer("paid", id_, at[1])]

    def _votes(self, created: Any, today: datetime) -> list[Event]:
        """Two people approve; of every fifth one rejects, of some that need two the second is days late."""
        self._waited[created.approvals] += 1
        number = self._waited[created.approvals] % 5
        first, second, late = (today + timedelta(hours=hours) for hours in (2, 3, 100))
        if number == 4:
            return [vote("rejected", created, second, "a.keller"), vote("approved", created, late, "b.rossi")]
        if created.approvals > 1 and number == 2:
            return [
                vote("approved", created, first, "a.keller"),
                vote("approved", created, second, "A.Keller"),
                vote("approved", created, late, "b.rossi"),
                vote("approved", created, late + timedelta(hours=1), "c.adler"),
            ]
        return [vote("approved", created, first, "a.keller"), vote("approved", created, second, "b.rossi")]


def vote(word: str, created: Any, at: datetime, by: str) -> Event:
    """Somebody's approval or rejection of a payout as it is."""
    data = {
        "payout_id": created.payout_id,
        "content_hash": decided_content(created),
        f"{word}_at": stamp(at),
        "by": by,
    }
    if word == "rejected":
        data["reason"] = "it is not as it was"
    return event(f"payout.{word}", created.payout_id, stamp(at), data, f"{word}:{created.payout_id}:{stamp(at)}:{by}")


def another_account(operator_id: str, today: datetime) -> list[Event]:
    """One person proposes another account, who may not confirm it; a second does."""

    def said(word: str, hours: int, by: str) -> Event:
        at = stamp(today + timedelta(hours=hours))
        data = {"operator_id": operator_id, "bank_account": OTHER, "at": at, "by": by}
        return event(f"bank_account.{word}", operator_id, at, data)

    return [said("proposed", 4, "d.office"), said("confirmed", 5, "d.office"), said("confirmed", 6, "e.chief")]


def _switch(type_: str, operator_id: str | None = None) -> Callable[[Months, datetime], list[Event]]:
    def decide(_: Months, today: datetime) -> list[Event]:
        at = stamp(today + timedelta(hours=2))
        data = {"at": at, "reason": "somebody asked", "by": "m.ortega"}
        return [
            event(type_, operator_id or "payouts", at, data | ({"operator_id": operator_id} if operator_id else {}))
        ]

    return decide


def _at_once(amount: str | None) -> Callable[[Months, datetime], list[Event]]:
    def decide(_: Months, today: datetime) -> list[Event]:
        # Before the run of that night.
        at = stamp(today + timedelta(hours=21))
        data = {"operator_id": "OP-B", "currency": "USD", "amount": amount, "at": at, "by": "f.desk"}
        return [event("payout.instant_requested", "OP-B", at, data)]

    return decide


def _adjusted(id_: str, operator_id: str, amount: str, direction: str) -> Callable[[Months, datetime], list[Event]]:
    def decide(_: Months, today: datetime) -> list[Event]:
        at = [stamp(today + timedelta(hours=hours)) for hours in (1, 2, 3)]
        told = {"operator_id": operator_id, "currency": CURRENCY[operator_id]}
        own = matters.proposed(id_, amount, direction, at[0], **told)
        return [own, matters.approved(id_, at[1], matters.MAKER), matters.approved(id_, at[2])]

    return decide


def _held(_: Months, today: datetime) -> list[Event]:
    at, until = stamp(today + timedelta(hours=1)), stamp(today + timedelta(days=30))
    some, rest = stamp(today + timedelta(days=9)), stamp(today + timedelta(days=19))
    own = {"operator_id": "OP-A"}
    return [
        matters.reserve_held("H-1", "12.00", at, until, **own),
        matters.reserve_held("H-2", "9.00", at, **own),
        matters.reserve_released("H-2", "4.00", some, **own),
        matters.reserve_released("H-2", None, rest, **own),
    ]


def _written_off(months: Months, today: datetime) -> list[Event]:
    at = [stamp(today + timedelta(hours=hours)) for hours in (1, 2)]
    owed = f"{months.owed_by('OP-E') / 100:.2f}"
    return [
        matters.write_off_proposed("W-1", "2010/OP-E", owed, at[0]),
        matters.write_off_approved("W-1", at[1]),
    ]


def _collected(_: Months, today: datetime) -> list[Event]:
    at = stamp(today + timedelta(hours=1))
    data = {
        "operator_id": "OP-D", "amount": {"amount": "10.00", "currency": "EUR"}, "at": at, "reference": "C-1",
        "reason": "below zero", "by": "m.ortega",
    }  # fmt: skip
    funded = data | {"reference": "F-1", "amount": {"amount": "5.00", "currency": "EUR"}}
    return [
        event("operator.balance_funded", "OP-D:F-1", at, funded),
        event("operator.balance_collected", "OP-D", at, data),
    ]


_PLANNED: dict[str, tuple[Callable[[Months, datetime], list[Event]], ...]] = {
    "2019-10-21": (_at_once("2.00"), _held),
    "2019-10-24": (_at_once(None),),
    "2019-10-29": (_adjusted("A-1", "OP-A", "8.00", "CREDIT"),),
    "2019-11-05": (_switch("operator.payouts_held", "OP-C"),),
    "2019-11-12": (_switch("operator.payouts_released", "OP-C"), _at_once("900.00")),
    "2019-11-20": (_adjusted("A-2", "OP-D", "60.00", "DEBIT"), _adjusted("A-3", "OP-E", "400.00", "DEBIT")),
    "2019-12-02": (_collected,),
    "2019-12-10": (_switch("payouts.stopped"),),
    "2019-12-13": (_switch("payouts.resumed"),),
    "2020-01-15": (_written_off, _at_once(None)),
    "2020-01-27": (_switch("payouts.resumed"), _adjusted("A-4", "OP-B", "30.00", "CREDIT")),
}
