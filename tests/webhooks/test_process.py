"""The process that sends: killed at any point, another sends what is left; told to end, it does."""

import signal
from collections.abc import Callable
from pathlib import Path

import psycopg
from standardwebhooks.webhooks import Webhook

from ledger.login import surface_login
from tests.end_to_end.running import Home
from tests.support.engine import Engine
from tests.support.receiver import Receiver, receiving
from tests.support.waiting import wait_until

# At once to one endpoint (`api.outward.sending.Bounds`): so many a kill can meet on their way.
AT_ONCE, MANY = 4, 24


def told(engine: Engine) -> int:
    """How many messages there are."""
    return int(engine.rows("SELECT count(*) FROM access.webhook_message")[0][0])


def is_taken(engine: Engine) -> bool:
    """Whether all that was told is noted as taken."""
    return engine.rows("SELECT DISTINCT status FROM access.webhook_delivery") == [("DELIVERED",)]


def killed_once(home: Home, engine: Engine, met: Callable[[], bool]) -> None:
    """Somebody sends until a condition is met, and is killed; a minute later nobody has said what came of it."""
    process = home.start("webhooks", "run")
    try:
        wait_until(met)
    finally:
        process.kill()
        process.wait()
    with psycopg.connect(engine.dsn, autocommit=True) as connection:
        connection.execute("UPDATE access.webhook_delivery SET next_at = next_at - interval '1 minute'")


def let_go(receiver: Receiver) -> None:
    """The receiver answers, whatever it has kept waiting."""
    receiver.goes_on.set()
    receiver.waits = False


def test_whenever_one_is_killed_another_goes_on_and_one_that_is_told_to_end_ends(
    engine: Engine, tmp_path: Path
) -> None:
    # By a login that may read, see to webhooks, and do nothing else.
    home = Home(tmp_path, DATABASE_URL=surface_login(engine.dsn, tmp_path), ALLOW_PRIVATE_TARGETS="true")
    with receiving() as receiver:
        made = home.json("webhooks", "add", receiver.url, "--type", "dead_letter.created")
        engine.feed([b"no message"])
        # As soon as it is told; while the receiver has it and has not answered; in the middle of many.
        killed_once(home, engine, lambda: told(engine) == 1)
        receiver.waits = True
        engine.feed([b"no message either"])
        asked = len(receiver.received)
        killed_once(home, engine, lambda: len(receiver.received) > asked and told(engine) == 2)
        let_go(receiver)
        engine.feed([f"nor number {number}".encode() for number in range(MANY)])
        asked = len(receiver.received)
        killed_once(home, engine, lambda: len(receiver.received) > asked + MANY // 3)
        last = home.start("webhooks", "run")
        wait_until(lambda: told(engine) == MANY + 2 and is_taken(engine))
        last.send_signal(signal.SIGTERM)
        assert last.wait(180) == 0, home.log.read_text()
    assert len(set(receiver.ids)) == MANY + 2
    assert MANY + 2 < len(receiver.ids) <= MANY + 2 + 3 * AT_ONCE, "only what was on its way is sent again"
    assert len({(received.id, received.body) for received in receiver.received}) == MANY + 2
    for received in receiver.received:
        body = Webhook(made["secret"]).verify(received.body, dict(received.headers))
        assert (body["type"], body["data"]["code"]) == ("dead_letter.created", "NOT_JSON")
    log = home.log.read_text()
    assert made["secret"] not in log
    assert "Traceback" not in log
