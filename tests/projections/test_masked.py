"""What the reader may see names no driver's token and no bank account, by whatever way it is read."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg.errors import InsufficientPrivilege

import projections.schema
from domain.book.findings import FindingKind
from ledger.database import Role, connect
from projections.documents.masks import masked_name
from tests.docs.pages import OPERATIONS, table
from tests.support.library import login
from tests.support.private import SECRETS, WRONG_IBAN, Column, columns_with, fill, readable

Connection = psycopg.Connection[Any]


@pytest.fixture(scope="module")
def filled(postgres_dsn: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The DSN of the superuser on a store in which tokens and accounts are known."""
    with psycopg.connect(postgres_dsn, autocommit=True) as connection:
        connection.execute("CREATE DATABASE masked_views")
        dsn = f"{postgres_dsn.rpartition('/')[0]}/masked_views"
        fill(dsn, tmp_path_factory.mktemp("files"))
        with psycopg.connect(dsn, autocommit=True) as superuser:
            superuser.execute("ANALYZE")
        yield dsn
        connection.execute("DROP DATABASE masked_views WITH (FORCE)")


@pytest.fixture
def superuser(filled: str) -> Iterator[Connection]:
    with psycopg.connect(filled, autocommit=True) as connection:
        yield connection


@pytest.fixture
def reader(filled: str) -> Iterator[Connection]:
    """A login of its own that is a member of the reader, and of nothing else."""
    with login(filled, Role.READER) as dsn, psycopg.connect(dsn, autocommit=True) as connection:
        yield connection


def test_no_column_that_the_reader_may_select_holds_a_token_or_an_account(reader: Connection) -> None:
    seen = readable(reader)
    assert {("masked", "cdrs"), ("masked", "payouts"), ("masked", "findings"), ("book", "entry")} <= set(seen)
    assert list(columns_with(reader)) == []


def test_every_secret_is_in_the_store_and_the_statistics_too_so_that_the_reader_could_have_seen_it(
    superuser: Connection,
) -> None:
    found = list(columns_with(superuser))
    assert {secret for _, secret in found} == set(SECRETS)
    assert ("pg_catalog", "pg_statistic") in {(schema, relation) for (schema, relation, _), _ in found}


def test_the_page_lists_every_column_that_holds_a_token_or_an_account(superuser: Connection) -> None:
    found = {column for column, _ in columns_with(superuser) if column.schema != "pg_catalog"}
    rows = table(OPERATIONS, "| columns | what of it names somebody |")
    listed = {Column(*name.split(".")) for columns, _ in rows for name in columns.replace("`", "").split(", ")}
    views = {("projection", name) for name in ("cdrs", "payouts", "findings")}
    found = {column for column in found if column[:2] not in views and column.schema != "surface"}
    assert listed == found, f"{sorted(listed ^ found)}: mend docs/operations.md, Roles"


def test_the_masked_views_have_all_rows_with_what_is_left_of_tokens_and_accounts(
    superuser: Connection, reader: Connection
) -> None:
    for view in ("cdrs", "payouts", "findings"):
        counted = superuser.execute(f"SELECT count(*) FROM projection.{view}".encode()).fetchone()
        assert counted != (0,)
        assert reader.execute(f"SELECT count(*) FROM masked.{view}".encode()).fetchone() == counted

    tokens = reader.execute("SELECT document -> 'cdr_token' FROM masked.cdrs WHERE session_id = 'S-R'").fetchall()
    shown = {"country_code": "DE", "party_id": "ABC", "type": "RFID", "uid": "****..F6", "contract_id": "****..X9"}
    assert tokens == [(shown,)]
    told = "SELECT operator_id, account, reason FROM masked.payouts ORDER BY operator_id, business_date, attempt"
    assert sorted(set(reader.execute(told.encode()).fetchall())) == [
        ("OP-1", "NL** **** **** ..00", None),
        ("OP-2", "**** **** ..65", None),
        ("OP-3", "**** **** ..65", None),
        ("OP-5", "DE** **** **** ..00", None),
    ]
    sentences = dict(reader.execute("SELECT kind, sentence FROM masked.findings").fetchall())
    assert sentences["SHARED_ACCOUNT"] == "OP-3 is paid to **** **** ..65, which is the account of OP-2 too"
    assert sentences["BAD_ACCOUNT"].startswith("the check digits of NL** **** **** ..89 are wrong: OP-4 is not paid")
    assert sentences["PAYOUT_REASON_UNKNOWN"] is None


@pytest.mark.parametrize("kind", [FindingKind.RUNS_FAILED, FindingKind.UNREAD_BATCH])
def test_a_sentence_with_the_text_of_an_error_is_left_out(superuser: Connection, kind: FindingKind) -> None:
    """An error may name whatever the work had in hand when it broke."""
    with superuser.transaction(force_rollback=True):
        changed = superuser.execute(
            "UPDATE projection.finding_row SET kind = %s, sentence = %s WHERE kind = 'BAD_ACCOUNT'",
            (kind, f"the runs of operator OP-4 break (KeyError: {WRONG_IBAN!r}); it is not paid meanwhile"),
        )
        assert changed.rowcount > 0
        superuser.execute("SET LOCAL ROLE wattledger_reader")
        told = superuser.execute("SELECT DISTINCT sentence FROM masked.findings WHERE kind = %s", (kind,)).fetchall()
    assert told == [(None,)]


