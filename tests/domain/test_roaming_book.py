"""J13 to J21: a roaming session is earned when its partner accepts the CDR, and taken back with a credit CDR.

The CDR of the session that ends at 11:00 goes out at 11:15; it is of 1200, commission 100 and 20.
"""

import pytest

from domain.fact import Fact
from domain.session.session import Session
from tests.domain.builders import (
    LATE,
    Amounts,
    answered,
    at,
    balance,
    captured,
    catalogue,
    charged,
    corrected,
    decided,
    invoice_paid,
    kinds_on_the_book,
    on_the_book,
    operator,
    partner,
    released,
    tariff,
)

ACCEPTED: list[tuple[str, Amounts]] = [
    ("J13", {"1200/DE-ABC": 1200, "2011/OP": -1200}),
    ("J14", {"2011/OP": 120, "4020": -100, "2110": -20}),
]


def roaming(*facts: Fact, funding: str = "ADVANCE", delay_days: int = 0, until: str = "") -> Session:
    known = catalogue(operator({"delay_days": delay_days}), of_partner=partner(funding))
    return decided([*charged(roams=True), *facts], known, at(until) if until else LATE)


def chain(session: Session) -> list[tuple[int, int, str]]:
    """Number, gross and when it was credited, of each CDR."""
    return [
        (cdr.number, cdr.key[2], f"{cdr.credited_at:%d %H:%M}" if cdr.credited_at else "") for cdr in session.issued
    ]


def test_an_unanswered_cdr_is_not_earned() -> None:
    session = roaming()
    assert on_the_book(session) == []
    assert chain(session) == [(1, 1200, "")]


def test_a_cdr_is_issued_when_the_clock_says_so_and_not_before() -> None:
    assert chain(roaming(until="02 11:14")) == []
    (cdr,) = roaming(until="02 11:15").issued
    assert cdr.issued_at == at("02 11:15")


def test_an_accepted_cdr_is_earned_when_it_was_accepted() -> None:
    session = roaming(answered("02 12:00"))
    found = [(kind, amounts) for kind, when, amounts in on_the_book(session, "J13", "J14") if when == "02 12:00"]
    assert found == ACCEPTED


def test_the_fund_release_rule_is_for_drivers_and_not_for_partners() -> None:
    known = catalogue(operator(fund_release="ON_SETTLEMENT"), of_partner=partner())
    session = decided([*charged(roams=True), answered("02 12:00")], known)
    assert released(session, "cdr:1") == ("02 12:00", "02")


def test_an_advance_is_released_at_the_acceptance_and_matures_after_the_delay() -> None:
    session = roaming(answered("02 12:00"), delay_days=2)
    assert released(session, "cdr:1") == ("02 12:00", "04")
    assert on_the_book(session, "J08") == [("J08", "04 00:00", {"2011/OP": 1080, "2010/OP": -1080})]


def test_pay_when_paid_is_released_when_the_invoice_is_paid() -> None:
    waiting = roaming(answered("02 12:00"), funding="PAY_WHEN_PAID")
    assert released(waiting, "cdr:1") is None
    assert "J08" not in kinds_on_the_book(waiting)
    session = roaming(answered("02 12:00"), invoice_paid("20 12:00"), funding="PAY_WHEN_PAID")
    assert released(session, "cdr:1") == ("20 12:00", "20")


def test_an_invoice_moves_the_receivable_by_the_cdrs_gross_when_it_is_paid() -> None:
    session = roaming(answered("02 12:00"), invoice_paid("20 12:00"))
    assert on_the_book(session, "J16") == [("J16", "20 12:00", {"1210/DE-ABC": 1200, "1200/DE-ABC": -1200})]


def test_a_refused_cdr_is_not_earned_and_not_credited() -> None:
    session = roaming(answered("02 12:00", accepted=False))
    assert on_the_book(session) == []
    assert chain(session) == [(1, 1200, "")]


def test_a_cdr_refused_first_and_accepted_later_is_earned() -> None:
    session = roaming(answered("02 12:00", accepted=False), answered("03 12:00"))
    assert [when for _, when, _ in on_the_book(session, "J13")] == ["03 12:00"]
    assert "J21" not in kinds_on_the_book(session)


def test_a_second_acceptance_changes_nothing() -> None:
    once, twice = roaming(answered("02 12:00")), roaming(answered("02 12:00"), answered("03 12:00"))
    assert on_the_book(once) == on_the_book(twice)


def test_an_answer_of_another_partner_is_no_answer() -> None:
    assert on_the_book(roaming(answered("02 12:00", by="DE-XYZ"))) == []


def test_an_answer_to_a_cdr_that_was_never_sent_is_no_answer() -> None:
    assert on_the_book(roaming(answered("02 12:00", number=2))) == []


def test_a_refusal_after_the_acceptance_takes_the_cdr_back_while_its_share_is_pending() -> None:
    session = roaming(answered("02 12:00"), answered("03 12:00", accepted=False), delay_days=8)
    expected = {"2011/OP": 1080, "4020": 100, "2110": 20, "1200/DE-ABC": -1200}
    assert on_the_book(session, "J21") == [("J21", "03 12:00", expected)]
    assert "J08" not in kinds_on_the_book(session)
    assert balance(session, "2011/OP") == 0
    assert chain(session) == [(1, 1200, "03 12:00")]


