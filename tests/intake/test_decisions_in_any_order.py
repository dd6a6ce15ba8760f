"""What people decide ends in the same files, whichever way it comes: as it happened, or shuffled and all at once."""

from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random
from typing import Any

import psycopg
import pytest

from domain.calendar import instant
from projections.export import export
from tests.intake.test_approvals import created, decided, payouts
from tests.intake.test_holds_and_stops import OTHER, switch
from tests.projections.builders import PLATFORM
from tests.support.audited import verify
from tests.support.engine import Engine
from tests.support.events import event, operator, session, tariff

END = "2026-03-12T00:00:00Z"
TERMS: dict[str, Any] = {
    "time_zone": "UTC",
    "payout_requires_approval": True,
    "payout_reserve_percent": "10",
    "payout_reserve_days": 2,
    "payout_approvals": [{"from": "0", "approvals": 2}],
    "account_change": "CONFIRM",
}


def account(word: str, at: str, by: str) -> dict[str, Any]:
    """Another account of OP-1, proposed or confirmed."""
    time = f"2026-03-{at.replace(' ', 'T')}:00Z"
    data = {"operator_id": "OP-1", "bank_account": OTHER, "at": time, "by": by}
    return event(f"bank_account.{word}", "OP-1", time, data)


def lived(engine: Engine) -> list[dict[str, Any]]:
    """Ten days as they happen, each message at its time; all of them."""
    told: list[dict[str, Any]] = []

    def feed(*events: dict[str, Any]) -> None:
        told.extend(events)
        engine.feed(events)

    feed(operator(**TERMS), tariff())
    for day in range(2, 9):
        feed(*session(f"S-{day}", f"2026-03-{day:02}"))
    days: dict[int, Callable[[], None]] = {
        3: lambda: feed(
            decided("approved", created(engine), "03 09:00"),
            decided("approved", created(engine), "03 10:00", "a.keller"),
        ),
        4: lambda: feed(
            decided("approved", created(engine, "03"), "04 09:00"),
            decided("rejected", created(engine, "03"), "04 10:00", "a.keller"),
            decided("approved", created(engine, "03"), "04 11:00", "j.lindt"),
            account("proposed", "04 12:00", "b.rossi"),
            account("confirmed", "04 13:00", "b.rossi"),
            account("confirmed", "04 14:00", "c.adler"),
        ),
        5: lambda: feed(switch("operator.payouts_held", "05 12:00", "OP-1")),
        6: lambda: feed(
            switch("operator.payouts_released", "06 12:00", "OP-1"), switch("payouts.stopped", "06 13:00")
        ),
        8: lambda: feed(switch("payouts.resumed", "08 06:00")),
        9: lambda: feed(
            decided("approved", created(engine, "06"), "09 09:00"),
            decided("approved", created(engine, "06"), "09 10:00", "a.keller"),
            decided("approved", created(engine, "08"), "09 11:00", "a.keller"),
        ),
        10: lambda: feed(
            event(
                "payout.returned",
                created(engine, "06").payout_id,
                "2026-03-10T09:00:00Z",
                {"payout_id": created(engine, "06").payout_id, "at": "2026-03-10T09:00:00Z", "reason": "AC04"},
            )
        ),
    }
    for day in range(3, 12):
        engine.advance(f"2026-03-{day:02}T00:30:00Z" if day != 8 else "2026-03-08T06:30:00Z")
        days.get(day, lambda: None)()
    engine.advance(END)
    return told


@pytest.fixture
def second(database_url: str) -> Iterator[Engine]:
    """Another store, which is given everything at once."""
    server, _, name = database_url.rpartition("/")
    with psycopg.connect(f"{server}/postgres", autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}_again".encode())
        engine = Engine(f"{server}/{name}_again", before_clock=True)
        yield engine
        engine.close()
        connection.execute(f"DROP DATABASE {name}_again WITH (FORCE)".encode())


def files(engine: Engine, folder: Path) -> dict[str, bytes]:
    """All files but the summary, which counts calls."""
    export(engine.dsn, folder, PLATFORM, every_bank_file=True)
    found = {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    found.pop("summary.json", None)
    return found


def test_decisions_as_they_happened_and_all_at_once_end_in_the_same_files(
    engine: Engine, second: Engine, tmp_path: Path
) -> None:
    told = lived(engine)
    as_happened = files(engine, tmp_path / "lived")
    assert {status for _, _, status, _ in payouts(engine)} == {
        "IN_TRANSIT",
        "REJECTED",
        "RETURNED",
        "AWAITING_APPROVAL",
    }
    assert verify(engine.dsn).passed, verify(engine.dsn).failed
    random = Random(14)
    shuffled = [*told, *random.sample(told, 20)]
    random.shuffle(shuffled)
    second.feed(shuffled, batch=7)
    second.clock.advance(instant(END), by_event_time=True)
    at_once = files(second, tmp_path / "again")
    assert payouts(second) == payouts(engine)
    assert at_once == as_happened
    assert verify(second.dsn).passed, verify(second.dsn).failed
