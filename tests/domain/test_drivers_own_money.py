"""J25x, J59r, J27 to J30: what is the driver's own money is given back before anybody bears a refund or a dispute.

The charge is 1200, split 1080 : 100 : 20 between share, commission and its VAT; 15 kWh cost 900, 25 kWh cost 1500.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.fact import Fact
from domain.session.decisions import SessionAssessed
from domain.session.session import Session
from tests.domain.builders import (
    balance,
    captured,
    catalogue,
    charged,
    closed,
    corrected,
    decided,
    disputed,
    ended,
    failed,
    kinds_on_the_book,
    on_the_book,
    operator,
    partner,
    refund_failed,
    refunded,
    released,
    reviewed,
    started,
)
from tests.support.examples import examples

CLEARING = ("1105/S-1", "2080/P-1", "1250/psp", "2030/OP")


def paid(*facts: Fact, amount: int = 1200) -> Session:
    """The session captured at once; its share is available from the tenth only, so it is pending meanwhile."""
    return decided([*charged(), captured(amount=amount), *facts], catalogue(operator({"delay_days": 8})))


def outcome(session: Session) -> SessionAssessed:
    assert session.outcome is not None
    return session.outcome


def operators(session: Session) -> int:
    """What the operator is owed in all, available and pending."""
    return -balance(session, "2010/OP") - balance(session, "2011/OP")


def cleared(session: Session) -> tuple[int, ...]:
    return tuple(balance(session, account) for account in CLEARING)


# Refunds of what was captured above the bill ------------------------------------------------------------------------


@pytest.mark.parametrize("borne_by", ["OPERATOR", "SHARED", "PLATFORM"])
def test_what_was_captured_above_the_bill_goes_back_at_nobodys_cost(borne_by: str) -> None:
    session = paid(refunded("03 10:00", 300, borne_by), amount=1500)
    assert on_the_book(session, "J25x", "J25", "J26") == [("J25x", "03 10:00", {"1105/S-1": 300, "1110/psp": -300})]
    assert (balance(session, "1105/S-1"), operators(session)) == (0, 1080)


def test_a_refund_of_more_than_that_is_borne_as_it_says_for_the_rest() -> None:
    session = paid(refunded("03 10:00", 700, "SHARED"), amount=1500)
    assert on_the_book(session, "J25x", "J25", "J26") == [
        ("J25", "03 10:00", {"2010/OP": 400, "1110/psp": -400}),
        ("J26", "03 10:00", {"4010": 33, "2110": 7, "2010/OP": -40}),
        ("J25x", "03 10:00", {"1105/S-1": 300, "1110/psp": -300}),
    ]


def test_what_was_overpaid_comes_before_what_is_due() -> None:
    session = paid(corrected("03 08:00", 15_000), refunded("03 10:00", 700), amount=1400)
    assert on_the_book(session, "J25x", "J59r", "J25") == [
        ("J59r", "03 10:00", {"2080/P-1": 300, "1110/psp": -300}),
        ("J25", "03 10:00", {"2010/OP": 200, "1110/psp": -200}),
        ("J25x", "03 10:00", {"1105/S-1": 200, "1110/psp": -200}),
    ]


def test_a_late_fact_that_lowers_the_price_costs_the_operator_nothing_more() -> None:
    """It acts at the end, before the capture: the difference stands on 1105 until a refund takes it."""
    session = paid(corrected("02 10:59", 15_000), refunded("03 10:00", 300))
    assert (balance(session, "1105/S-1"), operators(session)) == (0, 810)


def test_a_second_payment_by_mistake_goes_back_whole() -> None:
    again = captured("02 11:05", 1200, payment="P-2")
    session = paid(again, refunded("03 10:00", 1200, payment="P-2"))
    assert (balance(session, "1105/S-1"), operators(session)) == (0, 1080)


def test_prepaid_money_above_the_first_bill_goes_back_before_the_rating_too() -> None:
    facts = [started(), ended(), captured("02 10:01", 1500), refunded("02 10:30", 300)]
    assert on_the_book(decided(facts), "J25x") == [("J25x", "02 10:30", {"1105/S-1": 300, "1110/psp": -300})]
    assert balance(decided(facts), "1105/S-1") == 0


@pytest.mark.parametrize(
    "facts",
    [
        [*charged(), reviewed("02 10:30", "VOID")],
        [*charged(), ended("02 11:07", id_="other"), reviewed("02 18:00", "VOID")],
        [*charged(roams=True), reviewed("02 18:00", "VOID")],
    ],
    ids=["before it ended", "two ends", "a partner's"],
)
@pytest.mark.parametrize("borne_by", ["OPERATOR", "SHARED", "PLATFORM"])
def test_all_that_was_captured_for_a_session_that_was_none_goes_back_at_nobodys_cost(
    facts: Sequence[Fact], borne_by: str
) -> None:
    known = catalogue(of_partner=partner())
    session = decided([*facts, captured(), refunded("03 10:00", 1200, borne_by)], known)
    assert (balance(session, "1105/S-1"), operators(session), balance(session, "5060")) == (0, 0, 0)
    lost = decided([*facts, captured(), disputed("03 10:00", 1200), closed("04 10:00", "LOST")], known)
    assert (cleared(lost), operators(lost)) == ((0, 0, 0, 0), 0)


def test_before_the_rating_only_what_is_above_the_bill_is_the_drivers() -> None:
    facts = [started(), ended(), captured("02 10:01", 1500), refunded("02 10:30", 500)]
    assert on_the_book(decided(facts), "J25") == [("J25", "02 10:30", {"2010/OP": 200, "1110/psp": -200})]


def test_a_refund_by_a_clock_that_is_behind_finds_the_capture_it_pays_back() -> None:
    """It is posted at its own time, and takes what was captured too much."""
    session = paid(refunded("02 11:00", 300), amount=1500)
    assert on_the_book(session, "J25x", "J25") == [("J25x", "02 11:00", {"1105/S-1": 300, "1110/psp": -300})]


def test_of_a_session_that_is_not_rated_a_refund_is_borne_as_it_says() -> None:
    session = decided([started(), captured(), refunded("03 10:00", 1200)])
    assert on_the_book(session, "J25x", "J25") == [("J25", "03 10:00", {"2010/OP": 1200, "1110/psp": -1200})]


def test_what_a_driver_paid_for_a_partners_session_is_all_the_drivers() -> None:
    facts = [*charged(roams=True), captured(), refunded("03 10:00", 1000), disputed("04 10:00", 200, 0)]
    session = decided([*facts, closed("05 10:00", "LOST")], catalogue(of_partner=partner()))
    assert {"J25", "J26"}.isdisjoint(kinds_on_the_book(session))
    assert (cleared(session), balance(session, "2010/OP")) == ((0, 0, 0, 0), 0)


def test_a_bill_that_was_withdrawn_before_it_was_paid_leaves_all_that_was_captured_to_the_driver() -> None:
    session = paid(corrected("03 09:00", start_wh=30_000), refunded("04 09:00", 1000), amount=1000)
    assert (balance(session, "1105/S-1"), operators(session)) == (0, 0)


def test_an_operator_is_released_by_what_was_captured_and_not_paid_back() -> None:
    known = catalogue(operator(fund_release="ON_CAPTURE"))
    facts = [*charged(), captured(amount=1000), corrected("03 09:00", start_wh=30_000), refunded("04 09:00", 1000)]
    session = decided([*facts, corrected("05 09:00", start_wh=0), captured("06 09:00", 200, payment="P-2")], known)
    assert released(session) is None
    assert (
        released(decided([*facts, corrected("05 09:00", start_wh=0), captured("06 09:00", 1200)], known)) is not None
    )


# Refunds that failed ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("borne_by", ["OPERATOR", "SHARED", "PLATFORM"])
def test_a_refund_that_failed_is_taken_back_when_it_failed(borne_by: str) -> None:
    refund = refunded("03 10:00", 900, borne_by)
    lowered = [corrected("03 08:00", 15_000), refund]
    session = paid(*lowered, refund_failed("05 10:00"), amount=1400)
    before = paid(lowered[0], amount=1400)
    for account in ("1105/S-1", "1110/psp", "2080/P-1", "2010/OP", "2011/OP", "4010", "2110", "5060"):
        assert balance(session, account) == balance(before, account)
    back = {kind: found for kind, when, found in on_the_book(session) if when == "05 10:00"}
    assert back["J25x"] == {"1105/S-1": -200, "1110/psp": 200}
    assert back["J59r"] == {"2080/P-1": -300, "1110/psp": 300}


def test_after_a_refund_that_failed_the_next_one_takes_the_same_money() -> None:
    again = refunded("06 10:00", 400, "SHARED", "R-2")
    session = paid(refunded("03 10:00", 400, "SHARED"), refund_failed("05 10:00"), again)
    once = paid(refunded("03 10:00", 400, "SHARED"))
    for account in ("1110/psp", "2010/OP", "4010", "2110"):
        assert balance(session, account) == balance(once, account)


def test_a_refund_fails_once_and_not_before_it_was_made() -> None:
    session = paid(refunded("03 10:00", 400), refund_failed("03 09:00"), refund_failed("04 09:00"))
    assert [when for _, when, _ in on_the_book(session, "J25")] == ["03 10:00", "03 10:00"]
    assert balance(session, "2010/OP") == balance(paid(), "2010/OP")


# Disputes -----------------------------------------------------------------------------------------------------------


def test_a_dispute_leaves_the_operator_what_is_due_back_to_the_driver_anyway() -> None:
    session = paid(corrected("03 08:00", 15_000), disputed("05 09:00"), closed("20 09:00", "LOST"))
    assert on_the_book(session, "J27", "J30") == [
        ("J27", "05 09:00", {"1250/psp": 1200, "2010/OP": 900, "1110/psp": -1200, "2030/OP": -900}),
        (
            "J30",
            "20 09:00",
            {"2030/OP": 900, "2080/P-1": 300, "4010": 75, "2110": 15, "1250/psp": -1200, "2010/OP": -90},
        ),
    ]
    assert (cleared(session), operators(session)) == ((0, 0, 0, 0), 0)


def test_a_dispute_of_what_was_overpaid_moves_it_at_the_provider_only() -> None:
    session = paid(disputed("05 09:00", 300, 0), closed("20 09:00", "LOST"), amount=1500)
    assert on_the_book(session, "J27", "J30") == [
        ("J27", "05 09:00", {"1250/psp": 300, "1110/psp": -300}),
        ("J30", "20 09:00", {"1105/S-1": 300, "1250/psp": -300}),
    ]
    assert operators(session) == 1080


def test_while_a_dispute_is_open_no_refund_takes_what_it_would_take() -> None:
    facts = [disputed("05 09:00", 300, 0), refunded("06 09:00", 300)]
    assert on_the_book(paid(*facts, amount=1500), "J25") == [("J25", "06 09:00", {"2010/OP": 300, "1110/psp": -300})]


def test_a_dispute_that_was_won_leaves_the_drivers_money_for_a_refund() -> None:
    facts = [disputed("05 09:00", 1500, 0), closed("06 09:00", "WON"), refunded("07 09:00", 300)]
    session = paid(*facts, amount=1500)
    assert (cleared(session), operators(session)) == ((0, 0, 0, 0), 1080)


def test_what_became_due_while_a_dispute_was_open_is_not_taken_from_the_operator_too() -> None:
    session = paid(disputed("05 09:00"), corrected("06 08:00", 15_000), closed("20 09:00", "LOST"))
    assert on_the_book(session, "J30")[0][2] == {
        "2030/OP": 1200,
        "2080/P-1": 300,
        "4010": 75,
        "2110": 15,
        "1250/psp": -1200,
        "2010/OP": -390,
    }
    assert (cleared(session), operators(session)) == ((0, 0, 0, 0), 0)


def test_a_dispute_of_more_than_was_captured_is_borne_for_all_that_is_not_the_drivers() -> None:
    session = paid(disputed("05 09:00", 1300, 0), closed("20 09:00", "LOST"))
    assert operators(session) == 1080 - 1300 + 120


def test_two_disputes_take_what_is_due_once() -> None:
    lowered = corrected("03 08:00", 15_000)
    facts = [disputed("05 09:00", 300, 0, "D-1"), disputed("05 10:00", 300, 0, "D-2")]
    session = paid(lowered, *facts, closed("20 09:00", "LOST", "D-1"), closed("20 10:00", "LOST", "D-2"))
    assert operators(session) == 810 - 300 + 30
    assert cleared(session) == (0, 0, 0, 0)


# Disputes that are decided again ------------------------------------------------------------------------------------


def test_a_dispute_that_was_won_and_is_lost_after_all_is_held_and_lost_at_the_later_time() -> None:
    session = paid(disputed("05 09:00"), closed("06 09:00", "WON"), closed("20 09:00", "LOST"))
    found = [(kind, when) for kind, when, _ in on_the_book(session, "J27", "J28", "J29", "J30")]
    assert found == [
        ("J27", "05 09:00"),
        ("J28", "05 09:00"),
        ("J29", "06 09:00"),
        ("J27", "20 09:00"),
        ("J30", "20 09:00"),
    ]
    assert (operators(session), balance(session, "5040")) == (0, 1500)
    assert (balance(session, "4010"), cleared(session)) == (0, (0, 0, 0, 0))


def test_a_dispute_that_was_lost_and_is_won_after_all_comes_back_at_the_later_time() -> None:
    session = paid(disputed("05 09:00"), closed("06 09:00", "LOST"), closed("20 09:00", "WON"))
    lost, regained = on_the_book(session, "J30")
    assert regained == ("J30", "20 09:00", {account: -amount for account, amount in lost[2].items()})
    assert (operators(session), balance(session, "4010"), cleared(session)) == (1080, -100, (0, 0, 0, 0))


OUTCOMES = ("WON", "LOST")
DAYS = ("06", "08", "10", "12", "14")


@settings(deadline=None, max_examples=examples(60))
@given(
    st.lists(st.sampled_from(OUTCOMES), min_size=1, max_size=5),
    st.sampled_from((0, 300)),
    st.sampled_from((None, 15_000, 25_000)),
    st.sampled_from((300, 900, 1200, 1500)),
)
def test_however_often_a_dispute_is_decided_the_last_outcome_stands(
    decisions: list[str], overpaid: int, stop_wh: int | None, amount: int
) -> None:
    facts = [corrected("03 08:00", stop_wh)] if stop_wh else []
    closes = [closed(f"{day} 09:00", decision) for day, decision in zip(DAYS, decisions, strict=False)]
    told = [*facts, disputed("05 09:00", amount)]
    again, once = paid(*told, *closes, amount=1200 + overpaid), paid(*told, closes[-1], amount=1200 + overpaid)
    for account in (*CLEARING, "1110/psp", "2010/OP", "4010", "2110", "5040"):
        assert balance(again, account) == balance(once, account)


# A raised price -----------------------------------------------------------------------------------------------------


def test_a_raised_price_stands_from_the_capture_that_covers_it() -> None:
    session = paid(corrected("03 08:00", 25_000), captured("04 09:00", 300, payment="P-2"))
    assert on_the_book(session, "J01", "J02")[2:] == [
        ("J01", "04 09:00", {"1105/S-1": -1200, "2011/OP": 1200}),
        ("J02", "04 09:00", {"2011/OP": -120, "4010": 100, "2110": 20}),
        ("J01", "04 09:00", {"1105/S-1": 1500, "2011/OP": -1500}),
        ("J02", "04 09:00", {"2011/OP": 150, "4010": -125, "2110": -25}),
    ]
    found = outcome(session)
    assert (found.gross, found.operator_share, found.shortfall, found.energy_wh) == (1500, 1350, 0, "25000")
    assert [(cdr.key[2], f"{cdr.issued_at:%d %H:%M}") for cdr in session.issued] == [
        (1200, "02 11:15"),
        (1500, "04 09:00"),
    ]
    assert balance(session, "1105/S-1") == 0


def test_a_capture_of_less_than_the_difference_leaves_the_old_price() -> None:
    session = paid(corrected("03 08:00", 25_000), captured("04 09:00", 200, payment="P-2"))
    assert (outcome(session).gross, outcome(session).shortfall) == (1200, 300)
    assert [(each.kind, each.subject, each.amount) for each in session.findings] == [("SHORTFALL", "S-1", 100)]


def test_what_was_captured_above_the_old_bill_counts_towards_the_raised_one() -> None:
    session = paid(corrected("03 08:00", 25_000), amount=1500)
    assert on_the_book(session, "J01")[1:] == [
        ("J01", "03 08:00", {"1105/S-1": -1200, "2011/OP": 1200}),
        ("J01", "03 08:00", {"1105/S-1": 1500, "2011/OP": -1500}),
    ]
    assert (balance(session, "1105/S-1"), len(session.findings)) == (0, 0)


def test_what_was_paid_back_of_it_counts_no_more() -> None:
    session = paid(refunded("02 12:00", 300), corrected("03 08:00", 25_000), amount=1500)
    assert (outcome(session).gross, outcome(session).shortfall) == (1200, 300)


def test_a_price_that_fell_and_rises_again_takes_what_is_still_due() -> None:
    session = paid(corrected("03 08:00", 15_000), corrected("04 08:00", 20_000))
    assert (outcome(session).gross, balance(session, "2080/P-1"), balance(session, "1105/S-1")) == (1200, 0, 0)
    assert operators(session) == 1080


def test_a_price_that_fell_and_rises_above_what_was_captured_stands_once_the_rest_is_there() -> None:
    facts = [corrected("03 08:00", 15_000), corrected("04 08:00", 25_000)]
    assert (outcome(paid(*facts)).gross, outcome(paid(*facts)).shortfall) == (900, 600)
    session = paid(*facts, captured("05 09:00", 300, payment="P-2"))
    assert (outcome(session).gross, cleared(session), operators(session)) == (1500, (0, 0, 0, 0), 1350)


def test_a_refund_that_failed_may_cover_a_raised_price() -> None:
    facts = [refunded("02 12:00", 300), corrected("03 08:00", 25_000), refund_failed("05 09:00")]
    session = paid(*facts, amount=1500)
    assert (outcome(session).gross, balance(session, "1105/S-1")) == (1500, 0)
    assert on_the_book(session, "J01")[-1][1] == "05 09:00"


def test_the_later_correction_takes_the_place_of_a_price_that_waits() -> None:
    waits, later = corrected("03 08:00", 25_000), corrected("04 08:00", 22_000)
    session = paid(waits, later, captured("05 09:00", 120, payment="P-2"))
    assert (outcome(session).gross, outcome(session).shortfall, balance(session, "1105/S-1")) == (1320, 0, 0)


def test_a_withdrawn_bill_that_was_paid_back_is_charged_when_it_is_captured_again() -> None:
    withdrawn, refund = corrected("03 09:00", start_wh=30_000), refunded("04 09:00", 1200)
    facts = [*charged(), captured(), withdrawn, refund, corrected("06 09:00", start_wh=0)]
    session = decided([*facts, captured("08 09:00", 1200, payment="P-2")])
    assert (outcome(session).state, outcome(session).gross) == ("RATED", 1200)
    assert (cleared(session), operators(session)) == ((0, 0, 0, 0), 1080)


def test_a_withdrawn_bill_comes_back_and_a_higher_one_follows_once_it_is_covered() -> None:
    facts = [corrected("03 09:00", start_wh=30_000), corrected("04 09:00", stop_wh=25_000, start_wh=0)]
    assert (outcome(paid(*facts)).gross, outcome(paid(*facts)).shortfall) == (1200, 300)
    session = paid(*facts, captured("05 09:00", 300, payment="P-2"))
    assert (outcome(session).gross, cleared(session), operators(session)) == (1500, (0, 0, 0, 0), 1350)


amounts = st.sampled_from((100, 300, 500))
registers = st.sampled_from((15_000, 18_000, 22_000, 25_000))
bearers = st.sampled_from(("OPERATOR", "PLATFORM", "SHARED"))
numbers = st.sampled_from(("1", "2", "3"))
moments = st.sampled_from(("02 10:30", "02 11:00", "02 12:00", "03 09:00", "04 09:00", "06 09:00", "08 09:00"))
afterwards: st.SearchStrategy[Fact] = st.one_of(
    st.builds(captured, moments, amounts, payment=st.sampled_from(("P-1", "P-2"))),
    st.builds(corrected, moments, registers),
    st.builds(refunded, moments, amounts, bearers, numbers),
    st.builds(refund_failed, moments, numbers),
)


def _unique(facts: Iterable[Fact]) -> list[Fact]:
    return list({fact.id: fact for fact in facts}.values())


@settings(deadline=None, max_examples=examples(60))
@given(st.lists(afterwards, max_size=9), st.sampled_from((1200, 1500)), st.sampled_from((200, 700, 2000)))
def test_nobody_bears_what_is_the_drivers_own_money(facts: list[Fact], paid_in: int, amount: int) -> None:
    """Whatever happened before, a refund or dispute costs others what it is above 1105's credit and 2080."""
    before = paid(*_unique(facts), amount=paid_in)
    own = max(0, -balance(before, "1105/S-1")) - balance(before, "2080/P-1") - balance(before, "2080/P-2")
    refund = paid(*_unique(facts), refunded("20 09:00", amount, refund="last"), amount=paid_in)
    assert operators(before) - operators(refund) == max(0, amount - own)
    dispute = paid(*_unique(facts), disputed("20 09:00", amount, dispute="last"), amount=paid_in)
    assert operators(before) - operators(dispute) == max(0, amount - own)
    lost = [disputed("20 09:00", amount, dispute="last"), closed("21 09:00", "LOST", "last")]
    assert cleared(paid(*_unique(facts), *lost, amount=paid_in))[2:] == (0, 0)


