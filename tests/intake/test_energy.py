"""Energy accounts: what meters counted, what CDRs billed of it, and why the two differ."""

from collections.abc import Iterator
from fractions import Fraction
from typing import Any

import pytest
from psycopg import Connection
from psycopg.rows import TupleRow

from ledger.database import Role, connect
from projections.energy import energy_balances, energy_entries, leakage, leaking_sessions
from projections.rebuild import rebuild
from projections.runner import catch_up
from tests.support.audited import verify
from tests.support.engine import Engine
from tests.support.events import (
    TOKEN,
    captured,
    cdr_answer,
    corrected,
    ended,
    event,
    metered,
    operator,
    partner,
    started,
    tariff,
)

UNTIL = "2026-03-10T00:00:00Z"


@pytest.fixture
def reader(engine: Engine) -> Iterator[Connection[TupleRow]]:
    """A connection that may read everything."""
    with connect(engine.dsn, Role.AUDITOR) as connection:
        yield connection


def causes(reader: Connection[TupleRow], engine: Engine, *span: Any) -> dict[str, tuple[int, int, int]]:
    """Sessions, metered and billed Wh by cause."""
    catch_up(engine.dsn)
    found = leakage(reader, "OP-1", *span)
    return {each.cause: (each.sessions, int(each.metered_wh), int(each.billed_wh)) for each in found}


def test_what_is_metered_is_to_be_billed_until_its_cdr_bills_it(engine: Engine, reader: Connection[TupleRow]) -> None:
    engine.feed([operator(), tariff(), started(), ended(register_wh=20_000)])
    assert causes(reader, engine) == {"CDR_NOT_ISSUED_YET": (1, 20_000, 0)}
    with reader.cursor() as cursor:
        assert energy_balances(cursor, "9110/S-1") == [("9110/S-1", "20000", "0", "20000")]
    engine.advance(UNTIL)
    assert causes(reader, engine) == {"BILLED": (1, 20_000, 20_000)}
    with reader.cursor() as cursor:
        assert [(each.kind, each.debit[:4], each.credit[:4], each.wh) for each in energy_entries(cursor, "S-1")] == [
            ("J60", "9110", "9100", "20000"),
            ("J61", "9120", "9110", "20000"),
        ]
        assert energy_balances(cursor, "9110/S-1") == [("9110/S-1", "20000", "20000", "0")]
        assert [balance for _, _, _, balance in energy_balances(cursor, "9100")] == ["-20000"]


def test_a_correction_moves_the_difference_and_its_credit_cdr_mirrors_what_was_billed(
    engine: Engine, reader: Connection[TupleRow]
) -> None:
    engine.feed([operator(), tariff(), started(), ended(), corrected("S-1", "2026-03-05T08:00:00Z", 18_000)])
    engine.advance(UNTIL)
    assert causes(reader, engine) == {"BILLED": (1, 18_000, 18_000)}
    with reader.cursor() as cursor:
        assert [(each.kind, each.wh) for each in energy_entries(cursor, "S-1")] == [
            ("J60", "20000"),
            ("J61", "20000"),
            ("J60", "-2000"),
            ("J61", "-20000"),
            ("J61", "18000"),
        ]


def test_a_correction_that_a_captured_payment_cannot_follow_leaks_with_its_cause(
    engine: Engine, reader: Connection[TupleRow]
) -> None:
    dearer = corrected("S-1", "2026-03-05T08:00:00Z", 25_000)
    engine.feed([operator(), tariff(), started(), ended(), captured(amount="12.10"), dearer])
    engine.advance(UNTIL)
    assert causes(reader, engine) == {"CAPTURE_CANNOT_BE_RAISED": (1, 25_000, 20_000)}


