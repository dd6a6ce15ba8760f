"""`wattledger tariff lint`: every error and every warning on a line of its own, and an answer to any file."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.contracts.builders import changed, golden_event, inbound_golden
from tests.contracts.test_fuzz import JSON
from tests.support.examples import examples
from wattledger.cli import main

EVENT = "tariff.published/v1-everything"
PLAIN = "tariff.published/v1-energy"


def tariff(name: str = PLAIN) -> dict[str, Any]:
    found: dict[str, Any] = golden_event(name)["data"]["tariff"]
    return found


def written(folder: Path, *documents: object, name: str = "tariffs.json") -> str:
    """A file with one document, or with several on a line each."""
    path = folder / name
    path.write_text("\n".join(json.dumps(document) for document in documents) + "\n")
    return str(path)


def findings(capsys: pytest.CaptureFixture[str], *files: str) -> tuple[int, list[tuple[str, str, str]]]:
    status = main(["tariff", "lint", "--json", *files])
    document = json.loads(capsys.readouterr().out)
    assert document["errors"] + document["warnings"] == len(document["findings"])
    return status, [(each["level"], each["code"], each["path"]) for each in document["findings"]]


def test_a_tariff_without_a_fault_is_passed_over_in_silence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["tariff", "lint", written(tmp_path, tariff())]) == 0
    assert capsys.readouterr().out == ""


def test_every_error_of_a_tariff_has_its_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    bad = tariff("tariff.published/v1-everything") | {"currency": "EURO", "party_id": "TOOLONG"}
    del bad["elements"][1:]
    bad["elements"][0]["restrictions"] |= {"min_kwh": 100, "max_power": 0}
    file = written(tmp_path, bad)
    assert findings(capsys, file) == (
        1,
        [
            ("error", "BAD_VALUE", "party_id"),
            ("error", "BAD_VALUE", "currency"),
            ("error", "BAD_VALUE", "elements[0].restrictions.min_kwh"),
            ("error", "BAD_VALUE", "elements[0].restrictions.max_power"),
        ],
    )
    assert main(["tariff", "lint", file]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert lines[2] == (
        f"{file}:1 (T-ALL): error: elements[0].restrictions.min_kwh: 100 is not below max_kwh (80.5): "
        "the element never holds [BAD_VALUE]"
    )
    assert len(lines) == 4


def test_fields_that_contradict_are_told_beside_fields_that_are_wrong_by_themselves(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bad = tariff("tariff.published/v1-everything") | {"currency": "EURO", "min_price": {"excl_vat": 60}}
    bad["elements"][0]["restrictions"] |= {"day_of_week": ["FUNDAY"]}
    status, found = findings(capsys, written(tmp_path, bad))
    assert (status, [path for *_, path in found]) == (
        1,
        [
            "currency",
            "elements[0].restrictions.day_of_week[0]",
            "min_price.excl_vat",
        ],
    )


def test_warnings_alone_are_no_failure(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    odd = tariff()
    odd["elements"][0]["price_components"][0]["step_size"] = 0
    assert findings(capsys, written(tmp_path, odd)) == (
        0,
        [("warning", "STEP_SIZE_ZERO", "elements[0].price_components[0].step_size")],
    )


def test_a_list_of_tariffs_is_checked_one_by_one(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    bad = tariff() | {"currency": "EURO"}
    status, found = findings(capsys, written(tmp_path, [tariff(), bad, 5]))
    assert status == 1
    assert found == [("error", "BAD_VALUE", "currency"), ("error", "WRONG_TYPE", "$")]


def test_events_are_checked_line_by_line_and_other_kinds_are_passed_over(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bad = changed(EVENT, "data.tariff.elements.0.restrictions.start_date", "2027-01-01")
    del bad["data"]["tariff"]["elements"][1:]
    nameless = changed(PLAIN, "id", "")
    operator = golden_event("operator.registered/v1-iban")
    order = golden_event("tariff.rerating_ordered/v1-one-tariff")
    order["data"]["tariff"]["elements"] *= 2
    status, found = findings(capsys, written(tmp_path, operator, bad, nameless, order))
    assert status == 1
    assert found == [
        ("error", "BAD_VALUE", "data.tariff.elements[0].restrictions.start_date"),
        ("error", "BAD_VALUE", "id"),
        ("warning", "UNREACHABLE_ELEMENT", "data.tariff.elements[1]"),
    ]


@pytest.mark.parametrize("value", ["ENERGY", 5, None, "9999-12-31T23:59:59-14:00"])
def test_a_field_that_an_order_does_not_have_is_passed_over_whatever_it_holds(
    value: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    order = golden_event(next(str(each) for each in inbound_golden() if each.type == "tariff.rerating_ordered"))
    order["data"]["effective_from"] = value
    assert findings(capsys, written(tmp_path, order))[0] == 0


def test_prices_that_include_taxes_nobody_names_are_not_priced_yet(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    taxed = tariff() | {"tax_included": "YES"}
    del taxed["elements"][0]["price_components"][0]["vat"]
    status, found = findings(capsys, written(tmp_path, taxed))
    assert (status, found[0]) == (0, ("warning", "NOT_PRICED", "elements[0].price_components[0].price"))


def test_a_line_that_is_no_json_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "events.jsonl"
    path.write_text(f"{json.dumps(golden_event(PLAIN))}\nnot json\n")
    assert main(["tariff", "lint", str(path)]) == 1
    assert f"{path}:2: error: $: not JSON" in capsys.readouterr().out


def test_a_file_without_a_tariff_is_no_good_tariff(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["tariff", "lint", written(tmp_path, golden_event("operator.registered/v1-iban"))]) == 1
    assert "no tariff in it" in capsys.readouterr().err


def test_a_file_that_is_not_there_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["tariff", "lint", str(tmp_path / "nowhere.json")]) == 1
    assert "nowhere.json: no such file" in capsys.readouterr().err


@settings(max_examples=examples(80), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(value=st.binary(max_size=200) | JSON.map(lambda document: json.dumps(document).encode()))
def test_any_bytes_get_an_answer(tmp_path: Path, capsys: pytest.CaptureFixture[str], value: bytes) -> None:
    path = tmp_path / "anything"
    path.write_bytes(value)
    assert main(["tariff", "lint", str(path)]) in (0, 1)
    assert "unexpected" not in capsys.readouterr().err


@settings(max_examples=examples(80), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data(), value=JSON)
def test_a_tariff_with_anything_anywhere_gets_an_answer(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], data: st.DataObject, value: Any
) -> None:
    document: dict[str, Any] = tariff("tariff.published/v1-everything")
    node: Any = document
    while isinstance(node, (dict, list)) and node:
        step = data.draw(st.sampled_from(sorted(node) if isinstance(node, dict) else range(len(node))))
        if not isinstance(node[step], (dict, list)) or data.draw(st.booleans()):
            node[step] = value
            break
        node = node[step]
    assert main(["tariff", "lint", written(tmp_path, document)]) in (0, 1)
    assert "unexpected" not in capsys.readouterr().err
