"""J25 to J30: who bears refunds and disputes, and how much commission is given back.

The charge of 1200 is split 1080 : 100 : 20 between share, commission and its VAT.
"""

from dataclasses import replace

import pytest

from domain.fact import Fact
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
    kinds_on_the_book,
    on_the_book,
    operator,
    refunded,
    released,
)


def paid(*facts: Fact) -> Session:
    """The session captured at once; its share is available from the tenth only, so it is pending meanwhile."""
    return decided([*charged(), captured(), *facts], catalogue(operator({"delay_days": 8})))


# Refunds -------------------------------------------------------------------------------------------------------


def test_an_operators_refund_is_its_own_to_bear_and_gives_no_commission_back() -> None:
    session = paid(refunded("03 10:00", 400))
    assert on_the_book(session, "J25", "J26") == [("J25", "03 10:00", {"2010/OP": 400, "1110/psp": -400})]


def test_a_refund_debits_the_available_payable_at_once_below_zero_too() -> None:
    session = paid(refunded("03 10:00", 400))
    assert released(session, "refund:p:refunded R-1") == ("03 10:00", "03")
    assert released(session) == ("02 11:00", "10")
    assert balance(session, "2010/OP") == 400 - 1080


def test_a_platforms_refund_is_no_business_of_the_operator() -> None:
    session = paid(refunded("03 10:00", 400, "PLATFORM"))
    assert on_the_book(session, "J25") == [("J25", "03 10:00", {"5060": 400, "1110/psp": -400})]
    assert balance(session, "2010/OP") == -1080


def test_a_shared_refund_gives_commission_and_vat_back_by_largest_remainder() -> None:
    # 400 of 1200: 360, 33.33 and 6.67; the unit left over goes to the VAT.
    session = paid(refunded("03 10:00", 400, "SHARED"))
    assert on_the_book(session, "J25", "J26") == [
        ("J25", "03 10:00", {"2010/OP": 400, "1110/psp": -400}),
        ("J26", "03 10:00", {"4010": 33, "2110": 7, "2010/OP": -40}),
    ]


def test_shared_refunds_of_the_whole_give_the_whole_commission_back() -> None:
    refunds = [refunded("03 10:00", 400, "SHARED", "R-1"), refunded("04 10:00", 800, "SHARED", "R-2")]
    session = paid(*refunds)
    assert on_the_book(session, "J26")[1:] == [("J26", "04 10:00", {"4010": 67, "2110": 13, "2010/OP": -80})]
    assert (balance(session, "4010"), balance(session, "2110")) == (0, 0)
    assert balance(session, "2010/OP") == 0


def test_shared_refunds_are_split_on_their_sum_and_not_each_for_itself() -> None:
    # 6 alone gives (5, 1, 0); 12 in all gives (11, 1, 0), so the second six give nothing more back.
    session = paid(refunded("03 10:00", 6, "SHARED", "R-1"), refunded("04 10:00", 6, "SHARED", "R-2"))
    assert on_the_book(session, "J26") == [("J26", "03 10:00", {"4010": 1, "2010/OP": -1})]


def test_other_refunds_do_not_count_towards_the_shared_ones() -> None:
    session = paid(
        refunded("03 10:00", 300, "OPERATOR", "R-1"),
        refunded("03 11:00", 300, "PLATFORM", "R-2"),
        refunded("03 12:00", 400, "SHARED", "R-3"),
    )
    assert on_the_book(session, "J26") == [("J26", "03 12:00", {"4010": 33, "2110": 7, "2010/OP": -40})]


def test_shared_refunds_of_more_than_the_charge_give_no_more_than_the_commission_back() -> None:
    session = paid(refunded("03 10:00", 1200, "SHARED", "R-1"), refunded("04 10:00", 500, "SHARED", "R-2"))
    assert (balance(session, "4010"), balance(session, "2110")) == (0, 0)


def test_a_refund_reported_twice_under_two_ids_is_booked_once() -> None:
    session = paid(refunded("03 10:00", 400), replace(refunded("03 10:05", 400), id="another id"))
    assert kinds_on_the_book(session).count("J25") == 1


# What a lowered price left for the driver ---------------------------------------------------------------------------


def test_a_refund_first_uses_up_what_a_lower_price_left_for_the_driver() -> None:
    session = paid(corrected("03 08:00", 15_000), refunded("03 10:00", 500))
    assert on_the_book(session, "J59r", "J25") == [
        ("J59r", "03 10:00", {"2080/P-1": 300, "1110/psp": -300}),
        ("J25", "03 10:00", {"2010/OP": 200, "1110/psp": -200}),
    ]
    assert balance(session, "2080/P-1") == 0


def test_a_refund_of_less_than_is_due_leaves_the_rest_due() -> None:
    session = paid(corrected("03 08:00", 15_000), refunded("03 10:00", 120))
    assert kinds_on_the_book(session).count("J25") == 0
    assert balance(session, "2080/P-1") == -180


