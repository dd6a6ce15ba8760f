"""The hash that pins a version of a tariff is of what the document says, however it is written."""

from decimal import Decimal
from hashlib import sha256
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.tariff.published import PublishedTariff, tariff_hash, taxes_of
from tests.domain.builders import at, tariff


def test_it_is_the_sha256_of_the_canonical_json() -> None:
    document = {"id": "é", "b": [1, 2.50, True, None], "a": {"y": "\n", "x": 0.00001}}
    text = '{"a":{"x":0.00001,"y":"\\n"},"b":[1,2.5,true,null],"id":"é"}'
    assert tariff_hash(document) == sha256(text.encode()).hexdigest()


@pytest.mark.parametrize("number", [25, 25.0, Decimal("25.00"), Decimal("2.5E+1")])
def test_a_number_counts_by_its_value(number: Any) -> None:
    assert tariff_hash({"price": number}) == tariff_hash({"price": 25})


def test_zero_has_no_sign() -> None:
    assert tariff_hash({"price": -0.0}) == tariff_hash({"price": Decimal("0.00")}) == tariff_hash({"price": 0})


def test_configured_taxes_are_part_of_it() -> None:
    plain, taxes = tariff()["tariff"], taxes_of([{"name": "State", "percent": "7.50"}])
    same = taxes_of([{"name": "State", "percent": 7.5, "account_number": None}])
    assert tariff_hash(plain) != tariff_hash(plain, taxes) == tariff_hash(plain, same)


def test_who_was_given_a_tariff_and_when_is_not_part_of_it() -> None:
    document = tariff()["tariff"]
    one = PublishedTariff("OP", document, at("02 10:00"))
    other = PublishedTariff("OTHER", dict(reversed(document.items())), at("03 10:00"), "DE-ABC")
    assert one.hash == other.hash == tariff_hash(document)


documents = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**9), 10**9) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
)


@given(st.dictionaries(st.text(max_size=5), documents, min_size=1), st.randoms(use_true_random=False))
def test_the_order_of_keys_does_not_matter(document: dict[str, Any], random: Any) -> None:
    names = list(document)
    random.shuffle(names)
    assert tariff_hash({name: document[name] for name in names}) == tariff_hash(document)
