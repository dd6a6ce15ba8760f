"""Subscriptions of a live system, as whoever makes notices brings them into effect, and notices for them."""

from datetime import UTC, datetime
from typing import Any

import orjson

from domain.notice.subscription import Severity, Told
from ledger.access import notice_targets, notices
from ledger.access.notice_targets import NewVersion
from ledger.access.notices import Notice
from tests.support.live import Live

_STORED = """
SELECT notification_id, state FROM event_store.stored_events WHERE topic = 'operator.notify_set' ORDER BY 1
"""


def bring(system: Live) -> None:
    """Have all that was set so far rule."""
    versions = []
    for position, state in system.rows(_STORED):
        body = orjson.loads(bytes(state))
        told = Told(datetime.fromisoformat(body["time"]), body["source"], body["id"])
        versions.append(NewVersion(told, position, body["data"]))
    with system.gate.door.transaction() as cursor:
        notice_targets.put_versions(cursor, versions)
        notice_targets.bring_into_effect(cursor, datetime.now(UTC))


def tell(system: Live, target: str, type_: str = "charger.down", cause: str = "EVSE-1", **said: Any) -> str:
    """Queue a notice of now that goes on until its end is told; its id."""
    now = datetime.now(UTC)
    with system.gate.door.transaction() as cursor:
        found = notice_targets.present(cursor, target)
        notice = Notice(found, type_, Severity.WARNING, cause, now, {"evse_uid": cause}, has_end=True, **said)
        notices.put(cursor, [notice], now)
    return notices.delivery_id(notice.id)
