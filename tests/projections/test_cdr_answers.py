"""What partners answered: an acceptance outweighs rejections, in whichever order and set they come."""

from itertools import permutations

import pytest
from psycopg import Connection
from psycopg.rows import TupleRow

from domain.fact import RecordedFact
from domain.session.session import session_stream
from projections.runner import catch_up
from tests.projections.builders import NOON, Recorder

ACCEPTED, REJECTED = "roaming.cdr_accepted", "roaming.cdr_rejected"


def answer(type_: str, number: int, partner: str = "DE-ABC") -> RecordedFact:
    return RecordedFact(type_, "hub", f"a-{number}", NOON, {"cdr_id": "CDR-1", "partner": partner, "at": NOON})


@pytest.mark.parametrize("at_once", [True, False])
@pytest.mark.parametrize("order", sorted(set(permutations([ACCEPTED, REJECTED, REJECTED]))))
def test_what_was_accepted_once_stays_accepted(
    recorder: Recorder, projector: Connection[TupleRow], order: tuple[str, ...], at_once: bool
) -> None:
    for number, type_ in enumerate(order):
        recorder.record(session_stream("S-1"), answer(type_, number, "de-abc" if number else "DE-ABC"))
        if not at_once:
            catch_up(projector)
    catch_up(projector)
    assert projector.execute("SELECT * FROM projection.cdr_answers").fetchall() == [("CDR-1", "DE-ABC", True)]


def test_each_partner_speaks_for_itself(recorder: Recorder, projector: Connection[TupleRow]) -> None:
    recorder.record(session_stream("S-1"), answer(REJECTED, 1), answer(ACCEPTED, 2, "FR-XYZ"))
    catch_up(projector)
    found = projector.execute("SELECT * FROM projection.cdr_answers ORDER BY partner").fetchall()
    assert found == [("CDR-1", "DE-ABC", False), ("CDR-1", "FR-XYZ", True)]
