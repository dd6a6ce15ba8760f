"""What partners accepted is read back, and sent again by order alone; an order takes no acceptance back."""

import json
import sys
from datetime import UTC, datetime
from typing import Any

import psycopg
import pytest

from api.ocpi.gaps import check_gaps
from ledger.audit import verify
from projections.roaming.deliveries_kept import order
from tests.ocpi.conftest import KEY
from tests.support.partner import enveloped
from tests.support.roaming_cdrs import Roaming, first, ids, posted, refusing_what_is_there, roaming
from tests.support.waiting import wait_until
from wattledger.cli import main

__all__ = ["roaming"]


def test_gaps_are_told_and_filled_by_order_alone(roaming: Roaming) -> None:
    with roaming.party(sessions=3) as abc:
        roaming.platform.connected(abc)
        roaming.until(abc, *["ACCEPTED"] * 3)
        lost, other, same = ids(abc, 1, 2, 3)
        assert check_gaps(roaming.platform.surface, abc.party, 1).document()["same"] == 3
        del abc.objects["cdrs"][lost,]
        abc.objects["cdrs"][other,] |= {"total_cost": {"before_taxes": 99}}
        abc.objects["cdrs"][same,] |= {"cdr_location": {}, "id": same.upper()}
        found = check_gaps(roaming.platform.surface, abc.party, 1).document()
        assert [each["cdr_id"] for each in found["missing"]] == [lost]
        assert [(each["cdr_id"], each["said"][:20]) for each in found["different"]] == [
            (other, "total_cost net 99 fo")
        ]
        assert (found["same"], found["gaps"], found["cannot_be_read_back"]) == (1, 2, 0)
        assert len(posted(abc)) == 3
        # By order all are sent again, and refused but for the one that is lost.
        abc.breaks_at = refusing_what_is_there(abc, loses=False)
        with roaming.platform.surface.door.transaction() as cursor:
            ordered = order(cursor, abc.party, datetime(2026, 1, 1, tzinfo=UTC))
        assert (ordered.again, ordered.of) == (3, 3)
        roaming.until(abc, "ACCEPTED", "REFUSED", "ACCEPTED")
        assert len(posted(abc)) == 6
        assert (lost,) in abc.objects["cdrs"]
        assert len(roaming.answers(abc)) == 4
        # Once a day it is looked by itself.
        with psycopg.connect(roaming.engine.dsn) as connection:
            connection.execute(
                "UPDATE roaming.delivery SET answered_at = answered_at - interval '2 hours' WHERE partner = %s",
                (abc.party,),
            )
        noted = "SELECT said FROM roaming.gap_check WHERE connection = %s AND said LIKE %s"
        wait_until(lambda: bool(roaming.engine.rows(noted, abc.party, "%accepted 2 CDRs%: 2 are there")))
        roaming.learn()
        assert not verify(roaming.engine.dsn).failed


@pytest.mark.parametrize("location", ["{url}/nowhere", "https://elsewhere.example/cdrs/1", ""])
def test_where_nothing_could_ever_be_read_back_nothing_is_missing(roaming: Roaming, location: str) -> None:
    with roaming.party() as abc:
        headers = {"Location": location.format(url=abc.url)} if location else {}
        abc.breaks["cdrs"] = first(enveloped(status=201, headers=headers))
        roaming.platform.connected(abc)
        roaming.until(abc, "ACCEPTED")
        found = check_gaps(roaming.platform.surface, abc.party, 1).document()
        assert (found["gaps"], found["cannot_be_read_back"]) == (0, 1)


def test_a_refusal_by_order_takes_no_acceptance_back(roaming: Roaming) -> None:
    """Many say no more than 2001 of what they have, and let nothing be read back: the book would credit it."""
    with roaming.party() as abc:
        (cdr,) = ids(abc, 1)
        roaming.platform.connected(abc)
        roaming.until(abc, "ACCEPTED")
        abc.breaks_at = refusing_what_is_there(abc, loses=False, says="")
        abc.broken[f"/2.3.0/cdrs/{cdr}"] = lambda _: enveloped(code=2000, status=404)
        with roaming.platform.surface.door.transaction() as cursor:
            order(cursor, abc.party, datetime(2026, 1, 1, tzinfo=UTC))
        roaming.until(abc, "ACCEPTED")
        assert posted(abc) == [cdr, cdr]
        assert roaming.column("reason", abc).startswith("accepted before, and refused when it was sent again")
        assert roaming.answers(abc) == [("accepted", cdr)]


def test_commands_show_them_read_them_back_and_order_them_again(
    roaming: Roaming, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    settings = {"DATABASE_URL": roaming.engine.dsn, "ALLOW_PRIVATE_TARGETS": "true", "SECRET_KEY": KEY}
    for name, value in (settings | {"PUBLIC_URL": roaming.platform.url}).items():
        monkeypatch.setenv(f"WATTLEDGER_{name}", value)

    def ran(*words: str, status: int = 0) -> Any:
        capfd.readouterr()
        assert main(["ocpi", *words]) == status, capfd.readouterr().err
        sys.stdout.flush()
        said = capfd.readouterr()
        return json.loads(said.out) if "--json" in words else said.out + said.err

    with roaming.party(sessions=2) as abc:
        roaming.platform.connected(abc)
        roaming.until(abc, "ACCEPTED", "ACCEPTED")
        assert ran("show", abc.party, "--json")["cdrs"]["deliveries"] == {"ACCEPTED": 2}
        assert "2 ACCEPTED" in ran("show", abc.party)
        assert ran("gaps", abc.party, "--json")["same"] == 2
        abc.objects["cdrs"].popitem()
        assert "1 missing" in ran("gaps", abc.party, status=1)
        assert "--from is missing" in ran("push", abc.party, "--module", "cdrs", status=1)
        assert ran("push", abc.party, "--module", "cdrs", "--from", "2026-01-01", "--json")["marked"] == 2
        roaming.until(abc, "ACCEPTED", "ACCEPTED")
        assert ran("gaps", abc.party, "--json")["same"] == 2
