"""The engine on a real database, topics as lists, and the processor with its bank: moved by one step at a time.

Each step is what one process does between two moments at which it may be killed; `Kill` says where it is.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from pathlib import Path
from random import Random
from typing import Any

import orjson
import psycopg

from consumers.outgoing import all_outgoing
from ledger.intake import outbox
from tests.processor.driving import Driven
from tests.support.aftermath import settled
from tests.support.engine import Engine
from tests.support.events import captured, ended, event, operator, started, tariff
from wattledger.processor.bank import Bank

OPERATORS = {"OP-1": "EUR", "OP-2": "EUR", "OP-3": "SEK"}
DAYS = [f"2026-03-{day:02}" for day in range(2, 6)]
BEGINNING = datetime(2026, 3, 2, 12, tzinfo=UTC)
# From here on everything is over and answered.
END = datetime(2026, 3, 20, tzinfo=UTC)


class Kill(StrEnum):
    """At which moment of its step a process is killed, if at all."""

    NOT = "not"
    BEFORE = "before"
    AFTER = "after"


class Killed(Exception):
    """Stands for `kill -9` in the middle of a step."""


def business(random: Random) -> Iterator[dict[str, Any]]:
    """Operators, sessions, captures and settlements of some days, in the order of time."""
    for id_, currency in OPERATORS.items():
        yield operator(id_, time_zone="UTC", currency=currency)
        yield tariff(id_, f"T-{id_}", currency=currency)
    for day in DAYS:
        captures: dict[str, list[dict[str, Any]]] = defaultdict(list)
        for id_, currency in OPERATORS.items():
            for number in range(random.randint(0, 2)):
                session_id = f"S-{id_}-{day}-{number}"
                register_wh = random.randint(1, 40) * 1_000
                gross = f"{Decimal(register_wh) * Decimal('0.000605'):.2f}"
                yield started(session_id, f"{day}T10:00:00Z", operator_id=id_, tariff_id=f"T-{id_}")
                yield ended(session_id, f"{day}T11:00:00Z", register_wh=register_wh)
                capture = captured(session_id, f"{day}T11:01:00Z", gross, "0.01", currency=currency)
                captures[currency].append(capture["data"])
                yield capture
        for hour, (currency, found) in enumerate(sorted(captures.items()), 20):
            yield settled(f"ST-{day}-{currency}", f"{day}T{hour}:00:00Z", "acme-psp", found)


class World:
    """All of it, and what came in by then."""

    def __init__(self, dsn: str, folder: Path, seed: int, wishes: list[str]) -> None:
        self.engine, self.dsn = Engine(dsn), dsn
        self.driven = Driven(folder, f"seed={seed}", "paid_after=100000", "returned_after=190000", *wishes)
        self.random = Random(seed)
        self.to_tell = list(business(self.random))
        self.batches: list[bytes] = []
        self.results: list[bytes] = []
        self.read = self.consumed = 0
        self.came_in: Counter[str] = Counter()
        self.now = BEGINNING

    def close(self) -> None:
        """Give everything back."""
        self.engine.close()
        self.driven.processor.close()

    def do(self, step: str, size: int, kill: Kill) -> None:
        """A step by its name."""
        steps: dict[str, Callable[[], None]] = {
            "tell": lambda: self.tell(2 * size),
            "pass_time": lambda: self.pass_time(3 * size),
            "advance": lambda: self.advance(kill),
            "relay": lambda: self.relay(2 * size, kill),
            "take": lambda: self.take(size, kill),
            "work": lambda: self.work(kill),
            "answer": lambda: self.answer(kill),
            "consume": lambda: self.consume(size, kill),
            "decide": self.decide,
        }
        steps[step]()

    def tell(self, count: int) -> None:
        """Let the next messages arrive, in some order."""
        some, self.to_tell = self.to_tell[:count], self.to_tell[count:]
        for each in some:
            if each["type"] == "payment.settled":
                net = each["data"]["net"]
                self.came_in[net["currency"]] += int(Decimal(net["amount"]) * 100)
        self.random.shuffle(some)
        self.engine.feed(some)

    def relay(self, count: int, kill: Kill) -> None:
        """Send what is to be sent; killed after sending, it is sent again by the next one."""
        with psycopg.connect(self.dsn) as connection, connection.cursor() as cursor:
            rows = outbox.pending(cursor, count)
            self.batches += [
                record.value for row in rows if row.topic == "settlement.batches" for record in all_outgoing(row)
            ]
            if kill is Kill.NOT:
                outbox.delete(cursor, [row.outbox_id for row in rows])

    def take(self, count: int, kill: Kill) -> None:
        """The processor reads on; killed before it kept what it read, it reads that again."""
        some = self.batches[self.read : self.read + count]
        if kill is Kill.BEFORE:
            some = some[: len(some) // 2]
        self.driven.take(some)
        self.read += len(some)
        if kill is not Kill.NOT:
            self.driven.kill()

    def work(self, kill: Kill) -> None:
        """The processor hands in, asks and books; killed before the bank had it, or before it knew that it had."""
        bank = self.driven.processor.bank

        def hand_in(messages: Any) -> set[str]:
            if kill is Kill.AFTER:
                Bank.hand_in(bank, messages)
            raise Killed

        if kill is not Kill.NOT:
            setattr(bank, "hand_in", hand_in)  # noqa: B010
        with suppress(Killed):
            self.driven.processor.work()
        if kill is not Kill.NOT:
            self.driven.kill()

    def answer(self, kill: Kill) -> None:
        """The processor answers; killed before it knew that its answers arrived, it sends them again."""
        heard = len(self.driven.heard)
        self.driven.hear(killed=kill is not Kill.NOT)
        self.results += [orjson.dumps(each) for each in self.driven.heard[heard:]]

    def consume(self, count: int, kill: Kill) -> None:
        """The engine takes answers in, in some order; killed afterwards, it gets them once more."""
        some = self.results[self.consumed : self.consumed + count]
        if kill is Kill.NOT:
            self.consumed += len(some)
        self.random.shuffle(some)
        self.engine.feed(some)
        if kill is not Kill.NOT:
            self.engine.close()
            self.engine = Engine(self.dsn)

    def pass_time(self, hours: int) -> None:
        """Time goes on, for everybody."""
        self.now += timedelta(hours=hours)
        self.driven.now = self.now

    def advance(self, kill: Kill) -> None:
        """The clock does what is due, and two clocks at once do it once."""
        self.engine.advance(self.now)
        if kill is not Kill.NOT:
            self.engine.close()
            self.engine = Engine(self.dsn)
            self.engine.advance(self.now)

    def decide(self) -> None:
        """People mend what can be: a new account where one was wrong, another try where that is all."""
        stamp = f"{self.now:%Y-%m-%dT%H:%M:%SZ}"
        for id_, currency in OPERATORS.items():
            account = {"holder": f"Account of {stamp}", "iban": "DE75512108001245126199"}
            terms = {"time_zone": "UTC", "currency": currency, "bank_account": account}
            self.engine.feed([operator(id_, changed=True, time=stamp, **terms)])
        rows = self.engine.rows("SELECT payout_id FROM intake.open_payout ORDER BY 1")
        for (payout_id,) in rows[: self.random.randint(0, len(rows))]:
            data = {"payout_id": payout_id, "at": stamp, "reason": "once more", "by": "m.ortega"}
            self.engine.feed([event("payout.retried", payout_id, stamp, data)])

    def come_to_rest(self) -> None:
        """Let all of it be told, paid, answered and taken in."""
        self.tell(len(self.to_tell))
        self.now = self.driven.now = max(self.now, END)
        for _ in range(10):
            self.advance(Kill.NOT)
            self.relay(10_000, Kill.NOT)
            self.take(10_000, Kill.NOT)
            self.work(Kill.NOT)
            self.work(Kill.NOT)
            self.answer(Kill.NOT)
            self.consume(10_000, Kill.NOT)
            self.pass_time(24)

    def debits_at_any_moment(self) -> set[int]:
        """How often any journal entry was paid and had not come back, after each booking of the bank's own ledger.

        Booking by booking, since a debit too many may be hidden by a return that follows it.
        """
        entries_of = {each.end_to_end_id: each.entry_ids for each in self.driven.processor.desk.instructions()}
        standing: Counter[str] = Counter()
        found = {0}
        for booking in self.driven.processor.bank.bookings():
            for entry_id in entries_of[booking.end_to_end_id]:
                standing[entry_id] += 1 if booking.direction == "DBIT" else -1
                found.add(standing[entry_id])
        return found

    def went_out(self) -> Counter[str]:
        """What left the bank account and did not come back, by currency in minor units, by the bank's own ledger."""
        found: Counter[str] = Counter()
        for booking in self.driven.processor.bank.bookings():
            found[booking.currency] += int(booking.amount * 100) * (1 if booking.direction == "DBIT" else -1)
        return found

    def under_way(self) -> Counter[str]:
        """What was ordered, and is neither booked nor refused, by currency in minor units, by the desk."""
        found: Counter[str] = Counter()
        for each in self.driven.processor.desk.instructions():
            if each.word in (None, "accepted"):
                found[each.currency] += int(each.amount * 100)
        return found