# What has no effect -------------------------------------------------------------------------------------------------


def found(session: Session) -> list[tuple[str, str, int | None]]:
    return [(finding.kind, finding.subject, finding.amount) for finding in session.findings]


def test_a_refund_above_what_is_left_is_posted_and_found_with_what_is_too_much() -> None:
    session = paid(refunded("03 10:00", 800, refund="R-1"), refunded("04 10:00", 700, refund="R-2"))
    assert found(session) == [("REFUND_ABOVE_CAPTURE", "P-1", 300)]
    assert balance(session, "1110/psp") == -300


def test_a_payment_that_is_refunded_and_disputed_is_found() -> None:
    facts = [refunded("03 10:00", 1200), disputed("04 10:00")]
    assert found(paid(*facts)) == [("DISPUTE_ABOVE_CAPTURE", "P-1", 1200)]
    assert found(paid(*facts, closed("05 10:00", "WON"))) == []
    assert found(paid(*facts, refund_failed("05 10:00"))) == []


def test_endings_without_a_beginning_are_found_until_it_comes() -> None:
    closing, failure = closed("05 10:00", "LOST"), refund_failed("05 11:00")
    assert found(paid(closing, failure)) == [
        ("REFUND_FAILURE_WITHOUT_REFUND", "P-1", None),
        ("CLOSING_WITHOUT_DISPUTE", "P-1", None),
    ]
    assert found(paid(closing, failure, disputed("04 10:00", 600), refunded("04 10:00", 600))) == []


