"""The hand-off of payouts to the bank: every payout goes into one bank file, and every file is made once.

A file is made of the payouts that one run, currency and form of account have, and kept as it was made. Writing it to
a folder comes after that; whoever is killed in between leaves the same bytes to be written by the next one.
"""

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import count, groupby
from typing import LiteralString, TypeAlias
from uuid import UUID
from zoneinfo import ZoneInfo

from psycopg import Cursor
from psycopg.rows import TupleRow

from contracts.bank.ach_records import entries_in
from contracts.bank.names import individual_id
from domain.calendar import MONDAY_TO_FRIDAY, next_open
from domain.payout.bank_profiles import PROFILES, Form, form_key
from domain.payout.content import file_id
from domain.payout.events import PayoutCreated, PayoutStatus, payout_stream
from domain.payout.payout import Payout
from ledger.database import Role, acting_as, connect
from ledger.events.codec import decode
from ledger.intake.catalogue import bank_calendar
from ledger.locks import Lock, hold
from projections.bank_file import Instruction, Platform, bank_file
from projections.bank_list import list_file
from projections.bank_nacha import nacha_file
from projections.queries import payout_id_as_written

_log = logging.getLogger(__name__)

# The payouts that read models say were handed off, and that stand in no bank file yet, of those with some status, and
# when each left. They say where to look and no more: whether a payout left, and what it pays whom, its events say.
_IN_NO_FILE: LiteralString = """
SELECT payout_id, coalesce(handed_off_at, fired_at){more}
FROM projection.payouts
WHERE NOT EXISTS (SELECT FROM intake.bank_file_payout AS stands WHERE stands.payout_id = payouts.payout_id)
      AND {status}
ORDER BY operator_id, currency, business_date, attempt
"""
_WITHOUT_FILE = _IN_NO_FILE.format(more="", status="status NOT IN ('AWAITING_APPROVAL', 'REJECTED')")
# In the words of the index `payout_row_on_its_way_idx`, so that what was answered long ago is not looked at. With it
# whether each left at a moment of its own.
_ON_THEIR_WAY = _IN_NO_FILE.format(
    more=", coalesce(handed_off_at, fired_at) <> fired_at", status="status = 'IN_TRANSIT'"
)
# Of their columns: when each left.
LEFT_AT = 1
_AS_STORED = """
SELECT stream_id, topic, state FROM intake.payout_event WHERE stream_id = ANY(%s) ORDER BY stream_id, version
"""
_STANDING = "SELECT payout_id FROM intake.bank_file_payout WHERE payout_id = ANY(%s)"
_NAME_TAKEN = "SELECT FROM intake.bank_file WHERE name = %s"
_MAKE = "INSERT INTO intake.bank_file (name, content) VALUES (%s, %s)"
_ADD_PAYOUTS = """
INSERT INTO intake.bank_file_payout (name, payout_id, trace)
SELECT %s, * FROM unnest(%s::text[], %s::text[])
"""
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

# What writes a file of each form.
_WRITERS: Mapping[Form, Callable[[UUID, Sequence[Instruction], Platform, datetime], bytes]] = {
    Form.PAIN_001_09: bank_file,
    Form.PAIN_001_03: bank_file,
    Form.NACHA: nacha_file,
    Form.CSV: list_file,
}

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


def on_their_way(cursor: Cursor[TupleRow]) -> tuple[list[tuple[object, ...]], list[tuple[object, ...]]]:
    """As `waiting_for_files`, of what no bank has answered yet: what people let go, and what left with its run.

    Needs the bank's role.
    """
    found = cursor.execute(_ON_THEIR_WAY).fetchall()
    return [row[:-1] for row in found if row[-1]], [row[:-1] for row in found if not row[-1]]


