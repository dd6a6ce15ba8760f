"""J01f: a payment that failed for good is the operator's loss, until a capture comes after all."""

from domain.fact import Fact
from domain.session.session import Session
from tests.domain.builders import (
    balance,
    captured,
    catalogue,
    charged,
    corrected,
    decided,
    ended,
    failed,
    kinds_on_the_book,
    on_the_book,
    operator,
    released,
    started,
)


def waits_for_capture(*facts: Fact) -> Session:
    return decided([*charged(), *facts], catalogue(operator(fund_release="ON_CAPTURE")))


def test_a_failure_after_the_rating_is_booked_when_it_happened() -> None:
    session = waits_for_capture(failed("02 11:05"))
    assert on_the_book(session, "J01f") == [("J01f", "02 11:05", {"2011/OP": 1200, "1105/S-1": -1200})]
    assert balance(session, "1105/S-1") == 0


def test_a_failure_before_the_rating_is_booked_at_the_rating() -> None:
    session = waits_for_capture(failed("02 10:30"))
    assert on_the_book(session, "J01f") == [("J01f", "02 11:00", {"2011/OP": 1200, "1105/S-1": -1200})]


def test_the_commission_stays_where_a_payment_failed() -> None:
    session = waits_for_capture(failed())
    assert balance(session, "4010") == -100
    assert balance(session, "2011/OP") == 120


def test_a_failure_releases_nothing_to_an_operator_who_waits_for_captures() -> None:
    assert released(waits_for_capture(failed())) is None


def test_a_session_fails_once_however_often_its_payment_does() -> None:
    session = waits_for_capture(failed("02 11:05"), failed("02 12:00"), failed("03 12:00", "P-2"))
    assert [when for _, when, _ in on_the_book(session, "J01f")] == ["02 11:05"]


def test_nothing_fails_after_a_capture() -> None:
    session = waits_for_capture(captured("02 11:01"), failed("02 11:05", "P-2"))
    assert "J01f" not in kinds_on_the_book(session)


def test_nothing_fails_after_a_capture_of_a_part() -> None:
    session = waits_for_capture(captured("02 11:01", 10), failed("02 11:05", "P-2"))
    assert "J01f" not in kinds_on_the_book(session)


def test_a_later_capture_mirrors_the_failure_and_releases_the_share() -> None:
    session = waits_for_capture(failed("02 11:05"), captured("04 09:00", payment="P-2"))
    assert on_the_book(session, "J01f") == [
        ("J01f", "02 11:05", {"2011/OP": 1200, "1105/S-1": -1200}),
        ("J01f", "04 09:00", {"2011/OP": -1200, "1105/S-1": 1200}),
    ]
    assert balance(session, "1105/S-1") == 0
    assert released(session) == ("04 09:00", "04")
    assert balance(session, "2010/OP") == -1080


def test_a_failure_and_a_capture_before_the_rating_leave_no_trace_of_the_failure() -> None:
    session = waits_for_capture(failed("02 10:20"), captured("02 10:40", payment="P-2"))
    assert "J01f" not in kinds_on_the_book(session)


def test_a_failure_of_a_matured_share_debits_the_available_payable() -> None:
    session = decided([*charged(), failed("05 08:00")])
    assert on_the_book(session, "J01f") == [("J01f", "05 08:00", {"2010/OP": 1200, "1105/S-1": -1200})]
    assert balance(session, "2010/OP") == 120
    assert balance(session, "2011/OP") == 0


def test_a_failure_at_the_moment_of_maturing_comes_before_it() -> None:
    """Postings come first at one instant: the share that matures then is what the failure left of it."""
    session = decided([*charged(), failed("02 11:00")])
    assert balance(session, "2011/OP") == 0
    assert on_the_book(session, "J08") == [("J08", "02 11:00", {"2011/OP": -120, "2010/OP": 120})]


def test_a_correction_after_a_failure_writes_the_new_price_off() -> None:
    session = waits_for_capture(failed("02 11:05"), corrected("03 08:00", 15_000))
    assert balance(session, "1105/S-1") == 0
    assert balance(session, "2011/OP") == 90


def test_a_capture_after_a_failure_and_a_correction_mirrors_all_that_was_written_off() -> None:
    session = waits_for_capture(
        failed("02 11:05"), corrected("03 08:00", 15_000), captured("04 09:00", 900, payment="P-2")
    )
    written_off = sum(found["1105/S-1"] for _, _, found in on_the_book(session, "J01f"))
    assert written_off == 0
    assert balance(session, "1105/S-1") == 0
    assert balance(session, "2010/OP") == -810


def test_a_failed_payment_follows_a_price_that_was_nothing_at_first() -> None:
    known = catalogue(operator(fund_release="ON_CAPTURE"))
    facts = [started(), ended(register_wh=0), failed("02 11:05"), corrected("03 08:00", 20_000)]
    assert balance(decided(facts, known), "1105/S-1") == 0
