"""What no meter can have shown: `verify` judges registers by code of its own, and finds what was judged otherwise."""

from collections.abc import Iterable
from fractions import Fraction
from typing import Any

import pytest

from domain.session import assessment, orphans, registers
from domain.session.meter_facts import NOTHING_CORRECTED, MeterFacts
from tests.support.audited import verify
from tests.support.engine import Engine
from tests.support.events import ended, event, metered, operator, started, tariff

Event = dict[str, Any]


def findings(engine: Engine, events: Iterable[Event]) -> set[str]:
    """The checks that fail after a session of these events, whose operator and tariff are known."""
    engine.feed([operator(), tariff(), *events])
    return {check.name for check in verify(engine.dsn).failed}


def session(*readings: tuple[str, str], stop_wh: str = "9000") -> list[Event]:
    """From 10:00 to 11:00; readings are (time, register)."""
    read = [metered("S-1", f"2026-03-02T{at}:00Z", register) for at, register in readings]
    return [started(), *read, ended(register_wh=stop_wh)]


RESOLUTION = [("10:20", "4000.5"), ("10:40", "4000"), ("11:00", "9000.4")]
FALL = [("10:20", "4000"), ("10:40", "3999")]


@pytest.mark.parametrize("readings", [RESOLUTION, FALL])
def test_the_audit_agrees_about_falls(engine: Engine, readings: list[tuple[str, str]]) -> None:
    assert findings(engine, session(*readings)) == set()


