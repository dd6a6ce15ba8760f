"""Entries of the book a page at a time, newest first, and one by one: what may be seen, as known at a position.

Reads what a tenant may read, too: views of the read models and of schema `surface`. A list begins at an index that
has its order, whatever it is filtered by, and reads no more of it than a page needs; a code with few lines and the
entries of one session or payout are read whole.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from psycopg import Cursor
from psycopg.rows import TupleRow, tuple_row

from domain.payout.events import payout_stream
from domain.session.session import session_stream
from projections.seen_events import seen_streams
from projections.story import entry_ids_of_stored

# Codes of the accounts that operators have by their own id.
OPERATORS_CODES = ("2010", "2011", "2020", "2030", "2060")
# The lines of a code are put in order where there are no more, and looked for in the journal where there are.
_FEW = 2_000
_ROWS_AT_ONCE = 500

# Whether an entry was known at a position: any line of it, found by its key, was. A subquery of its own for each,
# so that no plan reads all lines there are for the few of a page.
_IS_KNOWN = """
(SELECT line.position
 FROM (SELECT account, currency, line FROM {postings} WHERE entry_id = {entry}.entry_id LIMIT 1) AS posted
 CROSS JOIN LATERAL (
     SELECT account_lines.position FROM projection.account_lines
     WHERE account_lines.account = posted.account AND account_lines.currency = posted.currency
           AND account_lines.effective_at = {entry}.effective_at AND account_lines.entry_id = {entry}.entry_id
           AND account_lines.line = posted.line
 ) AS line) <= %(known)s
"""

# The currencies of accounts, each found behind the one before.
_CURRENCIES = """
WITH RECURSIVE place (account, currency) AS (
    SELECT asked.account,
           (SELECT min(currency) FROM projection.account_lines AS line WHERE line.account = asked.account)
    FROM unnest(%s::text[]) AS asked (account)
    UNION ALL
    SELECT place.account,
           (SELECT min(currency) FROM projection.account_lines AS line
            WHERE line.account = place.account AND line.currency > place.currency)
    FROM place WHERE place.currency IS NOT NULL
)
SELECT account, currency FROM place WHERE currency IS NOT NULL
"""

# The latest entries on some accounts.
_OF_ACCOUNTS = """
SELECT entry.effective_at, entry.entry_id
FROM unnest(%(accounts)s::text[], %(currencies)s::text[]) AS place (account, currency)
CROSS JOIN LATERAL (
    SELECT DISTINCT line.effective_at, line.entry_id FROM projection.account_lines AS line {join}
    WHERE line.account = place.account AND line.currency = place.currency AND line.position <= %(known)s {conditions}
    ORDER BY line.effective_at DESC, line.entry_id DESC LIMIT %(limit)s
) AS entry
"""
# The latest entries on accounts of an operator's payouts.
_OF_PAYOUTS = """
SELECT entry.effective_at, entry.entry_id
FROM unnest(%(operators)s::text[]) AS whose (operator_id)
CROSS JOIN LATERAL (
    SELECT DISTINCT line.effective_at, line.entry_id FROM projection.account_lines AS line {join}
    WHERE line.operator_id = whose.operator_id AND line.account >= '2050/' AND line.account < '20500'
          AND line.position <= %(known)s {conditions}
    ORDER BY line.effective_at DESC, line.entry_id DESC LIMIT %(limit)s
) AS entry
"""
# All entries on the accounts of a code.
_OF_CODE = """
SELECT DISTINCT line.effective_at, line.entry_id FROM projection.account_lines AS line {join}
WHERE (line.account = %(code)s OR (line.account >= %(code)s || '/' AND line.account < %(code)s || '0'))
      AND line.position <= %(known)s {conditions}
"""
_COUNT_OF_CODE = """
SELECT count(*) FROM (
    SELECT FROM projection.account_lines
    WHERE account = %(code)s OR (account >= %(code)s || '/' AND account < %(code)s || '0')
    LIMIT %(few)s
) AS counted
"""
# Of these entries; and of the whole journal, which only they read who see all.
_OF_IDS = """
SELECT entry.effective_at, entry.entry_id FROM {entries} AS entry
WHERE entry.entry_id = ANY(%(entry_ids)s) {conditions} AND {is_known}
"""
_OF_JOURNAL = """
SELECT entry.effective_at, entry.entry_id FROM book.entry
WHERE true {conditions} AND {is_known}
"""
_PAGE = """
SELECT DISTINCT effective_at, entry_id FROM ({source}) AS found
ORDER BY effective_at DESC, entry_id DESC LIMIT %(limit)s
"""

# Entries with the lines that who asks may see, in their order, and what takes them back where that is known.
_DETAILS = """
SELECT entry.entry_id, entry.kind, entry.effective_at, entry.recorded_at, entry.currency, entry.period,
       entry.session_id, entry.payout_id, entry.reverses,
       (SELECT mirror.entry_id FROM {entries} AS mirror WHERE mirror.reverses = entry.entry_id AND {mirror_is_known}),
       entry.cause, lines.accounts, lines.amounts
