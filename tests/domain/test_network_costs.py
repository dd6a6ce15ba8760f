"""Which declared cost is in effect when, what a session's energy costs, and what is left of its price."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from domain.calendar import END
from domain.network.costs import CostKind, CostVersion, Price, cost_version, prices_of
from domain.network.margin import Margin, Missing, energy_cost
from domain.network.moments import quarter_number
from tests.support.examples import examples

START = datetime(2026, 3, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)


def _version(**told: object) -> CostVersion:
    version = CostVersion(
        START, "urn:erp", "1", "OP-1", "POWER", None, CostKind.ENERGY, START, END, Price(Fraction(1, 5), "EUR")
    )
    return replace(version, **told)  # type: ignore[arg-type]


hours = st.integers(0, 6)
versions = st.builds(
    lambda cost, site, kind, since, lasts, told, id_, price: _version(
        cost_id=cost,
        location_id=site,
        kind=kind,
        effective_from=START + since * HOUR,
        effective_to=END if lasts is None else START + (since + lasts) * HOUR,
        time=START + told * HOUR,
        id=id_,
        price=Price(price, "EUR"),
    ),
    st.sampled_from(["POWER", "TAX"]),
    st.sampled_from([None, "SITE-1", "SITE-2"]),
    st.sampled_from([CostKind.ENERGY, CostKind.DEMAND]),
    hours,
    st.one_of(st.none(), st.integers(0, 4)),
    hours,
    st.sampled_from("abcdefgh"),
    st.integers(1, 9),
)


def _price_at(known: list[CostVersion], moment: datetime) -> int:
    """All versions looked through at one moment."""
    best: dict[str, CostVersion] = {}
    for version in known:
        concerns = version.location_id in (None, "SITE-1")
        if concerns and version.effective_from <= moment < version.effective_to:
            rival = best.get(version.cost_id)
            if rival is None or _rank(version) > _rank(rival):
                best[version.cost_id] = version
    return sum(int(v.price.amount) for v in best.values() if v.kind is CostKind.ENERGY and v.price is not None)


def _rank(version: CostVersion) -> tuple[datetime, datetime, str, str]:
    return version.effective_from, version.time, version.source, version.id


@settings(deadline=None, max_examples=examples(80))
@given(st.lists(versions, max_size=8, unique_by=lambda version: version.id), st.randoms(use_true_random=False))
def test_the_latest_version_in_effect_counts_in_whatever_order_they_come(
    known: list[CostVersion], random: Random
) -> None:
    expected = [_price_at(known, START + number * HOUR / 2) for number in range(24)]
    random.shuffle(known)
    prices = prices_of(known, CostKind.ENERGY, "SITE-1", "EUR")
    assert [sum(price.amount for price in prices.at(START + number * HOUR / 2)) for number in range(24)] == expected


def test_a_declaration_is_read_as_it_was_sent() -> None:
    data = {
        "operator_id": "OP-1",
        "cost_id": "GRID",
        "effective_from": "2026-03-01T01:00:00+01:00",
        "location_id": "SITE-1",
        "kind": "DEMAND",
        "price": {"amount": "11.50", "currency": "EUR"},
        "minimum_kw": 2.5,
        "average_months": 12,
    }
    version = cost_version(data, START, "urn:erp", "1")
    assert version.price == Price(Fraction(23, 2), "EUR", Fraction(5, 2), 12)
    assert (version.kind, version.location_id, version.effective_from) == (CostKind.DEMAND, "SITE-1", START)
    assert version.effective_to == END
    lease = {**data, "kind": "LEASE", "price": None, "minimum_kw": None, "average_months": None}
    assert cost_version(lease, START, "urn:erp", "1").price is None


def test_energy_is_paid_at_the_price_of_its_quarter() -> None:
    cheap_at_night = [
        _version(),
        _version(
            id="2", effective_from=START + HOUR, effective_to=START + 2 * HOUR, price=Price(Fraction(1, 10), "EUR")
        ),
    ]
    prices = prices_of(cheap_at_night, CostKind.ENERGY, "SITE-1", "EUR")
    first = quarter_number(START)
    loads = [(first + 3, Fraction(1000)), (first + 4, Fraction(2000)), (first + 8, Fraction(4000, 3))]
    assert energy_cost(loads, prices, first) == Fraction(2, 10) + Fraction(2, 10) + Fraction(4, 15)
    assert energy_cost(loads[:1], prices, first) == Fraction(2, 10)
    # A quarter has the price with which it begins.
    late = [_version(effective_from=START + timedelta(minutes=1))]
    assert energy_cost([(first, Fraction(1))], prices_of(late, CostKind.ENERGY, "SITE-1", "EUR"), first) is None


def test_what_is_not_declared_in_a_currency_is_no_cost_of_nothing() -> None:
    first = quarter_number(START)
    in_pounds = prices_of([_version()], CostKind.ENERGY, "SITE-1", "GBP")
    assert energy_cost([(first, Fraction(1))], in_pounds, first) is None
    assert energy_cost([], in_pounds, first) is None
    assert energy_cost([], prices_of([_version()], CostKind.ENERGY, "SITE-1", "EUR"), first) == 0


def test_a_margin_is_what_is_left_and_none_where_something_is_missing() -> None:
    margin = Margin("EUR", 2, 10_00, 1_00, 25, Fraction(29, 12), 1_50, ())
    assert margin.margin == Fraction(725, 100) - Fraction(29, 12)
    assert replace(margin, demand_share=None, missing=(Missing.DEMAND,)).margin is None
