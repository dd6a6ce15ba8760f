"""Subscriptions of a live system, as whoever makes notices brings them into effect, and notices for them."""

from datetime import UTC, datetime
from typing import Any

from domain.notice.subscription import Severity
from ledger.access import notice_targets, notices
from ledger.access.notices import Notice
from ledger.database import Role, connect
from projections.notices.feed import MADE_OF, follow
from projections.runner import catch_up
from tests.support.live import Live


def bring(system: Live) -> None:
    """Have all that was set so far rule."""
    catch_up(system.dsn, MADE_OF)
    with connect(system.dsn, Role.AUDITOR, autocommit=True) as connection:
        while follow(connection, datetime.now(UTC)):
            pass


def tell(system: Live, target: str, type_: str = "charger.down", cause: str = "EVSE-1", **said: Any) -> str:
    """Queue a notice of now that goes on until its end is told; its id."""
    now = datetime.now(UTC)
    with system.gate.door.transaction() as cursor:
        found = notice_targets.present(cursor, target)
        notice = Notice(found, type_, Severity.WARNING, cause, now, {"evse_uid": cause}, has_end=True, **said)
        notices.put(cursor, [notice], now)
    return notices.delivery_id(notice.id)
