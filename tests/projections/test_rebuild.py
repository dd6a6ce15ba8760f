"""A rebuilt projection equals the live one, whatever arrives meanwhile, and readers never see half of it."""

import pytest
from psycopg import Connection
from psycopg.rows import TupleRow

from projections import feed, rebuild
from projections.errors import RebuildUnderWay, UnknownProjection
from projections.rebuild import rebuild as rebuild_projections
from projections.registry import PROJECTIONS
from tests.projections.builders import Recorder, payout_history, payout_key, session_history
from tests.projections.following import following, recording_during
from tests.projections.test_runner import catch_up_all, everything

ROW_TABLES = tuple(projection.table for projection in PROJECTIONS.values())


def generations(connection: Connection[TupleRow]) -> dict[str, int]:
    """The live generation of each projection; asserts that there is no other, and no row of another."""
    rows = connection.execute("SELECT name, generation, live FROM projection.generation").fetchall()
    assert all(live for *_, live in rows)
    live = {name: generation for name, generation, _ in rows}
    found = {
        row[0]
        for table in ROW_TABLES
        for row in connection.execute(f"SELECT DISTINCT generation FROM projection.{table}".encode())
    }
    assert found <= set(live.values())
    return live


def test_a_rebuilt_projection_equals_the_live_one(
    store: str, recorder: Recorder, projector: Connection[TupleRow]
) -> None:
    for number in range(5):
        recorder.record_all(session_history(f"S-{number}", f"OP-{number % 2}"))
    recorder.record_all(payout_history())
    reached = catch_up_all(projector)
    live = everything(projector)
    assert rebuild_projections(store) == reached
    assert everything(projector) == live
    assert set(generations(projector).values()) == {2}


def test_a_rebuild_mends_rows_that_were_spoiled(
    store: str, recorder: Recorder, projector: Connection[TupleRow]
) -> None:
    recorder.record_all(session_history())
    catch_up_all(projector)
    live = everything(projector)
    projector.execute("UPDATE projection.session_row SET gross = 1")
    projector.execute("UPDATE projection.operator_balance_row SET paid_out = 77")
    assert rebuild_projections(store, ["sessions"]) == {"sessions": 6}
    assert everything(projector)["sessions"] == live["sessions"]
    assert everything(projector)["operator_balances"] != live["operator_balances"]
    rebuild_projections(store, ["operator_balances"])
    assert everything(projector) == live


def test_a_rebuild_while_events_come_in_and_a_runner_runs(
    store: str, recorder: Recorder, projector: Connection[TupleRow], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feed, "EVENTS_MAX", 20)
    monkeypatch.setattr(rebuild, "EVENTS_MAX", 20)

    def rebuild_thrice() -> None:
        for _ in range(3):
            rebuild_projections(store)

    def record(number: int) -> None:
        recorder.record_all(session_history(f"S-{number}", f"OP-{number % 3}"))

    with following(store):
        recorder.record_all([event for number in range(40) for event in session_history(f"S-{number}")])
        number = recording_during(rebuild_thrice, record, first=40)
    catch_up_all(projector)
    live = everything(projector)
    assert len(live["sessions"]) == number
    assert set(generations(projector).values()) == {4}
    rebuild_projections(store)
    assert everything(projector) == live


def test_readers_see_the_old_rows_until_the_switch(
    store: str, recorder: Recorder, projector: Connection[TupleRow], monkeypatch: pytest.MonkeyPatch
) -> None:
    recorder.record_all(session_history())
    catch_up_all(projector)
    live = everything(projector)
    seen = []
    switch = rebuild._switch

    def look_then_switch(connection: Connection[TupleRow], names: list[str]) -> dict[str, int]:
        seen.append(everything(projector))
        return switch(connection, names)

    monkeypatch.setattr(rebuild, "_switch", look_then_switch)
    rebuild_projections(store)
    assert seen == [live]
    assert everything(projector) == live


def test_a_rebuild_that_was_cut_off_is_cleaned_up_by_the_next(
    store: str, recorder: Recorder, projector: Connection[TupleRow], monkeypatch: pytest.MonkeyPatch
) -> None:
    recorder.record_all(session_history())
    catch_up_all(projector)
    live = everything(projector)

    def cut_off(*_: object) -> dict[str, int]:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(rebuild, "_switch", cut_off)
        with pytest.raises(KeyboardInterrupt):
            rebuild_projections(store)
    assert everything(projector) == live
    assert projector.execute("SELECT count(*) FROM projection.session_row").fetchone() == (2,)
    rebuild_projections(store)
    assert everything(projector) == live
    assert set(generations(projector).values()) == {2}


def test_a_second_rebuild_of_the_same_projection_is_refused(store: str) -> None:
    with rebuild.alone(store, ["payouts"]):
        assert rebuild_projections(store, ["sessions"]) == {"sessions": 0}
        with pytest.raises(RebuildUnderWay, match="projection payouts is being rebuilt"):
            rebuild_projections(store)
    assert set(rebuild_projections(store)) == set(PROJECTIONS)


def test_a_rebuild_of_an_unknown_projection_is_refused(store: str) -> None:
    with pytest.raises(UnknownProjection, match="no projection balances"):
        rebuild_projections(store, ["balances"])


def test_payouts_of_several_days_come_out_of_a_rebuild_as_they_were(
    store: str, recorder: Recorder, projector: Connection[TupleRow]
) -> None:
    for attempt in (1, 2, 3):
        recorder.record_all(payout_history(payout_key(attempt=attempt), amount=1000 + attempt))
    catch_up_all(projector)
    live = everything(projector)
    assert len(live["payouts"]) == 3
    rebuild_projections(store, ["payouts"])
    assert everything(projector) == live
