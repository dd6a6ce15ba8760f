"""Sessions for partners: what is visible of their own while they run, and that their last cost is that of the CDR."""

from datetime import UTC, datetime
from typing import Any

from projections.freshness import up_to_date
from projections.roaming.feed import make_all_visible
from tests.ocpi.conftest import OTHER
from tests.support.events import (
    TOKEN,
    cdr_answer,
    corrected,
    ended,
    event,
    metered,
    operator,
    session,
    started,
    tariff,
)
from tests.support.roaming_sessions import DAY, LATER, XYZ, Seen, at, begun, reviewed, whole


def test_a_session_grows_by_what_is_told_of_it(seen: Seen) -> None:
    seen.told([begun("S-10")])
    start = seen.document("S-10")
    assert start == {
        "country_code": "NL",
        "party_id": "GRL",
        "id": "S-10",
        "start_date_time": "2026-03-02T10:00:00Z",
        "kwh": 0,
        "cdr_token": TOKEN,
        "auth_method": "WHITELIST",
        "location_id": "LOC-1",
        "evse_uid": "EVSE-10",
        "connector_id": "1",
        "currency": "EUR",
        "status": "ACTIVE",
        "charging_periods": start["charging_periods"],
        "total_cost": {"excl_vat": 0, "incl_vat": 0},
    }
    seen.told([metered("S-10", at(20), 6_000)])
    running = seen.document("S-10")
    assert (running["status"], running["kwh"]) == ("ACTIVE", 6)
    assert running["total_cost"] == {"excl_vat": 3, "incl_vat": 3.63}
    assert "end_date_time" not in running
    (first,) = running["charging_periods"]
    assert first["tariff_id"] == "T-1"
    assert {"type": "ENERGY", "volume": 6} in first["dimensions"]
    seen.told([metered("S-10", at(40), 9_000)])
    assert seen.document("S-10")["charging_periods"][:1] == [first]
    seen.told([ended("S-10", at(60), 12_000)])
    over, newer = seen.documents("S-10") or ({}, {})
    assert (over["status"], over["end_date_time"], over["kwh"]) == ("COMPLETED", "2026-03-02T11:00:00Z", 12)
    assert len(over["charging_periods"]) == 3
    assert newer == over | {"total_cost": newer["total_cost"]}
    assert newer["total_cost"] == {
        "before_taxes": 6,
        "taxes": [{"name": "VAT", "percentage": 21, "amount": 1.26}],
    }


SCENARIOS: dict[str, list[Any]] = {
    "one rate": whole("S-20"),
    "everything": whole("S-21", tariff_id="T-ALL"),
    "a bound": whole("S-22", tariff_id="T-MIN"),
    "reserved": whole("S-23", tariff_id="T-RES", reserved_from="2026-03-02T09:30:00Z", auth_method="COMMAND"),
    "corrected before its CDR": [*whole("S-24"), corrected("S-24", at(65), 12_000)],
    "corrected after its CDR": [*whole("S-25", tariff_id="T-ALL"), corrected("S-25", at(300), 13_000)],
    "corrected twice": [*whole("S-26"), corrected("S-26", at(300), 13_000), corrected("S-26", at(400), 11_000)],
    "authorized": whole("S-33", authorization_reference="AUTH-1"),
    "told twice": [*whole("S-27"), *whole("S-27")],
    "billed all the same": [*whole("S-28")[:-1], ended("S-28", at(60), 500), reviewed("S-28", "BILL")],
    "no end": whole("S-29", operator_id="OP-2", tariff_id="T-2")[:-1],
    "nothing charged": [begun("S-30", tariff_id="T-ALL"), ended("S-30", at(5), 0)],
    "from one moment to it": [begun("S-31", tariff_id="T-ALL"), ended("S-31", at(0), 0)],
    "odd registers": [
        begun("S-32", meter_start_wh="0.0004"),
        metered("S-32", at(1), "33.33333"),
        ended("S-32", at(7), "777.7777"),
    ],
}


