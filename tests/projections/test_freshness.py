"""Whoever reads the read models finds them where the store ended, whether or not somebody follows it."""

from psycopg import Connection
from psycopg.rows import TupleRow

from projections.freshness import up_to_date
from projections.queries import operator_balances
from projections.runner import catch_up
from tests.projections.builders import Recorder, session_history


def earned(connection: Connection[TupleRow]) -> int:
    """What operators have pending, in minor units."""
    with connection.cursor() as cursor:
        return sum(each.pending for each in operator_balances(cursor))


def test_read_models_that_are_behind_are_brought_up_to_date(store: str, recorder: Recorder) -> None:
    recorder.record_all(session_history()[:3])
    with up_to_date(store) as connection:
        assert earned(connection) == 1081


def test_one_that_is_behind_the_others_is_brought_up_to_date(store: str, recorder: Recorder) -> None:
    recorder.record_all(session_history()[:3])
    catch_up(store, ["cdrs", "sessions", "payouts", "cdr_answers"])
    with up_to_date(store) as connection:
        assert earned(connection) == 1081


def test_a_reader_may_choose_how_its_transaction_reads(store: str, recorder: Recorder) -> None:
    recorder.record_all(session_history()[:3])
    with up_to_date(store) as connection:
        connection.read_only = True
        assert earned(connection) == 1081
