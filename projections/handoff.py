"""The hand-off of payouts to the bank: every payout goes into one bank file, and every file is made once.

A file is made of the payouts that one run, currency and form of account have, and kept as it was made. Writing it to
a folder comes after that; whoever is killed in between leaves the same bytes to be written by the next one.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import count, groupby
from typing import TypeAlias
from zoneinfo import ZoneInfo

from psycopg import Cursor
from psycopg.rows import TupleRow

from domain.calendar import MONDAY_TO_FRIDAY, next_open
from domain.payout.content import file_id
from ledger import locks
from ledger.database import Role, acting_as, connect
from ledger.intake.catalogue import bank_calendar
from projections.bank_file import Instruction, Platform, bank_file
from projections.queries import payout_id_as_written

_LOCK = f"SELECT pg_advisory_xact_lock({locks.BANK_FILES})"

# The payouts that were handed off and stand in no bank file yet.
_WITHOUT_FILE = """
SELECT payout_id, operator_id, business_date, currency, amount, fired_at, holder_name, country_code, bank_account,
       execution_date, time_zone, calendars
FROM projection.payouts
WHERE status NOT IN ('AWAITING_APPROVAL', 'REJECTED')
      AND NOT EXISTS (SELECT FROM intake.bank_file_payout AS stands WHERE stands.payout_id = payouts.payout_id)
ORDER BY operator_id, currency, business_date, attempt
"""
_STANDING = "SELECT payout_id FROM intake.bank_file_payout WHERE payout_id = ANY(%s)"
_NAME_TAKEN = "SELECT FROM intake.bank_file WHERE name = %s"
_MAKE = "INSERT INTO intake.bank_file (name, content) VALUES (%s, %s)"
_ADD_PAYOUTS = "INSERT INTO intake.bank_file_payout (name, payout_id) SELECT %s, unnest(%s::text[])"
_FILES = """
SELECT name, content FROM intake.bank_file WHERE handed_off_at IS NULL OR %s ORDER BY name
"""
_NAMES = "SELECT name FROM intake.bank_file"
_HANDED_OFF = (
    "UPDATE intake.bank_file SET handed_off_at = clock_timestamp() WHERE handed_off_at IS NULL AND name = ANY(%s)"
)
_FILE_OF = """
SELECT file.name, file.content FROM intake.bank_file_payout AS stands JOIN intake.bank_file AS file USING (name)
WHERE stands.payout_id = %s
"""

_Key: TypeAlias = tuple[datetime, str, str, str]


@dataclass(frozen=True, slots=True)
class MadeFile:
    """A bank file by its name, and its bytes."""

    name: str
    content: bytes


def waiting_for_files(cursor: Cursor[TupleRow]) -> list[tuple[object, ...]]:
    """The payouts that were handed off and stand in no bank file, as a snapshot shows them to the bank's role."""
    with acting_as(cursor, Role.BANK):
        return cursor.execute(_WITHOUT_FILE).fetchall()


def make_files(dsn: str, waiting: Sequence[tuple[object, ...]], platform: Platform, made_at: datetime | None) -> None:
    """Make the bank files of payouts, in a transaction of its own; what another process made meanwhile stays.

    `made_at` is the moment of a live system, before whose local date no bank is asked to pay; None where the clock is
    the events': the files of a run are then made when it fires. Raises BankFileRefused.
    """
    with connect(dsn, Role.BANK) as connection, connection.cursor() as cursor:
        cursor.execute(_LOCK)
        standing = {row[0] for row in cursor.execute(_STANDING, ([row[0] for row in waiting],)).fetchall()}
        told = [_planned(row, made_at) for row in waiting if row[0] not in standing]
        told.sort(key=lambda each: each[0])
        for key, members in groupby(told, key=lambda each: each[0]):
            instructions = [instruction for _, instruction in members]
            _make(cursor, key, instructions, platform, made_at)


def _make(
    cursor: Cursor[TupleRow], key: _Key, payouts: Sequence[Instruction], platform: Platform, made_at: datetime | None
) -> None:
    fired_at, execution_date, *_ = key
    for number in count(1):
        id_ = file_id(*key, number)
        name = f"{execution_date}-{id_}.xml"
        if cursor.execute(_NAME_TAKEN, (name,)).fetchone() is None:
            break
    cursor.execute(_MAKE, (name, bank_file(id_, payouts, platform, made_at or fired_at)))
    cursor.execute(_ADD_PAYOUTS, (name, [payout.payout_id for payout in payouts]))


def _planned(row: tuple[object, ...], made_at: datetime | None) -> tuple[_Key, Instruction]:
    """What a payout goes into the bank file of, by the day that was planned, and what it says there."""
    *told, time_zone, calendars = row
    instruction = Instruction(*told)  # type: ignore[arg-type]  # the columns are the fields in order
    form = "IBAN" if "iban" in instruction.bank_account else "NUMBER"
    key = (instruction.fired_at.astimezone(UTC), instruction.execute_on.isoformat(), instruction.currency, form)
    return key, instruction if made_at is None else _not_before(instruction, made_at, time_zone, calendars)


def _not_before(instruction: Instruction, made_at: datetime, time_zone: object, calendars: object) -> Instruction:
    """The instruction for the first day, of those that banks work, on which it can still be carried out."""
    zone = ZoneInfo(str(time_zone)) if time_zone else UTC
    today = made_at.astimezone(zone).date()
    if today <= instruction.execute_on:
        return instruction
    names = calendars if isinstance(calendars, list) else []
    known = [found for found in map(bank_calendar, names) if found is not None]
    return replace(instruction, execution_date=next_open(today, *(known or [MONDAY_TO_FRIDAY])))


def files_to_write(cursor: Cursor[TupleRow], *, again: bool) -> Iterator[MadeFile]:
    """The files that were never handed off; `again`: all."""
    for name, content in cursor.execute(_FILES, (again,)):
        yield MadeFile(name, bytes(content))


def names_of_files(cursor: Cursor[TupleRow]) -> set[str]:
    """The names of all bank files that were ever made."""
    return {row[0] for row in cursor.execute(_NAMES)}


def note_hand_off(cursor: Cursor[TupleRow], names: Sequence[str]) -> None:
    """Keep that files were written whole; those that were before keep when that was."""
    cursor.execute(_HANDED_OFF, (list(names),))


def file_of(cursor: Cursor[TupleRow], payout_id: str) -> MadeFile | None:
    """The bank file that a payout stands in; its id with or without hyphens. None while it stands in none."""
    row = cursor.execute(_FILE_OF, (payout_id_as_written(payout_id),)).fetchone()
    return MadeFile(row[0], bytes(row[1])) if row else None
