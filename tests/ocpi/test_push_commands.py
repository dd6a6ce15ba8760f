"""What the command line says of pushes, and orders."""

import json
import sys
from collections.abc import Callable
from typing import Any, TypeAlias

import pytest
from starlette.requests import Request
from starlette.responses import Response

from ledger.access import ocpi_partners
from tests.ocpi.test_locations import location
from tests.ocpi.test_pushing import Network, key_of, network, sent, stored
from tests.support.partner import enveloped
from tests.support.waiting import wait_until
from wattledger.cli import main

__all__ = ["network", "stored"]

Run: TypeAlias = Callable[..., str]


@pytest.fixture
def run(network: Network, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Run:
    """Runs `wattledger ocpi`: the exit status must be as said; what it printed, or said where it failed."""
    monkeypatch.setenv("WATTLEDGER_DATABASE_URL", network.engine.dsn)

    def ran(*words: str, status: int = 0) -> str:
        capfd.readouterr()
        found = main(["ocpi", *words])
        sys.stdout.flush()
        said = capfd.readouterr()
        assert found == status, said.err
        return said.err if status else said.out

    return ran


def shown(run: Run, module: str) -> dict[str, Any]:
    (found,) = (each for each in json.loads(run("show", "de-abc", "--json"))["pushes"] if each["module"] == module)
    return dict(found)


def test_show_tells_what_waits_what_was_taken_and_what_failed(network: Network, run: Run) -> None:
    id_ = network.new_location()

    def unwell(_: Request) -> Response:
        return enveloped(code=3000, status=503)

    taken = shown(run, "locations")["taken"]
    network.abc.breaks["locations"] = unwell
    network.charges(id_)
    with network.pushing():
        wait_until(lambda: bool(network.abc.pushes))
    waiting = shown(run, "locations")
    assert (waiting["waiting"], waiting["taken"]) == (1, taken)
    assert waiting["oldest"] is not None
    (failed,) = (each for each in waiting["failures"] if each["cause"] == "HTTP 503")
    assert failed["number"] >= 1
    assert "locations: 1 wait, since " in run("show", "DE-ABC")
    network.abc.breaks.clear()
    network.settle()
    after = shown(run, "locations")
    assert (after["waiting"], after["oldest"], after["taken"]) == (0, None, taken + 1)


def test_what_a_partner_sees_is_sent_again_by_order(network: Network, run: Run) -> None:
    id_ = network.new_location()
    network.abc.objects["locations"].clear()
    (since,) = network.engine.rows(
        "SELECT last_updated FROM roaming.object WHERE object_id = %s LIMIT 1", id_.lower()
    )
    told = json.loads(run("push", "de-abc", "--module", "locations", "--from", since[0].isoformat(), "--json"))
    assert told == {"party": "DE-ABC", "module": "locations", "marked": 1}
    network.settle()
    assert sent(network.abc) == [("PUT", id_.lower())]
    network.tell(location("LOC-NEXT"))
    network.settle()
    network.abc.objects["tariffs"].clear()
    assert "2 of tariffs are sent to DE-ABC" in run("push", "DE-ABC", "--module", "tariffs")
    assert network.marks("FR-XYZ") == []
    network.settle()
    assert network.abc.objects["tariffs"].keys() == {key_of("T-1"), key_of("T-ABC")}


def test_an_order_that_leads_nowhere_says_so(network: Network, run: Run) -> None:
    assert "sessions" not in (each["identifier"] for each in _without(network, "sessions"))
    assert "no interface that receives sessions" in run("push", "DE-ABC", "--module", "sessions", status=1)
    with network.platform.surface.door.transaction() as cursor:
        ocpi_partners.leave(cursor, "DE-ABC")
    assert "is LEFT" in run("push", "DE-ABC", "--module", "tariffs", status=1)
    assert "is no partner" in run("push", "DE-NOT", "--module", "tariffs", status=1)
    run("push", "DE-ABC", "--module", "tariffs", "--from", "yesterday", status=2)


def _without(network: Network, module: str) -> list[dict[str, Any]]:
    """The endpoints of DE-ABC once it has no interface of a module."""
    endpoints = [each for each in network.platform.partner().endpoints if each["identifier"] != module]
    with network.platform.surface.door.transaction() as cursor:
        ocpi_partners.moved(cursor, "DE-ABC", "2.3.0", endpoints)
    return network.platform.partner().endpoints
