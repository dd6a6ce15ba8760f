"""Tariffs that are accepted with warnings: kept with the version, told once, the same in any order of arrival."""

import itertools
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import psycopg
import pytest

from consumers.outgoing import outgoing
from contracts.outgoing import OUTBOUND_MODEL_OF
from domain.calendar import instant
from domain.tariff.events import TariffWarned
from ledger.events.codec import decode, encode
from ledger.intake.outbox import PendingEvent, pending
from ledger.intake.tariff_versions import TariffVersion, tariff_versions
from tests.support.audited import verify
from tests.support.engine import Engine
from tests.support.events import operator, session, tariff
from wattledger.cli import main

STEPLESS = [{"price_components": [{"type": "ENERGY", "price": 0.4, "vat": 21, "step_size": 0}]}]
TWICE = [{"price_components": [{"type": "FLAT", "price": 1, "step_size": 1}]}] * 2
LATER = "2026-04-01T00:00:00Z"


def partners(event: dict[str, Any]) -> dict[str, Any]:
    """The same tariff, given to a partner."""
    return event | {"id": f"{event['id']}:abc", "data": event["data"] | {"partner": "de-abc"}}


PUBLISHED = [
    tariff(),
    tariff(time=LATER, elements=STEPLESS),
    partners(tariff(elements=TWICE)),
    tariff("OP-2", "T-2", elements=TWICE),
]


def versions(engine: Engine, operator_id: str | None = None) -> list[TariffVersion]:
    with psycopg.connect(engine.dsn) as connection, connection.cursor() as cursor:
        return tariff_versions(cursor, operator_id)


def notices(engine: Engine) -> list[dict[str, Any]]:
    """The data of what goes out about tariffs, checked against its contract."""
    with psycopg.connect(engine.dsn) as connection, connection.cursor() as cursor:
        rows = [row for row in pending(cursor, 100) if isinstance(row, PendingEvent)]
    events = [json.loads(outgoing(row).value or b"") for row in rows if row.event_topic == "TariffWarned"]
    for event in events:
        OUTBOUND_MODEL_OF[event["type"]].model_validate(event)
    return [event["data"] for event in events]


def judged(engine: Engine) -> tuple[str, str]:
    """State and reason of the last session that was judged, the reason without its sentence."""
    body = "convert_from(state, 'UTF8')::jsonb"
    query = f"SELECT {body} ->> 'state', {body} ->> 'reason' FROM event_store.stored_events WHERE topic = "
    state, reason = engine.rows(f"{query}'SessionAssessed' ORDER BY notification_id DESC LIMIT 1")[0]
    return state, reason.partition(": ")[0]


def codes(version: TariffVersion) -> list[str]:
    return [finding["code"] for finding in version.findings]


def test_each_version_is_listed_with_the_warnings_it_was_accepted_with(engine: Engine) -> None:
    engine.feed([operator(), *PUBLISHED])
    assert engine.tally() == (5, 0, 0, 0)
    found = [(v.operator_id, v.tariff_id, v.partner, codes(v)) for v in versions(engine)]
    assert found == [
        ("OP-1", "T-1", None, []),
        ("OP-1", "T-1", None, ["STEP_SIZE_ZERO"]),
        ("OP-1", "T-1", "DE-ABC", ["UNREACHABLE_ELEMENT"]),
        ("OP-2", "T-2", None, ["UNREACHABLE_ELEMENT"]),
    ]
    assert len({version.hash for version in versions(engine, "OP-1")}) == 3


def test_warnings_are_told_as_a_notification(engine: Engine) -> None:
    engine.feed([operator(), *PUBLISHED[:2]])
    (notice,) = notices(engine)
    assert (notice["kind"], notice["subject"], notice["operator_id"]) == ("TARIFF_WARNING", "T-1", "OP-1")
    assert "elements[0].price_components[0].step_size: a step of 0 is taken as 1" in notice["sentence"]


def test_a_version_sent_again_is_warned_about_once(engine: Engine) -> None:
    engine.feed([operator(), *PUBLISHED, *PUBLISHED])
    engine.feed(PUBLISHED)
    assert engine.rows("SELECT count(*) FROM event_store.stored_events WHERE topic = 'TariffWarned'") == [(3,)]
    assert len(notices(engine)) == 3