def test_suspended_contradictory_and_rejected_sessions_leak_by_their_reasons(
    engine: Engine, reader: Connection[TupleRow]
) -> None:
    engine.feed([operator(), tariff(), partner()])
    engine.feed([started("S-A", tariff_id="T-9"), ended("S-A", register_wh=1_000)])
    engine.feed([started("S-B"), ended("S-B", register_wh=2_000), ended("S-B", "2026-03-02T11:30:00Z", 3_000)])
    engine.feed([started("S-C", token=TOKEN), ended("S-C", register_wh=4_000)])
    engine.feed([cdr_answer("S-C", "2026-03-02T12:00:00Z", accepted=True)])
    engine.feed([cdr_answer("S-C", "2026-03-02T13:00:00Z", accepted=False)])
    engine.feed([started("S-D"), metered("S-D", "2026-03-02T10:30:00Z", 5_000)])
    engine.advance(UNTIL)
    assert causes(reader, engine) == {
        "TARIFF_UNKNOWN": (1, 1_000, 0),
        "TWO_ENDS": (1, 2_000, 0),
        "CDR_NOT_ACCEPTED": (1, 4_000, 0),
        "END_MISSING": (1, 5_000, 0),
    }
    assert [(each.session_id, each.cause) for each in leaking_sessions(reader, "OP-1")] == [
        ("S-C", "CDR_NOT_ACCEPTED"),
        ("S-A", "TARIFF_UNKNOWN"),
        ("S-B", "TWO_ENDS"),
        ("S-D", "END_MISSING"),
    ]


def test_a_roaming_cdr_is_billed_once_its_partner_has_accepted_it(
    engine: Engine, reader: Connection[TupleRow]
) -> None:
    engine.feed([operator(), tariff(), partner(), started(token=TOKEN), ended()])
    assert causes(reader, engine) == {"CDR_NOT_ISSUED_YET": (1, 20_000, 0)}
    engine.advance("2026-03-02T12:00:00Z")
    assert causes(reader, engine) == {"CDR_NOT_ACCEPTED": (1, 20_000, 0)}
    engine.feed([cdr_answer("S-1", "2026-03-02T13:00:00Z", accepted=True) | {"data": _answer_of("FR-XYZ")}])
    assert causes(reader, engine) == {"CDR_NOT_ACCEPTED": (1, 20_000, 0)}
    engine.feed([cdr_answer("S-1", "2026-03-02T14:00:00Z", accepted=True)])
    assert causes(reader, engine) == {"BILLED": (1, 20_000, 20_000)}
    rebuild(engine.dsn)
    assert causes(reader, engine) == {"BILLED": (1, 20_000, 20_000)}
    assert verify(engine.dsn).passed


def _answer_of(other_partner: str) -> dict[str, Any]:
    """An acceptance by somebody whom the CDR is not for."""
    at = "2026-03-02T13:00:00Z"
    return {**cdr_answer("S-1", at, accepted=True)["data"], "partner": other_partner}


def test_a_cdr_that_was_rejected_outright_is_not_billed_until_it_is_accepted(
    engine: Engine, reader: Connection[TupleRow]
) -> None:
    rejected = cdr_answer("S-1", "2026-03-02T13:00:00Z", accepted=False)
    engine.feed([operator(), tariff(), partner(), started(token=TOKEN), ended(), rejected])
    engine.advance(UNTIL)
    assert causes(reader, engine) == {"CDR_REJECTED": (1, 20_000, 0)}
    assert [each.cause for each in leaking_sessions(reader, "OP-1")] == ["CDR_REJECTED"]
    engine.feed([cdr_answer("S-1", "2026-03-02T14:00:00Z", accepted=True)])
    engine.advance(UNTIL)
    assert causes(reader, engine) == {"BILLED": (1, 20_000, 20_000)}


def test_a_correction_makes_a_cdr_that_has_to_be_accepted_anew(engine: Engine, reader: Connection[TupleRow]) -> None:
    engine.feed([operator(), tariff(), partner(), started(token=TOKEN), ended()])
    engine.feed([cdr_answer("S-1", "2026-03-02T13:00:00Z", accepted=True)])
    engine.advance("2026-03-03T00:00:00Z")
    engine.feed([corrected("S-1", "2026-03-05T08:00:00Z", 18_000)])
    assert causes(reader, engine) == {"CDR_TO_BE_REPLACED": (1, 18_000, 20_000)}
    engine.advance(UNTIL)
    assert causes(reader, engine) == {"CDR_NOT_ACCEPTED": (1, 18_000, 0)}
    engine.feed([cdr_answer("S-1", "2026-03-06T13:00:00Z", accepted=False, number=2)])
    assert causes(reader, engine) == {"CDR_REJECTED": (1, 18_000, 0)}


def test_an_answer_to_the_cdr_of_a_driver_says_nothing(engine: Engine, reader: Connection[TupleRow]) -> None:
    # The token's party is no partner, so the driver pays.
    engine.feed([operator(), tariff(), started(token=TOKEN), ended()])
    engine.feed([cdr_answer("S-1", "2026-03-02T13:00:00Z", accepted=False)])
    engine.advance(UNTIL)
    assert causes(reader, engine) == {"BILLED": (1, 20_000, 20_000)}


