"""Use by local day is what a clock counts, in whatever order it was told, and after a rebuild."""

from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any

import orjson
import psycopg
import pytest

from ledger.database import Role, connect
from projections.documents.use import SECONDS, UTILISATIONS, use_document, use_line
from projections.documents.visibility import channel_document, unseen_document
from projections.export import export
from projections.network.horizon import network_horizon
from projections.network.use import By, UseAsked, use_of
from projections.network.visibility import channels, unseen_evses
from projections.rebuild import rebuild
from projections.runner import catch_up
from tests.docs.pages import ROOT
from tests.network.used import invented, lines, messages, worked_example
from tests.projections.builders import PLATFORM
from tests.support.engine import Engine

SEED = 11
_BY_DAY = frozenset({By.EVSE, By.DAY})


def asked(dsn: str, **question: Any) -> list[dict[str, Any]]:
    """The use of a store as documents, as lines of the file where it is by EVSE and day."""
    wanted = UseAsked(**question)
    with connect(dsn, Role.AUDITOR) as connection, connection.cursor() as cursor:
        found = use_of(cursor, wanted, network_horizon(cursor))
    return [use_line(each) if wanted.by == _BY_DAY else use_document(each, wanted.by) for each in found]


def filed(dsn: str, folder: Path) -> list[dict[str, Any]]:
    """The lines of the file that an export writes."""
    export(dsn, folder, PLATFORM, network=True)
    return [orjson.loads(line) for line in (folder / "use.jsonl").read_bytes().splitlines()]


@pytest.fixture(scope="module")
def told(postgres_dsn: str) -> Iterator[Engine]:
    """The network, told in an order of its own, doubled in part, and read meanwhile."""
    with psycopg.connect(postgres_dsn, autocommit=True) as server:
        server.execute("CREATE DATABASE use_by_day")
        engine = Engine(f"{postgres_dsn.rpartition('/')[0]}/use_by_day")
        everything = messages(invented(SEED))
        everything += everything[::7]
        Random(SEED).shuffle(everything)
        for first in range(0, len(everything), 50):
            engine.feed(everything[first : first + 50])
            catch_up(engine.dsn, ["network"])
        engine.advance()
        catch_up(engine.dsn, ["network"])
        yield engine
        engine.close()
        server.execute("DROP DATABASE use_by_day WITH (FORCE)")


def test_use_is_what_a_clock_counts_in_any_order_and_after_a_rebuild(told: Engine, tmp_path: Path) -> None:
    wanted = lines(invented(SEED))
    assert asked(told.dsn, by=_BY_DAY) == wanted
    assert filed(told.dsn, tmp_path) == wanted
    sums = [asked(told.dsn, by=frozenset(by)) for by in ([By.SITE], [By.CHANNEL, By.MONTH], [By.EVSE])]
    rebuild(told.dsn, ["network"])
    assert asked(told.dsn, by=_BY_DAY) == wanted
    assert [asked(told.dsn, by=frozenset(by)) for by in ([By.SITE], [By.CHANNEL, By.MONTH], [By.EVSE])] == sums


def test_a_driver_is_new_once_however_late_the_first_session_is_told(told: Engine) -> None:
    stays = invented(SEED).stays
    with connect(told.dsn, Role.AUDITOR) as connection, connection.cursor() as cursor:
        found = channels(cursor, UseAsked(), network_horizon(cursor))
        first = cursor.execute(
            "SELECT session_id FROM projection.driver_session_row JOIN projection.generation USING (generation) "
            "WHERE live AND name = 'network' AND is_first"
        ).fetchall()
    roaming = [stay for stay in stays if stay.roams]
    by_channel = {each["channel"]: each for each in map(channel_document, found)}
    known = {name: (each["sessions_of_known_drivers"], each["new_drivers"]) for name, each in by_channel.items()}
    assert known == {"direct": (0, 0), "DE-ABC": (len(roaming), 1)}
    assert by_channel["DE-ABC"]["sessions"] == len(roaming)
    assert first == [(min(roaming, key=lambda stay: (stay.began, stay.session_id)).session_id,)]


def test_evses_that_no_partner_sees_stand_beside_comparable_ones(told: Engine) -> None:
    with connect(told.dsn, Role.AUDITOR) as connection, connection.cursor() as cursor:
        found = [unseen_document(each) for each in unseen_evses(cursor, UseAsked(), network_horizon(cursor))]
    reasons = {each["evse_uid"]: (each["reason"], each["power_class"], each["comparable_evses"]) for each in found}
    medium = "AC medium, 7.4 to 22 kW"
    assert reasons == {
        "E-1": ("UNPUBLISHED", "power not published", 0),
        "E-2": ("UNPUBLISHED", "power not published", 0),
        "E-5": ("WITHHELD", medium, 2),
    }
    withheld = found[-1]
    seen = asked(told.dsn, location_id="LOC-2", by=frozenset({By.SITE}))[0]
    assert withheld["sessions"] == 0
    assert withheld["sentence"] == "it is private: publish is false"
    assert withheld["comparable_sessions"] == seen["sessions"]
    assert withheld["comparable_in_service_s"] == seen["in_service_s"]
    assert withheld["comparable_net_per_service_hour"] == seen["net_per_service_hour"]
    assert "No cause is claimed." in withheld["note"]


def test_the_worked_example_of_the_page(database_url: str) -> None:
    engine = Engine(database_url)
    engine.feed(worked_example())
    engine.advance()
    catch_up(database_url, ["network"])
    engine.close()
    names = ("date", *SECONDS, "energy_wh", "sessions", *UTILISATIONS, "net")
    found = [[str(line[name]) for name in names] for line in asked(database_url, by=frozenset({By.DAY}))]
    section = (
        (ROOT / "docs" / "network.md")
        .read_text(encoding="utf-8")
        .partition("**Worked example.** An EVSE")[2]
        .partition("\n## ")[0]
    )
    rows = [line for line in section.splitlines() if line.startswith("| 2026-")]
    assert found == [[cell.strip() for cell in row.strip("|").split("|")] for row in rows]
