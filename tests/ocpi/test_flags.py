"""What single partners need beside what OCPI asks for, and what they read of operators beside their names."""

import json
from contextlib import closing
from typing import Any

import pytest

from api.ocpi.nulls import written_out
from ledger.access import ocpi_partners
from ledger.errors import AccessRefused
from projections.roaming.feed import make_all_visible
from tests.conftest import Stores
from tests.ocpi.conftest import Platform, pushing, serving_ocpi
from tests.ocpi.test_cdrs import of
from tests.ocpi.test_locations import location
from tests.support.engine import Engine
from tests.support.events import operator, tariff
from tests.support.partner import partner
from tests.support.waiting import wait_until
from wattledger.errors import SettingsError
from wattledger.ocpi_settings import business_details
from wattledger.settings import load_settings

WITHIN_S = 180


def paths(value: Any, at: str = "") -> dict[str, Any]:
    """All fields of an object with the path of each; of lists the first member stands for all."""
    if isinstance(value, list):
        return paths(value[0], at) if value else {}
    if not isinstance(value, dict):
        return {}
    found: dict[str, Any] = {}
    for name, inner in value.items():
        found |= {f"{at}{name}": inner} | paths(inner, f"{at}{name}.")
    return found


def test_absent_fields_are_written_out_for_one_that_asks_for_it(stores: Stores) -> None:
    with stores() as dsn, closing(Engine(dsn)) as engine:
        engine.feed([operator(), tariff(), *of(("DE", "ABC"), 1)])
        engine.advance("2026-03-10T00:00:00Z")
        make_all_visible(dsn)
        with serving_ocpi(dsn) as platform, partner("DE-ABC") as abc:
            token = platform.connected(abc)

            def pulled(module: str, version: str) -> Any:
                return platform.ask("GET", f"/{version}/{module}", token).json()["data"][0]

            asked = [(module, version) for module in ("cdrs", "tariffs") for version in ("2.2.1", "2.3.0")]
            before = {each: pulled(*each) for each in asked}
            with platform.surface.door.transaction() as cursor:
                ocpi_partners.set_flags(cursor, "de-abc", [ocpi_partners.EXPLICIT_NULLS], [])
            for each in asked:
                plain, whole = paths(before[each]), paths(pulled(*each))
                assert {
                    name: value
                    for name, value in whole.items()
                    if name in plain and not isinstance(value, dict | list)
                } == {name: value for name, value in plain.items() if not isinstance(value, dict | list)}
                assert {value for name, value in whole.items() if name not in plain and value != []} == {None}
            cdr = pulled("cdrs", "2.2.1")
            assert (cdr["authorization_reference"], cdr["invoice_reference_id"], cdr["cdr_location"]["state"]) == (
                None,
                None,
                None,
            )
            assert "authorization_reference" not in before["cdrs", "2.2.1"]
            # What is pushed whole is written the same way.
            engine.feed([tariff(tariff_id="T-2"), location()])
            make_all_visible(dsn)
            with pushing(platform, dsn):
                wait_until(lambda: ("nl", "grl", "t-2") in abc.objects["tariffs"], WITHIN_S)
            assert abc.objects["tariffs"]["nl", "grl", "t-2"]["min_price"] is None
            shown = platform.ask("GET", "/2.2.1/credentials", token).json()["data"]
            assert all(role["business_details"]["website"] is None for role in shown["roles"])


def test_restrictions_have_all_fourteen_fields_and_prices_those_of_their_version() -> None:
    tariff_ = '{"elements":[{"price_components":[{"type":"ENERGY","price":0.30,"step_size":1}],"restrictions":{}}]}'
    written = written_out("2.2.1", "tariffs", tariff_)
    assert '"price":0.30' in written or '"price":0.3' in written
    (element,) = json.loads(written)["elements"]
    assert len(element["restrictions"]) == 14
    assert element["restrictions"].pop("day_of_week") == []
    assert set(element["restrictions"].values()) == {None}
    assert written_out("2.2.1", "sessions", '{"total_cost":{"excl_vat":1}}').count("incl_vat") == 1
    assert '"taxes":[]' in written_out("2.3.0", "sessions", '{"total_cost":{"before_taxes":1}}')
    assert written_out("2.3.0", "locations", '{"id":"L"}') == '{"id":"L"}'


def test_flags_are_set_taken_away_and_none_but_those_there_are(platform: Platform) -> None:
    nulls, undated, _ = ocpi_partners.FLAGS
    platform.invite(flags=[nulls])
    with platform.surface.door.transaction() as cursor:
        assert ocpi_partners.set_flags(cursor, "DE-ABC", [undated], [nulls]).flags == {undated: True}
        assert ocpi_partners.present(cursor, "DE-ABC").has(undated)
        for on, off, said in (
            (["wings"], [], "no flag"),
            ([], ["wings"], "no flag"),
            ([nulls], [nulls], "either"),
        ):
            with pytest.raises(AccessRefused, match=said):
                ocpi_partners.set_flags(cursor, "DE-ABC", on, off)
        with pytest.raises(AccessRefused, match="no partner"):
            ocpi_partners.set_flags(cursor, "FR-XYZ", [nulls], [])
    with pytest.raises(AccessRefused, match="no flag"):
        platform.invite("FR-XYZ", flags=["wings"])


def test_a_website_and_a_logo_are_told_where_they_are_set(platform: Platform) -> None:
    told = '{"OP-1": {"website": "https://one.example", "logo": "https://one.example/a.PNG?x=1"}, "": {"website": "https://all.example"}}'
    details = business_details(load_settings(ocpi_business=told).ocpi_business)
    object.__setattr__(platform.surface, "business", details)
    try:
        roles = platform.ask("GET", "/2.2.1/credentials", platform.invite()).json()["data"]["roles"]
    finally:
        object.__setattr__(platform.surface, "business", {})
    assert [role["business_details"] for role in roles] == [
        {
            "name": "Grachtenlader BV",
            "website": "https://one.example",
            "logo": {"url": "https://one.example/a.PNG?x=1", "category": "OPERATOR", "type": "png"},
        },
        {"name": "Second", "website": "https://all.example"},
    ]


@pytest.mark.parametrize(
    "told",
    [
        "[]",
        '{"OP-1": {"colour": "red"}}',
        '{"OP-1": {"website": "one.example"}}',
        '{"OP-1": {"logo": "https://one.example/logo"}}',
        '{"OP-1": {"website": "https://%s.example"}}' % ("x" * 250),
    ],
)
def test_settings_of_a_business_that_are_none_are_refused(told: str) -> None:
    with pytest.raises(SettingsError, match="WATTLEDGER_OCPI_BUSINESS"):
        load_settings(ocpi_business=told)
    with pytest.raises(SettingsError, match="WATTLEDGER_OCPI_OWN_PARTY"):
        load_settings(ocpi_own_party="NOBODY")