def make_files(dsn: str, waiting: Sequence[tuple[object, ...]], platform: Platform, made_at: datetime | None) -> None:
    """Make the bank files of payouts, in a transaction of its own; what another process made meanwhile stays.

    `made_at` is the moment of a live system, before whose local date no bank is asked to pay; None where the clock is
    the events': the files of a run are then made when it fires. Raises BankFileRefused.
    """
    with connect(dsn, Role.BANK) as connection, connection.cursor() as cursor:
        hold(cursor, Lock.BANK_FILES)
        standing = {row[0] for row in cursor.execute(_STANDING, ([row[0] for row in waiting],)).fetchall()}
        payouts = _as_stored(cursor, [str(row[0]) for row in waiting if row[0] not in standing])
        told = [_planned(payout, made_at) for payout in payouts]
        told.sort(key=lambda each: each[0])
        for key, members in groupby(told, key=lambda each: each[0]):
            instructions = [instruction for _, instruction in members]
            _make(cursor, key, instructions, platform, made_at)


def _make(
    cursor: Cursor[TupleRow], key: _Key, payouts: Sequence[Instruction], platform: Platform, made_at: datetime | None
) -> None:
    fired_at, execution_date, *_ = key
    suffix = PROFILES[payouts[0].bank_profile].suffix
    for number in count(1):
        id_ = file_id(*key, number)
        name = f"{execution_date}-{id_}.{suffix}"
        if cursor.execute(_NAME_TAKEN, (name,)).fetchone() is None:
            break
    form = PROFILES[payouts[0].bank_profile].form
    content = _WRITERS[form](id_, payouts, platform, made_at or fired_at)
    cursor.execute(_MAKE, (name, content))
    # As they stand in the file, whoever gave them.
    traces = {each.individual_id: each.trace for each in entries_in(content)} if form is Form.NACHA else {}
    ids = [payout.payout_id for payout in payouts]
    cursor.execute(_ADD_PAYOUTS, (name, ids, [traces.get(individual_id(id_)) for id_ in ids]))


def _as_stored(cursor: Cursor[TupleRow], payout_ids: Sequence[str]) -> list[PayoutCreated]:
    """Those of these payouts that left, as their stored events have them; of all others somebody is told."""
    folded = {payout_stream(payout_id): Payout(payout_id) for payout_id in payout_ids}
    for stream_id, topic, state in cursor.execute(_AS_STORED, (list(folded),)).fetchall():
        folded[stream_id].evolve(decode(topic, state))
    left = []
    for payout_id, payout in zip(payout_ids, folded.values(), strict=True):
        if payout.created is None or payout.created.payout_id != payout_id or not _has_left(payout):
            _log.error(
                "payout %s goes into no bank file: the read models say that it left, and no stored event does; find "
                "out who has the rights of wattledger_projector, and run 'wattledger rebuild'",
                payout_id,
                extra={"payout": payout_id},
            )
        else:
            left.append(payout.created)
    return sorted(left, key=lambda each: (each.operator_id, each.currency, each.business_date, each.attempt))


def _has_left(payout: Payout) -> bool:
    """Whether a payout was handed off, by its run or by people."""
    return payout.status not in (PayoutStatus.AWAITING_APPROVAL, PayoutStatus.REJECTED)


def _planned(payout: PayoutCreated, made_at: datetime | None) -> tuple[_Key, Instruction]:
    """What a payout goes into the bank file of, by the day that was planned, and what it says there."""
    instruction = Instruction(
        payout.payout_id,
        payout.operator_id,
        payout.business_date,
        payout.currency,
        payout.amount,
        payout.fired_at,
        payout.holder_name,
        payout.country_code,
        payout.bank_account,
        payout.execution_date,
        payout.bank_profile,
    )
    form = form_key(instruction.bank_profile, instruction.bank_account)
    key = (instruction.fired_at.astimezone(UTC), instruction.execute_on.isoformat(), instruction.currency, form)
    return key, instruction if made_at is None else _not_before(instruction, made_at, payout)


def _not_before(instruction: Instruction, made_at: datetime, payout: PayoutCreated) -> Instruction:
    """The instruction for the first day, of those that banks work, on which it can still be carried out."""
    zone = ZoneInfo(payout.time_zone) if payout.time_zone else UTC
    today = made_at.astimezone(zone).date()
    if today <= instruction.execute_on:
        return instruction
    known = [found for found in map(bank_calendar, payout.calendars) if found is not None]
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
