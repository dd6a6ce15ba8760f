"""Corrections: before and after the capture, of pending and of matured shares, up and down.

The first bill is 1200 with 100 and 20; 15 kWh cost 900 with 75 and 15; 25 kWh cost 1500 with 125 and 25.
"""

from domain.catalogue.catalogue import Catalogue
from domain.fact import Fact
from domain.session.decisions import SessionAssessed
from domain.session.judging import decide
from domain.session.session import Session
from tests.domain.builders import (
    LATE,
    SESSION,
    at,
    balance,
    captured,
    catalogue,
    charged,
    corrected,
    decided,
    failed,
    kinds_on_the_book,
    on_the_book,
    operator,
    refunded,
    released,
    tariff,
)


def pending(*facts: Fact) -> Session:
    """The share stays pending until the tenth."""
    return decided([*charged(), *facts], catalogue(operator({"delay_days": 8})))


def matured(*facts: Fact) -> Session:
    """The share matures when the session is rated."""
    return decided([*charged(), *facts])


def outcome(session: Session) -> SessionAssessed:
    assert session.outcome is not None
    return session.outcome


def test_a_correction_up_to_the_end_is_in_the_first_bill() -> None:
    session = pending(corrected("02 11:00", 15_000))
    assert kinds_on_the_book(session) == ["J01", "J02", "J08"]
    assert outcome(session).gross == 900


def test_before_the_capture_the_old_bill_is_mirrored_and_the_new_one_posted() -> None:
    session = pending(corrected("03 08:00", 25_000))
    assert on_the_book(session, "J01", "J02")[2:] == [
        ("J01", "03 08:00", {"1105/S-1": -1200, "2011/OP": 1200}),
        ("J02", "03 08:00", {"2011/OP": -120, "4010": 100, "2110": 20}),
        ("J01", "03 08:00", {"1105/S-1": 1500, "2011/OP": -1500}),
        ("J02", "03 08:00", {"2011/OP": 150, "4010": -125, "2110": -25}),
    ]


def test_a_re_rated_share_still_pending_matures_as_one() -> None:
    session = pending(corrected("03 08:00", 25_000))
    assert on_the_book(session, "J08") == [("J08", "10 00:00", {"2011/OP": 1350, "2010/OP": -1350})]


def test_of_a_matured_share_the_difference_counts_at_once() -> None:
    session = matured(corrected("03 08:00", 25_000))
    assert on_the_book(session, "J08") == [("J08", "02 11:00", {"2011/OP": 1080, "2010/OP": -1080})]
    assert (balance(session, "2011/OP"), balance(session, "2010/OP")) == (0, -1350)
    assert released(session, "re-rating:g:corrected 03 08:00") == ("03 08:00", "03")


def test_the_latest_correction_wins_for_each_register() -> None:
    session = pending(corrected("03 08:00", stop_wh=26_000), corrected("04 08:00", start_wh=1_000))
    assert outcome(session).energy_wh == "25000"
    assert outcome(session).gross == 1500


def test_a_correction_that_changes_nothing_posts_nothing() -> None:
    assert on_the_book(pending(corrected("03 08:00", 20_000))) == on_the_book(pending())


def test_a_correction_of_energy_that_a_minimum_price_covers_changes_the_cdr_and_not_the_book() -> None:
    known = catalogue(of_tariff=tariff(min_price={"excl_vat": 10, "incl_vat": 12}))
    session = decided([*charged(), corrected("03 08:00", 15_000)], known)
    assert kinds_on_the_book(session) == ["J01", "J02", "J08"]
    assert [cdr.key[0] for cdr in session.issued] == ["20000", "15000"]


def test_after_the_capture_a_lower_price_is_due_to_the_driver() -> None:
    session = pending(captured(), corrected("03 08:00", 15_000))
    expected = {"2011/OP": 270, "4010": 25, "2110": 5, "2080/P-1": -300}
    assert on_the_book(session, "J59") == [("J59", "03 08:00", expected)]
    assert on_the_book(session, "J08") == [("J08", "10 00:00", {"2011/OP": 810, "2010/OP": -810})]
    assert outcome(session).gross == 900


def test_after_the_capture_of_a_matured_share_the_difference_leaves_the_available_payable() -> None:
    session = matured(captured(), corrected("03 08:00", 15_000))
    expected = {"2010/OP": 270, "4010": 25, "2110": 5, "2080/P-1": -300}
    assert on_the_book(session, "J59") == [("J59", "03 08:00", expected)]
    assert balance(session, "2010/OP") == -810


