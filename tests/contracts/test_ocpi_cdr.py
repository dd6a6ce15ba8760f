"""CDRs of OCPI 2.3.0 and the JSON Schemas of OCPI objects: what they hold is what the models take."""

import json
from copy import deepcopy
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from pydantic import ValidationError

from contracts.ocpi import cdr_2_3_0
from contracts.schemas import OCPI_MODELS, ocpi_schema, write_schemas
from tests.contracts.builders import ABSENT, golden_event, put

TAXED = {"before_taxes": 5.88, "taxes": [{"name": "VAT", "percentage": 21, "amount": 1.23}]}
FREE = {"before_taxes": 0}


def older() -> dict[str, Any]:
    cdr: dict[str, Any] = golden_event("settlement.cdr.issued/v1-roaming")["data"]["cdr"]
    return cdr


def newer() -> dict[str, Any]:
    """The golden CDR as OCPI 2.3.0 writes it."""
    cdr = older()
    for name in [name for name in cdr if name.endswith("_cost")]:
        cdr[name] = deepcopy(TAXED)
    for tariff in cdr["tariffs"]:
        tariff["tax_included"] = "NO"
    return cdr


def newer_credit() -> dict[str, Any]:
    total = {"before_taxes": -5.88, "taxes": [{"name": "GST", "amount": -0.3}, {"name": "QST", "amount": -0.93}]}
    return newer() | {"id": "C-1-C", "credit": True, "credit_reference_id": "C-1", "total_cost": total}


GOOD: list[tuple[str, Any]] = [
    ("total_cost.taxes", []),
    ("total_cost.taxes", ABSENT),
    ("total_cost.taxes.0.percentage", ABSENT),
    ("total_cost.taxes.0.account_number", "123456789RT0001"),
    ("cdr_location.connector_standard", "MCS"),
    ("cdr_location.connector_standard", "#NA"),
    ("tariffs.0.tax_included", "N/A"),
    ("tariffs.0.min_price", {"before_taxes": 1, "after_taxes": 1.21}),
    ("session_id", ABSENT),
]
BAD: list[tuple[str, Any]] = [
    *[(name, ABSENT) for name, field in cdr_2_3_0.Cdr.model_fields.items() if field.is_required()],
    ("total_cost", {"excl_vat": 5.88, "incl_vat": 7.11}),
    ("total_cost.after_taxes", 7.11),
    ("total_cost.before_taxes", "5.88"),
    ("total_cost.taxes.0.name", ABSENT),
    ("total_cost.taxes.0.amount", ABSENT),
    ("total_cost.taxes.0.amount", "1.23"),
    ("total_cost.taxes.0.rate", 21),
    ("total_energy_cost.incl_vat", 7.11),
    ("cdr_location.connector_standard", "TYPE_2"),
    ("tariffs.0.tax_included", ABSENT),
    ("tariffs.0.tax_included", "MAYBE"),
    ("tariffs.0.min_price", {"excl_vat": 1}),
    ("id", "x" * 40),
    ("id", "x" * 37),
    ("credit", True),
    ("credit_reference_id", "C-0"),
    ("colour", "green"),
]
BEYOND_A_SCHEMA: list[tuple[str, Any]] = [
    ("charging_periods.0.start_date_time", "2026-03-01T11:30:00Z"),
]


def matches_schema(module: str, version: str, document: object) -> bool:
    schema = ocpi_schema(module, version)
    jsonschema.Draft202012Validator.check_schema(schema)
    return bool(jsonschema.Draft202012Validator(schema).is_valid(document))


@pytest.mark.parametrize("made", [newer, newer_credit])
def test_a_cdr_of_2_3_0_is_good_by_its_model_and_by_its_schema(made: Any) -> None:
    cdr_2_3_0.Cdr.model_validate(made())
    assert matches_schema("cdr", "2.3.0", made())


