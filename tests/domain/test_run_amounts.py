"""What a run pays of what is due, what it leaves, withholds or has somebody look at, and from when lines are due."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime
from fractions import Fraction
from itertools import accumulate
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.catalogue.parties import Operator
from domain.catalogue.run_terms import FundingSource, InstantFee
from domain.money import percent_of
from domain.payout.amounts import Doubt, Made, NothingPaid, Past, PayoutSum, Taxed, sum_of
from domain.payout.events import PayoutStatus
from domain.payout.lines import Line
from domain.session.release import release
from tests.domain.builders import OPERATOR, at, catalogue, operator
from tests.domain.test_payout_run import Runs, line, payout_id, runs

IN_TRANSIT, AWAITS = PayoutStatus.IN_TRANSIT, PayoutStatus.AWAITING_APPROVAL
GST: dict[str, Any] = {"regime": "IN-TCS", "percent": "0.5", "base": "GROSS"}


def contract(payout: Mapping[str, Any] | None = None, **terms: Any) -> Operator:
    return Operator.from_data(operator(payout, **terms))


def kinds(desk: Runs) -> list[tuple[str, str, int]]:
    """(kind, when, what the operator's available payable gains) of everything on the book."""
    return [(kind, when, -posted.get("2010/OP", 0)) for kind, when, posted in desk.booked()]


# What is retained -------------------------------------------------------------------------------------------------


def test_what_is_retained_stays_after_each_payout_and_is_a_line_of_the_next_run() -> None:
    desk = runs({"retain": "3.00"}, line(1, 1080, "02"), line(2, 500, "03")).until("04 00:00")
    assert desk.made == [("02", 780, IN_TRANSIT), ("03", 500, IN_TRANSIT)]
    assert kinds(desk) == [
        ("J31", "03 00:00", -300),
        ("J32", "03 00:00", 300),
        ("J35", "03 00:00", -780),
        ("J31", "04 00:00", -300),
        ("J32", "04 00:00", 300),
        ("J35", "04 00:00", -500),
    ]
    first = desk.created(payout_id("02"))
    assert (first.reserve, first.retained, first.held_back) == (300, 300, 0)
    assert [(each.amount, each.available_on.day, each.retained) for each in desk.lines] == [(300, 4, True)]


def test_run_by_run_the_same_is_retained_as_when_they_are_made_in_one_go() -> None:
    lines = [line(1, 1080, "02"), line(2, 500, "03"), line(3, -200, "04"), line(4, 700, "05")]
    terms = {"retain": "3.00", "reserve_percent": "10", "reserve_days": 2}
    at_once, by_day = runs(terms, *lines).until("09 00:00"), runs(terms, *lines)
    for day in range(3, 10):
        by_day.until(f"{day:02} 00:00")
    assert by_day.made == at_once.made
    assert by_day.booked() == at_once.booked()


def test_what_does_not_reach_what_is_retained_pays_nothing_and_is_carried() -> None:
    desk = runs({"retain": "10.80"}, line(1, 1080, "02"), line(2, 1, "03")).until("04 00:00")
    assert desk.made == [("03", 1, IN_TRANSIT)]
    assert len(desk.created(payout_id("03")).entry_ids) == 3


def test_what_was_retained_gives_no_reserve_again() -> None:
    desk = runs(
        {"retain": "3.00", "reserve_percent": "10", "reserve_days": 5}, line(1, 1000, "02"), line(2, 100, "03")
    )
    desk.until("04 00:00")
    assert [desk.created(payout_id(day)).held_back for day in ("02", "03")] == [100, 10]
    assert [amount for _, amount, _ in desk.made] == [600, 90]


def test_the_terms_beside_payout_come_before_those_inside_it() -> None:
    inside = contract({"retain": "3.00", "max_carry_days": 4})
    both = contract({"retain": "3.00", "max_carry_days": 4}, retain="5.00")
    assert (inside.runs.retain, both.runs.retain, both.runs.max_carry_days) == (300, 500, 4)


# The minimum ------------------------------------------------------------------------------------------------------


def test_less_than_the_minimum_is_paid_once_the_oldest_line_is_older_than_agreed() -> None:
    terms = {"minimum": "50.00", "max_carry_days": 2}
    desk = runs(terms, line(1, 700, "02"), line(2, 300, "04")).until("09 00:00")
    assert desk.made == [("05", 1000, IN_TRANSIT)]
    assert runs({"minimum": "50.00"}, line(1, 700, "02")).until("09 00:00").made == []


def test_what_was_retained_does_not_age() -> None:
    terms = {"minimum": "5.00", "retain": "2.00", "max_carry_days": 2}
    desk = runs(terms, line(1, 1000, "02"), line(2, 10, "08")).until("10 00:00")
    assert desk.made == [("02", 800, IN_TRANSIT)]
    assert desk.until("12 00:00").made[1:] == [("11", 10, IN_TRANSIT)]


# What somebody has to look at -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("terms", "doubts"),
    [
        ({"limits": {"payout": "10.80"}}, ()),
        ({"limits": {"payout": "10.79"}}, (Doubt.PAYOUT_LIMIT,)),
        ({"limits": {"day": "10.80"}}, ()),
        ({"limits": {"day": "10.79", "payout": "5.00"}}, (Doubt.PAYOUT_LIMIT, Doubt.DAY_LIMIT)),
        ({"requires_approval": True, "limits": {"payout": "1.00"}}, (Doubt.TERMS, Doubt.PAYOUT_LIMIT)),
    ],
)
def test_a_payout_above_a_limit_waits_for_approval(terms: dict[str, Any], doubts: tuple[Doubt, ...]) -> None:
    desk = runs(terms, line(1, 1080, "02")).until("03 00:00")
    assert desk.made == [("02", 1080, AWAITS if doubts else IN_TRANSIT)]
    assert desk.created(payout_id("02")).doubts == doubts
    assert [kind for kind, _, _ in kinds(desk)] == ([] if doubts else ["J35"])


