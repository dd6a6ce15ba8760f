"""On one store the resources give what the files of `export` have: every object, and each field of both alike."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import orjson
import pytest

from tests.support.surface import Client, serving


@pytest.fixture(scope="module")
def client(network_url: str) -> Iterator[Client]:
    with serving(network_url) as client:
        yield client


def lines(path: Path) -> list[dict[str, Any]]:
    return [orjson.loads(line) for line in path.read_bytes().splitlines()]


def bytes_of(document: Mapping[str, Any], fields: Mapping[str, Any]) -> bytes:
    """The fields of one document that another one has, as they would be written."""
    return orjson.dumps({name: document[name] for name in fields if name in document})


@pytest.mark.parametrize(
    ("name", "path", "key"),
    [
        ("sessions", "/v1/sessions", "session_id"),
        ("payouts", "/v1/payouts", "payout_id"),
        ("cdrs", "/v1/cdrs", "id"),
        ("journal", "/v1/entries", "entry_id"),
    ],
)
def test_every_object_of_a_file_is_in_the_list_and_by_itself(
    client: Client, network_files: Path, name: str, path: str, key: str
) -> None:
    filed = {each[key]: each for each in lines(network_files / f"{name}.jsonl")}
    listed = {each[key]: each for each in client.walk(path, limit=200)}
    assert filed.keys() == listed.keys()
    for id_, document in filed.items():
        shared = [field for field in document if field in listed[id_]]
        assert len(shared) > 3
        if name != "payouts":
            assert shared == [*document]
        assert bytes_of(listed[id_], document) == bytes_of(document, listed[id_])
    some = sorted(filed)[:: max(1, len(filed) // 20)]
    for id_ in some:
        one = client.document(f"{path}/{id_}")
        assert bytes_of(one, filed[id_]) == bytes_of(filed[id_], one)


def test_balances_of_operators_are_those_of_the_file(client: Client, network_files: Path) -> None:
    for operator_id, currencies in orjson.loads((network_files / "balances.json").read_bytes()).items():
        found = client.document(f"/v1/operators/{operator_id}/balances")["data"]
        assert {each["currency"]: {name: each[name] for name in currencies[each["currency"]]} for each in found} == (
            currencies
        )


def test_the_trial_balance_is_that_of_the_file(client: Client, network_files: Path) -> None:
    filed = orjson.loads((network_files / "trial_balance.json").read_bytes())
    found = client.document("/v1/trial-balance", by="account")
    assert found.pop("as_of")["position"] > 0
    assert orjson.dumps(found) == orjson.dumps(filed)


def test_findings_and_dead_letters_are_those_of_the_files(client: Client, network_files: Path) -> None:
    breaks = [*client.walk("/v1/breaks", limit=200)]
    filed = lines(network_files / "findings.jsonl")
    assert sorted(bytes_of(each, filed[0]) for each in breaks) == sorted(orjson.dumps(each) for each in filed)
    letters = [*client.walk("/v1/dead-letters", limit=200)]
    refused = lines(network_files / "deadletter.jsonl")
    assert len(letters) == len(refused)
    for each in refused:
        assert any(bytes_of(letter, each) == bytes_of(each, letter) for letter in letters)
