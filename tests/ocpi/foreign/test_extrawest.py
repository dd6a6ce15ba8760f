"""extrawest-ocpi, as an eMSP of OCPI 2.2.1: we register there, it pulls by its own schemas, and it is pushed to."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from api.ocpi.connecting import connect, leave
from tests.ocpi.conftest import Platform
from tests.ocpi.foreign.conftest import CDRS, accepted, kept, pulled, pushing_all, statuses, told
from tests.ocpi.foreign.installing import python_with
from tests.ocpi.foreign.running import running
from tests.support.engine import Engine
from tests.support.waiting import wait_until

# The package is installed once, before the first test that needs it.
pytestmark = pytest.mark.timeout(900)

PACKAGES = ("extrawest_ocpi==2025.7.16", "uvicorn==0.54.0")
TOKEN_A, WITHIN_S = "extrawest-token-a", 180


@pytest.fixture(scope="module")
def emsp(network: tuple[Engine, Platform], tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Where it listens, connected."""
    python = python_with(*PACKAGES)
    log = tmp_path_factory.mktemp("extrawest") / "said.log"
    program = Path(__file__).with_name("extrawest_emsp.py")
    with running([python, program, "--party", "DE-ABC", "--token-a", TOKEN_A], log) as url:
        found = connect(network[1].surface, "DE-ABC", "EMSP", "base64", f"{url}/ocpi/versions", TOKEN_A)
        assert (found.state, found.version) == ("CONNECTED", "2.2.1")
        yield url


def test_it_pulls_page_by_page_and_reads_each_object_by_its_own_schema(emsp: str) -> None:
    for module, number in (("locations", 2), ("tariffs", 2), ("cdrs", CDRS)):
        assert len(pulled(emsp, module)) == number, module


def test_it_is_pushed_to(network: tuple[Engine, Platform], emsp: str) -> None:
    engine, _ = network
    with pushing_all(network) as broker:
        told(engine, "LOC-1-E1", "CHARGING")
        wait_until(lambda: _statuses(emsp) == ["CHARGING", "UNKNOWN"], WITHIN_S)
        # Its tariffs come before the location that names them; it writes ids in small letters.
        assert "t-1" in kept(emsp, "tariffs")
        told(engine, "LOC-1-E2", "AVAILABLE")
        wait_until(lambda: _statuses(emsp) == ["AVAILABLE", "CHARGING"], WITHIN_S)
        wait_until(lambda: len(kept(emsp, "cdrs")) == CDRS, WITHIN_S)
        wait_until(lambda: accepted(broker, "DE-ABC") == CDRS, WITHIN_S)


def test_it_is_left(network: tuple[Engine, Platform], emsp: str) -> None:
    leave(network[1].surface, "DE-ABC")
    assert network[1].partner().state == "LEFT"


def _statuses(emsp: str) -> list[str]:
    return statuses([*dict(kept(emsp, "locations")).values()])
