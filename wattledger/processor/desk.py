"""The payout processor itself: what it was ordered, what it has handed in, and what it may answer.

Each of its steps is one transaction of its own file, so that it may be killed between any two:

- an order is kept once, by its EndToEndId, however often it comes;
- before anything is handed in, it is written down that it will be. Where no confirmation came, or the process was
  killed meanwhile, the bank is asked for the status of that id; the same id is handed in again only when the bank
  says that it never had it, and another id never;
- answers are made of what the bank told, under ids that depend on nothing else.
"""

import json
import logging
import sqlite3
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from pathlib import Path
from typing import Protocol

from wattledger.processor.bank import Bank, Message, Report, Statement, Transfer
from wattledger.processor.behaviour import Word
from wattledger.processor.errors import OrderRefused
from wattledger.processor.orders import Order, Told, is_whole, order_of, parts_needed, read
from wattledger.processor.store import moment, open_file, stamp, transaction

_log = logging.getLogger(__name__)

_SCHEMA = """
CREATE TABLE IF NOT EXISTS position (partition INTEGER PRIMARY KEY, next_offset INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS told (
    payout_id TEXT NOT NULL,
    part INTEGER NOT NULL,
    body TEXT NOT NULL,
    PRIMARY KEY (payout_id, part)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS instruction (
    end_to_end_id TEXT PRIMARY KEY,
    payout_id TEXT NOT NULL UNIQUE,
    operator_id TEXT NOT NULL,
    currency TEXT NOT NULL,
    amount TEXT NOT NULL,
    account TEXT NOT NULL,
    attempt INTEGER NOT NULL,
    execution_date TEXT NOT NULL,
    bank_file TEXT NOT NULL,
    reissue_of TEXT,
    content_hash TEXT NOT NULL,
    entry_ids TEXT NOT NULL,
    ordered_at TEXT NOT NULL,
    state TEXT NOT NULL DEFAULT 'WAITING',
    word TEXT
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS instruction_open ON instruction (state) WHERE state <> 'CONFIRMED';
CREATE TABLE IF NOT EXISTS refusal (subject TEXT NOT NULL, sentence TEXT NOT NULL, UNIQUE (subject, sentence));
CREATE TABLE IF NOT EXISTS mark (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
"""

_ADD = f"INSERT INTO instruction VALUES ({', '.join('?' * 13)}, 'WAITING', NULL) ON CONFLICT DO NOTHING"  # noqa: S608
_MOVE = "INSERT INTO position VALUES (?, ?) ON CONFLICT DO UPDATE SET next_offset = excluded.next_offset"
_MARK = "INSERT INTO mark VALUES (?, ?) ON CONFLICT DO UPDATE SET value = excluded.value"
# An attempt waits for the end of the one that it repeats: two of one payout are never under way.
_READY = """
SELECT end_to_end_id, payout_id, operator_id, currency, amount, account, attempt, execution_date, bank_file,
       reissue_of, content_hash, '[]' AS entry_ids, ordered_at
FROM instruction AS this
WHERE state = 'WAITING' AND NOT EXISTS (
    SELECT 1 FROM instruction AS before
    WHERE before.payout_id = this.reissue_of AND (before.word IS NULL OR before.word NOT IN ('failed', 'returned'))
)
ORDER BY ordered_at, end_to_end_id
"""
_UNSURE = "SELECT end_to_end_id FROM instruction WHERE state = 'HANDING_IN' ORDER BY end_to_end_id"
# In the order in which they happen at a bank, whatever the order in which they are told.
_SAID = """
UPDATE instruction SET word = ?1
WHERE end_to_end_id = ?2 AND instr('accepted failed paid returned', ?1)
      > instr('accepted failed paid returned', coalesce(word, '-'))
"""


class State(StrEnum):
    """How far an instruction has come: ordered, about to be handed in, and known to be at the bank."""

    WAITING = "WAITING"
    HANDING_IN = "HANDING_IN"
    CONFIRMED = "CONFIRMED"


@dataclass(frozen=True, slots=True)
class Instruction:
    """What the desk knows of an order; `word` is the last one that the bank booked or said."""

    end_to_end_id: str
    payout_id: str
    operator_id: str
    state: State
    word: str | None
    amount: Decimal
    currency: str
    entry_ids: tuple[str, ...]


