"""Sessions and CDRs in pages: each page by an index; and the version of the tariff that rates each session."""

import re
from collections.abc import Iterator

import pytest
from psycopg import Cursor
from psycopg.rows import TupleRow

from domain.session.ratings import read_rating
from ledger.database import Role, connect
from ledger.events.codec import read_body
from projections.session_list import CdrsWanted, SessionFilter, list_cdrs, list_sessions
from tests.support.explaining import Explaining


@pytest.fixture
def cursor(settled: str) -> Iterator[Cursor[TupleRow]]:
    with connect(settled, Role.AUDITOR) as connection, connection.cursor() as cursor:
        yield cursor


def test_each_session_has_the_version_that_its_last_rating_names(cursor: Cursor[TupleRow]) -> None:
    expected: dict[str, str | None] = {}
    query = (
        "SELECT topic, state FROM event_store.stored_events WHERE topic = 'SessionAssessed' ORDER BY notification_id"
    )
    for topic, state in cursor.execute(query).fetchall():
        outcome = read_body(topic, bytes(state))
        is_billed = outcome["gross"] is not None and outcome["ratings"]
        expected[outcome["session_id"]] = str(read_rating(outcome["ratings"][-1])["tariff"]) if is_billed else None
    kept: dict[str, str | None] = dict(
        cursor.execute("SELECT session_id, tariff_hash FROM projection.sessions").fetchall()
    )
    assert kept == expected
    assert len({each for each in kept.values() if each}) > 1
    assert None in kept.values()


SESSIONS = [
    SessionFilter(),
    SessionFilter(operator_id="OP-1"),
    SessionFilter(state="SUSPENSE"),
    SessionFilter(evse_uid="EV-1"),
    SessionFilter(tariff_hash="0f", operator_id="OP-1"),
]
CDRS = [CdrsWanted(), CdrsWanted(operator_id="OP-1"), CdrsWanted(session_id="S-1"), CdrsWanted(cdr_id="C-1")]


@pytest.mark.parametrize(("role", "operators"), [(Role.AUDITOR, ""), (Role.TENANT, "OP-1")])
def test_a_page_is_found_by_an_index_whatever_is_asked(settled: str, role: Role, operators: str) -> None:
    with connect(settled, role) as connection, Explaining(connection) as cursor:
        cursor.execute("SELECT set_config('wattledger.operators', %s, true)", (operators,))
        cursor.execute("SET LOCAL enable_seqscan = off")
        cursor.execute("SET LOCAL plan_cache_mode = force_generic_plan")
        cursor.plans = []
        for sessions in SESSIONS:
            list_sessions(cursor, sessions, limit=20, after="S-")
        assert not [plan for plan in cursor.plans if "Sort" in plan]
        for cdrs in CDRS:
            list_cdrs(cursor, cdrs, limit=20)
        for plan in cursor.plans:
            assert set(re.findall(r"Seq Scan on (\w+)", plan)) <= {"generation"}, plan