def test_it_finds_a_session_that_waits_for_no_more_than_its_meters_resolution(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(registers, "RESOLUTION_WH", Fraction(1, 1000))
    assert findings(engine, session(*RESOLUTION)) == {"meters"}


def test_it_finds_a_session_that_was_billed_though_its_register_fell(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(registers, "RESOLUTION_WH", 5)
    assert findings(engine, session(*FALL)) == {"meters"}


def correction(**says: Any) -> Event:
    """The later truth, on the next morning."""
    data = {"session_id": "S-1", "corrected_at": "2026-03-03T09:00:00Z", "reason": "a person looked"}
    return event("charging.session.meter_corrected", "S-1", "2026-03-03T09:00:00Z", data | says)


def connector(**published: Any) -> Event:
    """The location of the session, with its connector."""
    location = {
        "country_code": "NL",
        "party_id": "GRL",
        "id": "LOC-1",
        "publish": True,
        "address": "Gracht 1",
        "city": "Amsterdam",
        "country": "NLD",
        "coordinates": {"latitude": "52.370", "longitude": "4.895"},
        "time_zone": "Europe/Amsterdam",
        "last_updated": "2026-03-01T00:00:00Z",
        "evses": [
            {
                "uid": "EVSE-1",
                "status": "AVAILABLE",
                "last_updated": "2026-03-01T00:00:00Z",
                "connectors": [
                    {
                        "id": "1",
                        "standard": "IEC_62196_T2",
                        "format": "SOCKET",
                        "power_type": "AC_3_PHASE",
                        "max_voltage": 230,
                        "max_amperage": 16,
                        "last_updated": "2026-03-01T00:00:00Z",
                        **published,
                    }
                ],
            }
        ],
    }
    data = {"operator_id": "OP-1", "location": location}
    return event("location.published", "LOC-1", "2026-03-01T00:00:00Z", data)


def charging(*readings: tuple[str, str, int], stop_wh: str) -> list[Event]:
    """A session whose readings tell the power too."""
    read = []
    for at, register, power_w in readings:
        told = metered("S-1", f"2026-03-02T{at}:00Z", register)
        read.append({**told, "data": told["data"] | {"power_w": power_w}})
    return [started(), *read, ended(register_wh=stop_wh)]


TOO_MUCH = session(stop_wh="25000000")
JUMP = [connector(), *session(("10:05", "9000"), stop_wh="9100")]
IN_KWH = charging(("10:20", "3", 10_000), ("10:40", "6", 10_000), stop_wh="10")
CORRECTED_FALL = [*session(*FALL), correction(meter_start_wh=0, meter_stop_wh=9_000)]
TWO_ENDS = [*session(), ended(at="2026-03-02T11:00:03Z", register_wh=9_000)]
TWO_STARTS = [*session(), {**started(tariff_id="T-2"), "id": "again"}]


def review(verdict: str, day: str = "04") -> Event:
    """What a person says who looked at the session."""
    at = f"2026-03-{day}T09:00:00Z"
    data = {"session_id": "S-1", "at": at, "verdict": verdict, "reason": "looked at", "by": "I. Jansen"}
    return event("charging.session.reviewed", "S-1", at, data)


VOIDED = [*session(), review("VOID")]
BILLED = [*session(*FALL), review("BILL")]


@pytest.mark.parametrize(
    "events",
    [
        TOO_MUCH,
        JUMP,
        [*session(("10:05", "9000"), stop_wh="9100")],
        [*JUMP, review("BILL")],
        IN_KWH,
        [*IN_KWH, correction(meter_stop_wh=10_000)],
        [connector(max_electric_power=50_000), *JUMP[1:]],
        VOIDED,
        BILLED,
        [*VOIDED, review("BILL", "05")],
        [*session(stop_wh="9000"), correction(meter_start_wh=9_500), review("BILL")],
        [*TWO_STARTS, review("BILL")],
        [started(), review("VOID")],
        CORRECTED_FALL,
        [*session(*FALL), correction(meter_stop_wh=9_000)],
        [*session(("10:50", "9500")), correction(meter_stop_wh=8_500)],
        TWO_ENDS,
        [*TWO_ENDS, correction(ended_at="2026-03-02T11:00:00Z")],
        [*TWO_ENDS, correction(meter_stop_wh=9_000)],
        TWO_STARTS,
    ],
)
def test_the_audit_agrees_about_corrections_and_what_was_told_twice(engine: Engine, events: list[Event]) -> None:
    assert findings(engine, events) == set()


def test_it_finds_a_session_that_waits_for_readings_that_a_correction_set_aside(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(registers, "fitting", lambda readings, *_: readings)
    assert findings(engine, CORRECTED_FALL) == {"meters"}


def test_it_finds_two_ends_that_stay_invalid_after_their_correction(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (assessment, orphans):
        monkeypatch.setattr(module, "latest", lambda _: NOTHING_CORRECTED)
    assert "states" in findings(engine, [*TWO_ENDS, correction(ended_at="2026-03-02T11:00:00Z")])


def test_it_finds_a_session_that_was_billed_though_two_starts_name_other_tariffs(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(assessment, "contradiction", lambda *_: "")
    assert "states" in findings(engine, TWO_STARTS)


def test_it_finds_a_session_that_stays_billed_though_a_person_said_that_it_was_none(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(MeterFacts, "verdict", lambda _: None)
    monkeypatch.setattr(assessment, "_changed", lambda truth, *_: truth)
    assert "states" in findings(engine, VOIDED)


def test_it_finds_a_session_that_waits_though_a_person_said_to_bill_it(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(assessment, "_changed", lambda truth, *_: truth)
    assert findings(engine, BILLED) == {"meters"}


@pytest.mark.parametrize(
    ("events", "judged_by"), [(TOO_MUCH, "check_power"), (JUMP, "check_power"), (IN_KWH, "check_units")]
)
def test_it_finds_energy_that_was_billed_and_cannot_have_been(
    engine: Engine, monkeypatch: pytest.MonkeyPatch, events: list[Event], judged_by: str
) -> None:
    monkeypatch.setattr(assessment, judged_by, lambda *_: None)
    assert findings(engine, events) == {"meters"}


def test_the_audit_agrees_about_an_orphan_that_was_read_by_a_clock_36_years_ahead(engine: Engine) -> None:
    silent = [started(), metered("S-1", "2026-03-02T10:30:00Z", 5_000), metered("S-1", "2062-05-01T00:00:00Z", 9_000)]
    engine.feed([operator(orphan_hours=1), tariff(), *silent])
    engine.advance()
    engine.advance("2026-03-03T00:00:00Z")
    assert engine.rows("SELECT topic FROM event_store.stored_events WHERE topic = 'OrphanClosed'")
    assert engine.balances()["2011/OP-1 EUR"] == -273
    assert {check.name for check in verify(engine.dsn).failed} == set()


def test_the_audit_agrees_about_an_orphan_whose_end_was_corrected(engine: Engine) -> None:
    silent = [started(), metered("S-1", "2026-03-02T10:30:00Z", 5_000)]
    engine.feed([operator(orphan_hours=1), tariff(), *silent])
    engine.advance("2026-03-03T00:00:00Z")
    engine.feed([correction(meter_stop_wh=9_000)])
    assert engine.rows("SELECT topic FROM event_store.stored_events WHERE topic = 'OrphanClosed'")
    assert {check.name for check in verify(engine.dsn).failed} == set()