class Pairing(Protocol):
    """What makes messages for the bank of orders that are ready; those of which it makes none wait."""

    def changed(self) -> bool:
        """Whether it might make other messages of the same orders than it did."""
        ...

    def messages(self, orders: Sequence[Order]) -> Iterable[Message]:
        """The messages; the orders come without the entries that they pay."""
        ...


class Desk:
    """The desk's file and its bank. `clock` says when it is, `pairing` what is handed in together."""

    def __init__(self, path: Path, bank: Bank, clock: Callable[[], datetime], pairing: Pairing) -> None:
        self._file = open_file(path, _SCHEMA)
        self._bank, self._clock, self._pairing = bank, clock, pairing
        self._changed = True

    def close(self) -> None:
        """Give the file back; the bank keeps its own."""
        self._file.close()

    def positions(self) -> Mapping[int, int]:
        """The next offset of each partition of the topic."""
        return {row["partition"]: row["next_offset"] for row in self._file.execute("SELECT * FROM position")}

    def take(self, records: Sequence[tuple[int, int, bytes]]) -> None:
        """Keep what records (partition, offset, value) tell, and how far the topic was read, together."""
        with transaction(self._file) as file:
            for partition, offset, value in records:
                try:
                    told = read(value)
                except OrderRefused as refused:
                    self._refuse(f"partition {partition}, offset {offset}", str(refused))
                    told = None
                if told is not None:
                    self._learn(told)
                file.execute(_MOVE, (partition, offset + 1))
        self._changed = True

    def _learn(self, told: Told) -> None:
        """Keep one record, and the order once all of it is there."""
        id_ = told.payout_id
        self._file.execute(
            "INSERT INTO told VALUES (?, ?, ?) ON CONFLICT DO NOTHING", (id_, told.part, json.dumps(told.body))
        )
        kept = self._file.execute("SELECT part, body FROM told WHERE payout_id = ? ORDER BY part", (id_,)).fetchall()
        created = [json.loads(row["body"]) for row in kept if row["part"] == 0]
        parts = [json.loads(row["body"]) for row in kept if row["part"]]
        if not created or (parts_needed(created[0]) and not is_whole(parts)):
            return
        # Whether it is an order or not, another record of it begins anew.
        self._file.execute("DELETE FROM told WHERE payout_id = ?", (id_,))
        try:
            self._keep(order_of(created[0], parts))
        except OrderRefused as refused:
            self._refuse(id_, str(refused))

    def _keep(self, order: Order) -> None:
        row = (
            *(order.end_to_end_id, order.payout_id, order.operator_id, order.currency, str(order.amount)),
            *(order.account, order.attempt, order.execution_date, order.bank_file, order.reissue_of),
            *(order.content_hash, json.dumps(order.entry_ids), stamp(order.ordered_at)),
        )
        if self._file.execute(_ADD, row).rowcount:
            return
        kept = self._file.execute(
            "SELECT content_hash FROM instruction WHERE end_to_end_id = ? OR payout_id = ?",
            (order.end_to_end_id, order.payout_id),
        ).fetchone()
        if kept["content_hash"] != order.content_hash:
            self._refuse(
                order.payout_id,
                f"payout {order.payout_id} was ordered with content_hash {kept['content_hash']} and now comes with "
                f"{order.content_hash}: the first stands; ask its sender",
            )

    def _refuse(self, subject: str, sentence: str) -> None:
        added = self._file.execute("INSERT INTO refusal VALUES (?, ?) ON CONFLICT DO NOTHING", (subject, sentence))
        if added.rowcount:
            _log.error("%s", sentence)

    def refusals(self) -> list[str]:
        """What was refused, as sentences."""
        return [row["sentence"] for row in self._file.execute("SELECT sentence FROM refusal ORDER BY rowid")]

    def work(self) -> bool:
        """Hand in what is ready, ask for what is unknown, and let the bank do what is due; whether any of it was."""
        did = self.hand_in()
        did = self.ask() or did
        return bool(self._bank.work(self._clock())) or did

    def hand_in(self) -> bool:
        """Hand in what is ready, all of it first written down as under way; whether there was anything."""
        if not self._pairing.changed() and not self._changed:
            return False
        self._changed = False
        orders = [_order(row) for row in self._file.execute(_READY)]
        messages = list(self._pairing.messages(orders))
        ids = [each.end_to_end_id for message in messages for each in message.transfers]
        if not ids:
            return False
        self._note(ids, State.HANDING_IN)
        confirmed = self._bank.hand_in(messages)
        sure = [m for m in messages if m.message_id in confirmed]
        self._note([each.end_to_end_id for message in sure for each in message.transfers], State.CONFIRMED)
        return True

    def ask(self) -> bool:
        """Ask for the status of all that may be at the bank and may not; whether there was any of it."""
        ids = [row["end_to_end_id"] for row in self._file.execute(_UNSURE)]
        if not ids:
            return False
        known = self._bank.status(ids, self._clock())
        with transaction(self._file):
            self._set_state(sorted(known), State.CONFIRMED)
            self._set_state([id_ for id_ in ids if id_ not in known], State.WAITING)
        self._changed = True
        return True

    def _note(self, end_to_end_ids: Sequence[str], state: State) -> None:
        with transaction(self._file):
            self._set_state(end_to_end_ids, state)

    def _set_state(self, end_to_end_ids: Sequence[str], state: State) -> None:
        rows = [(state, id_) for id_ in end_to_end_ids]
        self._file.executemany("UPDATE instruction SET state = ? WHERE end_to_end_id = ?", rows)

    def news(self) -> list[Report]:
        """What the bank has told and was not passed on yet: the same again until `passed_on`, and then what follows.

        Its end is written down first, so that a file made of it again is the same file.
        """
        after = self._marked("passed_on")
        through = self._marked("passing_on")
        if through <= after:
            told = self._bank.reports(after)
            if not told:
                return []
            through = told[-1].sequence
            with transaction(self._file) as file:
                file.execute(_MARK, ("passing_on", through))
        return self._bank.reports(after, through)

    def passed_on(self, reports: Sequence[Report]) -> None:
        """What `news` gave has arrived where it goes."""
        if not reports:
            return
        words = [(each.word, each.end_to_end_id) for each in reports if each.word is not Word.REFUSED]
        with transaction(self._file) as file:
            file.execute(_MARK, ("passed_on", reports[-1].sequence))
            file.executemany(_SAID, words)
        self._changed = True

    def statements(self) -> list[Statement]:
        """The bank's statements that were not passed on yet."""
        return self._bank.statements(self._marked("stated"))

    def stated(self, statements: Sequence[Statement]) -> None:
        """These statements have arrived where they go."""
        if statements:
            with transaction(self._file) as file:
                file.execute(_MARK, ("stated", statements[-1].sequence))

    def _marked(self, name: str) -> int:
        row = self._file.execute("SELECT value FROM mark WHERE name = ?", (name,)).fetchone()
        return int(row["value"]) if row else 0

    def instructions(self) -> list[Instruction]:
        """All orders that were accepted, and how far each has come."""
        return [
            Instruction(
                row["end_to_end_id"],
                row["payout_id"],
                row["operator_id"],
                State(row["state"]),
                row["word"],
                Decimal(row["amount"]),
                row["currency"],
                tuple(json.loads(row["entry_ids"])),
            )
            for row in self._file.execute("SELECT * FROM instruction ORDER BY ordered_at, end_to_end_id")
        ]


