"""The process that sends notices: killed amid many, another sends what is left, by webhook and by mail."""

import signal
from contextlib import closing
from functools import partial
from pathlib import Path

import psycopg
from standardwebhooks.webhooks import Webhook

from ledger.access import notice_targets
from ledger.access.door import Door
from ledger.login import surface_login
from tests.end_to_end.running import Home
from tests.notifying.conftest import SENDER, Office
from tests.support.engine import Engine
from tests.support.mail_server import MailServer, mail_server
from tests.support.receiver import Receiver, receiving
from tests.support.waiting import wait_until
from wattledger.serving import webhook_seal

# What a kill can meet on its way: so many to one webhook, and to one mailbox.
AT_ONCE, MANY, KILLS = 4, 20, 2


def statuses(engine: Engine) -> set[str]:
    """What became of all notices so far."""
    return {row[0] for row in engine.rows("SELECT DISTINCT status FROM access.notice_delivery")}


def has_more(receiver: Receiver, server: MailServer, than: tuple[int, int]) -> bool:
    """Whether both were sent some more."""
    return len(receiver.ids) > than[0] + MANY // 3 and len(server.ids) > than[1] + MANY // 3


def test_whenever_it_is_killed_no_notice_is_lost_and_no_secret_is_in_its_log(engine: Engine, tmp_path: Path) -> None:
    with receiving() as receiver, mail_server() as server, closing(Door(engine.dsn)) as door:
        home = Home(
            tmp_path,
            DATABASE_URL=surface_login(engine.dsn, tmp_path),
            ALLOW_PRIVATE_TARGETS="true",
            SMTP_URL=f"smtp://{server.host}:{server.port}",
            MAIL_FROM=SENDER,
            PUBLIC_URL="https://ledger.example.com",
        )
        office = Office(door, seal=webhook_seal(home.settings))
        hook, box = office.subscribe(receiver.url), office.subscribe("desk@example.org")
        told: list[str] = []
        for _ in range(KILLS):
            sent = len(receiver.ids), len(server.ids)
            for _ in range(MANY):
                told += office.tell(hook, box)
            process = home.start("webhooks", "run")
            wait_until(partial(has_more, receiver, server, sent))
            process.kill()
            process.wait()
            with psycopg.connect(engine.dsn, autocommit=True) as connection:
                connection.execute("UPDATE access.notice_delivery SET next_at = next_at - interval '1 minute'")
        last = home.start("webhooks", "run")
        wait_until(lambda: statuses(engine) == {"DELIVERED"})
        last.send_signal(signal.SIGTERM)
        assert last.wait(180) == 0, home.log.read_text()
        assert {*receiver.ids} | {f"msg_{id_.replace('-', '')}" for id_ in server.ids} == {*told}
        most = KILLS * MANY + KILLS * AT_ONCE
        assert len(receiver.ids) <= most, "only what was on its way is sent again"
        assert len(server.ids) <= most
        assert len({(each.id, each.body) for each in receiver.received}) == KILLS * MANY
        with door.transaction() as cursor:
            secret = office.seal.opened(notice_targets.ensure_secret(cursor, hook.id, b""))
    for received in receiver.received:
        Webhook(secret).verify(received.body, dict(received.headers))
    log = home.log.read_text()
    links = {str(each.message["list-unsubscribe"]).partition("token=")[2].strip(">") for each in server.mails}
    assert len(links) == 1, "a link to one address is the same in all mail"
    assert not any(each in log for each in (secret, secret.removeprefix("whsec_"), *links))
    assert "Traceback" not in log
