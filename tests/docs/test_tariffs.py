"""docs/tariffs.md: every figure is the engine's, every decided gap and every warning is named."""

import ast
import re
from datetime import timedelta
from decimal import Decimal
from importlib import import_module
from typing import Any

import pytest

from contracts.ocpi import cdr_2_3_0 as cdr_model
from contracts.tariff_check import event_faults, tariff_faults
from domain.cdr.document import CdrSource, cdr_document
from domain.cdr.taxes import taxes_to_store
from domain.cdr.version_2_3_0 import cdr_2_3_0
from domain.money import to_minor_half_up
from domain.tariff.lint import NOT_PRICED, lint
from domain.tariff.published import taxes_of
from ledger.events.codec import dump
from tests.docs.pages import ROOT, table
from tests.docs.tariff_examples import DOCUMENT, Example, examples, rows_of, table_of

TAXES = "| tax | percentage | amount |"
GAPS = "| function | OCPI | decided |"
CODES = "| code | means |"

WANTED = {
    "Time of day",
    "Free first hour",
    "Blocking fee",
    "Energy tiers",
    "Steps with parking",
    "Minimum price",
    "Daylight saving",
    "OCPI 2.3.0, tax included",
    "OCPI 2.3.0, two taxes",
    "Reservation",
}


def test_the_examples_that_people_ask_for_are_there() -> None:
    assert {example.title for example in examples()} == WANTED


@pytest.mark.parametrize("example", examples(), ids=str)
def test_an_example_gives_the_lines_below_it(example: Example) -> None:
    assert table_of(example.rows) == table_of(rows_of(example))


@pytest.mark.parametrize("example", examples(), ids=str)
def test_the_tariff_of_an_example_is_accepted_without_a_warning(example: Example) -> None:
    envelope = {"specversion": "1.0", "id": "1", "source": "s", "subject": "s", "time": "2026-01-01T00:00:00Z"}
    data = {"operator_id": "OP-1", "effective_from": "2026-01-01T00:00:00Z", **example.data}
    assert event_faults({**envelope, "type": "tariff.published", "data": data}) == []
    assert lint(example.data["tariff"], taxes_of(example.data.get("taxes"))) == ()
    assert example.data.get("taxes") or tariff_faults(example.data["tariff"]) == []


def test_the_taxes_of_the_cdr_are_those_of_the_table() -> None:
    example = next(each for each in examples() if each.data.get("taxes"))
    told = [(name, Decimal(percentage), Decimal(amount)) for name, percentage, amount in table(DOCUMENT, TAXES)]
    taxes = cdr_in_2_3_0(example)["total_cost"]["taxes"]
    assert [(tax["name"], tax["percentage"], tax["amount"]) for tax in taxes] == told


def cdr_in_2_3_0(example: Example) -> dict[str, Any]:
    """The CDR of an example, as OCPI 2.3.0 has it and valid by its model."""
    rating, terms, tariff = example.rating, example.data["tariff"], example.tariff
    source = CdrSource(
        cdr_id="C-1",
        session_id="S-1",
        country_code=terms["country_code"],
        party_id=terms["party_id"],
        currency=tariff.currency,
        auth_method="WHITELIST",
        location_id="LOC-1",
        evse_uid="EVSE-1",
        connector_id="1",
        tariff=terms,
        rating=rating,
        net_minor=to_minor_half_up(rating.total.excl_vat, tariff.currency),
        gross_minor=to_minor_half_up(rating.total.incl_vat, tariff.currency),
        issued_at=rating.periods[-1].end + timedelta(minutes=15),
        taxes=taxes_of(example.data.get("taxes")),
    )
    document = cdr_document(source)
    found = cdr_2_3_0(document, taxes_to_store(rating, document), terms)
    cdr_model.Cdr.model_validate_json(dump(found))
    return found


def decided() -> set[str]:
    """Every function and class of the domain whose text says what was decided."""
    found = set()
    for path in (ROOT / "domain").rglob("*.py"):
        module = ".".join(path.relative_to(ROOT).with_suffix("").parts)
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef | ast.ClassDef) and "Decided" in (ast.get_docstring(node) or ""):
                found.add(f"{module}.{node.name}")
    return found


def test_every_decided_gap_is_named_with_its_function() -> None:
    assert {function for function, *_ in table(DOCUMENT, GAPS)} == decided()


@pytest.mark.parametrize(("function", "section"), [row[:2] for row in table(DOCUMENT, GAPS)])
def test_the_function_of_a_gap_cites_the_section(function: str, section: str) -> None:
    module, _, name = function.rpartition(".")
    text = " ".join((getattr(import_module(module), name).__doc__ or "").split())
    last_word = section.rpartition(" ")[2]
    assert "OCPI" in text
    assert last_word in text or last_word in (import_module(module).__doc__ or ""), f"{function}: {text}"


def test_every_code_of_a_warning_is_explained() -> None:
    source = (ROOT / "domain" / "tariff" / "lint.py").read_text(encoding="utf-8")
    told = set(re.findall(r'Finding\(\s*"([A-Z_0-9]+)"', source)) | {NOT_PRICED}
    assert {code for code, _ in table(DOCUMENT, CODES)} == told
