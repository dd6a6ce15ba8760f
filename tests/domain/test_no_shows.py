"""Reservations that expired: priced from their start by what the tariff asks of those who do not come."""

from datetime import datetime
from typing import Any

import pytest

from domain.catalogue.catalogue import Catalogue
from domain.fact import Fact
from domain.session.decisions import SessionAssessed
from domain.session.facts import ReservationExpired, parse_fact
from domain.session.session import Session
from tests.domain.builders import (
    OPERATOR,
    SESSION,
    answered,
    at,
    captured,
    catalogue,
    corrected,
    decided,
    on_the_book,
    operator,
    partner,
    read,
    released,
    started,
    tariff,
    told,
)

# Two hours of reservation cost 5.00 each without VAT; who lets it expire owes 2.00 on top.
HELD: dict[str, Any] = {
    "elements": [
        {
            "price_components": [{"type": "TIME", "price": 5, "vat": 20, "step_size": 60}],
            "restrictions": {"reservation": "RESERVATION"},
        },
        {
            "price_components": [
                {"type": "FLAT", "price": 2, "vat": 20, "step_size": 1},
                {"type": "TIME", "price": 5, "vat": 20, "step_size": 60},
            ],
            "restrictions": {"reservation": "RESERVATION_EXPIRES"},
        },
        {"price_components": [{"type": "ENERGY", "price": 0.5, "vat": 20, "step_size": 1}]},
    ]
}


def known(of_partner: dict[str, Any] | None = None) -> Catalogue:
    return catalogue(operator(), tariff(**HELD), of_partner)


def expired(roams: bool = False, source: str = "g", id_: str = "expired") -> ReservationExpired:
    """A reservation from 10:00 to 12:00 that nobody used."""
    data: dict[str, Any] = {
        "session_id": SESSION,
        "reservation_id": "RES-1",
        "operator_id": OPERATOR,
        "location_id": "L",
        "evse_uid": "E",
        "connector_id": "1",
        "tariff_id": "T",
        "reserved_from": "2026-03-02T10:00:00Z",
        "expired_at": "2026-03-02T12:00:00Z",
    }
    if roams:
        data["token"] = {"country_code": "DE", "party_id": "ABC", "uid": "U", "type": "RFID", "contract_id": "C"}
    fact = parse_fact("charging.reservation.expired", data, source, id_)
    assert isinstance(fact, ReservationExpired)
    return fact


def outcome(session: Session) -> SessionAssessed:
    assert session.outcome is not None
    return session.outcome


def test_a_no_show_is_billed_for_its_time_and_its_fee_when_it_expires() -> None:
    session = decided([expired()], known())
    found = outcome(session)
    assert (found.state, found.reason, found.energy_wh, found.net, found.gross) == ("RATED", "", "0", 1200, 1440)
    assert on_the_book(session, "J01") == [("J01", "02 12:00", {"1105/S-1": 1440, "2011/OP": -1440})]
    assert released(session) == ("02 12:00", "02")


def test_its_cdr_shows_the_reservation_and_no_session() -> None:
    document = decided([expired()], known()).sent[1].document
    assert (document["start_date_time"], document["end_date_time"]) == (
        "2026-03-02T10:00:00Z",
        "2026-03-02T12:00:00Z",
    )
    assert "session_id" not in document
    assert document["auth_method"] == "COMMAND"
    assert [each["type"] for each in document["charging_periods"][0]["dimensions"]] == ["RESERVATION_TIME"]
    assert document["total_reservation_cost"] == document["total_cost"]


def test_its_fee_is_captured_like_any_other_payment() -> None:
    facts: list[tuple[Fact, datetime | None]] = [(captured("02 12:30", 1440), None), (expired(), at("03 00:00"))]
    session, _ = told(facts, known())
    assert on_the_book(session, "J01c") == [("J01c", "02 12:30", {"1110/psp": 1440, "1105/S-1": -1440})]


def test_a_partner_pays_for_its_drivers_no_show() -> None:
    session = decided([expired(roams=True), answered("02 13:00")], known(partner()))
    assert on_the_book(session, "J13") == [("J13", "02 13:00", {"1200/DE-ABC": 1440, "2011/OP": -1440})]


def test_a_tariff_that_asks_nothing_for_reservations_gives_a_cdr_of_zero() -> None:
    session = decided([expired()])
    assert outcome(session).gross == 0
    assert on_the_book(session) == []
    assert len(session.issued) == 1


def test_a_session_that_started_and_whose_reservation_expired_contradicts_itself() -> None:
    session = decided([expired(), started("02 11:00")], known())
    assert outcome(session).state == "INVALID"


def test_a_reservation_that_is_reported_twice_is_one() -> None:
    again = expired(source="h", id_="again")
    assert outcome(decided([expired(), again], known())).gross == 1440


@pytest.mark.parametrize(
    "fact", [read("02 10:30", 500), corrected("03 00:00", 5_000), corrected("03 00:00", start_wh=5_000)]
)
def test_what_a_meter_says_while_nobody_comes_is_not_judged(fact: Fact) -> None:
    found = outcome(decided([expired(), fact], known()))
    assert (found.state, found.energy_wh, found.gross) == ("RATED", "0", 1440)
