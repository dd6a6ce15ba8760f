"""What somebody changes of wallets in the store is found."""

import psycopg
import pytest

from tests.audit.forgery import unguarded
from tests.intake.test_wallets import END, network, story
from tests.support.audited import verify
from tests.support.engine import Engine

EVENTS = "event_store.stored_events"
PLANTED = {
    "a top-up that was less": (
        "wallet.topped_up",
        "jsonb_set(body, '{data,amount,amount}', '\"14.00\"')",
    ),
    "a charge of another session": (
        "wallet.charged.standing",
        "jsonb_set(body, '{data,amount,amount}', '\"12.00\"')",
    ),
    "a charge that does not act": ("wallet.charged.standing", "jsonb_set(body, '{data,stands}', 'false')"),
    "a refund of more": ("Booked.WalletRefunded", "jsonb_set(body, '{booking,by_operator}', '300')"),
}


@pytest.mark.parametrize("what", PLANTED)
def test_what_was_changed_in_the_store_is_found(engine: Engine, what: str) -> None:
    topic, change = PLANTED[what]
    engine.feed([*network(), *story()])
    engine.advance(END)
    with (
        psycopg.connect(engine.dsn, autocommit=True) as connection,
        unguarded(connection, "event_store.stored_events"),
    ):
        changed = connection.execute(
            f"""
            WITH chosen AS (
                SELECT notification_id, body FROM event_store.stored_events,
                       LATERAL (SELECT convert_from(state, 'UTF8')::jsonb AS body) AS parsed
                WHERE topic = '{topic}' ORDER BY notification_id LIMIT 1
            )
            UPDATE event_store.stored_events AS event SET state = convert_to(({change})::text, 'UTF8')
            FROM chosen WHERE event.notification_id = chosen.notification_id
            """.encode()
        ).rowcount
    assert changed == 1
    failed = {check.name for check in verify(engine.dsn).failed}
    assert failed & {"wallets", "captures", "refunds", "journal"}, failed