def test_what_goes_back_of_a_payment_of_another_session_is_found() -> None:
    facts = [refunded("03 10:00", 400, payment="P-9"), disputed("04 10:00", 300, payment="P-9")]
    assert found(paid(*facts)) == [("REFUND_WITHOUT_CAPTURE", "P-9", 400), ("DISPUTE_WITHOUT_CAPTURE", "P-9", 300)]
    assert found(paid(*facts, captured("02 11:02", 700, payment="P-9"))) == []


def test_a_failure_after_the_capture_of_its_payment_is_found() -> None:
    assert found(paid(failed("09 09:00"))) == [("FAILURE_AFTER_CAPTURE", "P-1", 1200)]
    assert found(paid(failed("02 11:00"))) == []
    assert found(paid(failed("09 09:00", payment="P-2"))) == []


def test_such_a_failure_is_found_until_all_of_the_payment_has_gone_back() -> None:
    failure = failed("09 09:00")
    kind = "FAILURE_AFTER_CAPTURE"
    assert found(paid(failure, refunded("10 09:00", 500))) == [(kind, "P-1", 700)]
    assert found(paid(failure, refunded("10 09:00", 500), disputed("10 10:00", 700))) == []
    assert found(paid(failure, refunded("10 09:00", 1200))) == []
    assert found(paid(failure, refunded("10 09:00", 1200), refund_failed("11 09:00"))) == [(kind, "P-1", 1200)]
    assert found(paid(failure, disputed("10 09:00"), closed("11 09:00", "WON"))) == [(kind, "P-1", 1200)]