def test_the_last_cost_is_that_of_the_cdr(seen: Seen) -> None:
    for events in SCENARIOS.values():
        seen.told(events)
    seen.engine.advance(LATER)
    seen.told([])
    for name, events in SCENARIOS.items():
        session_id = events[0]["subject"]
        told, cdrs = seen.documents(session_id), seen.cdrs(session_id)
        assert told, name
        assert cdrs, name
        for version in (0, 1):
            own, cdr = told[version], cdrs[-1][version]
            assert own["status"] == "COMPLETED", name
            assert own["total_cost"] == cdr["total_cost"], name
            assert own["kwh"] == cdr["total_energy"], name
            assert own["charging_periods"] == cdr["charging_periods"], name
            assert own["end_date_time"] == cdr["end_date_time"], name
            assert own["currency"] == cdr["currency"]
            assert own.get("authorization_reference") == cdr.get("authorization_reference"), name
            assert own["cdr_token"] == cdr["cdr_token"]
        assert seen.withheld(session_id) == [], name


def test_a_credit_leaves_what_the_session_cost(seen: Seen) -> None:
    """What is corrected is credited and issued anew; what the partner refuses after all is credited alone."""
    seen.told(whole("S-40"))
    seen.engine.advance(at(120))
    seen.told([cdr_answer("S-40", at(130), accepted=True), corrected("S-40", at(140), 10_000)])
    seen.engine.advance(at(150))
    seen.told([])
    first, credit, second = (older for older, _ in seen.cdrs("S-40"))
    assert credit["total_cost"]["excl_vat"] == -first["total_cost"]["excl_vat"]
    assert seen.document("S-40")["total_cost"] == second["total_cost"]
    moments = [(at(160), True), (at(170), False)]
    seen.told([cdr_answer("S-40", moment, accepted=accepted, number=2) for moment, accepted in moments])
    seen.engine.advance(at(200))
    seen.told([])
    assert len(seen.cdrs("S-40")) == 4
    assert seen.document("S-40")["total_cost"] == second["total_cost"]


def test_another_tariff_that_is_ordered_moves_the_session_with_its_cdr(seen: Seen) -> None:
    seen.told([tariff(tariff_id="T-OLD"), *whole("S-41", tariff_id="T-OLD")])
    seen.engine.advance(at(120))
    seen.told([])
    before = seen.document("S-41")["total_cost"]
    data = {
        "operator_id": "OP-1",
        "order_id": "O-1",
        "ordered_at": at(130),
        "started_from": at(0),
        "started_before": at(1),
        "sessions_of_tariff": "T-OLD",
        "tariff": tariff(tariff_id="T-OLD", price=0.25)["data"]["tariff"],
        "reason": "too dear",
        "by": "ann",
        "reviewed_by": "bob",
    }
    seen.told([event("tariff.rerating_ordered", "O-1", at(130), data)])
    seen.engine.advance(at(200))
    seen.told([])
    after = seen.document("S-41")["total_cost"]
    assert after != before
    assert after == seen.cdrs("S-41")[-1][0]["total_cost"]


def test_what_is_none_is_invalid_and_not_billed(seen: Seen) -> None:
    seen.told([*whole("S-50"), reviewed("S-50", "VOID")])
    other = whole("S-51")
    twice = ended("S-51", at(70), 20_000)
    seen.told([*other, twice])
    for session_id in ("S-50", "S-51"):
        document = seen.document(session_id)
        assert (document["status"], document["kwh"]) == ("INVALID", 12.345)
        assert "total_cost" not in document
    seen.told([reviewed("S-50", "BILL", at(700))])
    assert seen.document("S-50")["status"] == "COMPLETED"


def test_two_partners_that_are_told_of_one_session_see_that_it_is_invalid(seen: Seen) -> None:
    seen.told(whole("S-52"))
    seen.told([started("S-52", at(0), token=XYZ, authorization_reference="OF-XYZ") | {"id": "another"}])
    assert seen.document("S-52")["status"] == "INVALID"
    assert seen.document("S-52", "FR-XYZ")["status"] == "INVALID"
    assert seen.document("S-52", "FR-XYZ")["cdr_token"] == XYZ
    # Somebody looked: the first that was told counts, by its time and then its id.
    seen.told([reviewed("S-52", "BILL")])
    found = {each: seen.document("S-52", each) for each in ("DE-ABC", "FR-XYZ")}
    assert {each["status"] for each in found.values()} == {"COMPLETED", "INVALID"}
    assert "authorization_reference" not in found["DE-ABC"]


