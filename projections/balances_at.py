"""What operators are owed on both time axes: the columns of `operator_balances`, from the lines of their accounts."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any, LiteralString

from psycopg import Cursor
from psycopg.rows import TupleRow

from ledger.arrays import array
from projections.account_balances import balances_of_account
from projections.as_of import FOREVER, AsOf
from projections.movements import COLUMNS
from projections.queries import OperatorBalance

# Lines of operators' accounts, of all or of one; those by payout are found by the operator. Accounts are compared as
# they are: under row-level security no index answers what is put together.
_OF_ALL = "projection.account_lines"
_OF_ONE: LiteralString = """
(
    SELECT lines.* FROM unnest(%(accounts)s::text[]) AS own (account)
    JOIN projection.account_lines AS lines USING (account)
    UNION ALL
    SELECT lines.* FROM projection.account_lines AS lines
    WHERE operator_id = %(operator_id)s AND account >= '2050/' AND account < '20500'
)
"""
# The codes of accounts by operator: those with sums by day, and the one whose kinds of entries are asked for.
_COLUMN_OF_CODE = {"2010": "available", "2011": "pending", "2020": "reserved", "2030": "disputed"}
_BY_DAY, _BY_KIND = ("2010", "2011", "2020", "2030"), "2060"
# Balances by operator and currency, positive in the operator's favour, of operators of which anything stands. What
# the bank paid (J36) left 2050 for it, what came back (J39) came to 2060.
_BALANCES: LiteralString = """
SELECT operator_id, currency,
       coalesce(-sum(amount) FILTER (WHERE code = '2011'), 0)::bigint,
       coalesce(-sum(amount) FILTER (WHERE code = '2010'), 0)::bigint,
       coalesce(-sum(amount) FILTER (WHERE code = '2020'), 0)::bigint,
       coalesce(-sum(amount) FILTER (WHERE code = '2030'), 0)::bigint,
       coalesce(-sum(amount) FILTER (WHERE code = '2050'), 0)::bigint,
       coalesce(-sum(amount) FILTER (WHERE code = '2060'), 0)::bigint,
       coalesce(sum(amount) FILTER (WHERE (code, kind) IN (('2050', 'J36'), ('2060', 'J39'))), 0)::bigint
FROM (
    SELECT operator_id, currency, left(account, 4) AS code, kind, mirror,
           CASE WHEN effective_at <= coalesce(moment, %(effective_at)s) THEN amount ELSE 0 END AS amount
    FROM {lines} AS lines
    LEFT JOIN unnest(%(operators)s::text[], %(moments)s::timestamptz[]) AS own (operator_id, moment)
        USING (operator_id)
    WHERE account >= '2010' AND account < '2061' AND operator_id IS NOT NULL AND position <= %(position)s
) AS line
GROUP BY operator_id, currency
HAVING sum(CASE WHEN mirror THEN -1 ELSE 1 END) > 0
ORDER BY operator_id, currency
"""


def operator_balances_at(
    cursor: Cursor[TupleRow],
    asked: AsOf,
    operator_id: str | None = None,
    moments: Mapping[str, datetime] | None = None,
) -> list[OperatorBalance]:
    """Balances by operator and currency, of all or of one, as `operator_balances` gives them, on both axes.

    A moment is inclusive and an effective time: what was recorded later and acts by then counts, as far as it was
    known. `moments` are those of operators that have one of their own.
    """
    own = moments or {}
    if operator_id is not None:
        asked = replace(asked, effective_at=own.get(operator_id, asked.effective_at))
        return _of_one(cursor, asked, operator_id)
    asked_for = {
        "operators": array(own.keys()),
        "moments": array(own.values()),
        "operator_id": None,
        "accounts": None,
    }
    return _lines(cursor, _OF_ALL, asked, asked_for)


def _of_one(cursor: Cursor[TupleRow], asked: AsOf, operator_id: str) -> list[OperatorBalance]:
    """The same of one operator: what stands on most of its accounts from sums by day."""
    nothing = {"operators": "{}", "moments": "{}", "operator_id": operator_id}
    rare = _lines(cursor, _OF_ONE, asked, nothing | {"accounts": [f"{_BY_KIND}/{operator_id}"]})
    found = {each.currency: {name: int(getattr(each, name)) for name in COLUMNS} for each in rare}
    for code in _BY_DAY:
        for _, currency, debits, credits in balances_of_account(
            cursor, f"{code}/{operator_id}", asked, sees_book=False
        ):
            amounts = found.setdefault(currency, dict.fromkeys(COLUMNS, 0))
            amounts[_COLUMN_OF_CODE[code]] = credits - debits
    if not all(any(amounts.values()) for amounts in found.values()):
        # Whether anything stands there at all, or all was taken back.
        accounts = [f"{code}/{operator_id}" for code in (*_BY_DAY, _BY_KIND)]
        return _lines(cursor, _OF_ONE, asked, nothing | {"accounts": accounts})
    return [OperatorBalance(operator_id, currency, **found[currency]) for currency in sorted(found)]


def _lines(
    cursor: Cursor[TupleRow], lines: LiteralString, asked: AsOf, asked_for: Mapping[str, Any]
) -> list[OperatorBalance]:
    query = _BALANCES.replace("{lines}", lines)
    of = {"position": asked.position, "effective_at": asked.effective_at or FOREVER}
    return [
        OperatorBalance(owner, currency, *amounts)
        for owner, currency, *amounts in cursor.execute(query.encode(), {**asked_for, **of}).fetchall()
    ]
