"""Which version of an operator, tariff or partner rules at a moment, in whatever order they were learned."""

from datetime import datetime
from itertools import permutations
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.catalogue.catalogue import Catalogue
from domain.catalogue.versions import Version, Versions
from domain.errors import UnsupportedTariff
from tests.domain.builders import OPERATOR, at, catalogue, operator, partner, tariff


def version(name: str, time: str, effective_from: str, source: str = "b") -> Version[str]:
    return Version(at(time), source, name, at(effective_from), name)


def versions(*made: Version[str]) -> Versions[str]:
    found: Versions[str] = Versions()
    for each in made:
        found.add(each)
    return found


def rules(found: Versions[str], *moments: str) -> list[str | None]:
    return [found.at(at(moment)) for moment in moments]


def test_before_the_first_version_nothing_rules() -> None:
    assert rules(Versions(), "02 10:00") == [None]
    assert rules(versions(version("A", "01 00:00", "05 00:00")), "04 23:59", "05 00:00") == [None, "A"]


def test_the_first_version_rules_from_its_effective_from_even_before_it_was_published() -> None:
    found = versions(version("A", "10 00:00", "01 00:00"))
    assert rules(found, "01 00:00", "05 00:00") == ["A", "A"]


def test_a_later_version_published_in_time_rules_from_its_effective_from() -> None:
    found = versions(version("A", "01 00:00", "01 00:00"), version("B", "03 00:00", "08 00:00"))
    assert rules(found, "07 23:59", "08 00:00") == ["A", "B"]


def test_a_later_version_published_after_the_fact_rules_from_its_publication() -> None:
    found = versions(version("A", "01 00:00", "01 00:00"), version("B", "10 00:00", "05 00:00"))
    assert rules(found, "05 00:00", "09 23:59", "10 00:00") == ["A", "A", "B"]


def test_the_first_is_the_first_by_time_and_not_by_arrival() -> None:
    late_arrival = version("A", "01 00:00", "04 00:00")
    found = versions(version("B", "05 00:00", "02 00:00"))
    assert rules(found, "03 00:00", "06 00:00") == ["B", "B"]
    found.add(late_arrival)
    # Now A is the first, and B a later one that was published on the fifth.
    assert rules(found, "03 00:00", "04 00:00", "05 00:00") == [None, "A", "B"]


def test_a_version_published_in_time_that_arrives_late_rules_what_it_should_have_ruled() -> None:
    found = versions(version("A", "01 00:00", "01 00:00"), version("C", "20 00:00", "20 00:00"))
    found.add(version("B", "02 00:00", "10 00:00"))
    assert rules(found, "09 23:59", "10 00:00", "19 23:59", "20 00:00") == ["A", "B", "B", "C"]


def test_of_two_that_take_effect_together_the_one_published_later_rules() -> None:
    found = versions(
        version("A", "01 00:00", "01 00:00"),
        version("B", "02 00:00", "10 00:00"),
        version("C", "03 00:00", "10 00:00"),
    )
    assert rules(found, "10 00:00") == ["C"]


def test_versions_published_at_the_same_time_are_taken_by_source_and_id() -> None:
    one, other = version("A", "01 00:00", "01 00:00", "b"), version("B", "01 00:00", "01 00:00", "a")
    for order in permutations([one, other]):
        assert rules(versions(*order), "02 00:00") == ["A"]


def test_a_later_version_may_take_effect_before_an_earlier_one_does() -> None:
    found = versions(
        version("A", "01 00:00", "01 00:00"),
        version("B", "02 00:00", "20 00:00"),
        version("C", "03 00:00", "10 00:00"),
    )
    assert rules(found, "09 00:00", "10 00:00", "20 00:00") == ["A", "C", "B"]


def test_learning_a_version_tells_from_when_on_another_rules() -> None:
    found = versions(version("A", "01 00:00", "01 00:00"))
    assert found.add(version("B", "03 00:00", "08 00:00")) == at("08 00:00")
    assert found.add(version("C", "04 00:00", "02 00:00")) == at("04 00:00")


times = st.integers(1, 9).map(lambda day: f"{day:02d} 00:00")
made = st.lists(st.tuples(times, times), min_size=1, max_size=5)


@settings(deadline=None)
@given(made, st.randoms(use_true_random=False))
def test_the_order_of_arrival_does_not_matter(times_of: list[tuple[str, str]], random: Random) -> None:
    told = [version(str(index), time, effective) for index, (time, effective) in enumerate(times_of)]
    shuffled = list(told)
    random.shuffle(shuffled)
    assert versions(*shuffled).timeline == versions(*told).timeline


@settings(deadline=None)
@given(made)
def test_what_add_reports_is_where_the_rule_first_changes(times_of: list[tuple[str, str]]) -> None:
    moments = [at(f"{day:02d} 00:00") for day in range(1, 12)]
    found: Versions[str] = Versions()
    for index, (time, effective) in enumerate(times_of):
        before = [found.at(moment) for moment in moments]
        changed = found.add(version(str(index), time, effective))
        differs = [moment for moment in moments if found.at(moment) != before[moments.index(moment)]]
        if differs:
            assert changed is not None
            assert changed <= differs[0]


# The catalogue -------------------------------------------------------------------------------------------------


def moment(text: str) -> datetime:
    return at(text)


def test_tariffs_and_locations_compare_without_case_and_belong_to_their_operator() -> None:
    known = catalogue()
    assert known.tariff_at(OPERATOR, "t", moment("02 10:00")) is known.tariff_at(OPERATOR, "T", moment("02 10:00"))
    assert known.tariff_at("ANOTHER", "T", moment("02 10:00")) is None


def test_a_location_describes_the_place_as_it_always_was() -> None:
    known = catalogue()
    data = {"operator_id": OPERATOR, "location": {"id": "LOC", "time_zone": "Asia/Kolkata"}}
    known.publish("location.published", "b", "l", at("20 00:00"), data)
    found = known.location_at(OPERATOR, "loc", moment("02 10:00"))
    assert found is not None
    assert str(found.time_zone) == "Asia/Kolkata"


def test_a_partner_counts_from_its_own_time() -> None:
    known = Catalogue()
    known.publish("partner.registered", "b", "p", at("05 00:00"), partner())
    assert known.partner_at("DE-ABC", moment("04 23:59")) is None
    assert known.partner_at("DE-ABC", moment("05 00:00")) is not None


def test_operators_amounts_are_in_their_currencys_minor_units() -> None:
    known = catalogue(operator({"minimum": "1500"}, currency="JPY", commission=_commission("20")))
    found = known.operator_at(OPERATOR, moment("02 10:00"))
    assert found is not None
    assert (found.payout.minimum_minor, found.commission_per_session_minor) == (1500, 20)


def _commission(per_session: str) -> dict[str, str]:
    return {"percent": "10", "per_session": per_session, "vat_percent": "20"}


def test_a_tariff_that_cannot_be_priced_is_kept_and_refuses_when_it_is_used() -> None:
    known = catalogue(
        of_tariff=tariff(elements=[{"price_components": [{"type": "GOLD", "price": 1, "step_size": 1}]}])
    )
    found = known.tariff_at(OPERATOR, "T", moment("02 10:00"))
    assert found is not None
    for _ in range(2):
        with pytest.raises(UnsupportedTariff):
            _ = found.tariff