def test_a_reservation_that_nobody_used_is_over_without_energy(seen: Seen) -> None:
    data = {
        "session_id": "S-53",
        "operator_id": "OP-1",
        "location_id": "LOC-1",
        "evse_uid": "EVSE-53",
        "connector_id": "1",
        "tariff_id": "T-RES",
        "reserved_from": at(0),
        "expired_at": at(30),
        "token": TOKEN,
    }
    seen.told([event("charging.reservation.expired", "S-53", at(30), data)])
    document = seen.document("S-53")
    assert (document["status"], document["kwh"]) == ("COMPLETED", 0)
    assert (document["start_date_time"], document["end_date_time"]) == (at(0), at(30))
    (period,) = document["charging_periods"]
    assert period["dimensions"] == [{"type": "RESERVATION_TIME", "volume": 0.5}]


def test_a_start_that_is_still_to_come_is_not_active(seen: Seen) -> None:
    early = "2026-03-02T09:45:00Z"
    seen.told([begun("S-54"), begun("S-55", reserved_from="2026-03-02T09:30:00Z")], early)
    assert [seen.document(each)["status"] for each in ("S-54", "S-55")] == ["PENDING", "RESERVATION"]
    with up_to_date(seen.engine.dsn):
        pass
    assert make_all_visible(seen.engine.dsn, datetime(2026, 3, 2, 9, 50, tzinfo=UTC)) == 0
    assert make_all_visible(seen.engine.dsn, datetime(2026, 3, 2, 10, 0, tzinfo=UTC)) == 2
    assert [seen.document(each)["status"] for each in ("S-54", "S-55")] == ["ACTIVE", "ACTIVE"]


def test_what_cannot_be_told_is_withheld_with_the_reason(seen: Seen) -> None:
    seen.told([begun("S-60", operator_id="OP-9", tariff_id="T-9"), metered("S-60", at(20), 5_000)])
    assert seen.document("S-60") is None
    assert "OP-9" in seen.withheld("S-60")[0]
    seen.told([begun("S-61", tariff_id="T-NONE"), metered("S-61", at(20), 5_000)])
    document = seen.document("S-61")
    assert (document["kwh"], document["status"]) == (5, "ACTIVE")
    assert not {"total_cost", "charging_periods"} & set(document)
    assert seen.withheld("S-61") == []
    seen.told([ended("S-61", at(60), 6_000)])
    assert seen.document("S-61") == document
    assert "TARIFF_UNKNOWN" in seen.withheld("S-61")[0]
    # A register that fell: what was good stays as it was, and its end waits for somebody.
    seen.told([begun("S-62"), metered("S-62", at(20), 5_000), ended("S-62", at(60), 3_000)])
    assert (seen.document("S-62")["kwh"], seen.document("S-62")["status"]) == (5, "ACTIVE")
    assert "END_BELOW_START" in seen.withheld("S-62")[0] or "REGISTER_FALLS" in seen.withheld("S-62")[0]
    seen.told([corrected("S-62", at(300), 8_000)])
    assert (seen.document("S-62")["kwh"], seen.document("S-62")["status"]) == (8, "COMPLETED")
    assert seen.withheld("S-62") == []
    # What was missing comes.
    seen.told(
        [operator("OP-9", bank_account=OTHER, party_id="NIN"), tariff("OP-9", "T-9"), tariff(tariff_id="T-NONE")]
    )
    assert seen.document("S-60")["kwh"] == 5
    assert seen.document("S-60")["total_cost"]["excl_vat"] == 2.5
    assert seen.document("S-61")["status"] == "COMPLETED"
    assert seen.withheld("S-60") == seen.withheld("S-61") == []


def test_driver_sessions_are_never_made(seen: Seen) -> None:
    before = seen.engine.rows("SELECT count(*) FROM roaming.object WHERE module = 'sessions'")
    seen.told(session("S-70", DAY))
    seen.told([started("S-71", at(0)), metered("S-71", at(20), 5_000)])
    assert seen.engine.rows("SELECT count(*) FROM roaming.object WHERE module = 'sessions'") == before
    assert seen.engine.rows("SELECT FROM roaming.withheld WHERE object_id IN ('s-70', 's-71')") == []
