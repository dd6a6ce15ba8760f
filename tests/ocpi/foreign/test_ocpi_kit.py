"""ocpi-kit, a crate of Rust, as an eMSP of either version: it registers, pulls by its own types, and is pushed to."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from ledger.access import ocpi_partners
from ledger.access.ocpi_partners import UNDATED_SESSIONS
from tests.ocpi.conftest import Platform
from tests.ocpi.foreign.conftest import CDRS, TIMEOUT_S, accepted, kept, pulled, pushing_all, statuses, told
from tests.ocpi.foreign.installing import program_of
from tests.ocpi.foreign.running import running
from tests.support.engine import Engine
from tests.support.partner import partner
from tests.support.waiting import wait_until

# The package is installed once, before the first test that needs it.
pytestmark = pytest.mark.timeout(900)

PARTIES = {"2.2.1": "DE-ABC", "2.3.0": "FR-XYZ"}
# Of the second version they come later.
STATUSES = {"2.2.1": ("CHARGING", "RESERVED", 10), "2.3.0": ("BLOCKED", "OUTOFORDER", 12)}
WITHIN_S = 180


@pytest.fixture(scope="module")
def other_token(network: tuple[Engine, Platform]) -> Iterator[str]:
    """The token of a partner that is connected, too, and asks for sessions without saying since when."""
    platform = network[1]
    with partner("BE-QQQ") as other:
        token = platform.connected(other)
        with platform.surface.door.transaction() as cursor:
            ocpi_partners.set_flags(cursor, other.party, [UNDATED_SESSIONS], [])
        yield token


@pytest.fixture(scope="module", params=list(PARTIES))
def emsp(
    request: pytest.FixtureRequest, network: tuple[Engine, Platform], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[str, str]]:
    """Its version and where it listens, registered."""
    version: str = request.param
    program = program_of(Path(__file__).with_name("ocpi_kit_emsp"))
    platform = network[1]
    invited = {"--versions-url": platform.surface.url("versions"), "--token-a": platform.invite(PARTIES[version])}
    words = [word for pair in {"--party": PARTIES[version], "--version": version, **invited}.items() for word in pair]
    log = tmp_path_factory.mktemp("ocpi_kit") / "said.log"
    with running([program, *words], log) as url:
        answer = httpx.post(f"{url}/register", timeout=TIMEOUT_S)
        assert answer.status_code == httpx.codes.OK, answer.text
        assert sorted(answer.json()) == ["NL/GRL", "NL/TWO"]
        found = platform.partner(PARTIES[version])
        assert (found.state, found.version) == ("CONNECTED", version)
        yield version, url


def test_it_pulls_page_by_page_and_finds_nothing_wrong_with_any_object(emsp: tuple[str, str]) -> None:
    for module, number in (("locations", 2), ("tariffs", 2), ("cdrs", CDRS)):
        assert len(pulled(emsp[1], module)) == number, module


def test_it_is_pushed_to(network: tuple[Engine, Platform], emsp: tuple[str, str]) -> None:
    engine, _ = network
    version, url = emsp
    one, two, hour = STATUSES[version]
    with pushing_all(network) as broker:
        told(engine, "LOC-1-E1", one, hour)
        wait_until(lambda: one in statuses(kept(url, "locations")), WITHIN_S)
        assert "T-1" in [each["id"] for each in kept(url, "tariffs")]
        told(engine, "LOC-1-E2", two, hour)
        wait_until(lambda: statuses(kept(url, "locations")) == sorted((one, two)), WITHIN_S)
        wait_until(lambda: len(kept(url, "cdrs")) == CDRS, WITHIN_S)
        wait_until(lambda: accepted(broker, PARTIES[version]) == CDRS, WITHIN_S)


def test_its_own_checks_find_nothing(emsp: tuple[str, str], other_token: str) -> None:
    answer = httpx.post(f"{emsp[1]}/conformance", content=other_token, timeout=TIMEOUT_S)
    assert answer.status_code == httpx.codes.OK, answer.text
    rows: list[dict[str, Any]] = answer.json()
    assert sum(row["outcome"] == "PASS" for row in rows) > 20
    assert [row for row in rows if row["outcome"] in ("FAIL", "WARN")] == []