def test_an_amount_above_so_many_times_the_median_of_the_last_payouts_waits() -> None:
    lines = [line(1, 1000, "02"), line(2, 2000, "03"), line(3, 1000, "04"), line(4, 3001, "05"), line(5, 3000, "06")]
    desk = runs({"anomaly_factor": 3}, *lines).until("07 00:00")
    assert [status for _, _, status in desk.made] == [IN_TRANSIT, IN_TRANSIT, IN_TRANSIT, AWAITS, IN_TRANSIT]
    assert desk.created(payout_id("05")).doubts == (Doubt.ANOMALY,)


def test_only_the_last_twenty_payouts_are_compared_with_and_none_of_later() -> None:
    past = Past()
    for n in range(30):
        sent_at = at(f"0{1 + n // 24} {n % 24:02}:00")
        past.sent.append(Made("EUR", sent_at.date(), 100 if n < 10 else 200, sent_at))
    assert past.usual("EUR", at("09 00:00")) == 200
    assert past.usual("EUR", at("01 15:00")) == 100
    assert past.usual("EUR", at("01 00:00")) is None


# Withholding ------------------------------------------------------------------------------------------------------


def earned(number: int, amount: int, kind: str, day: str = "02") -> Line:
    return replace(line(number, amount, day), kind=kind)


def test_a_tax_is_withheld_of_the_gross_or_of_the_share_rounded_half_up_once_a_payout() -> None:
    lines = [earned(1, 1200, "J01"), earned(2, -120, "J02"), earned(3, -101, "J25")]
    share = {"regime": "IN-TDS", "percent": "1", "base": "SHARE"}
    desk = runs({"withholding": [GST, share]}, *lines).until("03 00:00")
    created = desk.created(payout_id("02"))
    assert created.tax_bases == {"IN-TCS": 1099, "IN-TDS": 979}
    assert created.withheld == {"IN-TCS": 5, "IN-TDS": 10}
    assert created.amount == 979 - 15
    assert [(kind, posted) for kind, _, posted in desk.booked()] == [
        ("J34", {"2010/OP": 5, "2120/IN-TCS": -5}),
        ("J34", {"2010/OP": 10, "2120/IN-TDS": -10}),
        ("J35", {"2010/OP": 964, f"2050/{payout_id('02')}": -964}),
    ]
    assert len(created.entry_ids) == 5


def test_only_what_is_above_the_threshold_of_a_tax_year_is_taxed() -> None:
    terms = {"withholding": [GST | {"percent": 10, "threshold_year": "15.00"}]}
    lines = [earned(1, 1000, "J01", "02"), earned(2, 1000, "J01", "03"), earned(3, 1000, "J01", "04")]
    desk = runs(terms, *lines).until("05 00:00")
    assert [desk.created(payout_id(day)).withheld["IN-TCS"] for day in ("02", "03", "04")] == [0, 50, 100]