def test_a_masked_cdr_says_all_that_the_cdr_says_but_tokens_and_signed_records(superuser: Connection) -> None:
    rows = superuser.execute(
        "SELECT whole.document::text, masked.document::text FROM projection.cdrs AS whole "
        "JOIN masked.cdrs AS masked USING (cdr_id)"
    ).fetchall()
    assert any("signed_data" in json.loads(whole) for whole, _ in rows)
    for whole, masked in rows:
        expected, shown = json.loads(whole, parse_float=str), json.loads(masked, parse_float=str)
        expected.pop("signed_data", None)
        assert shown.pop("cdr_token").keys() == expected.pop("cdr_token").keys()
        assert shown == expected


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("NL91ABNA0417164300", "NL** **** **** ..00"),
        ("NO9386011117947", "NO** **** **** ..47"),
        ("021000021/12345678", "**** **** ..78"),
        ("nl91 abna 0417 1643 00", "NL** **** **** ..00"),
        ("0001/ 12 345 67", "**** **** ..67"),
        ("021000021/12345", "**** **** ..45"),
        ("021000021/1234", "**** **** ..**"),
        ("021/000/021/12", "**** **** ..**"),
        ("12345678901234", "**** **** ..**"),
        ("", "**** **** ..**"),
        (None, None),
    ],
)
def test_an_account_is_masked(reader: Connection, name: str | None, shown: str | None) -> None:
    assert reader.execute("SELECT masked.account(%s)", (name,)).fetchone() == (shown,)
    assert name is None or masked_name(name) == shown


def test_what_was_masked_by_an_older_rule_is_masked_anew_by_the_migration(superuser: Connection) -> None:
    (folder,) = projections.schema.__path__
    migration = next(Path(folder).glob("*_one_mask.sql")).read_text()
    masks = "SELECT payout_id, masked_account FROM projection.payout_row ORDER BY 1, 2"
    with superuser.transaction(force_rollback=True):
        superuser.execute("SET LOCAL ROLE wattledger_owner")
        by_this_rule = superuser.execute(masks).fetchall()
        superuser.execute(
            "CREATE OR REPLACE FUNCTION masked.account(name text) RETURNS text LANGUAGE sql IMMUTABLE RETURN '..'"
        )
        superuser.execute("UPDATE projection.payout_row SET bank_account = bank_account")
        assert {shown for _, shown in superuser.execute(masks)} == {".."}
        superuser.execute(migration.encode())
        assert superuser.execute(masks).fetchall() == by_this_rule


@pytest.mark.parametrize(
    ("id_", "shown"),
    [("04A1B2C3", "****..C3"), ("04A1B2C", "****"), ("", "****"), ("#NA", "#NA"), (None, None)],
)
def test_a_token_is_masked(reader: Connection, id_: str | None, shown: str | None) -> None:
    assert reader.execute("SELECT masked.token(%s)", (id_,)).fetchone() == (shown,)


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT document FROM projection.cdrs",
        "SELECT FROM projection.cdr_row",
        "COPY projection.cdr_row TO STDOUT",
        "COPY (SELECT bank_account FROM projection.payouts) TO STDOUT",
        "SELECT FROM projection.payout_row",
        "SELECT FROM projection.finding_row",
        "SELECT FROM event_store.stored_events",
        "SELECT FROM intake.deadletter",
        "SELECT FROM intake.bank_file",
        "CREATE VIEW masked.mine AS SELECT 1",
        "CREATE VIEW projection.mine AS SELECT 1",
        "SET ROLE wattledger_auditor",
        "SET ROLE wattledger_bank",
        "SELECT pg_read_file('PG_VERSION')",
        "CREATE TEMP TABLE mine (LIKE projection.payout_row INCLUDING STATISTICS INCLUDING DEFAULTS)",
    ],
)
def test_there_is_no_way_around_the_views(reader: Connection, statement: str) -> None:
    with pytest.raises(InsufficientPrivilege):
        reader.execute(statement.encode())


def test_the_statistics_of_what_is_masked_are_not_the_readers(superuser: Connection, reader: Connection) -> None:
    query = b"SELECT count(*) FROM pg_stats WHERE schemaname = 'projection' AND tablename = %s"
    for name in ("cdr_row", "payout_row", "finding_row"):
        assert superuser.execute(query, (name,)).fetchone() != (0,)
        assert reader.execute(query, (name,)).fetchone() == (0,)


def test_no_function_that_the_reader_may_call_acts_as_its_owner(superuser: Connection) -> None:
    acting = superuser.execute(
        "SELECT oid::regprocedure::text FROM pg_proc WHERE prosecdef "
        "AND pronamespace NOT IN ('pg_catalog'::regnamespace, 'information_schema'::regnamespace) "
        "AND has_function_privilege('wattledger_reader', oid, 'EXECUTE')"
    )
    assert acting.fetchall() == []


def test_the_masked_views_are_the_owners_and_let_nothing_of_a_query_in_before_they_mask(
    superuser: Connection,
) -> None:
    views = superuser.execute(
        "SELECT relname, pg_get_userbyid(relowner)::text, reloptions FROM pg_class "
        "WHERE relnamespace = 'masked'::regnamespace ORDER BY relname"
    )
    barrier = ["security_barrier=true"]
    assert views.fetchall() == [(name, Role.OWNER.value, barrier) for name in ("cdrs", "findings", "payouts")]


def test_what_is_added_to_the_read_models_is_hidden_from_the_reader_until_it_is_granted(
    filled: str, reader: Connection
) -> None:
    with psycopg.connect(filled, autocommit=True) as owner:
        owner.execute("SET ROLE wattledger_owner")
        owner.execute("CREATE TABLE projection.added (driver text)")
        try:
            with pytest.raises(InsufficientPrivilege):
                reader.execute("SELECT FROM projection.added")
            with connect(filled, Role.AUDITOR) as auditor:
                auditor.execute("SELECT FROM projection.added")
        finally:
            owner.execute("DROP TABLE projection.added")
