"""CDRs wait for their partners' answers once they are visible; what the book knows already is not asked again."""

from collections.abc import Iterator
from contextlib import closing
from typing import Any

import psycopg
import pytest

from ledger.audit import verify
from ledger.audit.cdr_delivery import check_cdr_delivery
from ledger.audit.report import Tally
from ledger.audit.snapshot import Snapshot
from projections.compare import compare_read_models
from projections.roaming.feed import make_all_visible
from projections.roaming.feed import rebuild as rebuild_roaming
from tests.conftest import Stores
from tests.ocpi.test_cdrs import ABC, of
from tests.support.aftermath import cdr_answer, cdr_id
from tests.support.anew import make_anew
from tests.support.engine import Engine
from tests.support.events import operator, session, tariff
from tests.support.events import partner as registered

LATER = "2026-03-10T00:00:00Z"
STATES = "SELECT cdr_id, state FROM roaming.delivery ORDER BY created"


@pytest.fixture
def engine(stores: Stores) -> Iterator[Engine]:
    """Three sessions of a partner, one that its driver pays, and the CDRs of all."""
    with stores() as dsn, closing(Engine(dsn)) as made:
        made.feed([operator(), tariff(), registered(), *session("S-0")])
        for number in (1, 2, 3):
            made.feed(of(ABC, number))
        made.advance(LATER)
        make_all_visible(dsn)
        yield made


def answered(number: int, *, accepted: bool = True) -> dict[str, Any]:
    """What the partner says in a file, or through a hub, about the CDR of a session."""
    return cdr_answer("accepted" if accepted else "rejected", "DE-ABC", cdr_id(f"S-ABC-{number}"), LATER)


def states(engine: Engine) -> list[str]:
    return [state for _, state in engine.rows(STATES)]


def failed(engine: Engine) -> dict[str, list[str]]:
    return {check.name: [each.sentence for each in check.findings] for check in verify(engine.dsn).failed}


def test_a_cdr_waits_from_when_it_is_visible_and_a_driver_s_for_nobody(engine: Engine) -> None:
    assert [each for each, _ in engine.rows(STATES)] == [cdr_id(f"S-ABC-{number}") for number in (1, 2, 3)]
    assert states(engine) == ["WAITING"] * 3
    assert failed(engine) == {}


def test_answers_by_another_way_are_known_and_kept_when_all_is_made_anew(engine: Engine) -> None:
    engine.feed([answered(1), answered(2, accepted=False)])
    engine.advance(LATER)
    make_all_visible(engine.dsn)
    assert states(engine) == ["ACCEPTED", "REFUSED", "WAITING"]
    make_anew(engine.dsn)
    make_all_visible(engine.dsn)
    assert states(engine) == ["ACCEPTED", "REFUSED", "WAITING"]
    assert failed(engine) == {}
    engine.feed([answered(2)])
    make_all_visible(engine.dsn)
    assert states(engine)[1] == "ACCEPTED"


def test_an_answer_to_a_credit_cdr_belongs_to_its_session(engine: Engine) -> None:
    engine.feed([answered(1), answered(1, accepted=False) | {"time": "2026-03-11T00:00:00Z"}])
    taken_back = answered(1, accepted=False)
    taken_back |= {"id": "back", "data": taken_back["data"] | {"at": "2026-03-11T00:00:00Z"}}
    engine.feed([taken_back])
    engine.advance("2026-03-12T00:00:00Z")
    make_all_visible(engine.dsn)
    credit = f"{cdr_id('S-ABC-1')}-C"
    assert (credit, "WAITING") in engine.rows(STATES)
    engine.feed([cdr_answer("accepted", "DE-ABC", credit, "2026-03-13T00:00:00Z")])
    engine.advance("2026-03-13T00:00:00Z")
    make_all_visible(engine.dsn)
    assert (credit, "ACCEPTED") in engine.rows(STATES)
    assert engine.rows("SELECT ref FROM intake.parked") == []
    assert failed(engine) == {}


FIRST = f"'{cdr_id('S-ABC-1')}'"
TOLD = "state = 'ACCEPTED', answered_at = now(), accepted_at = now(), told = now()"
FAULTS = {
    "a row is lost": (f"DELETE FROM roaming.delivery WHERE cdr_id = {FIRST}", "neither delivered"),
    "an object is lost": (f"DELETE FROM roaming.object WHERE object_id = {FIRST}", "cannot see it"),
    "the book never heard": (f"UPDATE roaming.delivery SET {TOLD} WHERE cdr_id = {FIRST}", "has no roaming.cdr_acc"),
    "it read past it": (
        f"UPDATE roaming.delivery SET {TOLD}, told_partition = 0, told_offset = 3 WHERE cdr_id = {FIRST}",
        "has no roaming.cdr_accepted",
    ),
    "given up without a word": (
        f"UPDATE roaming.delivery SET state = 'EXPIRED' WHERE cdr_id = {FIRST}",
        "nothing says why",
    ),
    "another one's": (f"UPDATE roaming.delivery SET partner = 'FR-XYZ' WHERE cdr_id = {FIRST}", "never issued"),
    "answered, and would be sent": (
        f"""UPDATE roaming.delivery SET state = 'WAITING', answered_at = NULL, told = NULL
        WHERE cdr_id = '{cdr_id("S-ABC-2")}'""",
        "was answered, and is WAITING",
    ),
}


def test_what_is_lost_on_the_way_is_seen_by_the_audit(engine: Engine) -> None:
    with psycopg.connect(engine.dsn) as connection:
        connection.execute("INSERT INTO intake.position VALUES ('roaming', 0, 4, 1)")
    engine.feed([answered(2)])
    make_all_visible(engine.dsn)
    for fault, (statement, sentence) in FAULTS.items():
        with psycopg.connect(engine.dsn) as connection:
            assert connection.execute(statement.encode()).rowcount == 1
            tally = Tally()
            check_cdr_delivery(Snapshot(connection), tally)
            assert any(sentence in each.sentence for each in tally.findings), (fault, tally.findings)
            connection.rollback()
    assert failed(engine) == {}
    with psycopg.connect(engine.dsn) as connection:
        connection.execute(FAULTS["a row is lost"][0])
    assert list(failed(engine)) == ["cdr_delivery"]


def test_an_answer_that_the_intake_has_not_come_to_is_on_its_way(engine: Engine) -> None:
    under_way = f"UPDATE roaming.delivery SET {TOLD}, told_partition = 0, told_offset = 3 WHERE cdr_id = {FIRST}"
    with psycopg.connect(engine.dsn) as connection:
        assert connection.execute(under_way.encode()).rowcount == 1
    assert failed(engine) == {}


def test_an_object_of_a_cdr_that_was_changed_is_found_and_made_anew(engine: Engine) -> None:
    assert not compare_read_models(engine.dsn).findings
    of_one = "WHERE object_id = (SELECT min(object_id) FROM roaming.object WHERE module = 'cdrs')"
    for column, other in {
        "document": "convert_to(replace(convert_from(document, 'UTF8'), 'EUR', 'SEK'), 'UTF8')",
        "digest": "sha256('')",
        "document_2_3_0": "'{}'",
    }.items():
        with psycopg.connect(engine.dsn) as connection:
            connection.execute(f"UPDATE roaming.object SET {column} = {other} {of_one}".encode())
        (finding,) = compare_read_models(engine.dsn).findings
        assert (finding.where.split()[0], finding.expected) == ("roaming.object", column)
        rebuild_roaming(engine.dsn)
        assert not compare_read_models(engine.dsn).findings, column