def test_after_the_capture_a_higher_price_posts_nothing_and_is_reported_as_a_shortfall() -> None:
    session = pending(captured(), corrected("03 08:00", 25_000))
    assert on_the_book(session) == on_the_book(pending(captured()))
    assert (outcome(session).gross, outcome(session).energy_wh) == (1200, "20000")
    assert outcome(session).shortfall == 300


def test_a_higher_price_after_the_capture_leaves_the_cdr_as_it_was_billed() -> None:
    session = pending(captured(), corrected("03 08:00", 25_000))
    assert [(cdr.number, cdr.key[2], cdr.credited_at) for cdr in session.issued] == [(1, 1200, None)]


def test_a_lower_price_after_the_capture_credits_the_cdr_and_issues_another() -> None:
    session = pending(captured(), corrected("03 08:00", 15_000))
    found = [(cdr.number, cdr.key[2], cdr.credited_at is not None) for cdr in session.issued]
    assert found == [(1, 1200, True), (2, 900, False)]


def test_a_capture_of_less_than_the_bill_does_not_fix_the_price() -> None:
    session = pending(captured(amount=1000), corrected("03 08:00", 25_000))
    assert outcome(session).gross == 1500
    assert balance(session, "1105/S-1") == 500


def test_a_price_that_rose_and_then_fell_after_the_capture_is_due_from_what_was_billed() -> None:
    session = pending(captured(), corrected("03 08:00", 25_000), corrected("04 08:00", 15_000))
    expected = {"2011/OP": 270, "4010": 25, "2110": 5, "2080/P-1": -300}
    assert on_the_book(session, "J59") == [("J59", "04 08:00", expected)]
    assert (outcome(session).gross, outcome(session).shortfall) == (900, 0)


def test_a_capture_after_the_correction_pays_the_new_price() -> None:
    session = pending(corrected("03 08:00", 25_000), captured("03 09:00", 1500))
    assert balance(session, "1105/S-1") == 0
    assert "J59" not in kinds_on_the_book(session)


def test_a_correction_at_the_moment_of_the_capture_is_taken_by_source_and_id() -> None:
    """The gateway `g` comes before the provider `p`, so the price had changed when the capture came."""
    session = pending(corrected("03 08:00", 15_000), captured("03 08:00", 1200))
    assert "J59" not in kinds_on_the_book(session)
    assert balance(session, "1105/S-1") == -300


def test_a_correction_that_makes_a_session_implausible_withdraws_its_bill() -> None:
    session = pending(corrected("03 08:00", start_wh=30_000))
    assert outcome(session).state == "SUSPENSE"
    assert (balance(session, "1105/S-1"), balance(session, "2011/OP"), balance(session, "4010")) == (0, 0, 0)
    assert "J08" not in kinds_on_the_book(session)


def test_a_failed_payment_follows_the_corrected_price_up_as_well() -> None:
    session = pending(failed("02 12:00"), corrected("03 08:00", 25_000))
    assert balance(session, "1105/S-1") == 0
    assert balance(session, "4010") == -125


def test_a_session_that_costs_nothing_gives_a_cdr_and_no_entry() -> None:
    session = decided(charged(), catalogue(of_tariff=tariff(price="0")))
    assert on_the_book(session) == []
    assert [cdr.key[2] for cdr in session.issued] == [0]


def test_a_tariff_that_arrives_late_rates_its_sessions_as_of_their_end() -> None:
    """The first version of a tariff rules from when it says, whenever it was published."""
    known = Catalogue()
    known.publish("operator.registered", "b", "op", at("2026-01-01T00:00:00"), operator())
    session = Session(SESSION)
    for fact in [*charged(), captured("02 11:01")]:
        session.learn(fact)
    decide(session, known, at("05 00:00"))
    assert outcome(session).reason == "TARIFF_UNKNOWN"
    known.publish("tariff.published", "b", "t", at("05 00:00"), tariff())
    decide(session, known, LATE)
    assert on_the_book(session, "J01") == [("J01", "02 11:00", {"1105/S-1": 1200, "2011/OP": -1200})]
    assert released(session) == ("02 11:00", "02")


def test_a_withdrawn_bill_that_was_paid_back_cannot_be_charged_again() -> None:
    withdrawn, refund = corrected("03 09:00", start_wh=30_000), refunded("04 09:00", 1200)
    session = decided([*charged(), captured(), withdrawn, refund, corrected("06 09:00", start_wh=0)])
    found = outcome(session)
    assert (found.state, found.reason, found.gross) == ("SUSPENSE", "NOT_CHARGEABLE_ANY_MORE", None)
    assert balance(session, "4010") == 0
