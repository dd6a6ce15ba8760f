"""Nobody writes into a closed period, whoever it is and however: it is refused, or booked in the first open one."""

from collections.abc import Callable
from itertools import count

import psycopg
import pytest
from psycopg import Connection
from psycopg.errors import Error
from psycopg.rows import TupleRow

from domain.book.journal import Entry
from ledger.book.journal import post_entries, write_entries
from ledger.database import Role
from tests.ledger.test_period_lock import FEBRUARY, JANUARY, close, made

Maker = Callable[..., Entry]
Way = Callable[[Connection[TupleRow], Maker], None]

_numbers = count(1)

# An entry of January as statements: its lines, and the row that seals them.
_LINES = (
    "INSERT INTO book.posting (entry_id, line, account, currency, amount_minor) VALUES "
    "('{id}', 1, '1105/S', 'EUR', 1), ('{id}', 2, '2011/OP', 'EUR', -1)"
)
_SEAL = (
    "INSERT INTO book.entry (entry_id, kind, effective_at, currency, posting_count, hash_version, cause, hash) "
    "VALUES ('{id}', 'J01', '2026-01-15T12:00:00Z', 'EUR', 2, 1, gen_random_uuid(), sha256(''))"
)
_LATE = "INSERT INTO book.late_entry (entry_id, booked_in) VALUES ('{id}', '{period}')"
_TURN = (
    "INSERT INTO book.period_turn (number, kind, period, version, zone, at, cause, statement_hash, issued, "
    "balance_sheet, checklist) VALUES ({number}, '{kind}', '{period}', 1, '{zone}', '2026-07-01Z', "
    "gen_random_uuid(), {rest})"
)
_ISSUED, _NONE = "sha256(''), '{}', '{}', '{}'", "NULL, NULL, NULL, NULL"


def _entry(*before: str) -> tuple[str, ...]:
    return (*before, _LINES, _SEAL)


def _turn(number: int, kind: str, period: str, zone: str = "UTC") -> str:
    rest = _ISSUED if kind == "CLOSED" else _NONE
    return _TURN.format(
        number=number, kind=kind, period=period, zone=zone, rest=rest.replace("{", "{{").replace("}", "}}")
    )


_DEFINER = (
    "CREATE FUNCTION pg_temp.write(id uuid) RETURNS void LANGUAGE plpgsql SECURITY DEFINER AS $$ BEGIN "
    "INSERT INTO book.posting (entry_id, line, account, currency, amount_minor) VALUES (id, 1, '1105/S', 'EUR', 1), "
    "(id, 2, '2011/OP', 'EUR', -1); INSERT INTO book.entry (entry_id, kind, effective_at, currency, posting_count, "
    "hash_version, cause, hash) VALUES (id, 'J01', '2026-01-15Z', 'EUR', 2, 1, gen_random_uuid(), sha256('')); "
    "INSERT INTO book.late_entry VALUES (id, '2026-01') ON CONFLICT DO NOTHING; END $$"
)
# What is tried, statement by statement, each of them by a superuser who has turned ordinary triggers off, too.
STATEMENTS: dict[str, tuple[str, ...]] = {
    "plain": _entry(),
    "in replica mode": _entry("SET session_replication_role = replica"),
    "in local mode": _entry("SET session_replication_role = local"),
    "with another time zone": _entry("SET TimeZone = 'Pacific/Kiritimati'"),
    "with another search path": _entry("SET search_path = pg_temp, book, pg_catalog"),
    "with a calendar of its own": _entry(
        "CREATE TEMP TABLE calendar (number int, zone text, first_open text, open_from timestamptz)",
        "SET search_path = pg_temp, book, pg_catalog",
    ),
    "with constraints put off": _entry("SET CONSTRAINTS ALL DEFERRED"),
    "reading uncommitted": _entry("SET TRANSACTION ISOLATION LEVEL READ UNCOMMITTED"),
    "repeatable": _entry("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ"),
    "serializable": _entry("SET TRANSACTION ISOLATION LEVEL SERIALIZABLE"),
    "as the owner": _entry("SET ROLE wattledger_owner"),
    "as the writer": _entry("SET ROLE wattledger_writer"),
    "behind a savepoint that is undone": _entry("SAVEPOINT one", "ROLLBACK TO one"),
    "by a definer": (_DEFINER, "SELECT pg_temp.write('{id}')"),
    "by a DO block": ("DO $$ BEGIN " + _LINES + "; " + _SEAL + "; END $$",),
    "by a query that writes": (_LINES, f"WITH sealed AS ({_SEAL} RETURNING entry_id) SELECT * FROM sealed"),
    "at once, with a chosen period": (
        _LINES,
        (
            f"WITH sealed AS ({_SEAL} RETURNING entry_id) "
            "INSERT INTO book.late_entry SELECT entry_id, '2026-01' FROM sealed"
        ),
    ),
    "with a period of its own before": (_LATE.format(id="{id}", period="2026-01"), *_entry()),
    "with a period of its own behind": (*_entry(), _LATE.format(id="{id}", period="2026-01")),
    "with a later period of its own": (_LATE.format(id="{id}", period="2026-03"), *_entry()),
    "or nothing where there is one": (
        *_entry(),
        _LATE.format(id="{id}", period="2026-01") + " ON CONFLICT DO NOTHING",
    ),
    "by changing its period": (*_entry(), "UPDATE book.late_entry SET booked_in = '2026-01'"),
    "by an upsert": (
        *_entry(),
        _LATE.format(id="{id}", period="2026-01") + " ON CONFLICT (entry_id) DO UPDATE SET booked_in = '2026-01'",
    ),
    "by taking the period away": (*_entry(), "DELETE FROM book.late_entry"),
    "by emptying the table": (*_entry(), "TRUNCATE book.late_entry"),
    "by merging": (
        *_entry(),
        "MERGE INTO book.late_entry AS late USING (VALUES (1)) AS one ON true WHEN MATCHED THEN DELETE",
    ),
    "by opening all periods": ("UPDATE book.calendar SET open_from = NULL, first_open = NULL", *_entry()),
    "by opening one": (
        "UPDATE book.calendar SET open_from = '2026-01-01Z', first_open = '2026-01'",
        *_entry(),
    ),
    "by moving the zone": ("UPDATE book.calendar SET zone = 'Pacific/Kiritimati'", *_entry()),
    "without a calendar": ("DELETE FROM book.calendar", *_entry()),
    "with two calendars": ("INSERT INTO book.calendar (number) VALUES (2)", *_entry()),
    "by forgetting the close": ("DELETE FROM book.period_turn", *_entry()),
    "by another close of it": (_turn(2, "CLOSED", "2026-01"), *_entry()),
    "by a close out of order": (_turn(2, "CLOSED", "2026-05"), *_entry()),
    "by a close of another zone": (_turn(2, "CLOSED", "2026-02", "Asia/Tokyo"), *_entry()),
    "by opening an earlier one": (_turn(2, "REOPENED", "2025-12"), *_entry()),
    "by moving an entry of today": (_SEAL, "UPDATE book.entry SET effective_at = '2026-01-15Z'"),
    "by another line of an old entry": (
        (
            "INSERT INTO book.posting (entry_id, line, account, currency, amount_minor) "
            "SELECT entry_id, 3, '4010', 'EUR', 1 FROM book.entry LIMIT 1"
        ),
    ),
}


