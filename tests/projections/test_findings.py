"""The read model of findings: what the streams said last, in whatever sets it is read."""

from dataclasses import replace
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg import Connection
from psycopg.rows import TupleRow

from domain.book.findings import Finding, FindingKind, OpenFindings
from domain.session.session import session_stream, stream_name
from projections.rebuild import rebuild
from projections.runner import catch_up
from tests.projections.builders import NOON, Recorder

SESSIONS = ("S-1", "S-2")
FINDING = Finding(FindingKind.REFUND_WITHOUT_CAPTURE, "a", "P-1", "", NOON, "a refund of nothing", "EUR", 400)

# In each step one session comes to have these findings open: by key, with the amount that they say.
steps = st.lists(
    st.tuples(st.sampled_from(SESSIONS), st.dictionaries(st.sampled_from("ab"), st.sampled_from((1, 2, None)))),
    min_size=1,
    max_size=8,
)


def open_rows(connection: Connection[TupleRow]) -> list[tuple[Any, ...]]:
    return connection.execute("SELECT stream, key, amount FROM projection.findings ORDER BY stream, key").fetchall()


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(wishes=steps, at_once=st.booleans())
def test_the_rows_are_what_is_open_however_it_is_read(
    recorder: Recorder, projector: Connection[TupleRow], store: str, wishes: list[Any], at_once: bool
) -> None:
    projector.execute("DELETE FROM projection.finding_row")
    known = {session_id: OpenFindings() for session_id in SESSIONS}
    for session_id, wanted in wishes:
        findings = [replace(FINDING, key=key, amount=amount) for key, amount in wanted.items()]
        for change in known[session_id].towards(findings, stream_name(session_id)):
            known[session_id].evolve(change)
            recorder.record(session_stream(session_id), change)
        if not at_once:
            catch_up(projector)
    catch_up(projector)
    assert open_rows(projector) == sorted(
        (stream_name(session_id), each.key, each.amount) for session_id in SESSIONS for each in known[session_id]
    )


def test_a_rebuild_gives_the_same_rows(recorder: Recorder, projector: Connection[TupleRow], store: str) -> None:
    found = OpenFindings()
    for wanted in ([FINDING, replace(FINDING, key="b")], [replace(FINDING, amount=500)]):
        for change in found.towards(wanted, "session:S-1"):
            found.evolve(change)
            recorder.record(session_stream("S-1"), change)
    catch_up(projector)
    before = projector.execute("SELECT * FROM projection.findings").fetchall()
    assert [(row[1], row[-1]) for row in before] == [("a", 500)]
    rebuild(store, ["findings"])
    assert projector.execute("SELECT * FROM projection.findings").fetchall() == before