def taxed(
    base: int,
    amount: int = 0,
    percent: str = "10",
    day: date = date(2026, 2, 1),
    currency: str = "EUR",
    rejected_at: datetime | None = None,
) -> Taxed:
    return Taxed(currency, "IN-TCS", day, base, percent, amount, rejected_at)


def withheld_in_turn(bases: Sequence[int], percent: str = "10", threshold: str = "20.00") -> list[int]:
    """What payouts of such bases, in minor units, withhold one after the other."""
    (terms,) = contract(withholding=[GST | {"percent": percent, "threshold_year": threshold}]).runs.withholding
    past, found = Past(), list[int]()
    for base in bases:
        so_far = past.taxed_before(terms, "EUR", date(2026, 3, 2), at("03 00:00"))
        found.append(terms.tax(so_far, base))
        past.taxed.append(taxed(base, found[-1], percent))
    return found


def test_what_was_taxed_once_is_not_taxed_again_after_a_base_below_zero() -> None:
    assert withheld_in_turn([3600, -1000, 3600]) == [160, 0, 260]
    assert withheld_in_turn([3600, -3000, 1000, 2000, 500]) == [160, 0, 0, 0, 50]


@given(st.lists(st.integers(-9000, 9000), max_size=12), st.sampled_from(("0.1", "0.5", "1", "10", "33.3", "100")))
def test_a_year_withholds_its_percentage_of_the_most_that_its_base_ever_came_to(
    bases: list[int], percent: str
) -> None:
    withheld = withheld_in_turn(bases, percent)
    most = max(0, *accumulate(bases), 0)
    assert min(withheld, default=0) >= 0
    assert sum(withheld) == percent_of(max(0, most - 2000), Fraction(percent))


@given(st.lists(st.integers(-9000, 9000), max_size=6), st.randoms())
def test_it_is_one_in_which_order_earlier_payouts_are_read(bases: list[int], chance: Random) -> None:
    past = [taxed(base, amount) for base, amount in zip(bases, withheld_in_turn(bases), strict=True)]
    (terms,) = contract(withholding=[GST | {"percent": "10"}]).runs.withholding
    in_order = Past(taxed=list(past)).taxed_before(terms, "EUR", date(2026, 3, 2), at("03 00:00"))
    chance.shuffle(past)
    assert Past(taxed=past).taxed_before(terms, "EUR", date(2026, 3, 2), at("03 00:00")) == in_order


def test_what_a_payout_withheld_that_was_rejected_since_is_withheld_again_and_no_more() -> None:
    # The first was rejected once the second was made, which was taxed of all of its base for that.
    rejected, stands = taxed(3600, 160, rejected_at=at("02 12:00")), taxed(1000, 100)
    (terms,) = contract(withholding=[GST | {"percent": "10", "threshold_year": "20.00"}]).runs.withholding
    past = Past(taxed=[rejected, stands])
    assert terms.tax(past.taxed_before(terms, "EUR", date(2026, 3, 2), at("03 00:00")), 3600) == 160
    assert terms.tax(past.taxed_before(terms, "EUR", date(2026, 3, 2), at("02 12:00")), 3600) == 360


def test_another_rate_is_of_what_comes_from_then_on() -> None:
    (terms,) = contract(withholding=[GST | {"percent": "20", "threshold_year": "20.00"}]).runs.withholding
    for earlier in ([taxed(3600, 160)], [taxed(3600, 160), taxed(5000, percent="0")]):
        so_far = Past(taxed=earlier).taxed_before(terms, "EUR", date(2026, 3, 2), at("03 00:00"))
        assert terms.tax(so_far, 1000) == 200


@pytest.mark.parametrize(("year_start", "day", "tax"), [("04-01", 31, 10), ("03-31", 31, 0), (None, 31, 10)])
def test_a_tax_year_begins_where_its_profile_says(year_start: str | None, day: int, tax: int) -> None:
    terms = {"withholding": [GST | {"percent": "10", "threshold_year": "10.00", "year_start": year_start}]}
    past = Past(taxed=[taxed(1000, day=date(2026, 3, 30)), taxed(9, currency="SEK", day=date(2026, 3, 30))])
    found = sum_of([earned(1, 100, "J01")], "EUR", date(2026, 3, day), at("31 23:00"), contract(terms), past)
    assert isinstance(found, PayoutSum)
    assert found.withheld == {"IN-TCS": tax}


