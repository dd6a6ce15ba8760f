"""The bank that the processor plays: it books transfers, each EndToEndId once, and tells of them as it is set to.

Its ledger is a file of its own. What the processor asks of it are `hand_in`, `status` and `reports`, as of a bank's
interface; `work` is what a bank does by itself as time goes on, whether the processor runs or not.
"""

import sqlite3
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from itertools import groupby
from pathlib import Path

from wattledger.processor.behaviour import Behaviour, Conduct, Manner, Word
from wattledger.processor.store import moment, open_file, stamp, transaction

DEBIT, CREDIT = "DBIT", "CRDT"

_SCHEMA = """
CREATE TABLE IF NOT EXISTS message (
    message_id TEXT PRIMARY KEY,
    received_at TEXT NOT NULL
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS transfer (
    end_to_end_id TEXT PRIMARY KEY,
    message_id TEXT NOT NULL REFERENCES message,
    block_id TEXT NOT NULL,
    debtor TEXT NOT NULL,
    currency TEXT NOT NULL,
    amount TEXT NOT NULL
) WITHOUT ROWID;
-- What becomes of a transfer, and when; told_at is NULL while nobody has asked of what is told to who asks alone.
CREATE TABLE IF NOT EXISTS step (
    end_to_end_id TEXT NOT NULL REFERENCES transfer,
    number INTEGER NOT NULL,
    word TEXT NOT NULL,
    due_at TEXT NOT NULL,
    tell_at TEXT,
    turn INTEGER NOT NULL,
    tellings INTEGER NOT NULL,
    reason TEXT,
    amount TEXT NOT NULL,
    is_done INTEGER NOT NULL DEFAULT 0,
    is_told INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (end_to_end_id, number)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS step_to_do ON step (due_at) WHERE NOT is_done;
CREATE INDEX IF NOT EXISTS step_to_tell ON step (tell_at) WHERE is_done AND NOT is_told AND tell_at IS NOT NULL;
-- The bank's ledger: one debit of an EndToEndId, and one credit by which it comes back.
CREATE TABLE IF NOT EXISTS booking (
    sequence INTEGER PRIMARY KEY AUTOINCREMENT,
    end_to_end_id TEXT NOT NULL REFERENCES transfer,
    direction TEXT NOT NULL CHECK (direction IN ('DBIT', 'CRDT')),
    amount TEXT NOT NULL,
    booked_at TEXT NOT NULL,
    reason TEXT,
    statement INTEGER,
    UNIQUE (end_to_end_id, direction)
);
CREATE INDEX IF NOT EXISTS booking_of_statement ON booking (statement, booked_at);
-- The end of a day of an account; what is booked for a day that has ended stands in another statement of that day.
CREATE TABLE IF NOT EXISTS statement (
    sequence INTEGER PRIMARY KEY AUTOINCREMENT,
    debtor TEXT NOT NULL,
    currency TEXT NOT NULL,
    number INTEGER NOT NULL,
    day TEXT NOT NULL,
    closed_at TEXT NOT NULL,
    opening TEXT NOT NULL,
    closing TEXT NOT NULL,
    UNIQUE (debtor, currency, number)
);
CREATE TABLE IF NOT EXISTS report (
    sequence INTEGER PRIMARY KEY AUTOINCREMENT,
    end_to_end_id TEXT,
    message_id TEXT NOT NULL,
    word TEXT NOT NULL,
    at TEXT NOT NULL,
    telling INTEGER NOT NULL,
    reason TEXT,
    amount TEXT
);
"""

