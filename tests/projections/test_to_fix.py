"""What came back from the bank and was not paid again stands in a column of its own, apart from what is under way."""

import shutil
from pathlib import Path
from typing import Any

from psycopg import Connection
from psycopg.rows import TupleRow

from domain.book.bookings import PayoutFailed, PayoutInitiated, PayoutReissued, PayoutReturned, PayoutSettled
from domain.book.standing import Booked
from domain.payout.events import payout_stream
from ledger.database import Role, connect
from ledger.migrate import LEDGER_MIGRATIONS, run_migrations
from projections.queries import OperatorBalance, operator_balances
from projections.runner import catch_up
from projections.schema import FOLDERS, migrate
from tests.projections.builders import NOON, Recorder, created, payout_key

FIRST, SECOND = created(), created(payout_key(attempt=2))


def head(payout: Any) -> dict[str, Any]:
    return {
        "effective_at": NOON,
        "currency": payout.currency,
        "operator_id": payout.operator_id,
        "payout_id": payout.payout_id,
        "amount": payout.amount,
    }


INITIATED = (payout_stream(FIRST.payout_id), Booked(PayoutInitiated(key="initiated", **head(FIRST)), 1))
FAILED = (payout_stream(FIRST.payout_id), Booked(PayoutFailed(key="failed", **head(FIRST)), 1))
REISSUED = (payout_stream(SECOND.payout_id), Booked(PayoutReissued(key="reissued", **head(SECOND)), 1))
SETTLED = (payout_stream(SECOND.payout_id), Booked(PayoutSettled(key="settled", **head(SECOND)), 1))
RETURNED = (payout_stream(SECOND.payout_id), Booked(PayoutReturned(key="returned", **head(SECOND)), 1))


def shown(connection: Connection[TupleRow]) -> list[OperatorBalance]:
    catch_up(connection)
    return operator_balances(connection.cursor())


def balance(**columns: int) -> list[OperatorBalance]:
    nothing = dict.fromkeys(("pending", "reserved", "disputed", "in_transit", "to_fix", "paid_out"), 0)
    return [OperatorBalance("OP-1", "EUR", **(nothing | {"available": -FIRST.amount} | columns))]


def test_a_payout_walks_through_the_columns_and_their_sum_stays(
    recorder: Recorder, projector: Connection[TupleRow]
) -> None:
    for booked, column in (
        (INITIATED, "in_transit"),
        (FAILED, "to_fix"),
        (REISSUED, "in_transit"),
        (SETTLED, "paid_out"),
        (RETURNED, "to_fix"),
    ):
        recorder.record_all([booked])
        assert shown(projector) == balance(**{column: FIRST.amount})


def test_a_store_whose_read_model_had_no_such_column_gets_it_whole(bare_database_url: str, tmp_path: Path) -> None:
    older = tmp_path / "older"
    for folder in FOLDERS:
        shutil.copytree(folder, older, dirs_exist_ok=True)
    for path in older.glob("*.sql"):
        # The writer of today needs the tables of today, but for those whose locks come with later read models.
        is_of_writer = (LEDGER_MIGRATIONS / path.name).exists() and "TABLE lock." not in path.read_text("utf-8")
        if int(path.name[:3]) >= 135 and not is_of_writer:
            path.unlink()
    run_migrations(bare_database_url, [older])
    with connect(bare_database_url, Role.WRITER, autocommit=True) as writer:
        Recorder(writer).record_all([INITIATED, FAILED])
    with connect(bare_database_url, Role.PROJECTOR, autocommit=True) as projector:
        # As the read model of before left it, which knew of the hand-off alone when it stopped.
        projector.execute(
            "INSERT INTO projection.operator_balance_row (generation, operator_id, currency, pending, available, "
            "reserved, disputed, in_transit, paid_out, standing) "
            "VALUES (1, 'OP-1', 'EUR', 0, -1081, 0, 0, 1081, 0, 1)"
        )
        projector.execute("UPDATE projection.generation SET position = 1 WHERE name = 'operator_balances'")
        migrate(bare_database_url)
        assert shown(projector) == balance(to_fix=1081)
