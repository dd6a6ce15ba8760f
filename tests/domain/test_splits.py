"""Parts of a share: the sample, sums that come first, and for any contract parts that are the share to the cent."""

from fractions import Fraction
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from domain.catalogue.splits import Basis, SplitTerms, Weights
from ledger.audit.splits import Bill, parts_of
from tests.support.examples import examples

NINE = Basis(net=1000, gross=1190, energy_wh=20_000, share=900)


def split(payee: str = "HOST", **how: Any) -> dict[str, Any]:
    return {"operator_id": payee, "role": "host", **how}


def weights(basis: Basis, *splits: dict[str, Any]) -> Weights:
    terms = SplitTerms.from_data({"currency": "EUR", "splits": list(splits)})
    assert terms is not None
    return Weights(terms.at("LOC-1"), basis)


def test_nine_euros_at_an_eighth_and_a_third() -> None:
    """The sample of J07: 9.00 at 12.5 % and 33.3333 % leave 4.88."""
    by = weights(NINE, split("HOST", percent="12.5"), split("INV", percent="33.3333"))
    assert by.parts(900) == {"HOST": 112, "INV": 300}


def test_sums_come_first_as_listed_and_each_at_most_what_is_left() -> None:
    splits = (split("A", per_kwh="0.40"), split("B", per_session="3.00"), split("C", percent="50"))
    assert weights(NINE, *splits).parts(900) == {"A": 800, "B": 100, "C": 0}


def test_percents_of_gross_and_net_come_before_percents_of_the_share() -> None:
    splits = (split("A", percent="50"), split("B", percent="10", base="GROSS"), split("C", percent="10", base="NET"))
    assert weights(NINE, *splits).parts(900) == {"A": 340, "B": 119, "C": 100}


def test_losses_are_borne_by_the_same_parts_and_give_all_back_in_the_end() -> None:
    by = weights(NINE, split("A", per_session="3.00"), split("B", percent="50"))
    assert by.parts(900) == {"A": 300, "B": 300}
    assert by.parts(450) == {"A": 150, "B": 150}
    assert by.parts(0) == {"A": 0, "B": 0}


def test_a_payee_of_two_splits_has_both_and_one_of_elsewhere_nothing() -> None:
    elsewhere = split("C", percent="50", locations=["loc-2"])
    by = weights(NINE, split("A", percent="10"), split("A", per_session="1.00"), elsewhere)
    assert by.parts(900) == {"A": 180}


_RATES = st.one_of(
    st.builds(lambda percent, base: {"percent": str(percent), "base": base}, st.integers(0, 33), st.just("SHARE")),
    st.builds(
        lambda percent, base: {"percent": f"{percent / 8}", "base": base},
        st.integers(0, 400),
        st.sampled_from(("GROSS", "NET")),
    ),
    st.builds(lambda sum_: {"per_kwh": f"{sum_ / 1000:.3f}"}, st.integers(0, 600)),
    st.builds(lambda sum_: {"per_session": f"{sum_ / 100:.2f}"}, st.integers(0, 900)),
)


@st.composite
def _bases(draw: st.DrawFn) -> Basis:
    net = draw(st.integers(0, 100_000))
    gross = net + draw(st.integers(0, net // 4 + 1))
    return Basis(net, gross, draw(st.integers(0, 90_000)), gross - draw(st.integers(0, net + net // 5 + 1)))


@settings(max_examples=examples(100))
@given(_bases(), st.lists(_RATES, min_size=1, max_size=3), st.integers(-200_000, 200_000))
def test_of_any_amount_no_part_is_of_the_wrong_sign_and_none_is_lost(
    basis: Basis, rates: list[dict[str, str]], amount: int
) -> None:
    splits = [split(f"P{number}", **rate) for number, rate in enumerate(rates)]
    for each in (basis.share, amount):
        parts = weights(basis, *splits).parts(each)
        left = each - sum(parts.values())
        assert all(part * each >= 0 for part in (left, *parts.values()))
        # The audit reckons for itself and comes to the same.
        bill = Bill(basis.net, basis.gross, Fraction(basis.energy_wh), basis.share)
        assert parts == parts_of(splits, bill, each, "EUR")