def test_the_next_refund_goes_on_where_the_first_left_off() -> None:
    facts = [corrected("03 08:00", 15_000), refunded("03 10:00", 120), refunded("03 11:00", 200, refund="R-2")]
    session = paid(*facts)
    assert on_the_book(session, "J59r", "J25") == [
        ("J59r", "03 10:00", {"2080/P-1": 120, "1110/psp": -120}),
        ("J59r", "03 11:00", {"2080/P-1": 180, "1110/psp": -180}),
        ("J25", "03 11:00", {"2010/OP": 20, "1110/psp": -20}),
    ]


@pytest.mark.parametrize(
    ("borne_by", "rest"),
    [
        ("PLATFORM", [("J25", "03 10:00", {"5060": 200, "1110/psp": -200})]),
        (
            "SHARED",
            [
                ("J25", "03 10:00", {"2010/OP": 200, "1110/psp": -200}),
                # 200 of the new 900: 180, 16.67 and 3.33.
                ("J26", "03 10:00", {"4010": 17, "2110": 3, "2010/OP": -20}),
            ],
        ),
    ],
)
def test_whoever_bears_a_refund_bears_only_what_was_not_due_anyway(
    borne_by: str, rest: list[tuple[str, str, dict[str, int]]]
) -> None:
    session = paid(corrected("03 08:00", 15_000), refunded("03 10:00", 500, borne_by))
    assert on_the_book(session, "J25", "J26") == rest


def test_a_refund_before_the_correction_is_the_operators() -> None:
    session = paid(refunded("03 07:00", 300), corrected("03 08:00", 15_000))
    assert on_the_book(session, "J25") == [("J25", "03 07:00", {"2010/OP": 300, "1110/psp": -300})]
    assert balance(session, "2080/P-1") == -300


# Disputes ------------------------------------------------------------------------------------------------------


def test_a_dispute_holds_the_disputed_amount_and_its_fee_is_the_platforms() -> None:
    session = paid(disputed("04 10:00", 700, 1500))
    assert on_the_book(session, "J27", "J28") == [
        ("J27", "04 10:00", {"1250/psp": 700, "2010/OP": 700, "1110/psp": -700, "2030/OP": -700}),
        ("J28", "04 10:00", {"5040": 1500, "1110/psp": -1500}),
    ]


def test_a_dispute_won_puts_everything_back_but_the_fee() -> None:
    session = paid(disputed("04 10:00"), closed("05 10:00", "WON"))
    assert (balance(session, "2030/OP"), balance(session, "1250/psp")) == (0, 0)
    assert balance(session, "2010/OP") == -1080
    assert balance(session, "1110/psp") == 1200 - 1500
    assert balance(session, "5040") == 1500


def test_a_dispute_lost_over_the_whole_gives_the_whole_commission_back() -> None:
    session = paid(disputed("04 10:00"), closed("05 10:00", "LOST"))
    expected = {"2030/OP": 1200, "4010": 100, "2110": 20, "1250/psp": -1200, "2010/OP": -120}
    assert on_the_book(session, "J30") == [("J30", "05 10:00", expected)]
    assert (balance(session, "2010/OP"), balance(session, "5040")) == (0, 1500)


def test_a_dispute_lost_over_half_gives_half_of_the_commission_back() -> None:
    session = paid(disputed("04 10:00", 600), closed("05 10:00", "LOST"))
    expected = {"2030/OP": 600, "4010": 50, "2110": 10, "1250/psp": -600, "2010/OP": -60}
    assert on_the_book(session, "J30") == [("J30", "05 10:00", expected)]


def test_a_dispute_gives_back_only_what_refunds_have_left_of_the_commission() -> None:
    session = paid(refunded("03 10:00", 400, "SHARED"), disputed("04 10:00"), closed("05 10:00", "LOST"))
    (_, _, lost), *_ = on_the_book(session, "J30")
    assert (lost["4010"], lost["2110"]) == (67, 13)
    assert (balance(session, "4010"), balance(session, "2110")) == (0, 0)


def test_two_lost_disputes_give_the_commission_back_once() -> None:
    session = paid(
        disputed("04 10:00", dispute="D-1"),
        closed("05 10:00", "LOST", "D-1"),
        disputed("06 10:00", dispute="D-2"),
        closed("07 10:00", "LOST", "D-2"),
    )
    assert (balance(session, "4010"), balance(session, "2110")) == (0, 0)


def test_a_shared_refund_after_a_lost_dispute_gives_nothing_more_back() -> None:
    session = paid(disputed("04 10:00"), closed("05 10:00", "LOST"), refunded("06 10:00", 400, "SHARED"))
    assert "J26" not in kinds_on_the_book(session)
    assert (balance(session, "4010"), balance(session, "2110")) == (0, 0)


def test_the_close_of_a_dispute_that_is_not_known_waits() -> None:
    assert "J30" not in kinds_on_the_book(paid(closed("05 10:00", "LOST")))


def test_a_dispute_cannot_close_before_it_opened() -> None:
    session = paid(disputed("05 10:00"), closed("04 10:00", "WON"))
    assert [when for _, when, _ in on_the_book(session, "J27", "J29")] == ["05 10:00", "05 10:00"]


def test_dispute_lines_count_at_once_without_delay() -> None:
    session = paid(disputed("04 10:00"))
    assert released(session, "dispute:p:disputed D-1") == ("04 10:00", "04")