def test_the_warnings_are_the_same_in_every_order_of_arrival(postgres_dsn: str) -> None:
    seen = set()
    for number, order in enumerate(itertools.islice(itertools.permutations(PUBLISHED), 0, 24, 5)):
        seen.add(_listed(postgres_dsn, f"tariff_order_{number}", order))
    assert len(seen) == 1


def _listed(postgres_dsn: str, name: str, order: Sequence[dict[str, Any]]) -> str:
    """What is listed and told after events in some order, in a database of its own."""
    with psycopg.connect(postgres_dsn, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
        engine = Engine(f"{postgres_dsn.rpartition('/')[0]}/{name}")
        try:
            engine.feed(order, batch=1 if name.endswith("1") else 500)
            told = sorted(json.dumps(notice) for notice in notices(engine))
            return json.dumps([[str(version) for version in versions(engine)], told])
        finally:
            engine.close()
            connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


def test_a_store_with_warnings_passes_the_audit(engine: Engine) -> None:
    engine.feed([operator(), tariff(elements=STEPLESS), *session("S-1")])
    engine.advance()
    report = verify(engine.dsn)
    assert report.passed, report


def test_a_tariff_in_which_a_promise_may_hide_is_kept_and_its_sessions_wait(engine: Engine) -> None:
    engine.feed([operator(), tariff(maxPrice={"excl_vat": 1}), *session("S-1")])
    assert engine.tally()[3] == 0
    assert judged(engine) == ("SUSPENSE", "TARIFF_UNSUPPORTED")
    assert [codes(version) for version in versions(engine)] == [["NOT_PRICED"]]
    assert verify(engine.dsn).passed


def test_an_element_that_can_never_apply_is_left_out_and_the_others_price(engine: Engine) -> None:
    dead = {"price_components": [{"type": "FLAT", "price": 9, "step_size": 1}], "restrictions": {"max_power": 0}}
    sound = tariff()
    engine.feed([operator(), tariff(elements=[dead, *sound["data"]["tariff"]["elements"]]), *session("S-1")])
    assert judged(engine)[0] == "RATED"
    assert engine.balances()["2110 EUR"] == -21
    assert [codes(version) for version in versions(engine)] == [["DEAD_ELEMENT"]]
    assert verify(engine.dsn).passed


def test_an_erroneous_tariff_is_quarantined_and_its_sessions_wait(engine: Engine) -> None:
    crossed = tariff(min_price={"excl_vat": 2}, max_price={"excl_vat": 1})
    engine.feed([operator(), crossed, *session("S-1")])
    assert engine.refusals() == ["BAD_VALUE"]
    assert engine.rows("SELECT path FROM intake.deadletter") == [("data.tariff.min_price.excl_vat",)]
    assert versions(engine) == []
    engine.feed([tariff(time="2026-01-01T00:00:01Z")])
    assert engine.balances()["2110 EUR"] == -21


def test_a_warning_comes_back_from_the_store_as_it_was() -> None:
    finding = {"code": "STEP_SIZE_ZERO", "path": "elements[0]", "sentence": "taken as 1"}
    event = TariffWarned("OP-1", "T-1", None, "urn:x", "1", instant(LATER), "00", (finding,))
    assert decode(*encode(event)) == event


def test_the_command_lists_versions_and_their_warnings(
    engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    engine.feed([operator(), *PUBLISHED])
    monkeypatch.setenv("WATTLEDGER_DATABASE_URL", engine.dsn)
    monkeypatch.setenv("WATTLEDGER_DATA_DIR", str(tmp_path))
    assert main(["tariff", "list", "--operator", "OP-1", "--json"]) == 0
    listed = json.loads(capsys.readouterr().out)
    assert [row["partner"] for row in listed] == [None, None, "DE-ABC"]
    assert listed[1]["published"] == listed[1]["effective_from"] == LATER
    assert listed[1]["warnings"][0]["code"] == "STEP_SIZE_ZERO"
    assert main(["tariff", "list"]) == 0
    assert "UNREACHABLE_ELEMENT" in capsys.readouterr().out
