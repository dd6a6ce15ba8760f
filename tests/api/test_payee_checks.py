"""What banks last answered about accounts, of operators and payouts over HTTP."""

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from projections.runner import catch_up
from tests.intake.test_approvals import MADE, network
from tests.intake.test_payee_checks import ACCOUNT, OTHER, verified
from tests.support.engine import Engine
from tests.support.events import operator
from tests.support.surface import Client, serving

LAST = {"result": "CLOSE_MATCH", "suggested_name": "Grachtenlader B.V.", "provider": "acme-vop"}


@pytest.fixture(scope="module")
def client(postgres_dsn: str) -> Iterator[Client]:
    with psycopg.connect(postgres_dsn, autocommit=True) as connection:
        connection.execute("CREATE DATABASE payees_over_http")
    dsn = f"{postgres_dsn.rpartition('/')[0]}/payees_over_http"
    engine = Engine(dsn)
    answers = [
        verified("CLOSE_MATCH", "02 13:00", suggested_name="Grachtenlader B.V."),
        verified("NO_MATCH", "02 12:00"),
        verified("NOT_POSSIBLE", "01 08:00", OTHER),
    ]
    engine.feed([*network(payout_requires_approval=False), operator("OP-2", bank_account=OTHER), *answers])
    engine.advance(MADE)
    engine.close()
    catch_up(dsn)
    with serving(dsn) as client:
        yield client


def test_an_operator_shows_the_last_answer_about_each_of_its_accounts(client: Client) -> None:
    checks: list[dict[str, Any]] = client.as_("operator:OP-1").document("/v1/operators/OP-1")["payee_checks"]
    assert {name: checks[0][name] for name in LAST} == LAST
    assert [(each["at"], each["account"][:4]) for each in checks] == [
        ("2026-03-02T13:00:00Z", "NL**"),
        ("2026-03-01T08:00:00Z", "DE**"),
    ]
    assert not any(account["iban"] in str(checks) for account in (ACCOUNT, OTHER))
    assert client.document("/v1/operators/OP-2")["payee_checks"] == []


def test_a_payout_shows_the_last_answer_about_its_account(client: Client) -> None:
    own = client.as_("operator:OP-1")
    (listed,) = own.document("/v1/payouts")["data"]
    shown = own.document(f"/v1/payouts/{listed['payout_id']}")
    assert shown["payee_check"] == LAST | {"at": "2026-03-02T13:00:00Z"}
    assert client.as_("operator:OP-2").get(f"/v1/payouts/{listed['payout_id']}").status_code == 404