def test_a_session_whose_start_is_missing_leaks_from_its_first_register_to_its_last(
    engine: Engine, reader: Connection[TupleRow]
) -> None:
    readings = [metered("S-1", "2026-03-02T10:10:00Z", 1_000), metered("S-1", "2026-03-02T10:50:00Z", 20_000)]
    engine.feed(
        [operator(), tariff(), *readings, ended(register_wh=21_000), metered("S-2", "2026-03-02T10:50:00Z", 7)]
    )
    engine.advance(UNTIL)
    catch_up(engine.dsn)
    found = leakage(reader)
    assert [(each.operator_id, each.cause, each.sessions, int(each.metered_wh)) for each in found] == [
        ("", "START_MISSING", 2, 20_000)
    ]
    assert [(each.session_id, int(each.leaked_wh)) for each in leaking_sessions(reader)] == [("S-1", 20_000)]


def test_an_orphan_is_billed_by_estimate_and_verify_finds_it_sound(
    engine: Engine, reader: Connection[TupleRow]
) -> None:
    silent = [started(), metered("S-1", "2026-03-02T10:30:00Z", 5_000)]
    engine.feed([operator(orphan_hours=24), tariff(), *silent])
    engine.advance(UNTIL)
    assert causes(reader, engine) == {"BILLED_BY_ESTIMATE": (1, 5_000, 5_000)}
    assert verify(engine.dsn).passed
    engine.feed([ended(register_wh=20_000)])
    engine.advance(UNTIL)
    assert causes(reader, engine) == {"BILLED": (1, 20_000, 20_000)}
    assert verify(engine.dsn).passed


def test_a_no_show_is_rated_without_energy_and_verify_finds_it_sound(
    engine: Engine, reader: Connection[TupleRow]
) -> None:
    fee = {
        "price_components": [{"type": "FLAT", "price": 3, "vat": 21, "step_size": 1}],
        "restrictions": {"reservation": "RESERVATION_EXPIRES"},
    }
    data = {
        "session_id": "S-1",
        "operator_id": "OP-1",
        "location_id": "LOC-1",
        "evse_uid": "EVSE-1",
        "connector_id": "1",
        "tariff_id": "T-1",
        "reserved_from": "2026-03-02T10:00:00Z",
        "expired_at": "2026-03-02T10:30:00Z",
    }
    engine.feed([operator(), tariff(elements=[fee])])
    engine.feed([event("charging.reservation.expired", "S-1", "2026-03-02T10:30:00Z", data)])
    engine.advance(UNTIL)
    assert engine.rows("SELECT kind, effective_at::text FROM book.entry WHERE kind = 'J01'") == [
        ("J01", "2026-03-02 10:30:00+00")
    ]
    assert causes(reader, engine) == {"BILLED": (1, 0, 0)}
    with reader.cursor() as cursor:
        assert [energy_balances(cursor, code) for code in ("9100", "9110", "9120")] == [[], [], []]
    assert verify(engine.dsn).passed


def test_a_span_of_time_leaves_out_what_ended_before_and_what_never_ended(
    engine: Engine, reader: Connection[TupleRow]
) -> None:
    engine.feed(
        [operator(), tariff(), started(), ended(), started("S-2"), metered("S-2", "2026-03-02T10:30:00Z", 5_000)]
    )
    engine.advance(UNTIL)
    assert causes(reader, engine, "2026-03-02T00:00:00Z", "2026-03-03T00:00:00Z").keys() == {"BILLED"}
    assert causes(reader, engine, "2026-03-03T00:00:00Z") == {}


def test_a_rebuild_gives_the_same_energy_accounts(engine: Engine, reader: Connection[TupleRow]) -> None:
    engine.feed([operator(), tariff(), started(), ended(), corrected("S-1", "2026-03-05T08:00:00Z", 18_000)])
    engine.advance(UNTIL)
    before = causes(reader, engine)
    with reader.cursor() as cursor:
        entries = energy_entries(cursor, "S-1")
        reader.commit()
        rebuild(engine.dsn, ["sessions", "cdrs"])
        assert energy_entries(cursor, "S-1") == entries
    assert causes(reader, engine) == before
    assert sum((each.leaked_wh for each in leakage(reader)), Fraction(0)) == 0
