"""The audit checks the ground that it stands on: guards, tables and rights are those that this version makes."""

import os
from collections.abc import Iterable

import psycopg
import pytest

from ledger.audit import AuditReport, ground, verify
from tests.conftest import Stores

# What somebody who owns the server may do to a store before or after moving money, and what of it is said.
CHANGES = {
    "ALTER TABLE book.posting DISABLE TRIGGER ALL": "trigger book.posting.append_only should be",
    "DROP TRIGGER seal_entries ON book.entry": "trigger book.entry.seal_entries is gone",
    "CREATE OR REPLACE FUNCTION wattledger.refuse_change() RETURNS trigger LANGUAGE plpgsql "
    "AS 'BEGIN RETURN NEW; END'": "function wattledger.refuse_change() should be",
    "CREATE RULE quiet AS ON INSERT TO intake.deadletter DO INSTEAD NOTHING": (
        "rule intake.deadletter.quiet is none of this version's"
    ),
    "GRANT UPDATE ON intake.catalogue TO wattledger_writer": "right UPDATE on intake.catalogue of wattledger",
    "GRANT UPDATE (state) ON event_store.stored_events TO PUBLIC": (
        "right UPDATE on event_store.stored_events.state of public is none"
    ),
    "REVOKE SELECT ON intake.message FROM wattledger_auditor": "right SELECT on intake.message of wattledger",
    "ALTER TABLE intake.statement DROP CONSTRAINT statement_pkey CASCADE": "constraint intake.statement.statement_pk",
    "ALTER TABLE book.entry_count SET UNLOGGED": "table book.entry_count should be",
    "CREATE POLICY everything ON access.api_key USING (true)": "policy access.api_key.everything is none",
    "UPDATE wattledger.migration SET sha256 = 'changed' WHERE number = 190": "migration 190_ocpi_partners should be",
    "CREATE FUNCTION book.helper() RETURNS int LANGUAGE sql AS 'SELECT 1'": "function book.helper() is none",
    "ALTER ROLE wattledger_writer BYPASSRLS": "role wattledger_writer should be",
    "ALTER ROLE wattledger_writer SET session_replication_role = 'replica'": (
        "setting session_replication_role of wattledger_writer is none"
    ),
}
# Roles are of the whole server, which other stores share.
UNDONE = ("ALTER ROLE wattledger_writer NOBYPASSRLS", "ALTER ROLE wattledger_writer RESET session_replication_role")


def _do(dsn: str, statements: Iterable[str]) -> None:
    for statement in statements:
        with psycopg.connect(dsn) as connection:
            connection.execute(statement.encode())


def _sentences(report: AuditReport) -> list[str]:
    return [found.sentence for check in report.failed if check.name == "ground" for found in check.findings]


def test_the_reference_is_what_migrations_make(stores: Stores) -> None:
    with stores() as dsn:
        written = ground.written(dsn)
    if os.environ.get("WATTLEDGER_TEST_WRITES"):
        ground.REFERENCE.write_text(written, encoding="utf-8")
    assert written == ground.REFERENCE.read_text(encoding="utf-8")


def test_what_is_done_to_guards_tables_and_rights_is_found(stores: Stores) -> None:
    with stores() as dsn:
        assert verify(dsn).passed
        try:
            _do(dsn, CHANGES)
            sentences = _sentences(verify(dsn))
        finally:
            _do(dsn, UNDONE)
    for change, said in CHANGES.items():
        assert any(each.startswith(said) for each in sentences), (change, sentences)


@pytest.mark.parametrize("table", ["book.posting", "intake.catalogue", "event_store.stored_events"])
def test_a_table_that_is_gone_is_a_finding_and_no_error(table: str, stores: Stores) -> None:
    with stores() as dsn:
        with psycopg.connect(dsn) as connection:
            connection.execute(f"DROP TABLE {table} CASCADE".encode())
        assert f"table {table} is gone" in _sentences(verify(dsn))


def test_a_site_may_let_its_own_login_read(stores: Stores) -> None:
    with stores() as dsn:
        with psycopg.connect(dsn) as connection:
            connection.execute("CREATE ROLE of_a_site")
            connection.execute("GRANT USAGE ON SCHEMA event_store TO of_a_site")
            connection.execute("GRANT SELECT ON event_store.stored_events TO of_a_site")
        try:
            assert verify(dsn).passed
        finally:
            with psycopg.connect(dsn) as connection:
                connection.execute("DROP OWNED BY of_a_site")
                connection.execute("DROP ROLE of_a_site")