def test_what_is_given_back_to_drivers_makes_the_base_less_and_never_a_tax_of_less_than_nothing() -> None:
    terms = {"withholding": [GST | {"percent": "10"}]}
    lines = [earned(1, -500, "J25", "02"), earned(2, 700, "J32", "02"), earned(3, 1000, "J01", "03")]
    desk = runs(terms, *lines).until("04 00:00")
    assert [desk.created(payout_id(day)).withheld["IN-TCS"] for day in ("02", "03")] == [0, 50]


def test_without_profiles_nothing_is_withheld() -> None:
    created = runs(None, earned(1, 1200, "J01")).until("03 00:00").created(payout_id("02"))
    assert (created.withheld, created.tax_bases, created.amount) == ({}, {}, 1200)


AMOUNTS = st.integers(-3000, 9000)
KINDS = st.sampled_from(("J01", "J02", "J13", "J25", "J32", "J40x"))
PERCENTS = st.sampled_from(("0", "0.5", "1", "10", "33.3"))


@given(
    st.lists(st.tuples(AMOUNTS, KINDS), max_size=6),
    st.integers(0, 3000),
    st.integers(0, 5000),
    PERCENTS,
    PERCENTS,
    st.integers(0, 9000),
)
def test_whatever_the_terms_are_every_cent_that_is_due_is_paid_kept_or_carried(
    given_lines: list[tuple[int, str]], retain: int, minimum: int, reserve: str, tax: str, before: int
) -> None:
    profile = GST | {"percent": tax, "threshold_year": "40.00"}
    money = {"retain": f"{retain / 100:.2f}", "minimum": f"{minimum / 100:.2f}", "reserve_percent": reserve}
    by = contract(money | {"withholding": [profile]})
    lines = [
        replace(line(n, amount, "02"), kind=kind, reserve_release=kind == "J32")
        for n, (amount, kind) in enumerate(given_lines, start=1)
    ]
    past = Past(taxed=[taxed(before, percent=tax, amount=percent_of(max(0, before - 4000), Fraction(tax)))])
    found = sum_of(lines, "EUR", date(2026, 3, 2), at("03 00:00"), by, past)
    total = sum(each.amount for each in lines)
    earned_ = sum(each.amount for each in lines if not each.reserve_release)
    held = max(0, percent_of(earned_, Fraction(reserve)))
    if isinstance(found, NothingPaid):
        assert found.left - retain < max(1, minimum)
        return
    taxes = sum(found.withheld.values())
    assert found.amount + found.reserve + taxes == total
    assert (found.reserve, found.retained) == (held + retain, retain)
    assert found.amount >= max(1, minimum)
    base = found.bases["IN-TCS"]
    of_the_year, withheld = percent_of(max(0, before + base - 4000), Fraction(tax)), past.taxed[0].amount
    assert taxes == max(0, of_the_year - withheld)


# From when lines are due ------------------------------------------------------------------------------------------


def test_delays_are_those_of_what_pays_for_the_session() -> None:
    terms = {"delay_days": 3, "funding_delays": {"ROAMING": 7, "CARD": 1}}
    known = catalogue(operator(terms))
    released = {source: release(known, OPERATOR, at("02 10:00"), source) for source in FundingSource}
    days = {source: found.available_on.day for source, found in released.items() if found is not None}
    assert days == {"CARD": 3, "ROAMING": 9, "WALLET": 5}


# The fee of what is paid at once ----------------------------------------------------------------------------------


@given(st.integers(0, 100_000), PERCENTS, st.integers(0, 300), PERCENTS)
def test_the_most_that_can_be_paid_at_once_leaves_its_fee_and_not_a_cent_more(
    at_hand: int, percent: str, fixed: int, vat: str
) -> None:
    fee = InstantFee(Fraction(percent), fixed, Fraction(vat))
    most = fee.most(at_hand)
    assert most == 0 or most + sum(fee.of(most)) <= at_hand
    assert most + 1 + sum(fee.of(most + 1)) > at_hand
