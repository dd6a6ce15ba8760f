"""Which tariff rules a roaming session: the one its partner was given in time, else the operator's own."""

import pytest

from domain.catalogue.catalogue import Catalogue
from domain.session.assessment import assess
from tests.domain.builders import at, catalogue, charged, decided, operator, partner
from tests.domain.publishing import Told, given, offered, publish

# 20 kWh with 20 % VAT, in cents, by the price of a kWh.
GROSS = {"0.50": 1200, "0.25": 600, "0.75": 1800, "1.00": 2400}


def gross(*events: Told, roams: bool = True, general: bool = True) -> int | str:
    """What the session of 2 March, 10:00, costs; or why it waits."""
    known = Catalogue()
    known.publish("operator.registered", "b", "op", at("01 00:00"), operator())
    known.publish("partner.registered", "b", "p", at("01 00:00"), partner())
    publish(known, [*([offered("0.50", "01 00:00")] if general else []), *events])
    outcome = decided(charged(roams=roams), known).outcome
    assert outcome is not None
    return outcome.gross if outcome.gross is not None else outcome.reason


def test_a_partner_pays_the_tariff_that_it_was_given() -> None:
    assert gross(given("0.25", "01 12:00")) == GROSS["0.25"]


def test_a_driver_who_pays_himself_never_gets_a_partners_tariff() -> None:
    assert gross(given("0.25", "01 12:00"), roams=False) == GROSS["0.50"]
    assert gross(given("0.25", "01 12:00"), roams=False, general=False) == "TARIFF_UNKNOWN"


def test_a_token_of_a_party_that_is_no_partner_yet_gets_no_partners_tariff() -> None:
    known = publish(catalogue(), [given("0.25", "01 12:00")])
    outcome = decided(charged(roams=True), known).outcome
    assert outcome is not None
    assert outcome.gross == GROSS["0.50"]


def test_another_partners_tariff_is_not_for_this_one() -> None:
    assert gross(given("0.25", "01 12:00", partner="FR-XYZ")) == GROSS["0.50"]


def test_the_tariff_of_the_sessions_own_id_comes_before_the_partners_others() -> None:
    assert gross(given("0.25", "01 12:00", tariff_id="X"), given("0.75", "01 12:00")) == GROSS["0.75"]


def test_ids_and_partners_compare_without_case() -> None:
    assert gross(given("0.25", "01 12:00", tariff_id="t", partner="de-abc")) == GROSS["0.25"]


def test_the_partners_only_other_tariff_rules_whatever_the_charger_names() -> None:
    assert gross(given("0.25", "01 12:00", tariff_id="X")) == GROSS["0.25"]
    assert gross(given("0.25", "01 12:00", tariff_id="X"), general=False) == GROSS["0.25"]


def test_of_several_other_tariffs_none_rules() -> None:
    several = [given("0.25", "01 12:00", tariff_id="X"), given("0.75", "01 12:00", tariff_id="Y")]
    assert gross(*several) == GROSS["0.50"]
    assert gross(*several, general=False) == "TARIFF_UNKNOWN"


def test_a_tariff_that_is_not_in_effect_yet_is_none_of_several() -> None:
    later = given("0.75", "01 12:00", tariff_id="Y", effective="08 00:00")
    assert gross(given("0.25", "01 12:00", tariff_id="X"), later) == GROSS["0.25"]


def test_what_the_partner_was_given_after_the_start_counts_only_where_the_operator_has_nothing() -> None:
    late = given("0.25", "05 00:00", effective="01 00:00")
    assert gross(late) == GROSS["0.50"]
    assert gross(late, general=False) == GROSS["0.25"]
    # The operator's own may be as late: it is for this session's id, and nothing shows that the partner agreed.
    assert gross(late, offered("0.75", "06 00:00", effective="01 00:00"), general=False) == GROSS["0.75"]


