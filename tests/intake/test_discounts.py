"""Discounts from messages in any order to the book, a payout less by what an operator funds, and a sound audit."""

from random import Random
from typing import Any

import pytest

from tests.intake.test_wallets import findings, wrong
from tests.support.engine import Engine
from tests.support.events import event, operator, session, tariff

END = "2026-03-10T12:00:00Z"


def discount(name: str, funder: str, **what: Any) -> dict[str, Any]:
    """A discount of OP-1, in effect since New Year."""
    at = "2026-01-01T00:00:00Z"
    data = {"discount_id": name, "operator_id": "OP-1", "effective_from": at, "funder": funder} | what
    return event("discount.published", "OP-1", at, data, f"discount:{name}")


def naming(events: list[dict[str, Any]], *names: str) -> list[dict[str, Any]]:
    """A session that names discounts."""
    return [{**events[0], "data": {**events[0]["data"], "discount_ids": list(names)}}, *events[1:]]


def story() -> list[dict[str, Any]]:
    """Four sessions of 12.10 EUR: of a discount of each funder, and of one that nobody published."""
    return [
        operator(),
        operator("OP-2"),
        tariff(),
        discount("BY-US", "PLATFORM", fixed={"amount": "1.00", "currency": "EUR"}),
        discount("BY-OP-2", "OP-2", percent="10"),
        discount("BY-OP-1", "OPERATOR", per_kwh="0.05"),
        *naming(session(), "BY-US"),
        *naming(session("S-2", day="2026-03-03"), "BY-OP-2"),
        *naming(session("S-3", day="2026-03-04"), "BY-OP-1"),
        *naming(session("S-4", day="2026-03-05"), "NOBODY"),
        *naming(session("S-5", day="2026-03-06"), "BY-OP-2"),
    ]


@pytest.mark.parametrize("seed", range(3))
def test_any_order_gives_the_same_book(engine: Engine, seed: int) -> None:
    random = Random(seed)
    told = story()
    if seed:
        told += random.sample(told, 4)
        random.shuffle(told)
    engine.feed(told, batch=random.choice((1, 3, 500)))
    engine.advance(END)
    balances = engine.balances()
    assert balances["5065 EUR"] == 100
    assert balances["2010/OP-2 EUR"] == 242
    assert "DISCOUNT_WITHOUT_EFFECT" in findings(engine)
    assert wrong(engine) == []
