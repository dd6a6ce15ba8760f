"""When the book was verified, and what came out."""

from dataclasses import dataclass
from datetime import datetime

from psycopg import Cursor, Error
from psycopg.rows import TupleRow

from ledger.database import Role, connect
from ledger.errors import MachineryFault

_ADD = """
INSERT INTO wattledger.verification (verified_at, seconds, passed, findings)
VALUES (clock_timestamp(), %s, %s, %s)
"""
_LAST = """
SELECT verified_at, seconds, passed, findings FROM wattledger.verification ORDER BY verified_at DESC LIMIT 1
"""


@dataclass(frozen=True, slots=True)
class Verification:
    """One audit: when it ended, how long it took, whether the book holds, and how many findings say otherwise."""

    verified_at: datetime
    seconds: float
    passed: bool
    findings: int


def record_verification(dsn: str, seconds: float, *, passed: bool, findings: int) -> str | None:
    """Note what an audit came to, as the auditor who made it; why that was not possible, where it was not.

    A standby and an auditor's login that may only read can verify all the same.
    """
    try:
        with connect(dsn, Role.AUDITOR) as connection:
            connection.execute(_ADD, (seconds, passed, findings))
    except (Error, MachineryFault) as error:
        return " ".join(str(error).split())
    return None


def last_verification(cursor: Cursor[TupleRow]) -> Verification | None:
    """What the latest audit came to; None before the first."""
    row = cursor.execute(_LAST).fetchone()
    return Verification(*row) if row else None