def test_a_late_tariff_of_another_id_does_not_make_one_in_time_ambiguous() -> None:
    late = given("0.75", "05 00:00", tariff_id="Y", effective="01 00:00")
    assert gross(given("0.25", "01 12:00", tariff_id="X"), late) == GROSS["0.25"]


def test_a_partners_tariff_and_the_general_one_of_the_same_id_are_versions_of_different_things() -> None:
    # Were they one timeline, the second would rule only from its own time.
    assert gross(given("0.25", "01 12:00"), offered("0.75", "02 09:00")) == GROSS["0.25"]
    assert gross(given("0.25", "01 12:00"), offered("0.75", "02 09:00"), roams=False) == GROSS["0.75"]


def test_a_session_waits_for_a_tariff_that_is_known_and_not_in_effect() -> None:
    assert gross(given("0.25", "01 12:00", effective="08 00:00"), general=False) == "TARIFF_NOT_IN_EFFECT"


# Its own dates (OCPI): over before the session of 2 March, 10:00, or not begun.
OVER = {"end_date_time": "2026-03-02T10:00:00Z"}
NOT_BEGUN = {"start_date_time": "2026-03-02T10:00:01"}


@pytest.mark.parametrize("dates", [OVER, NOT_BEGUN])
@pytest.mark.parametrize("tariff_id", ["T", "X"])
def test_a_partners_tariff_outside_its_own_dates_makes_room_for_the_general_one(
    dates: dict[str, str], tariff_id: str
) -> None:
    invalid = given("0.25", "01 12:00", tariff_id=tariff_id, **dates)
    assert gross(invalid) == GROSS["0.50"]
    assert gross(invalid, given("0.75", "01 12:00", tariff_id="Z")) == GROSS["0.75"]
    assert gross(invalid, general=False) == "TARIFF_NOT_IN_EFFECT"


def test_a_tariff_is_valid_from_its_start_to_before_its_end() -> None:
    dates = {"start_date_time": "2026-03-02T10:00:00Z", "end_date_time": "2026-03-02T10:00:01Z"}
    assert gross(given("0.25", "01 12:00", **dates)) == GROSS["0.25"]


def test_a_general_tariff_outside_its_own_dates_makes_room_for_what_the_partner_got_late() -> None:
    late = given("0.25", "05 00:00", effective="01 00:00")
    assert gross(offered("0.75", "01 00:00", **OVER), late, general=False) == GROSS["0.25"]
    assert gross(offered("0.75", "01 00:00", **OVER), late, general=False, roams=False) == "TARIFF_NOT_IN_EFFECT"


def test_a_tariff_that_is_over_does_not_hold_sessions_though_the_engine_cannot_price_it() -> None:
    elements = [{"price_components": [{"type": "ENERGY", "price": 1}], "restrictions": {"weather": "WET"}}]
    assert str(gross(given("0.25", "01 12:00", elements=elements))).startswith("TARIFF_UNSUPPORTED")
    assert gross(given("0.25", "01 12:00", elements=elements, **OVER)) == GROSS["0.50"]


def test_dates_that_are_none_limit_nothing() -> None:
    reason = gross(given("0.25", "01 12:00", end_date_time="some day"))
    assert str(reason).startswith("TARIFF_UNSUPPORTED")


def test_a_partners_tariff_in_another_currency_than_the_operators_is_in_suspense() -> None:
    assert gross(given("0.25", "01 12:00", currency="SEK")) == "TARIFF_CURRENCY"


@pytest.mark.parametrize("roams", [True, False])
def test_a_bill_names_the_version_it_was_priced_with(roams: bool) -> None:
    known = publish(catalogue(of_partner=partner()), [given("0.25", "01 12:00")])
    bill = assess(decided(charged(roams=roams), known).meter, known).changes[0].bill
    assert bill is not None
    assert bill.published.partner == ("DE-ABC" if roams else None)
    assert bill.published.published_at == at("01 12:00" if roams else "2026-01-01T00:00:00")
