"""Matters as they stand: the last word about each, however the sets of events are cut."""

from datetime import UTC, datetime
from uuid import UUID, uuid5

import pytest
from psycopg import Connection
from psycopg.rows import TupleRow

from domain.matter.judgement import MatterJudged, MatterKind, MatterState
from projections.matters import find_matter, list_matters
from projections.runner import catch_up
from tests.projections.builders import NOON, Recorder

STREAM = UUID(int=58)


def said(matter_id: str, state: MatterState, operator_id: str = "OP-1", day: int = 2) -> MatterJudged:
    at = datetime(2026, 3, day, tzinfo=UTC)
    decided = None if state is MatterState.PROPOSED else NOON
    return MatterJudged(
        MatterKind.ADJUSTMENT,
        matter_id,
        operator_id,
        state,
        "EUR",
        2500,
        at,
        "m.ortega",
        decided,
        details={"note": "n"},
    )


@pytest.mark.parametrize("at_once", [True, False])
def test_the_last_word_stands(recorder: Recorder, projector: Connection[TupleRow], at_once: bool) -> None:
    for state in (MatterState.PROPOSED, MatterState.APPROVED, MatterState.REJECTED):
        recorder.record(STREAM, said("A-1", state))
        if not at_once:
            catch_up(projector)
    catch_up(projector)
    rows = projector.execute(
        "SELECT matter_id, state, amount, decided_at, details FROM projection.matters"
    ).fetchall()
    assert rows == [("A-1", "REJECTED", 2500, NOON, {"note": "n"})]


def test_a_list_is_newest_first_and_goes_on_behind_any_of_it(
    recorder: Recorder, projector: Connection[TupleRow]
) -> None:
    for number in range(1, 7):
        state = MatterState.APPROVED if number % 2 else MatterState.PROPOSED
        matter = said(f"A-{number}", state, f"OP-{1 + number // 4}", day=1 + number // 2)
        recorder.record(uuid5(STREAM, str(number)), matter)
    catch_up(projector)
    with projector.cursor() as cursor:
        everything = list_matters(cursor, MatterKind.ADJUSTMENT)
        assert [row.proposed_at for row in everything] == sorted(
            (row.proposed_at for row in everything), reverse=True
        )
        after = (everything[2].proposed_at, everything[2].stream_id)
        assert list_matters(cursor, MatterKind.ADJUSTMENT, limit=2, after=after) == everything[3:5]
        open_ = list_matters(cursor, MatterKind.ADJUSTMENT, "OP-1", "PROPOSED")
        assert [row.matter_id for row in open_] == ["A-2"]
        assert list_matters(cursor, MatterKind.HOLD) == []
        assert find_matter(cursor, MatterKind.ADJUSTMENT, "A-6") in everything
        assert find_matter(cursor, MatterKind.WRITE_OFF, "A-6") is None
