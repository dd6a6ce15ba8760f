"""The treasury: whatever is booked otherwise than it was told, or kept otherwise, `verify` sees it."""

from collections.abc import Callable
from typing import Any

import psycopg
import pytest

from domain.book.treasury_bookings import SupplierPaid
from domain.catalogue import hubs
from domain.matter import suppliers, treasury
from domain.money import percent_of
from tests.intake.test_treasury import converting, roamed, through_a_hub
from tests.support.audited import verify
from tests.support.engine import Engine
from tests.support.treasury import converted, executed, hub_invoiced, rate, supplier_paid

UNTIL = "2026-04-10T12:00:00Z"
Plant = Callable[[pytest.MonkeyPatch], None]


def everything() -> list[dict[str, Any]]:
    """One of each, and a run that converts."""
    return [
        *converting("900.00"),
        through_a_hub(),
        *roamed(),
        rate(),
        converted(value="0.09"),
        executed("D-1", "150.00", "13.00"),
        executed("D-2", "100.00", "8.60", "2026-03-09T12:00:00Z"),
        hub_invoiced(net="0.25"),
        supplier_paid(),
    ]


def failed(engine: Engine) -> set[str]:
    return {check.name for check in verify(engine.dsn).failed}


def settled(engine: Engine) -> None:
    engine.feed(everything())
    engine.advance(UNTIL)


def test_all_of_it_is_sound(engine: Engine) -> None:
    settled(engine)
    assert failed(engine) == set()


def _without_results(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(treasury, "_result", lambda *_: iter(()))


def _spread_forgotten(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(treasury, "percent_of", lambda *_: 0)


def _never_off(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(treasury, "is_off", lambda *_: False)


def _hub_twice(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(hubs, "percent_of", lambda amount, percent: 2 * percent_of(amount, percent))


def _cent_more(patch: pytest.MonkeyPatch) -> None:
    def more(**fields: Any) -> SupplierPaid:
        return SupplierPaid(**(fields | {"amount": fields["amount"] + 1}))

    patch.setattr(suppliers, "SupplierPaid", more)


PLANTED: list[tuple[Plant, str]] = [
    (_without_results, "matters"),
    (_spread_forgotten, "matters"),
    (_never_off, "matters"),
    (_hub_twice, "hub_fees"),
    (_cent_more, "matters"),
]


@pytest.mark.parametrize(("plant", "check"), PLANTED, ids=[plant.__name__ for plant, _ in PLANTED])
def test_an_error_in_the_engine_is_found(
    engine: Engine, monkeypatch: pytest.MonkeyPatch, plant: Plant, check: str
) -> None:
    with monkeypatch.context() as patch:
        plant(patch)
        settled(engine)
    assert check in failed(engine)


CHANGES = [
    ("fx_move", "UPDATE intake.fx_move SET sold_before = sold_before + 1", {"positions"}),
    ("fx_move", "UPDATE intake.fx_move SET bought = bought + 1 WHERE sold > 0", {"kept", "positions"}),
    ("fx_rate", "DELETE FROM intake.fx_rate", {"kept", "matters"}),
    ("fx_rate", "UPDATE intake.fx_rate SET rate = rate * 2", {"kept", "matters"}),
    ("hub_fee", "DELETE FROM intake.hub_fee", {"kept", "matters"}),
    ("hub_invoice", "UPDATE intake.hub_invoice SET until = since", {"kept", "matters"}),
]


def test_what_is_kept_of_it_is_made_out_again(engine: Engine) -> None:
    settled(engine)
    with psycopg.connect(engine.dsn, autocommit=True) as connection:
        for table, statement, checks in CHANGES:
            rows = connection.execute(f"SELECT * FROM intake.{table}".encode()).fetchall()
            connection.execute(statement.encode())
            assert failed(engine) == checks, statement
            connection.execute(f"DELETE FROM intake.{table}".encode())
            places = ", ".join(["%s"] * len(rows[0]))
            for row in rows:
                connection.execute(f"INSERT INTO intake.{table} VALUES ({places})".encode(), row)
        assert failed(engine) == set()