def test_a_refusal_after_the_share_matured_debits_the_available_payable_at_once() -> None:
    session = roaming(answered("02 12:00"), answered("05 12:00", accepted=False))
    expected = {"2010/OP": 1080, "4020": 100, "2110": 20, "1200/DE-ABC": -1200}
    assert on_the_book(session, "J21") == [("J21", "05 12:00", expected)]
    assert released(session, "credited:1") == ("05 12:00", "05")
    assert (balance(session, "2010/OP"), balance(session, "2011/OP")) == (0, 0)


def test_a_refusal_after_the_invoice_takes_it_from_the_invoiced_receivable() -> None:
    session = roaming(answered("02 12:00"), invoice_paid("10 12:00"), answered("12 12:00", accepted=False))
    ((_, _, credited),) = on_the_book(session, "J21")
    assert credited["1210/DE-ABC"] == -1200
    assert balance(session, "1200/DE-ABC") == 0


def test_a_correction_before_the_cdr_went_out_is_in_the_first_cdr() -> None:
    session = roaming(corrected("02 11:10", 15_000), answered("02 12:00"))
    assert chain(session) == [(1, 900, "")]


def test_a_correction_of_an_accepted_cdr_credits_it_and_the_new_one_waits_for_its_acceptance() -> None:
    facts = [answered("02 12:00"), corrected("03 08:00", 15_000)]
    session = roaming(*facts, delay_days=8)
    assert chain(session) == [(1, 1200, "03 08:00"), (2, 900, "")]
    assert [when for _, when, _ in on_the_book(session, "J21")] == ["03 08:00"]
    assert balance(session, "2011/OP") == 0
    again = roaming(*facts, answered("04 12:00", number=2), delay_days=8)
    assert [when for _, when, _ in on_the_book(again, "J13")] == ["02 12:00", "04 12:00"]
    assert (balance(again, "1200/DE-ABC"), balance(again, "4020"), balance(again, "2110")) == (900, -75, -15)
    assert on_the_book(again, "J08") == [("J08", "12 00:00", {"2011/OP": 810, "2010/OP": -810})]


def test_a_correction_up_is_billed_too_for_partners_have_authorised_no_amount() -> None:
    session = roaming(answered("02 12:00"), corrected("03 08:00", 25_000), answered("04 12:00", number=2))
    assert balance(session, "1200/DE-ABC") == 1500
    assert session.outcome is not None
    assert (session.outcome.gross, session.outcome.shortfall) == (1500, 0)


def test_a_correction_of_a_cdr_that_was_not_accepted_credits_it_without_an_entry() -> None:
    session = roaming(corrected("03 08:00", 15_000))
    assert chain(session) == [(1, 1200, "03 08:00"), (2, 900, "")]
    assert on_the_book(session) == []


def test_an_acceptance_after_the_credit_is_too_late() -> None:
    session = roaming(corrected("03 08:00", 15_000), answered("03 09:00"))
    assert on_the_book(session) == []


def test_a_cdr_of_nothing_is_accepted_without_an_entry() -> None:
    known = catalogue(of_tariff=tariff(price="0"), of_partner=partner())
    session = decided([*charged(roams=True), answered("02 12:00")], known)
    assert on_the_book(session) == []
    assert chain(session) == [(1, 0, "")]


def test_a_token_of_nobody_we_know_makes_the_driver_pay() -> None:
    session = decided(charged(roams=True), catalogue())
    assert kinds_on_the_book(session) == ["J01", "J02", "J08"]


def test_a_partner_counts_from_when_it_was_registered() -> None:
    known = catalogue()
    known.publish("partner.registered", "b", "p", at("02 10:30"), partner())
    assert kinds_on_the_book(decided(charged(roams=True), known)) == ["J01", "J02", "J08"]
    known.publish("partner.registered", "b", "p0", at("02 10:00"), partner())
    assert kinds_on_the_book(decided(charged(roams=True), known)) == []


def test_a_partner_in_another_currency_puts_the_session_in_suspense() -> None:
    known = catalogue(of_partner=partner(currency="SEK"))
    session = decided([*charged(roams=True), answered("02 12:00")], known)
    assert session.outcome is not None
    assert (session.outcome.state, session.outcome.reason) == ("SUSPENSE", "PARTNER_CURRENCY")
    assert on_the_book(session) == []


def test_a_card_payment_for_a_roaming_session_is_posted_as_it_is() -> None:
    session = roaming(captured(fee=42))
    assert kinds_on_the_book(session) == ["J01c", "J03"]


@pytest.mark.parametrize("number", [1, 2])
def test_a_credit_cdr_repeats_the_cdr_with_its_total_turned(number: int) -> None:
    steps = [corrected("03 08:00", 15_000), corrected("04 08:00", 10_000)][:number]
    session = roaming(*steps)
    assert [cdr.credited_at is not None for cdr in session.issued] == [True] * number + [False]