_ADD_TRANSFER = "INSERT INTO transfer VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING"
_ADD_STEP = (
    "INSERT INTO step (end_to_end_id, number, word, due_at, tell_at, turn, tellings, reason, amount) "
    "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"
)
_DUE = "SELECT * FROM step WHERE NOT is_done AND due_at <= ? ORDER BY due_at, end_to_end_id, number"
_BOOK = "INSERT INTO booking (end_to_end_id, direction, amount, booked_at, reason) VALUES (?, ?, ?, ?, ?)"
_TO_STATE = """
SELECT booking.*, debtor, currency FROM booking JOIN transfer USING (end_to_end_id)
WHERE statement IS NULL AND booked_at < ? ORDER BY debtor, currency, substr(booked_at, 1, 10), sequence
"""
_LAST = "SELECT number, closing FROM statement WHERE debtor = ? AND currency = ? ORDER BY number DESC LIMIT 1"
_STATE = (
    "INSERT INTO statement (debtor, currency, number, day, closed_at, opening, closing) VALUES (?, ?, ?, ?, ?, ?, ?)"
)
_OF_STATEMENT = """
SELECT booking.*, message_id, block_id, debtor, currency, transfer.amount AS ordered
FROM booking JOIN transfer USING (end_to_end_id) WHERE statement = ? ORDER BY sequence
"""
_TO_TELL = (
    "SELECT step.*, transfer.message_id FROM step JOIN transfer USING (end_to_end_id) "
    "WHERE is_done AND NOT is_told AND tell_at <= ? ORDER BY tell_at, end_to_end_id, turn"
)
_ADD_REPORT = (
    "INSERT INTO report (end_to_end_id, message_id, word, at, telling, reason, amount) VALUES (?, ?, ?, ?, ?, ?, ?)"
)
_REPORTS = """
SELECT report.*, block_id, debtor, currency, transfer.amount AS ordered
FROM report LEFT JOIN transfer USING (end_to_end_id)
WHERE sequence > ? AND sequence <= ? ORDER BY sequence LIMIT ?
"""
_ASKED = "UPDATE step SET tell_at = max(due_at, ?) WHERE end_to_end_id = ? AND tell_at IS NULL"
_DIRECTION = {Word.PAID: DEBIT, Word.RETURNED: CREDIT}


@dataclass(frozen=True, slots=True)
class Transfer:
    """One credit transfer as it is handed in; `debtor` is the account that pays, `attempt` which try it is."""

    end_to_end_id: str
    operator_id: str
    attempt: int
    currency: str
    amount: Decimal
    block_id: str = ""
    debtor: str = ""


@dataclass(frozen=True, slots=True)
class Message:
    """Transfers that are handed in together, under the id of their file."""

    message_id: str
    transfers: tuple[Transfer, ...]
    handed_in_at: datetime


@dataclass(frozen=True, slots=True)
class Report:
    """What the bank tells: of a transfer, or (REFUSED, without an `end_to_end_id`) of a whole message.

    `at` is when it happened, `telling` counts how often it was told, `ordered` is the amount of the transfer and
    `amount` what this report is about: less, where less came back.
    """

    sequence: int
    word: Word
    at: datetime
    telling: int
    reason: str | None
    message_id: str
    end_to_end_id: str = ""
    block_id: str = ""
    debtor: str = ""
    currency: str = ""
    ordered: Decimal = Decimal(0)
    amount: Decimal = Decimal(0)


@dataclass(frozen=True, slots=True)
class Booking:
    """An entry on the bank's ledger: `direction` is that of the platform's account, DBIT or CRDT."""

    sequence: int
    end_to_end_id: str
    direction: str
    currency: str
    amount: Decimal
    booked_at: datetime


@dataclass(frozen=True, slots=True)
class Statement:
    """A day of an account (YYYY-MM-DD): `number` counts from 1, balances are in the platform's favour."""

    sequence: int
    debtor: str
    currency: str
    number: int
    day: str
    closed_at: datetime
    opening: Decimal
    closing: Decimal
    bookings: tuple[Report, ...]


