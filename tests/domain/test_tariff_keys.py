"""Keys that OCPI does not have: what may hide a promise keeps a tariff from being priced, the rest is a warning."""

from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from domain.errors import UnsupportedTariff
from domain.tariff.lint import lint
from domain.tariff.tariff import Tariff
from ledger.audit.tariff_keys import misleading_key
from tests.rating.rating_builders import component, document, element

PLAIN = element(component("ENERGY", 0.4))


def with_key(place: str, key: str, value: Any = 1) -> dict[str, Any]:
    """A tariff with a key of that name in its element, component or limit, or in itself."""
    found = document({**PLAIN, "price_components": [component("ENERGY", 0.4)]}, min_price={"excl_vat": 1})
    objects = {
        "": found,
        "min_price": found["min_price"],
        "elements[0]": found["elements"][0],
        "elements[0].price_components[0]": found["elements"][0]["price_components"][0],
    }
    objects[place][key] = value
    return found


@pytest.mark.parametrize(
    ("place", "key", "means"),
    [
        ("", "maxPrice", "max_price"),
        ("", "MIN_PRICES", "min_price"),
        ("", "max-price", "max_price"),
        ("", "end_date_tme", "end_date_time"),
        ("", "taxincluded", "tax_included"),
        ("", "max_pirce", "max_price"),
        ("min_price", "inclVat", "incl_vat"),
        ("elements[0]", "restriction", "restrictions"),
        ("elements[0]", "Restrictions", "restrictions"),
        ("elements[0].price_components[0]", "step_sise", "step_size"),
        ("elements[0].price_components[0]", "VAT", "vat"),
    ],
)
def test_a_key_that_resembles_a_known_one_is_not_priced(place: str, key: str, means: str) -> None:
    tariff = with_key(place, key)
    path = f"{place}.{key}".lstrip(".")
    with pytest.raises(UnsupportedTariff) as refusal:
        Tariff.from_ocpi(tariff)
    assert str(refusal.value).startswith(f"tariff.{path} resembles {means},")
    (finding,) = lint(tariff)
    assert (finding.code, finding.path) == ("NOT_PRICED", path)
    assert f"{path} resembles {means}," in finding.sentence
    assert misleading_key(tariff) == key


@pytest.mark.parametrize(
    ("place", "key"),
    [
        ("elements[0]", "max_kwh"),
        ("elements[0]", "endTime"),
        ("elements[0].price_components[0]", "day_of_week"),
        ("elements[0]", "max_price"),
        ("", "start_time"),
    ],
)
def test_a_limit_or_restriction_in_the_wrong_place_is_not_priced(place: str, key: str) -> None:
    tariff = with_key(place, key)
    with pytest.raises(UnsupportedTariff, match="a promise may hide in it"):
        Tariff.from_ocpi(tariff)
    assert [finding.code for finding in lint(tariff)] == ["NOT_PRICED"]
    assert misleading_key(tariff) == key


@pytest.mark.parametrize(
    ("place", "key"),
    [
        ("", "comment"),
        ("", "vendor_extension"),
        ("min_price", "note"),
        ("elements[0]", "name"),
        ("elements[0].price_components[0]", "description"),
    ],
)
def test_another_unknown_key_is_a_warning(place: str, key: str) -> None:
    tariff = with_key(place, key)
    assert Tariff.from_ocpi(tariff) == Tariff.from_ocpi(with_key(place, key, None))
    assert [(f.code, f.path) for f in lint(tariff)] == [("UNKNOWN_KEY", f"{place}.{key}".lstrip("."))]
    assert misleading_key(tariff) == ""


def test_null_is_no_key() -> None:
    tariff = with_key("elements[0]", "restriction", None)
    assert lint(tariff) == ()
    assert misleading_key(tariff) == ""


def test_all_such_keys_are_told_at_once() -> None:
    tariff = with_key("elements[0]", "restriction") | {"maxprice": 1}
    assert [(f.code, f.path) for f in lint(tariff)] == [
        ("NOT_PRICED", "maxprice"),
        ("NOT_PRICED", "elements[0].restriction"),
    ]


KEYS = ["max_price", "restrictions", "price_components", "step_size", "vat", "id", "type", "min_kwh", "excl_vat"]


@st.composite
def written(draw: st.DrawFn) -> str:
    """A key of OCPI with a few letters other than they should be."""
    letters = list(draw(st.sampled_from(KEYS)))
    for _ in range(draw(st.integers(0, 2))):
        at = draw(st.integers(0, len(letters)))
        letters[at : at + draw(st.integers(0, 2))] = draw(st.text("aAsS_-xi", max_size=2))
    return "".join(letters)


@given(st.sampled_from(["", "min_price", "elements[0]", "elements[0].price_components[0]"]), written())
def test_the_audit_finds_the_keys_that_the_engine_does_not_price(place: str, key: str) -> None:
    assume(key not in KEYS)
    tariff = with_key(place, key)
    is_priced = all(finding.code != "NOT_PRICED" for finding in lint(tariff))
    assert misleading_key(tariff) == ("" if is_priced else key)
