"""When the book was verified, and what came out."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from psycopg import Cursor, Error
from psycopg.rows import TupleRow
from psycopg.types.json import Jsonb

from ledger.database import Role, connect
from ledger.errors import MachineryFault

_ADD = """
INSERT INTO wattledger.verification (verified_at, seconds, passed, findings, checks)
VALUES (clock_timestamp(), %s, %s, %s, %s)
"""
_LAST = """
SELECT verified_at, seconds, passed, findings, coalesce(checks, '[]')
FROM wattledger.verification ORDER BY verified_at DESC LIMIT 1
"""


@dataclass(frozen=True, slots=True)
class Verification:
    """One audit: when it ended, how long it took, whether the book holds, and how many findings say otherwise.

    `checks` are `name`, `severity`, `examined` and `found` of each.
    """

    verified_at: datetime
    seconds: float
    passed: bool
    findings: int
    checks: Sequence[Mapping[str, Any]] = ()


def record_verification(
    dsn: str, seconds: float, *, passed: bool, findings: int, checks: Sequence[Mapping[str, Any]] = ()
) -> str | None:
    """Note what an audit came to, as the auditor who made it; why that was not possible, where it was not.

    A standby and an auditor's login that may only read can verify all the same.
    """
    try:
        with connect(dsn, Role.AUDITOR) as connection:
            connection.execute(_ADD, (seconds, passed, findings, Jsonb(list(checks))))
    except (Error, MachineryFault) as error:
        return " ".join(str(error).split())
    return None


def last_verification(cursor: Cursor[TupleRow]) -> Verification | None:
    """What the latest audit came to; None before the first."""
    row = cursor.execute(_LAST).fetchone()
    return Verification(*row) if row else None
