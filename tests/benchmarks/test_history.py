"""A loaded history is what the engine itself would have written, under other names."""

from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from benchmarks.history import load_history
from benchmarks.recording import record
from benchmarks.stage import Stage, open_stage
from ledger.audit.audit import verify
from projections.rebuild import rebuild

READ_MODELS = ("sessions", "operator_balances", "cdrs", "payouts")


@pytest.fixture(scope="module")
def stage() -> Iterator[Stage]:
    with open_stage(1_000) as opened:
        yield opened


@pytest.fixture(scope="module")
def history(stage: Stage) -> Iterator[str]:
    """20 sessions over ten days, each twelve times."""
    with stage.database() as dsn:
        assert load_history(stage, dsn, 2_400, days=10, operators=20) == 2_400
        yield dsn


def read_models(dsn: str) -> dict[str, list[tuple[object, ...]]]:
    with psycopg.connect(dsn) as connection:
        return {
            name: connection.execute(f"SELECT t::text FROM projection.{name} AS t ORDER BY 1".encode()).fetchall()
            for name in READ_MODELS
        }


def test_a_loaded_history_stands_up_to_the_audit(history: str) -> None:
    report = verify(history)

    assert report.passed, [finding.sentence for check in report.failed for finding in check.findings[:3]]
    assert {check.name: check.examined for check in report.checks}["journal"] > 240 * 4


def test_its_sessions_are_over_and_their_operators_paid(history: str) -> None:
    with psycopg.connect(history) as connection:
        heads = connection.execute(
            "SELECT count(*), count(*) FILTER (WHERE settled AND due_at IS NULL) FROM intake.session_head"
        ).fetchone()
        paid = connection.execute("SELECT count(*) FROM intake.line WHERE payout_id IS NOT NULL").fetchone()

    assert heads == (240, 240)
    assert paid is not None
    assert paid[0] > 240


def test_its_read_models_are_those_that_a_rebuild_makes(history: str) -> None:
    before = read_models(history)

    rebuild(history)

    assert all(before.values())
    assert read_models(history) == before


def test_the_rows_of_a_recording_are_all_rows_in_as_many_pieces_as_asked_for(history: str, tmp_path: Path) -> None:
    tables = {f"{table.schema}.{table.name}": table for table in record(history, 7)}

    with psycopg.connect(history) as connection:
        for name, table in tables.items():
            count = connection.execute(f"SELECT count(*) FROM {name}".encode()).fetchone()
            assert (table.rows, len(table.pieces)) == ((count or (0,))[0], 7)
        entries = tables["book.entry"]
        connection.execute("CREATE SCHEMA copied")
        connection.execute("CREATE TABLE copied.entry (LIKE book.entry)")
        for piece in entries.pieces:
            with connection.cursor() as cursor, cursor.copy(entries.copy_in("copied")) as copy:
                copy.write(piece)
        different = connection.execute(
            "SELECT count(*) FROM ((TABLE book.entry EXCEPT TABLE copied.entry) "
            "UNION ALL (TABLE copied.entry EXCEPT TABLE book.entry)) AS either"
        ).fetchone()

    assert different == (0,)
