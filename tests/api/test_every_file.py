"""Every list as a file, on a store to which everything happened: its rows, and no column without a field."""

import csv
from collections.abc import Mapping
from io import BytesIO, StringIO
from itertools import islice, product
from string import Formatter
from typing import Any

import httpx
import pytest
from openpyxl import load_workbook

from api.openapi import openapi_document
from api.tables import safe_text
from tests.support.surface import Client

# Whose rows are parts of the objects that the list shows.
IN_PARTS = {"/v1/entries", "/v1/payouts/preview"}
OF_PARTS = {"line", "account", "amount", "status", "reason", "available_on", "entries"}
# What is given once with the list, and in each row of the file.
BESIDE = {"payout_id", "currency", "session_id"}
# Read with a key that is made for machines and their keepers.
OF_THE_DOOR = {
    *("/v1/api-keys", "/v1/audit-log", "/v1/notices", "/v1/subscriptions"),
    *("/v1/webhook-endpoints", "/v1/webhook-endpoints/{endpoint_id}/deliveries"),
}
# What lists are asked with: what they need, and what they can be by, since a row has the columns of that alone.
_OF_A_MONTH = {"operator_id": "OP-1", "location_id": "LOC-1", "month": "2026-03"}
_OF_A_CAUSE = {"operator_id": "OP-1", "currency": "EUR"}
QUESTIONS = {
    "/v1/balances": [{"code": "2010"}],
    "/v1/cash/days-to-cash": [{"by": by} for by in ("operator", "site", "evse", "channel", "day")],
    "/v1/cash/not-collected/parts": [_OF_A_CAUSE | {"cause": cause} for cause in ("NOT_SETTLED", "RETURNED")],
    "/v1/demand/ladder": [_OF_A_MONTH],
    "/v1/demand/shares": [_OF_A_MONTH],
    "/v1/load": [{"by": by} for by in ("quarter", "day", "site")],
    "/v1/load/{location_id}/quarters": [{"operator_id": "OP-1"}],
    "/v1/margins/sums": [{"by": by} for by in ("evse", "site", "channel", "month", "operator")],
    "/v1/uptime": [{"by": by} for by in ("evse", "site", "operator")],
    "/v1/use": [{"by": by} for by in ("", "evse,day", "channel,month")],
}
# Of objects that name of these what there was: a store in which everything happened has not all of them.
OF_SOME = {
    "/v1/uptime": {
        f"excluded_{cause}_s"
        for cause in ("UTILITY", "VEHICLE", "MAINTENANCE", "VANDALISM", "DISASTER", "OPENING_HOURS")
    }
}


def parameters_of(operation: Mapping[str, Any]) -> set[str]:
    return {each["name"] for each in operation.get("parameters", ())}


LISTS = [
    path
    for path, operations in openapi_document()["paths"].items()
    if {"cursor", "format"} <= parameters_of(operations.get("get", {})) and path not in OF_THE_DOOR
]


def addresses(path: str, known: Mapping[str, list[str]]) -> list[str]:
    """Up to three addresses of a list, with ids that the store has."""
    names = [name for _, name, _, _ in Formatter().parse(path) if name]
    values = zip(*(known[name] for name in names), strict=False) if names else iter([()])
    return [path.format(**dict(zip(names, each, strict=True))) for each in islice(values, 3)]


def questions(path: str) -> list[dict[str, str]]:
    """How a list is asked: once for each parameter by which it has other columns."""
    return QUESTIONS.get(path, [{}])


def records(answer: httpx.Response) -> list[dict[str, str]]:
    csv.field_size_limit(2**24)
    return list(csv.DictReader(StringIO(answer.text, newline=""), strict=True))


@pytest.mark.parametrize("path", LISTS)
def test_a_file_has_the_rows_of_its_list(path: str, told: Client, known: Mapping[str, list[str]]) -> None:
    for address, wanted in product(addresses(path, known), questions(path)):
        listed = list(told.walk(address, **wanted, limit=200))
        answer = told.get(address, params={**wanted, "format": "csv"})
        assert answer.status_code == 200, answer.text
        rows = records(answer)
        if path in IN_PARTS:
            assert len(rows) > len(listed)
            continue
        assert len(rows) == len(listed), (address, wanted)
        for row, document in zip(rows, listed, strict=True):
            for name in set(row) & set(document):
                if not isinstance(document[name], dict | list):
                    assert row[name] == safe_text(document[name]), (address, name)


@pytest.mark.parametrize("path", LISTS)
def test_every_column_says_something_of_some_row(path: str, told: Client, known: Mapping[str, list[str]]) -> None:
    """A column whose name is none of its documents' fields would be empty for ever."""
    fields: set[str] = set()
    for address, wanted in product(addresses(path, known), questions(path)):
        for document in islice(told.walk(address, **wanted, limit=200), 400):
            fields |= set(document)
            for name, value in document.items():
                if isinstance(value, dict):
                    fields |= {f"{name}_{inner}" for inner in value} | set(value) | {each.lower() for each in value}
    if not fields:
        return
    answer = told.get(addresses(path, known)[0], params={**questions(path)[0], "format": "csv"})
    header = answer.text.partition("\r\n")[0]
    unknown = set(header.split(",")) - fields - BESIDE - (OF_PARTS if path in IN_PARTS else OF_SOME.get(path, set()))
    assert {name for name in unknown if not any(part in fields for part in _endings(name))} == set()


def _endings(name: str) -> list[str]:
    """The field that a column may be of: `payout_delay_days` of `delay_days` of `payout`."""
    parts = name.split("_")
    return ["_".join(parts[number:]) for number in range(1, len(parts))]


@pytest.mark.parametrize("path", [path for path in LISTS if "{" not in path])
def test_a_workbook_has_as_many_rows_as_the_csv(path: str, told: Client) -> None:
    wanted = questions(path)[0]
    workbook = told.get(path, params={**wanted, "format": "xlsx"})
    assert workbook.status_code == 200, workbook.text
    sheet = load_workbook(BytesIO(workbook.content), read_only=True).worksheets[0]
    rows = len(records(told.get(path, params={**wanted, "format": "csv"})))
    assert sum(1 for _ in sheet.rows) == rows + 1
