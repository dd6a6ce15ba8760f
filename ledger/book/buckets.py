"""Writes movements into the buckets of one shard: the balance of all time, and its history as fine as is needed."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias
from weakref import WeakKeyDictionary

from psycopg import Connection, Cursor
from psycopg.rows import TupleRow

from ledger.arrays import array
from ledger.book.spans import MOMENT, Movement, by_span

# A bucket that would list more movements than this is split. A list is read as a whole and written with its row, so
# it should be short; yet a span that has few movements should not become many buckets of one movement each.
LISTED_MAX = 100

# Adds a set of movements to one shard and gives the buckets that are split, with what those list that were not split
# before. The rows come sorted by their key, so that all writers lock them in one order; a bucket's row is made when
# it is first added to. `first` and `last` say which rows of `listed` are its movements; `last` is 0 for no list.
_ADD = """
WITH added AS (
    INSERT INTO {table} AS kept ({key}, shard, debits, credits, split, listed)
    SELECT {new_key}, %(shard)s, moved.debits, moved.credits, moved.last = 0,
           (%(listed)s::bigint[])[moved.first:moved.last][1:2]
    FROM unnest(
        %(accounts)s::text[], %(currencies)s::text[], %(levels)s::int2[], %(starts_us)s::bigint[],
        %(debits)s::bigint[], %(credits)s::bigint[], %(firsts)s::int[], %(lasts)s::int[]
    ) AS moved (account, currency, level, start_us, debits, credits, first, last)
    ON CONFLICT ({key}, shard) DO UPDATE
    SET debits = kept.debits + excluded.debits,
        credits = kept.credits + excluded.credits,
        split = {is_split},
        listed = CASE WHEN {is_split} THEN kept.listed ELSE kept.listed || excluded.listed END
    RETURNING split, account, currency, {level} AS level, {start} AS start, listed
)
SELECT account, currency, level, {start_us}, CASE WHEN listed <> '{{}}' THEN listed END
FROM added
WHERE split AND level < {moment}
"""
_IS_SPLIT = (
    f"(kept.split OR excluded.split OR cardinality(kept.listed) + cardinality(excluded.listed) > {2 * LISTED_MAX})"
)

# Empties the lists of buckets that were split just now; their movements go to finer ones. Their rows are locked.
_EMPTY = """
UPDATE {table} AS kept
SET listed = '{{}}'
FROM unnest(%(accounts)s::text[], %(currencies)s::text[], %(levels)s::int2[], %(starts_us)s::bigint[])
    AS gone (account, currency, level, start_us)
