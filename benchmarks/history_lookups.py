"""Looks up balances in a book with a history: of the platform's account, of operators and of single sessions."""

import time
from collections.abc import Callable
from datetime import timedelta
from random import Random

from psycopg import Cursor
from psycopg.rows import TupleRow

from benchmarks.history_templates import HISTORY_DAYS, first_moment
from ledger.book.balances import balance, balance_at
from ledger.database import Role, connect
from wattledger.demo.messages import ONE_DAY

CALLS = 1_000
_WARM_UP_CALLS = 20

# Accounts with the currencies they were posted to in.
_KNOWN = "SELECT DISTINCT account, currency FROM book.balance WHERE account = ANY(%s) ORDER BY account, currency"

_Account = tuple[str, str]


def look_ups(dsn: str, sessions: int, seed: int) -> dict[str, tuple[float, float]]:
    """Milliseconds of a look-up by what is looked up: the median and the 99th percentile, each a round trip."""
    random = Random(f"look-ups {seed}")
    names = {
        "platform": ["4010"],
        "operators": [f"2011/OP-{number:03d}" for number in range(10)],
        "sessions": [f"1105/H{random.randrange(sessions):09d}" for _ in range(CALLS)],
    }
    found: dict[str, tuple[float, float]] = {}
    with connect(dsn, Role.READER, autocommit=True) as connection, connection.cursor() as cursor:
        for kind, accounts in names.items():
            known: list[_Account] = cursor.execute(_KNOWN, (accounts,)).fetchall()
            random.shuffle(known)
            found[f"balance, {kind}"] = _timed(known, _now(cursor))
            found[f"balance as of a moment, {kind}"] = _timed(known, _then(cursor, random))
    return found


def _now(cursor: Cursor[TupleRow]) -> Callable[[_Account], object]:
    return lambda account: balance(cursor, *account)


def _then(cursor: Cursor[TupleRow], random: Random) -> Callable[[_Account], object]:
    start, length = first_moment(), HISTORY_DAYS * ONE_DAY / timedelta(seconds=1)
    moments = [start + timedelta(seconds=random.random() * length) for _ in range(CALLS)]
    return lambda account: balance_at(cursor, *account, random.choice(moments))


def _timed(accounts: list[_Account], look_up: Callable[[_Account], object]) -> tuple[float, float]:
    taken = []
    for number in range(CALLS + _WARM_UP_CALLS):
        began = time.perf_counter()
        look_up(accounts[number % len(accounts)])
        taken.append((time.perf_counter() - began) * 1_000)
    # Until the statement is prepared a call takes longer than it ever will again.
    ordered = sorted(taken[_WARM_UP_CALLS:])
    return ordered[CALLS // 2], ordered[CALLS * 99 // 100]
