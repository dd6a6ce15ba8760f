"""Balances over HTTP: accounts, operators, trial balance and statements, on both axes and for who may see them."""

from collections import defaultdict
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import orjson
import psycopg
import pytest

from domain.calendar import instant, utc_text
from domain.money import format_minor
from tests.support.surface import Client, serving

OWNED = ("pending", "available", "reserved", "disputed", "in_transit", "to_fix")


@pytest.fixture(scope="module")
def client(network_url: str) -> Iterator[Client]:
    with serving(network_url) as client:
        yield client


@pytest.fixture(scope="module")
def journal(network_files: Path) -> list[dict[str, Any]]:
    return [orjson.loads(line) for line in (network_files / "journal.jsonl").read_bytes().splitlines()]


@pytest.fixture(scope="module")
def middle(journal: list[dict[str, Any]]) -> str:
    """A moment in the midst of the journal, as it is asked for."""
    return utc_text(instant(journal[len(journal) // 2]["effective_at"]))


def posted(journal: list[dict[str, Any]], until: str | None = None) -> dict[tuple[str, str], Decimal]:
    """The balance of each account and currency up to a moment."""
    found: dict[tuple[str, str], Decimal] = defaultdict(Decimal)
    for entry in journal:
        if until is None or instant(entry["effective_at"]) <= instant(until):
            for posting in entry["postings"]:
                found[posting["account"], entry["currency"]] += Decimal(posting["amount"])
    return found


def test_an_account_is_shown_by_currency_and_as_of_a_moment(
    client: Client, journal: list[dict[str, Any]], middle: str
) -> None:
    for until in (None, middle):
        asked: dict[str, Any] = {"effective_at": until} if until else {}
        for account in ("2010/OP-NL", "2011/OP-DE", "1010", "4010"):
            document = client.document("/v1/balances", account=account, **asked)
            assert document["next_cursor"] is None
            assert document["as_of"]["effective_at"] == until
            shown = {(each["account"], each["currency"]): Decimal(each["balance"]) for each in document["data"]}
            wanted = {key: amount for key, amount in posted(journal, until).items() if key[0] == account}
            assert {key: amount for key, amount in shown.items() if amount} == {k: v for k, v in wanted.items() if v}
            for each in document["data"]:
                assert Decimal(each["debits"]) - Decimal(each["credits"]) == Decimal(each["balance"])


def test_all_accounts_of_a_code_are_walked_in_order(client: Client, journal: list[dict[str, Any]]) -> None:
    listed = [(each["account"], each["currency"]) for each in client.walk("/v1/balances", code="2010", limit=2)]
    assert listed == sorted({key for key in posted(journal) if key[0].startswith("2010/")})
    in_euro = [*client.walk("/v1/balances", code="2010", currency="EUR", limit=1)]
    assert [each["account"] for each in in_euro] == [name for name, unit in listed if unit == "EUR"]
    rows = client.get("/v1/balances", params={"code": "2010", "format": "csv"}).text.splitlines()
    assert len(rows) == len(listed) + 1


def test_an_account_or_a_code_is_asked_for(client: Client) -> None:
    wrong: list[dict[str, Any]] = [{}, {"account": "1010", "code": "1010"}]
    for asked in wrong:
        assert client.document("/v1/balances", 400, **asked)["errors"][0]["parameter"] in ("account", "code")
    assert client.document("/v1/balances", account="2010/NOBODY")["data"] == []
    assert client.document("/v1/balances", 400, account="1010", known_at="2999-01-01T00:00:00Z")["errors"]


def test_before_anything_was_known_there_is_nothing(client: Client) -> None:
    ago = "2020-01-01T00:00:00Z"
    document = client.document("/v1/balances", account="1010", known_at=ago)
    assert (document["data"], document["as_of"]["position"]) == ([], 0)
    assert [*client.document("/v1/trial-balance", known_at=ago)] == ["as_of"]
    assert client.document("/v1/operators/OP-NL/balances", known_at=ago)["data"] == []
    statement = client.document("/v1/operators/OP-NL/statement", known_at=ago)
    assert (statement["opening"], statement["lines"], statement["closing"]) == ("0.00", [], "0.00")


def test_what_an_operator_is_owed_is_that_of_its_accounts_at_any_moment(
    client: Client, journal: list[dict[str, Any]], middle: str
) -> None:
    for until in (None, middle):
        asked: dict[str, Any] = {"effective_at": until} if until else {}
        found = client.document("/v1/operators/OP-NL/balances", **asked)
        assert (found["effective_at"], found["known_at"]) == (until, None)
        for each in found["data"]:
            accounts = posted(journal, until)
            assert Decimal(each["available"]) == -accounts["2010/OP-NL", each["currency"]]
            assert Decimal(each["pending"]) == -accounts["2011/OP-NL", each["currency"]]
            assert Decimal(each["owed"]) == sum(Decimal(each[name]) for name in OWNED)


def test_the_trial_balance_by_code_is_that_by_account(client: Client, middle: str) -> None:
    of_all: list[dict[str, Any]] = [{}, {"effective_at": middle}]
    for asked in of_all:
        by_account, by_code = (client.document("/v1/trial-balance", by=by, **asked) for by in ("account", "code"))
        assert by_account.pop("as_of") == by_code.pop("as_of")
        for currency, accounts in by_account.items():
            sums: dict[str, Decimal] = defaultdict(Decimal)
            for account, each in accounts.items():
                sums[account.partition("/")[0]] += Decimal(each["balance"])
            assert {code: Decimal(each["balance"]) for code, each in by_code[currency].items()} == sums
            assert sum(sums.values()) == 0
    assert set(client.document("/v1/trial-balance", currency="EUR")) == {"EUR", "as_of"}
    client.document("/v1/trial-balance", 400, by="operator")


def test_a_statement_goes_from_its_opening_to_its_closing(
    client: Client, journal: list[dict[str, Any]], middle: str
) -> None:
    whole = client.document("/v1/operators/OP-NL/statement")
    first = client.document("/v1/operators/OP-NL/statement", to=middle)
    later: dict[str, Any] = {"from": middle}
    second = client.document("/v1/operators/OP-NL/statement", currency="EUR", **later)
    assert first["lines"] + second["lines"] == whole["lines"]
    assert (whole["opening"], first["closing"], second["closing"]) == ("0.00", second["opening"], whole["closing"])
    for found in (whole, first, second):
        balance = Decimal(found["opening"])
        for line in found["lines"]:
            balance += Decimal(line["amount"])
            assert Decimal(line["balance"]) == balance
        assert Decimal(found["closing"]) == balance
    accounts = {"2010/OP-NL", "2011/OP-NL"}
    of_journal = {each["entry_id"] for each in journal if accounts & {one["account"] for one in each["postings"]}}
    assert {line["entry_id"] for line in whole["lines"]} == of_journal
    assert client.get("/v1/operators/OP-NL/statement", params={"format": "csv"}).text.count("\n") == 1 + len(
        of_journal
    )


def test_an_operator_sees_its_own_accounts_as_finance_sees_them(client: Client, middle: str) -> None:
    own = client.as_("operator:OP-NL")
    of_own: list[tuple[str, dict[str, Any]]] = [
        ("/v1/balances", {"account": "2010/OP-NL"}),
        ("/v1/balances", {"account": "2011/OP-NL", "effective_at": middle}),
        ("/v1/operators/OP-NL/balances", {}),
        ("/v1/operators/OP-NL/balances", {"effective_at": middle}),
        ("/v1/operators/OP-NL/statement", {}),
    ]
    for path, asked in of_own:
        assert own.document(path, **asked) == client.document(path, **asked)
    assert {each["account"] for each in own.walk("/v1/balances", code="2010")} == {"2010/OP-NL"}
    for account in ("2010/OP-DE", "1010", "4010"):
        assert own.document("/v1/balances", account=account)["data"] == []
    for resource in ("balances", "statement"):
        mine, nobodys = (own.document(f"/v1/operators/{id_}/{resource}", 404) for id_ in ("OP-DE", "OP-DX"))
        assert mine["detail"].replace("OP-DE", "OP-DX") == nobodys["detail"]
    assert own.get("/v1/trial-balance").status_code == 403


def test_what_was_known_before_the_last_events_is_what_stood_then(client: Client, network_url: str) -> None:
    with psycopg.connect(network_url) as connection:
        rows = connection.execute("SELECT position, known_at FROM projection.known ORDER BY position").fetchall()
    position, known_at = rows[len(rows) // 2]
    asked: dict[str, Any] = {"known_at": utc_text(known_at)}
    with psycopg.connect(network_url) as connection:
        lines = connection.execute(
            "SELECT account, currency, sum(amount)::bigint FROM projection.account_lines WHERE position <= %s "
            "AND account LIKE '2010/%%' GROUP BY account, currency",
            (position,),
        ).fetchall()
    for account, currency, amount in lines:
        document = client.document("/v1/balances", account=account, currency=currency, **asked)
        assert document["as_of"]["position"] == position
        (found,) = document["data"]
        assert found["balance"] == format_minor(amount, currency)