WHERE kept.account = gone.account AND kept.currency = gone.currency AND kept.shard = %(shard)s {and_key}
"""

_START = "timestamptz 'epoch' + {0}.start_us * interval '1 microsecond'"
_TOP = {
    "table": "book.balance",
    "key": "account, currency",
    "new_key": "moved.account, moved.currency",
    "level": "0",
    "start": "0",
    "start_us": "0",
    "is_split": _IS_SPLIT,
    "moment": MOMENT,
    "and_key": "",
}
_BELOW = {
    "table": "book.balance_history",
    "key": "account, currency, level, start",
    "new_key": f"moved.account, moved.currency, moved.level, {_START.format('moved')}",
    "level": "kept.level",
    "start": "kept.start",
    "start_us": "(extract(epoch FROM start) * 1000000)::bigint",
    "is_split": _IS_SPLIT,
    "moment": MOMENT,
    "and_key": f"AND kept.level = gone.level AND kept.start = {_START.format('gone')}",
}
_ADD_TO_TOP, _ADD_BELOW = _ADD.format(**_TOP), _ADD.format(**_BELOW)
_EMPTY_TOP, _EMPTY_BELOW = _EMPTY.format(**_TOP), _EMPTY.format(**_BELOW)

ALL_TIME = 0

# Account, currency, level and start (microseconds since 1970 UTC, 0 for all time) of a bucket.
_Key: TypeAlias = tuple[str, str, int, int]

# Buckets that each connection found split, so that it need not ask again before it goes to finer ones. A bucket stays
# split for ever, and one that is not after all (its transaction was rolled back) is split then.
_KNOWN_MAX = 100_000
_known: WeakKeyDictionary[Connection[Any], set[_Key]] = WeakKeyDictionary()


# What is to be added to buckets, by their keys.
_Moved: TypeAlias = dict[_Key, list[Movement]]


@dataclass(frozen=True, slots=True)
class _Round:
    """What is added in one statement, and those buckets of it whose finer ones are in it, too.

    That is written down when it is decided: which buckets are known to be split changes from row to row.
    """

    moved: _Moved
    handed_on: set[_Key] = field(default_factory=set)


def add_to_buckets(cursor: Cursor[TupleRow], moved: Mapping[str, Mapping[str, list[Movement]]], shard: int) -> None:
    """Add what was moved by currency and account: to the bucket of all time, and to those that it is split into."""
    known = _known.setdefault(cursor.connection, set())
    if len(known) > _KNOWN_MAX:
        known.clear()
    top = {
        (account, currency, ALL_TIME, 0): movements
        for currency, accounts in moved.items()
        for account, movements in accounts.items()
    }
    below = _add(cursor, _ADD_TO_TOP, _EMPTY_TOP, _Round(top), known, shard)
    while below.moved:
        below = _add(cursor, _ADD_BELOW, _EMPTY_BELOW, below, known, shard)


def _add(cursor: Cursor[TupleRow], add: str, empty: str, these: _Round, known: set[_Key], shard: int) -> _Round:
    """Add to buckets, in the order of their keys, and give what has to go to finer ones."""
    moved = {key: these.moved[key] for key in sorted(these.moved)}
    cursor.execute(add, {"shard": shard, **_keys(moved), **_sums(moved, known)}, binary=True)
    below = _Round({})
    emptied: list[_Key] = []
    for row in cursor.fetchall():
        key, listed = row[:4], row[4]
        new = () if key in these.handed_on else moved[key]
        if listed:
            emptied.append(key)
            _to_finer(below, key, sorted([(moment_us, amount) for moment_us, amount in listed] + [*new]), known)
        elif new:
            _to_finer(below, key, sorted(new), known)
        known.add(key)
    if emptied:
        cursor.execute(empty, {"shard": shard, **_keys(emptied)})
    return below


def _to_finer(below: _Round, key: _Key, movements: list[Movement], known: set[_Key]) -> None:
    """Put sorted movements into the buckets of the next level, and below those which are known to be split."""
    account, currency, coarse, _ = key
    level = coarse + 1
    for start_us, part in by_span(level, movements):
        finer = (account, currency, level, start_us)
        below.moved[finer] = part
        if finer in known:
            below.handed_on.add(finer)
            _to_finer(below, finer, part, known)


def _keys(keys: Iterable[_Key]) -> dict[str, str]:
    accounts, currencies, levels, starts_us = zip(*keys, strict=True)
    return {
        "accounts": array(accounts),
        "currencies": array(currencies),
        "levels": array(levels),
        "starts_us": array(starts_us),
    }


def _sums(moved: _Moved, known: set[_Key]) -> dict[str, str]:
    listed: list[str] = []
    debits, credits, firsts, lasts = [], [], [], []
    for key, movements in moved.items():
        amounts = [amount for _, amount in movements]
        total = sum(amounts)
        debit = sum([amount for amount in amounts if amount > 0]) if len(amounts) > 1 else max(total, 0)
        debits.append(debit)
        credits.append(debit - total)
        firsts.append(len(listed) + 1)
        if len(amounts) > LISTED_MAX or key in known or key[2] == MOMENT:
            lasts.append(0)
        else:
            listed += [f"{{{moment_us},{amount}}}" for moment_us, amount in movements]
            lasts.append(len(listed))
    return {
        "listed": f"{{{','.join(listed)}}}",
        "debits": array(debits),
        "credits": array(credits),
        "firsts": array(firsts),
        "lasts": array(lasts),
    }