def _copied(connection: Connection[TupleRow], _: Maker) -> None:
    with connection.cursor().copy("COPY book.late_entry FROM STDIN") as copy:
        copy.write_row(("00000000-0000-0000-0000-000000000001", "2026-01"))


def _by_the_engine(connection: Connection[TupleRow], make_entry: Maker) -> None:
    write_entries(connection.cursor(), [made(make_entry, JANUARY, f"copied {next(_numbers)}")], shard=0)


def _by_the_few(connection: Connection[TupleRow], make_entry: Maker) -> None:
    post_entries(connection.cursor(), [made(make_entry, JANUARY, f"posted {next(_numbers)}")], shard=0)


WAYS: dict[str, Way] = {
    "COPY of a period": _copied,
    "COPY of an entry": _by_the_engine,
    "a few entries at once": _by_the_few,
}


def booked_in_january(connection: Connection[TupleRow]) -> int:
    """How many entries are booked in the closed period."""
    row = connection.execute("SELECT count(*) FROM book.booked WHERE booked_in <= '2026-01'").fetchone()
    return int(row[0]) if row else -1


def test_no_way_leads_into_a_closed_period(
    book: str, session: Callable[[Role], Connection[TupleRow]], make_entry: Maker
) -> None:
    assert len(STATEMENTS) + len(WAYS) >= 40
    owner = session(Role.OWNER)
    write_entries(owner.cursor(), [made(make_entry, at, f"{at:%m}") for at in (JANUARY, FEBRUARY)], shard=0)
    close(owner, "2026-01")
    owner.commit()
    led_in = []
    with psycopg.connect(book) as attacker:
        for name, statements in STATEMENTS.items():
            id_ = f"00000000-0000-0000-0000-{next(_numbers):012d}"
            try:
                for statement in statements:
                    attacker.execute(statement.replace("{id}", id_).encode())
                attacker.commit()
            except Error:
                attacker.rollback()
            attacker.execute("RESET ALL")
            attacker.execute("RESET ROLE")
            if booked_in_january(attacker) != 1:
                led_in.append(name)
            attacker.commit()
        for name, way in WAYS.items():
            try:
                way(attacker, make_entry)
                attacker.commit()
            except Error:
                attacker.rollback()
            if booked_in_january(attacker) != 1:
                led_in.append(name)
        assert led_in == []
        late = attacker.execute("SELECT count(*), min(booked_in), max(booked_in) FROM book.late_entry").fetchone()
    assert late is not None
    assert late[0] > 10, "most of what was tried without a chosen period is in the book, where it belongs"
    assert late[1:] == ("2026-02", "2026-02")


@pytest.mark.parametrize("isolation", list(psycopg.IsolationLevel))
def test_a_chosen_period_is_refused_at_every_isolation(
    isolation: psycopg.IsolationLevel, book: str, session: Callable[[Role], Connection[TupleRow]], make_entry: Maker
) -> None:
    owner = session(Role.OWNER)
    write_entries(owner.cursor(), [made(make_entry, JANUARY, "01")], shard=0)
    close(owner, "2026-01")
    owner.commit()
    with psycopg.connect(book) as attacker:
        attacker.isolation_level = isolation
        for period in ("2026-01", "2025-12", "2026-02", "2026-03"):
            with pytest.raises(Error):
                attacker.execute("INSERT INTO book.late_entry SELECT entry_id, %s FROM book.entry", (period,))
            attacker.rollback()