@pytest.mark.parametrize(("path", "value"), GOOD, ids=lambda part: str(part)[:40])
def test_what_ocpi_2_3_0_leaves_open_is_good(path: str, value: object) -> None:
    cdr_2_3_0.Cdr.model_validate(put(newer(), path, value))
    assert matches_schema("cdr", "2.3.0", put(newer(), path, value))


@pytest.mark.parametrize(("path", "value"), BAD, ids=lambda part: str(part)[:40])
def test_a_cdr_that_breaks_ocpi_2_3_0_is_seen_by_model_and_schema(path: str, value: object) -> None:
    with pytest.raises(ValidationError):
        cdr_2_3_0.Cdr.model_validate(put(newer(), path, value))
    assert not matches_schema("cdr", "2.3.0", put(newer(), path, value))


@pytest.mark.parametrize(("path", "value"), BEYOND_A_SCHEMA, ids=lambda part: str(part)[:40])
def test_rules_across_fields_are_seen_by_the_model(path: str, value: object) -> None:
    with pytest.raises(ValidationError):
        cdr_2_3_0.Cdr.model_validate(put(newer(), path, value))


@pytest.mark.parametrize(
    ("fields", "good"),
    [
        ({"credit": True, "credit_reference_id": "C-0", "id": "x" * 39}, True),
        ({"credit": False}, True),
        ({"credit": False, "credit_reference_id": None}, True),
        ({"credit": True}, False),
        ({"credit": True, "credit_reference_id": None}, False),
        ({"credit": False, "credit_reference_id": "C-0"}, False),
        ({"credit_reference_id": "C-0"}, False),
        ({"id": "x" * 37}, False),
    ],
)
@pytest.mark.parametrize("version", ["2.2.1", "2.3.0"])
def test_a_credit_cdr_and_no_other_names_what_it_takes_back(version: str, fields: dict[str, Any], good: bool) -> None:
    cdr = (older() | {"total_cost": {"excl_vat": 0}}) if version == "2.2.1" else (newer() | {"total_cost": FREE})
    assert matches_schema("cdr", version, cdr | fields) is good
    if good:
        OCPI_MODELS["cdr", version].model_validate(cdr | fields)
    else:
        with pytest.raises(ValidationError):
            OCPI_MODELS["cdr", version].model_validate(cdr | fields)


@pytest.mark.parametrize("path", ["total_cost.before_taxes", "total_cost.taxes.1.amount"])
def test_a_credit_takes_back_the_amount_and_each_tax(path: str) -> None:
    with pytest.raises(ValidationError, match="above zero"):
        cdr_2_3_0.Cdr.model_validate(put(newer_credit(), path, 0.01))


def test_a_cdr_of_one_version_is_none_of_the_other() -> None:
    assert matches_schema("cdr", "2.2.1", older())
    assert not matches_schema("cdr", "2.3.0", older())
    assert not matches_schema("cdr", "2.2.1", newer())


def test_a_tariff_of_one_version_is_none_of_the_other() -> None:
    newer_tariff = golden_event("tariff.published/v1-ocpi-2-3-0")["data"]["tariff"]
    older_tariff = golden_event("tariff.published/v1-everything")["data"]["tariff"]
    assert matches_schema("tariff", "2.3.0", newer_tariff)
    assert matches_schema("tariff", "2.2.1", older_tariff)
    assert not matches_schema("tariff", "2.2.1", newer_tariff)
    assert not matches_schema("tariff", "2.3.0", older_tariff)


def test_the_schemas_of_ocpi_objects_are_written_with_those_of_events(tmp_path: Path) -> None:
    names = {path.name for path in write_schemas(tmp_path)}
    assert names >= {f"ocpi.{module}.{version}.schema.json" for module, version in OCPI_MODELS}
    schema = json.loads((tmp_path / "ocpi.cdr.2.3.0.schema.json").read_bytes())
    assert schema["$id"] == "urn:wattledger:schema:ocpi.cdr:2.3.0"