FROM {found}
CROSS JOIN LATERAL (
    SELECT array_agg(account ORDER BY line) AS accounts, array_agg(amount_minor ORDER BY line) AS amounts
    FROM {postings} AS posting
    WHERE posting.entry_id = entry.entry_id
) AS lines
WHERE {is_known}
"""
_BY_ID = """
unnest(%(entry_ids)s::uuid[]) AS asked (entry_id) JOIN {entries} AS entry ON entry.entry_id = asked.entry_id
"""
# All that a source finds, and all of the journal in the order of its index.
_OF_SOURCE = """
(SELECT DISTINCT entry_id FROM ({source}) AS found) AS asked JOIN {entries} AS entry USING (entry_id)
"""
_WHOLE_JOURNAL = "{entries} AS entry"
_IN_ORDER = " ORDER BY entry.effective_at DESC, entry.entry_id DESC"


def _details(*, sees_all: bool, checked: bool, found: str = _BY_ID, source: str = "") -> str:
    """The query of entries that are found; of `checked` ones it was asked before whether they were known."""
    is_known = "true" if checked else _is_known("entry", sees_all=sees_all)
    tables = _tables(sees_all=sees_all)
    return _DETAILS.format(
        mirror_is_known=_is_known("mirror", sees_all=sees_all),
        is_known=is_known,
        found=found.format(source=source, **tables),
        **tables,
    )


def _is_known(entry: str, *, sees_all: bool) -> str:
    return _IS_KNOWN.format(entry=entry, postings=_tables(sees_all=sees_all)["postings"])


def _tables(*, sees_all: bool) -> dict[str, str]:
    """Where entries and their lines are read: who sees all reads the book itself, which is sooner planned."""
    if sees_all:
        return {"entries": "book.entry", "postings": "book.posting"}
    return {"entries": "surface.entries", "postings": "surface.postings"}


class Range(NamedTuple):
    """Bounds of a moment, each None where there is none."""

    gte: datetime | None = None
    gt: datetime | None = None
    lte: datetime | None = None
    lt: datetime | None = None


ALWAYS = Range()


@dataclass(frozen=True, slots=True)
class EntryFilter:
    """Which entries are wanted: those that satisfy all that is given.

    `account` is one of their lines', `code` that of one of their accounts; of an operator is an entry with a line on
    one of its accounts (`OPERATORS_CODES`) or on that of a payout of it.
    """

    account: str | None = None
    code: str | None = None
    operators: tuple[str, ...] | None = None
    session_id: str | None = None
    payout_id: str | None = None
    kind: str | None = None
    currency: str | None = None
    effective_at: Range = ALWAYS
    recorded_at: Range = ALWAYS


class EntryRow(NamedTuple):
    """An entry with those of its lines that who asks may see; amounts in minor units, debit positive."""

    entry_id: UUID
    kind: str
    effective_at: datetime
    recorded_at: datetime
    currency: str
    period: str
    session_id: str | None
    payout_id: str | None
    reverses: UUID | None
    reversed_by: UUID | None
    cause: UUID
    accounts: list[str]
    amounts: list[int]


def list_entries(
    cursor: Cursor[TupleRow],
    wanted: EntryFilter,
    *,
    known: int,
    limit: int,
    after: tuple[datetime, UUID] | None = None,
    sees_all: bool = True,
) -> list[EntryRow]:
    """Up to `limit` entries that were known at a position, by effective time and id, the latest first.

    `after` are the time and the id of the last entry of the page before. Without `sees_all`, for who does not see the
    whole journal, `wanted` must name operators, a session, a payout or an account.
    """
    source, parameters = _query(cursor, wanted, known, after, sees_all=sees_all)
    query = _PAGE.format(source=source)
    rows = cursor.execute(query.encode(), parameters | {"limit": limit}).fetchall()
    details = _details(sees_all=sees_all, checked=True)
    asked = {"entry_ids": [entry_id for _, entry_id in rows], "known": known}
    found = {row[0]: EntryRow(*row) for row in cursor.execute(details.encode(), asked).fetchall()}
    return [found[entry_id] for _, entry_id in rows if entry_id in found]


def all_entries(
    cursor: Cursor[TupleRow], wanted: EntryFilter, *, known: int, sees_all: bool = True
) -> Iterator[EntryRow]:
    """As `list_entries`, all of them one by one, through a server-side cursor of the same transaction."""
    page = _Page(cursor, wanted, False, sees_all)
    if page.is_of_journal:
        query = _details(sees_all=sees_all, checked=False, found=_WHOLE_JOURNAL) + page.conditions_of_entries()
        parameters = _parameters(wanted, known)
    else:
        source, more = page.source()
        query = _details(sees_all=sees_all, checked=False, found=_OF_SOURCE, source=source)
        parameters = _parameters(wanted, known) | more | {"limit": None}
    with cursor.connection.cursor("entries", row_factory=tuple_row) as rows:
        rows.itersize = _ROWS_AT_ONCE
        for row in rows.execute(f"{query}{_IN_ORDER}".encode(), parameters, binary=True):
            yield EntryRow(*row)


def _query(
    cursor: Cursor[TupleRow],
    wanted: EntryFilter,
    known: int,
    after: tuple[datetime, UUID] | None,
    *,
    sees_all: bool,
) -> tuple[str, dict[str, Any]]:
    """Where the entries of a page are found, and the parameters of that."""
    source, more = _Page(cursor, wanted, after is not None, sees_all).source()
    return source, _parameters(wanted, known, after) | more


def _parameters(wanted: EntryFilter, known: int, after: tuple[datetime, UUID] | None = None) -> dict[str, Any]:
    bounds = {"effective_at": wanted.effective_at, "recorded_at": wanted.recorded_at}
    parameters: dict[str, Any] = {
        f"{name}_{bound}": moment for name, span in bounds.items() for bound, moment in span._asdict().items()
    }
    parameters |= {"after_at": after[0] if after else None, "after_id": after[1] if after else None}
    parameters |= {name: getattr(wanted, name) for name in ("account", "code", "kind", "currency")}
    parameters |= {"session_id": wanted.session_id, "payout_id": wanted.payout_id}
    return parameters | {"operators": list(wanted.operators or ()), "known": known}


def entries_by_id(
    cursor: Cursor[TupleRow], entry_ids: Sequence[UUID], *, known: int, sees_all: bool = False
) -> list[EntryRow]:
    """Those of these entries that were known at a position and may be seen, in no order."""
    details = _details(sees_all=sees_all, checked=False)
    parameters = {"entry_ids": list(entry_ids), "known": known}
    return [EntryRow(*row) for row in cursor.execute(details.encode(), parameters).fetchall()]


@dataclass(frozen=True, slots=True)
class _Page:
    """Makes the query that finds the entries of a page; `goes_on` behind another page."""

    cursor: Cursor[TupleRow]
    wanted: EntryFilter
    goes_on: bool
    sees_all: bool

    def source(self) -> tuple[str, dict[str, Any]]:
        """Where the entries are found first, with all that is asked of them, and the parameters of that."""
        wanted = self.wanted
        if wanted.session_id is not None or wanted.payout_id is not None:
            return self._begun_at_entries(_OF_IDS), {"entry_ids": self._ids_of_streams()}
        if wanted.account is not None:
            return self._begun_at_lines(_OF_ACCOUNTS, "account"), self._places([wanted.account])
        if wanted.operators is not None:
            accounts = [f"{code}/{operator}" for code in OPERATORS_CODES for operator in wanted.operators]
            parts = [self._begun_at_lines(each, "operators") for each in (_OF_ACCOUNTS, _OF_PAYOUTS)]
            return " UNION ALL ".join(parts), self._places(accounts)
        if not self.is_of_journal:
            return self._begun_at_lines(_OF_CODE, "code"), {}
        journal = self._begun_at_entries(_OF_JOURNAL)
        return f"({journal} ORDER BY effective_at DESC, entry_id DESC LIMIT %(limit)s)", {}

    @property
    def is_of_journal(self) -> bool:
        """Whether entries are looked for in the whole journal. Raises ValueError where that may not be seen."""
        wanted = self.wanted
        begins = (wanted.session_id, wanted.payout_id, wanted.account, wanted.operators)
        if any(each is not None for each in begins):
            return False
        if wanted.code is not None and self._is_code_of_few(wanted.code):
            return False
        if not self.sees_all:
            raise ValueError("who does not see the whole journal names whose entries are wanted")
        return True

    def conditions_of_entries(self) -> str:
        """All that is asked of an entry of the journal."""
        return "".join(f" AND {each}" for each in (*self._in_order("entry"), *self._asked_of_entry("")))

    def _is_code_of_few(self, code: str) -> bool:
        row = self.cursor.execute(_COUNT_OF_CODE, {"code": code, "few": _FEW + 1}).fetchone()
        return row is not None and row[0] <= _FEW

    def _places(self, accounts: Sequence[str]) -> dict[str, Any]:
        """Accounts with each of their currencies."""
        if self.wanted.currency is not None:
            return {"accounts": list(accounts), "currencies": [self.wanted.currency] * len(accounts)}
        places = self.cursor.execute(_CURRENCIES, (list(accounts),)).fetchall()
        return {"accounts": [account for account, _ in places], "currencies": [each for _, each in places]}

    def _ids_of_streams(self) -> list[UUID]:
        """The entries that a session's or a payout's events gave."""
        wanted = self.wanted
        streams = [session_stream(wanted.session_id)] if wanted.session_id is not None else []
        streams += [payout_stream(wanted.payout_id)] if wanted.payout_id is not None else []
        found = seen_streams(self.cursor, streams)
        stored = {id_: [event.stored for event in events] for id_, events in found.items()}
        return [entry_id for id_, events in stored.items() for entry_id in entry_ids_of_stored(events, id_)]

    def _begun_at_lines(self, source: str, satisfied: str) -> str:
        """A source that begins at lines: an entry is looked at only where something is asked of it."""
        of_entry = self._asked_of_entry(satisfied)
        entries = _tables(sees_all=self.sees_all)["entries"]
        join = f"JOIN {entries} AS entry USING (entry_id)" if of_entry else ""
        every = [*self._in_order("line"), *of_entry]
        return source.format(join=join, conditions="".join(f" AND {each}" for each in every))

    def _begun_at_entries(self, source: str) -> str:
        every = [*self._in_order("entry"), *self._asked_of_entry("")]
        every += [f"entry.{name} = %({name})s" for name in ("session_id", "payout_id") if getattr(self.wanted, name)]
        conditions = "".join(f" AND {each}" for each in every)
        is_known = _is_known("entry", sees_all=self.sees_all)
        return source.format(conditions=conditions, is_known=is_known, **_tables(sees_all=self.sees_all))

    def _in_order(self, table: str) -> list[str]:
        """What both a line and an entry say."""
        found = [f"({table}.effective_at, {table}.entry_id) < (%(after_at)s, %(after_id)s)"] if self.goes_on else []
        found += _bounds(table, "effective_at", self.wanted.effective_at)
        return found + [f"{table}.{each} = %({each})s" for each in ("kind", "currency") if getattr(self.wanted, each)]

    def _asked_of_entry(self, satisfied: str) -> list[str]:
        """What is asked of an entry as a whole, but for what is satisfied by where it was found."""
        found = _bounds("entry", "recorded_at", self.wanted.recorded_at)
        postings = _tables(sees_all=self.sees_all)["postings"]
        for name, condition in _OF_ANY_LINE.items():
            if getattr(self.wanted, name) is not None and name != satisfied:
                lines = f"SELECT FROM {postings} AS posting WHERE posting.entry_id = entry.entry_id AND {condition}"
                found.append(f"EXISTS ({lines})")
        return found


# What may be asked of any line of an entry.
_OF_ANY_LINE: Mapping[str, str] = {
    "account": "account = %(account)s",
    "code": "(account = %(code)s OR (account >= %(code)s || '/' AND account < %(code)s || '0'))",
    "operators": """(
        (left(account, 5) IN ('2010/', '2011/', '2020/', '2030/', '2060/')
         AND substr(account, 6) = ANY(%(operators)s))
        OR (left(account, 5) = '2050/' AND EXISTS (
            SELECT FROM surface.payouts
            WHERE payouts.payout_id = substr(account, 6) AND payouts.operator_id = ANY(%(operators)s)
        ))
    )""",
}


def _bounds(table: str, column: str, span: Range) -> list[str]:
    signs = {"gte": ">=", "gt": ">", "lte": "<=", "lt": "<"}
    return [
        f"{table}.{column} {signs[bound]} %({column}_{bound})s"
        for bound, moment in span._asdict().items()
        if moment is not None
    ]