class OneByOne:
    """Each order as a message of its own, under its own id; `clock` says when it is handed in."""

    def __init__(self, clock: Callable[[Order], datetime]) -> None:
        self._clock = clock

    def changed(self) -> bool:
        """Never: an order is all that it needs."""
        return False

    def messages(self, orders: Sequence[Order]) -> Iterable[Message]:
        """A message for each order."""
        for order in orders:
            yield Message(order.end_to_end_id, (transfer_of(order),), self._clock(order))


def transfer_of(order: Order, block_id: str = "", debtor: str = "") -> Transfer:
    """The transfer that an order asks for."""
    ids = (order.end_to_end_id, order.operator_id, order.attempt)
    return Transfer(*ids, order.currency, order.amount, block_id, debtor)


def _order(row: sqlite3.Row) -> Order:
    return Order(
        end_to_end_id=row["end_to_end_id"],
        payout_id=row["payout_id"],
        operator_id=row["operator_id"],
        currency=row["currency"],
        amount=Decimal(row["amount"]),
        account=row["account"],
        attempt=row["attempt"],
        execution_date=row["execution_date"],
        bank_file=row["bank_file"],
        reissue_of=row["reissue_of"],
        content_hash=row["content_hash"],
        entry_ids=tuple(json.loads(row["entry_ids"])),
        ordered_at=moment(row["ordered_at"]),
    )
