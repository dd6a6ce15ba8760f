"""Whatever is changed in a read model is found, column by column, and made anew by a rebuild of just that one."""

import pytest
from psycopg import Connection
from psycopg.errors import UniqueViolation
from psycopg.rows import TupleRow

from ledger.audit import report
from ledger.audit.report import Check, Severity
from ledger.database import Role, connect
from projections.compare import compare_read_models
from projections.rebuild import rebuild
from projections.registry import PROJECTIONS
from projections.runner import catch_up

# Every table of read models with its columns, as the catalogue has them, but for what the database computes.
_COLUMNS = """
SELECT relname, attname, format_type(atttypid, NULL),
       coalesce(attnum = ANY ((indkey::int2[])[0:indnkeyatts - 1]), false)
FROM pg_class
JOIN pg_attribute ON attrelid = pg_class.oid AND attnum > 0 AND NOT attisdropped AND attgenerated = ''
LEFT JOIN pg_index ON indrelid = pg_class.oid AND indisprimary
WHERE relnamespace = 'projection'::regnamespace AND relkind = 'r'
  AND relname NOT IN ('generation', 'known', 'row_count')
ORDER BY relname, attnum
"""
# Another value of each type, of `it`.
_OTHER = {
    "text": "coalesce(it, '') || 'x'",
    "bigint": "coalesce(it, 0) + 1000",
    "integer": "coalesce(it, 0) + 1000",
    "smallint": "coalesce(it, 0) + 1000",
    "numeric": "coalesce(it, 0) + 1000",
    "boolean": "it IS NOT TRUE",
    "date": "coalesce(it, '2020-01-01') + 1000",
    "timestamp with time zone": "coalesce(it, '2020-01-01') + interval '1 s'",
    "uuid": "gen_random_uuid()",
    "json": """'{"id": "x"}'""",
    "jsonb": """'{"id": "x"}'""",
    "bytea": r"it || '\x00'",
    "bigint[]": "it || ARRAY[1::bigint]",
    "integer[]": "it || ARRAY[1]",
    "uuid[]": "it || gen_random_uuid()",
    "text[]": "it || ARRAY['x']",
}

# Of columns that the database lets have a few values alone.
_OTHER_STATE = "CASE state WHEN 'UP' THEN 'DOWN' ELSE 'UP' END"

# What a projector may do besides, and what is said of it.
_BESIDE = {
    "UPDATE projection.row_count SET number = number + 1 WHERE name = 'payouts'": "row_count name payouts",
    "DELETE FROM projection.row_count WHERE name = 'open_items'": "row_count name open_items",
    "UPDATE projection.generation SET position = position + 1000 WHERE name = 'cash_steps'": "cash_steps says that",
    "UPDATE projection.generation SET position = position - 1000 WHERE name = 'matters'": "matter_row",
    "INSERT INTO projection.generation (name, generation, live) VALUES ('forged', 1, true)": "names forged",
    "DELETE FROM projection.payout_row WHERE attempt = 1": "payout_row",
    "UPDATE projection.generation SET live = false WHERE name = 'cdrs'": "cdrs has no live generation",
}


@pytest.fixture
def followed(book: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """A copy of the settled network with all read models at the end, all findings of which are told."""
    monkeypatch.setattr(report, "MAX_FINDINGS", 10_000)
    catch_up(book, sorted(PROJECTIONS))
    return book


def found(check: Check) -> set[tuple[str, str]]:
    """Each table and column that a finding names; of a row that is missing or too much, its table and ''."""
    return {
        (
            finding.where.partition(" ")[0].removeprefix("projection."),
            part.partition(" ")[0] if part not in ("a row", "no row") else "",
        )
        for finding in check.findings
        for part in finding.expected.split(", ")
    }


def _other(column: str, type_: str) -> str:
    """Another value of a column than it has."""
    return _OTHER_STATE if (column, type_) == ("state", "text") else _OTHER[type_].replace("it", column)


def columns(connection: Connection[TupleRow]) -> dict[str, list[tuple[str, str, bool]]]:
    """The columns of each table, with type and whether they are of its key."""
    tables: dict[str, list[tuple[str, str, bool]]] = {}
    for table, *column in connection.execute(_COLUMNS).fetchall():
        tables.setdefault(table, []).append((column[0], column[1], column[2]))
    return tables


def spoil(connection: Connection[TupleRow], table: str, changes: dict[str, str], row: int) -> None:
    """Change columns of one row, the first behind some others whose key is nobody's then."""
    told = ", ".join(f"{column} = {other}" for column, other in changes.items())
    for place in range(row, row + 50):
        one = f"(SELECT ctid FROM projection.{table} ORDER BY ctid DESC OFFSET {place} LIMIT 1)"
        try:
            with connection.transaction():
                changed = connection.execute(f"UPDATE projection.{table} SET {told} WHERE ctid = {one}".encode())
        except UniqueViolation:
            continue
        assert changed.rowcount == 1, f"{table} has {place} rows: too few to change {told}"
        return
    pytest.fail(f"no row of {table} can have {told}")


def test_each_column_of_each_read_model(followed: str) -> None:
    assert not compare_read_models(followed).findings
    changed: set[tuple[str, str]] = set()
    with connect(followed, Role.PROJECTOR) as connection:
        for table, of_table in columns(connection).items():
            others = {name: _other(name, type_) for name, type_, is_key in of_table if not is_key}
            keys = [{name: _other(name, type_)} for name, type_, is_key in of_table if is_key]
            for number, changes in enumerate([*([others] if others else []), *keys]):
                spoil(connection, table, changes, number)
            changed |= {(table, name) for name in others} | {(table, "")}
    check = compare_read_models(followed)
    assert changed <= found(check)
    assert all("`wattledger rebuild " in finding.sentence for finding in check.findings)
    assert not any("iban" in finding.sentence.lower() for finding in check.findings)
    rebuild(followed)
    assert not compare_read_models(followed).findings


def test_what_is_said_of_read_models_beside_their_rows(followed: str) -> None:
    with connect(followed, Role.PROJECTOR) as projector:
        for spoiled in _BESIDE:
            assert projector.execute(spoiled.encode()).rowcount > 0, spoiled
    sentences = [each.sentence for each in compare_read_models(followed).findings]
    for spoiled, said in _BESIDE.items():
        assert any(said in sentence for sentence in sentences), spoiled
    rebuild(followed)
    (left,) = compare_read_models(followed).findings
    assert left.where == "forged"


def test_what_waits_in_the_rows_of_the_next_generation_is_not_built_upon(followed: str) -> None:
    with connect(followed, Role.PROJECTOR) as projector:
        for table in ("operator_balance_row", "row_count"):
            projector.execute(f"CREATE TEMP TABLE planted AS SELECT * FROM projection.{table}".encode())
            projector.execute(b"UPDATE planted SET generation = 2")
            projector.execute(f"INSERT INTO projection.{table} SELECT * FROM planted".encode())
            projector.execute(b"DROP TABLE planted")
    rebuild(followed)
    assert not compare_read_models(followed).findings


def test_a_server_that_only_reads_is_no_failure(settled_network: str) -> None:
    check = compare_read_models(f"{settled_network}?options=-c%20default_transaction_read_only%3Don")
    assert check.passed
    assert check.severity is Severity.NOTICE
    assert "read models were not compared" in check.findings[0].sentence