class Bank:
    """The bank's books in a file, and how it behaves."""

    def __init__(self, path: Path, behaviour: Behaviour) -> None:
        self._file = open_file(path, _SCHEMA)
        self._behaviour = behaviour

    def close(self) -> None:
        """Give the file back."""
        self._file.close()

    def hand_in(self, messages: Iterable[Message]) -> set[str]:
        """Take messages in; the ids of those that the bank confirms.

        Of the others nothing is known: their answer was lost, or the bank has them already and takes none twice.
        A transfer whose EndToEndId the bank has is not taken again either.
        """
        confirmed = set()
        with transaction(self._file) as file:
            for message in messages:
                if self._take(file, message):
                    confirmed.add(message.message_id)
        return confirmed

    def _take(self, file: sqlite3.Connection, message: Message) -> bool:
        at, id_ = stamp(message.handed_in_at), message.message_id
        if not file.execute("INSERT INTO message VALUES (?, ?) ON CONFLICT DO NOTHING", (id_, at)).rowcount:
            file.execute(_ADD_REPORT, (None, id_, Word.REFUSED, at, 1, "DU01", None))
            return False
        manners: set[Manner] = set()
        for each in message.transfers:
            row = (each.end_to_end_id, id_, each.block_id, each.debtor, each.currency, str(each.amount))
            if not file.execute(_ADD_TRANSFER, row).rowcount:
                continue
            conduct = self._behaviour.conduct_of(each.end_to_end_id, each.operator_id, each.attempt)
            file.executemany(_ADD_STEP, self._steps(each, conduct, message.handed_in_at))
            manners |= conduct.manners
        if Manner.DUPLICATE in manners:
            # The line repeated the file: the bank has it, and refuses what came second.
            file.execute(_ADD_REPORT, (None, id_, Word.REFUSED, at, 1, "DU01", None))
        return Manner.UNKNOWN not in manners

    def _steps(self, transfer: Transfer, conduct: Conduct, at: datetime) -> list[tuple[object, ...]]:
        due = [at + self._behaviour.after[word] for word in conduct.words]
        steps: list[tuple[object, ...]] = []
        for number, (word, moment_) in enumerate(zip(conduct.words, due, strict=True), 1):
            is_back = word is Word.RETURNED
            amount = self._behaviour.comes_back(conduct, transfer.amount) if is_back else transfer.amount
            is_shuffled = Manner.SHUFFLED in conduct.manners
            tell_at = None if Manner.UNKNOWN in conduct.manners else stamp(max(due) if is_shuffled else moment_)
            turn = -number if is_shuffled else number
            tellings = 2 if Manner.TWICE in conduct.manners else 1
            reason = conduct.reason if word in (Word.FAILED, Word.RETURNED) else None
            id_ = transfer.end_to_end_id
            steps.append((id_, number, word, stamp(moment_), tell_at, turn, tellings, reason, str(amount)))
        return steps

    def work(self, now: datetime) -> int:
        """Book and report what is due; how many steps that were."""
        with transaction(self._file) as file:
            due = file.execute(_DUE, (stamp(now),)).fetchall()
            booked = [
                (step["end_to_end_id"], _DIRECTION[step["word"]], step["amount"], step["due_at"], step["reason"])
                for step in due
                if step["word"] in _DIRECTION
            ]
            file.executemany(_BOOK, booked)
            ids = [(step["end_to_end_id"], step["number"]) for step in due]
            file.executemany("UPDATE step SET is_done = 1 WHERE end_to_end_id = ? AND number = ?", ids)
            told = file.execute(_TO_TELL, (stamp(now),)).fetchall()
            reports = [
                (*(step[name] for name in ("end_to_end_id", "message_id", "word", "due_at")), telling, *back)
                for step in told
                for telling in range(1, step["tellings"] + 1)
                for back in [(step["reason"], step["amount"])]
            ]
            file.executemany(_ADD_REPORT, reports)
            ids = [(step["end_to_end_id"], step["number"]) for step in told]
            file.executemany("UPDATE step SET is_told = 1 WHERE end_to_end_id = ? AND number = ?", ids)
        return len(due) + len(told)

    def status(self, end_to_end_ids: Sequence[str], now: datetime) -> set[str]:
        """Which of these transfers the bank has; what it has to say of them it tells from now on.

        That an id is not among them is as sure as a booking: the bank never took it.
        """
        with transaction(self._file) as file:
            known = {
                id_
                for id_ in end_to_end_ids
                if file.execute("SELECT 1 FROM transfer WHERE end_to_end_id = ?", (id_,)).fetchone()
            }
            file.executemany(_ASKED, [(stamp(now), id_) for id_ in known])
        return known

    def reports(self, after: int, through: int | None = None, limit: int = 10_000) -> list[Report]:
        """What the bank has told, in its order, from behind one report on, through another where it is named."""
        rows = self._file.execute(_REPORTS, (after, (1 << 62) if through is None else through, limit)).fetchall()
        return [_report(row) for row in rows]

    def close_days(self, now: datetime) -> int:
        """Make the statements of the days that are over, by UTC, and have bookings in none; how many that were."""
        midnight = stamp(now)[:10]
        made = 0
        with transaction(self._file) as file:
            rows = file.execute(_TO_STATE, (midnight,)).fetchall()
            for (debtor, currency, day), members in groupby(
                rows, key=lambda row: (row["debtor"], row["currency"], row["booked_at"][:10])
            ):
                booked = list(members)
                last = file.execute(_LAST, (debtor, currency)).fetchone()
                opening = Decimal(last["closing"]) if last else Decimal(0)
                moved = (Decimal(row["amount"]) * (1 if row["direction"] == CREDIT else -1) for row in booked)
                number = last["number"] + 1 if last else 1
                row = (debtor, currency, number, day, stamp(now), str(opening), str(sum(moved, opening)))
                sequence = file.execute(_STATE, row).lastrowid
                ids = [(sequence, each["sequence"]) for each in booked]
                file.executemany("UPDATE booking SET statement = ? WHERE sequence = ?", ids)
                made += 1
        return made

    def statements(self, after: int) -> list[Statement]:
        """The statements behind one, in the order in which they were made."""
        rows = self._file.execute("SELECT * FROM statement WHERE sequence > ? ORDER BY sequence", (after,)).fetchall()
        return [self._statement(row) for row in rows]

    def _statement(self, row: sqlite3.Row) -> Statement:
        booked = self._file.execute(_OF_STATEMENT, (row["sequence"],))
        return Statement(
            sequence=row["sequence"],
            debtor=row["debtor"],
            currency=row["currency"],
            number=row["number"],
            day=row["day"],
            closed_at=moment(row["closed_at"]),
            opening=Decimal(row["opening"]),
            closing=Decimal(row["closing"]),
            bookings=tuple(map(_booked, booked)),
        )

    def bookings(self) -> list[Booking]:
        """The bank's ledger, whole and in its order."""
        query = "SELECT booking.*, currency FROM booking JOIN transfer USING (end_to_end_id) ORDER BY sequence"
        return [
            Booking(
                row["sequence"],
                row["end_to_end_id"],
                row["direction"],
                row["currency"],
                Decimal(row["amount"]),
                moment(row["booked_at"]),
            )
            for row in self._file.execute(query)
        ]


def _booked(row: sqlite3.Row) -> Report:
    """A booking as the bank would report it."""
    word = Word.PAID if row["direction"] == DEBIT else Word.RETURNED
    ids = (row["message_id"], row["end_to_end_id"], row["block_id"], row["debtor"], row["currency"])
    amounts = Decimal(row["ordered"]), Decimal(row["amount"])
    return Report(row["sequence"], word, moment(row["booked_at"]), 1, row["reason"], *ids, *amounts)


def _report(row: sqlite3.Row) -> Report:
    word, at, telling = Word(row["word"]), moment(row["at"]), row["telling"]
    if row["end_to_end_id"] is None:
        return Report(row["sequence"], word, at, telling, row["reason"], row["message_id"])
    ids = (row["message_id"], row["end_to_end_id"], row["block_id"], row["debtor"], row["currency"])
    amounts = Decimal(row["ordered"]), Decimal(row["amount"])
    return Report(row["sequence"], word, at, telling, row["reason"], *ids, *amounts)
