"""Load as it is asked for: quarter hours, days where sites are, monthly peaks, other load, and the exported file."""

from datetime import UTC, date, datetime
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from psycopg import Connection, Cursor
from psycopg.rows import TupleRow

from domain.fact import RecordedFact
from domain.network.measured import imported
from domain.network.moments import microsecond_of, quarter_start
from ledger.database import Role, connect
from projections.documents.load import left_out_document, load_document, peak_document
from projections.export import export
from projections.network.asked import Asked
from projections.network.load import By, left_out, peaks, quarters, sums
from projections.rebuild import rebuild
from projections.runner import catch_up
from tests.network.told import BEGIN, Told, at, messages
from tests.projections.builders import PLATFORM, Recorder
from tests.projections.test_network import facts, published, record
from tests.support.examples import examples


def measured(second: int, import_wh: float | int | str, number: int) -> RecordedFact:
    data = {"operator_id": "OP-1", "location_id": "loc-1", "read_at": at(second), "import_wh": import_wh}
    return RecordedFact("site.load_measured", "meter", f"r-{number}", BEGIN, data)


def loads(cursor: Cursor[TupleRow], **asked: Any) -> list[dict[str, Any]]:
    return [load_document(each) for each in quarters(cursor, Asked(**asked))]


@settings(max_examples=examples(30), deadline=None)
@given(st.lists(st.tuples(st.integers(0, 9_000), st.integers(0, 3_000)), max_size=6))
def test_import_is_that_of_the_seconds_and_known_where_every_second_is(steps: list[tuple[int, int]]) -> None:
    registers, wh = {}, 0
    for second, energy in sorted(steps):
        wh += energy
        registers[second] = wh
    begin = microsecond_of(BEGIN)
    told = [(begin + second * 1_000_000, register) for second, register in sorted(registers.items())]
    seconds: dict[int, list[Fraction]] = {}
    known = sorted(registers)
    for since, until in pairwise(known):
        for second in range(since, until):
            share = Fraction(registers[until] - registers[since], until - since)
            seconds.setdefault((begin // 1_000_000 + second) // 900, []).append(share)
    assert dict(imported(told)) == {quarter: sum(each) for quarter, each in seconds.items() if len(each) == 900}


# 22:50 to 00:50 by UTC, 23:50 to 01:50 where the site is: 12 kWh at 6 kW.
EVEN = Told("S-1", 1, 0, 7200, [(7200, 120_000)])


@pytest.fixture
def told(recorder: Recorder, projector: Connection[TupleRow], store: str) -> str:
    """Three sessions at a site in Amsterdam: two that count, and one of more power than its connector has."""
    too_much = Told("S-9", 2, 0, 600, [(600, 99_000_000)])
    site = [published(22_000, -7200)]
    record(recorder, facts([*site, *messages(EVEN), *messages(too_much)]))
    later = Told("S-2", 2, 2 * 86_400, None, [(2 * 86_400 + 600, 41_234)])
    record(
        recorder, [RecordedFact(each.type, "gw", f"x-{each.id}", BEGIN, each.data) for each in facts(messages(later))]
    )
    record(recorder, [measured(-900, 1_000, 1), measured(7200, "17600.5", 2), measured(8100, 17_700, 3)])
    catch_up(projector, ["network"])
    return store


@pytest.fixture
def cursor(told: str) -> Any:
    with connect(told, Role.AUDITOR) as connection, connection.cursor() as cursor:
        yield cursor


def test_quarters_days_and_sites_add_up_and_a_day_is_one_where_the_site_is(cursor: Cursor[TupleRow]) -> None:
    found = loads(cursor, since=date(2026, 3, 29), until=date(2026, 3, 29))
    # A day of 23 hours: from 23:00 by UTC on.
    assert [row["start"] for row in found][::7] == ["2026-03-28T23:00:00Z", "2026-03-29T00:45:00Z"]
    assert {row["energy_wh"] for row in found[:-1]} == {"1500"}
    assert found[-1] == {
        "operator_id": "OP-1",
        "location_id": "LOC-1",
        "start": "2026-03-29T00:45:00Z",
        "energy_wh": "500",
        "kw": "2",
        "sessions": 1,
        "measured_wh": "681.166667",
        "other_wh": "181.166667",
        "unexplained_wh": "0",
    }
    days = [load_document(each) for each in sums(cursor, Asked(location_id="loc-1"), By.DAY)]
    assert [(row["date"], row["energy_wh"]) for row in days] == [
        ("2026-03-28", "1000"),
        ("2026-03-29", "11000"),
        ("2026-03-31", "4123.4"),
    ]
    (site,) = [load_document(each) for each in sums(cursor, Asked(operator_id="OP-1"), By.SITE)]
    assert site["energy_wh"] == "16123.4"
    assert quarters(cursor, Asked(operator_id="OP-2")) == []


def test_a_page_goes_on_behind_the_quarter_that_was_shown_last(cursor: Cursor[TupleRow]) -> None:
    everything = quarters(cursor, Asked())
    first = quarters(cursor, Asked(), 4)
    last = first[-1]
    assert last.start is not None
    rest = quarters(cursor, Asked(), None, (last.site.operator_id, last.site.location_key, last.start))
    assert first + rest == everything


def test_the_peak_of_a_month_is_its_highest_quarter_and_of_equals_the_first(cursor: Cursor[TupleRow]) -> None:
    until = datetime(2026, 4, 30, tzinfo=UTC)
    (found,) = [peak_document(each) for each in peaks(cursor, Asked(since=date(2026, 3, 1)), until)]
    assert (found["month"], found["peak_start"], found["peak_kw"]) == ("2026-03", "2026-03-30T22:45:00Z", "16.4936")
    assert found["measured_peak_start"] == "2026-03-28T22:45:00Z"
    # 16.1234 kWh in the quarter hours of a March with a day of 23 hours.
    assert found["load_factor"] == "0.001316"


def test_other_load_and_what_is_unexplained_add_up_to_what_the_meter_says(cursor: Cursor[TupleRow]) -> None:
    for each in quarters(cursor, Asked()):
        if each.measured_wh is not None:
            assert each.other_wh is not None
            assert each.unexplained_wh is not None
            assert Fraction(each.measured_wh) - Fraction(each.energy_wh) == Fraction(each.other_wh) - Fraction(
                each.unexplained_wh
            )
            assert not (each.other_wh and each.unexplained_wh)


def test_who_is_left_out_is_listed_with_the_reason(cursor: Cursor[TupleRow]) -> None:
    (found,) = [left_out_document(each) for each in left_out(cursor, Asked(since=date(2026, 3, 28)))]
    assert (found["session_id"], found["reason"]) == ("S-9", "POWER_ABOVE_CONNECTOR")
    assert left_out(cursor, Asked(since=date(2026, 3, 29))) == []


def test_a_reading_that_comes_late_mends_the_quarters_around_it_alone(
    told: str, recorder: Recorder, projector: Connection[TupleRow]
) -> None:
    query = "SELECT * FROM projection.site_import ORDER BY quarter"
    before = projector.execute(query).fetchall()
    record(recorder, [measured(2700, "9000", 4)])
    catch_up(projector, ["network"])
    after = projector.execute(query).fetchall()
    assert len(after) == len(before)
    assert after != before
    # A register that falls says nothing of what lies around it.
    record(recorder, [measured(3600, "10", 5)])
    catch_up(projector, ["network"])
    falls = projector.execute(query).fetchall()
    gap = {quarter_start(row[2]) for row in after} - {quarter_start(row[2]) for row in falls}
    assert gap == {datetime(2026, 3, 28, 23, 30, tzinfo=UTC), datetime(2026, 3, 28, 23, 45, tzinfo=UTC)}
    rebuild(told, ["network"])
    assert projector.execute(query).fetchall() == falls


def test_the_file_of_load_has_each_site_and_quarter_hour_once_in_order(told: str, tmp_path: Path) -> None:
    export(told, tmp_path, PLATFORM, network=True)
    lines = [orjson.loads(line) for line in (tmp_path / "load.jsonl").read_bytes().splitlines()]
    assert lines == sorted(lines, key=lambda line: (line["location_id"], line["start"]))
    assert {(line["location_id"], line["start"]): line["energy_wh"] for line in lines} == {
        ("LOC-1", "2026-03-28T22:45:00Z"): "1000",
        **{("LOC-1", f"2026-03-28T23:{minute}:00Z"): "1500" for minute in ("00", "15", "30", "45")},
        **{("LOC-1", f"2026-03-29T00:{minute}:00Z"): "1500" for minute in ("00", "15", "30")},
        ("LOC-1", "2026-03-29T00:45:00Z"): "500",
        ("LOC-1", "2026-03-30T22:45:00Z"): "4123.4",
    }
    export(told, tmp_path / "without", PLATFORM)
    assert not (tmp_path / "without" / "load.jsonl").exists()
