"""What the command line says of flags, and of the parties behind a hub."""

import json
import sys
from collections.abc import Callable, Iterator
from typing import TypeAlias

import pytest

from tests.conftest import Stores
from tests.ocpi.conftest import Platform, serving_ocpi
from tests.ocpi.test_hubs import ABC, HUB, XYZ, hub_of_2_2_1, tell
from tests.support.partner import partner
from wattledger.cli import main

Run: TypeAlias = Callable[..., str]


@pytest.fixture
def run(
    stores: Stores, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> Iterator[tuple[Platform, Run]]:
    """A platform, and `wattledger ocpi` on it: what it printed, or said where it failed."""

    def ran(*words: str, status: int = 0) -> str:
        capfd.readouterr()
        found = main(["ocpi", *words])
        sys.stdout.flush()
        said = capfd.readouterr()
        assert found == status, said.err
        return said.err if status else said.out

    with stores() as dsn, serving_ocpi(dsn) as platform:
        monkeypatch.setenv("WATTLEDGER_DATABASE_URL", dsn)
        yield platform, ran


def test_flags_are_set_and_shown(run: tuple[Platform, Run]) -> None:
    platform, ocpi = run
    platform.invite(ABC)
    assert ocpi("set", "de-abc", "--flag", "explicit_nulls") == "DE-ABC has explicit_nulls\n"
    words = ("--flag", "sessions_without_date_from", "--no-flag", "explicit_nulls", "--json")
    assert json.loads(ocpi("set", ABC, *words))["flags"] == ["sessions_without_date_from"]
    assert "flag          sessions_without_date_from\n" in ocpi("show", ABC)
    assert ocpi("set", ABC, "--no-flag", "sessions_without_date_from") == "DE-ABC has no flags\n"
    for wrong, said in (
        ((ABC, "--flag", "wings"), "wings: is no flag"),
        ((XYZ, "--flag", "explicit_nulls"), "is no partner over OCPI"),
        ((ABC,), "--no-flag"),
    ):
        told = ocpi("set", *wrong, status=1)
        assert said in told
        assert len(told.splitlines()) == 1


def test_a_hub_is_shown_with_whom_it_reaches(run: tuple[Platform, Run]) -> None:
    platform, ocpi = run
    with partner(HUB) as hub, partner(XYZ) as xyz:
        token = hub_of_2_2_1(platform, hub)
        tell(platform, token, ABC, "OFFLINE")
        tell(platform, token, XYZ)
        assert json.loads(ocpi("show", HUB, "--json"))["behind"] == [
            {"party": ABC, "status": "OFFLINE"},
            {"party": XYZ, "status": "CONNECTED"},
        ]
        platform.connected(xyz)
        assert "behind        DE-ABC OFFLINE\n" in ocpi("show", HUB)
        assert XYZ not in ocpi("show", HUB)