def test_what_an_operator_would_bear_is_found_while_none_is_known() -> None:
    facts: list[Fact] = [captured(), refunded("03 10:00", 400), disputed("04 10:00", 300)]
    assert found(decided(facts)) == [("OPERATOR_NOT_KNOWN", "P-1", 400), ("OPERATOR_NOT_KNOWN", "P-1", 300)]
    assert found(decided([*facts, *charged()])) == []


def test_what_has_the_id_of_another_and_says_something_else_is_found() -> None:
    refund, dispute = refunded("03 10:00", 400), disputed("04 10:00", 300)
    first, part = captured("02 11:30", 100, capture_id="C-1"), captured("02 11:40", 100, capture_id="C-1")
    refund_again, dispute_again = replace(refund, source="s"), replace(dispute, source="s")
    assert found(paid(refund, dispute, first, refund_again, dispute_again, part)) == []
    other = [replace(part, amount=70), replace(refund_again, amount=60), replace(dispute_again, amount=50)]
    kind = "PAYMENT_TOLD_OTHERWISE"
    assert found(paid(refund, dispute, first, *other)) == [(kind, "P-1", 70), (kind, "P-1", 60), (kind, "P-1", 50)]
    assert found(paid(first, replace(part, amount=70))) == [(kind, "P-1", 70)]
