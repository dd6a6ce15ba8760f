"""A decision names what was read by the tag that came with it: of every kind of thing that people decide about."""

from itertools import count
from typing import Any

import pytest

from ledger.access.duties import Duty
from tests.support.events import event, operator
from tests.support.live import Live, act
from tests.support.surface import Client

_numbers = count(1)


@pytest.fixture(scope="module")
def fred(system: Live) -> Client:
    return system.as_(Duty.FINANCE, acts_for="Fred")


def checked(system: Live) -> str:
    """An operator about whose account a bank has answered."""
    name = f"OP-TAG-{next(_numbers)}"
    told = operator(name)
    answered: dict[str, Any] = {
        "operator_id": name,
        "bank_account": told["data"]["bank_account"],
        "result": "CLOSE_MATCH",
        "suggested_name": "Grachtenlader B.V.",
        "provider": "acme-vop",
        "at": "2026-03-01T12:00:00Z",
    }
    system.tell(told, event("payee.verified", name, "2026-03-01T12:00:00Z", answered, f"payee:{name}"))
    return name


def test_what_is_decided_about_an_operator_takes_the_tag_with_which_it_was_read(system: Live, fred: Client) -> None:
    path = f"/v1/operators/{checked(system)}"
    system.seen(path, fred, lambda each: each["payee_checks"])
    tag = fred.get(path).headers["etag"]
    reason = {"reason": "papers are missing"}
    assert act(fred, f"{path}/hold", reason, If_Match='"older"').status_code == 412
    assert act(fred, f"{path}/hold", reason, If_Match=tag, Prefer="wait=10").json()["state"] == "TAKEN"
    system.seen(path, fred, lambda each: each["held"]["held"])
    assert act(fred, f"{path}/release", reason, If_Match=tag).status_code == 412
