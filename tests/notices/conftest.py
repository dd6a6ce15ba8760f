"""An empty store for all tests of this folder, subscriptions as operators set them, and a clock moved by hand."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

import pytest

from domain.notice.subscription import Severity, Told
from ledger.access import notice_targets, notices
from ledger.access.door import Door
from ledger.access.notice_targets import NewVersion, NoticeTarget
from ledger.access.notices import DueNotice, ListedNotice, Notice
from tests.conftest import Stores

T = TypeVar("T")
_TABLES = "notice_delivery, notice, notice_cause, notice_raised, notice_version, notice_target"


@dataclass(slots=True)
class Desk:
    """The queue of a store as the door has it, by a clock that stands still."""

    door: Door
    now: datetime = field(default_factory=lambda: datetime(2026, 11, 30, 12, 0, tzinfo=UTC))
    told: int = 0

    def set(self, operator: str = "OP-1", subscription: str = "desk", at: datetime | None = None, **said: Any) -> str:
        """Another version of a subscription, in effect at once where it does not say when; the target's id."""
        self.told += 1
        data = {
            "operator_id": operator,
            "subscription_id": subscription,
            "events": ["*"],
            "channel": "WEBHOOK",
            "target": "https://example.com/hook",
            "enabled": True,
            **said,
        }
        version = NewVersion(Told(at or self.now, "urn:tests", f"{self.told:06}"), self.told, data)
        with self.door.transaction() as cursor:
            notice_targets.put_versions(cursor, [version])
            notice_targets.bring_into_effect(cursor, self.now)
        return notice_targets.target_id(operator, subscription)

    def target(self, target: str) -> NoticeTarget:
        """A subscription as it is now."""
        return self.ask(lambda cursor: notice_targets.present(cursor, target))

    def tell(self, target: str, cause: str = "P-1", type_: str = "payout.paid", **said: Any) -> Notice:
        """Queue a notice of this moment."""
        severity = said.pop("severity", Severity.INFO)
        notice = Notice(self.target(target), type_, severity, cause, self.now, {"sentence": "it is so"}, **said)
        self.ask(lambda cursor: notices.put(cursor, [notice], self.now))
        return notice

    def due(self, channel: str = "WEBHOOK", *, failing: bool = False, each: int = 10) -> list[DueNotice]:
        """What may be sent now; ours for a minute."""
        lease = self.now + timedelta(minutes=1)
        return self.ask(
            lambda cursor: notices.claim(cursor, self.now, lease, 100, channel=channel, each=each, failing=failing)
        )

    def all(self, **wanted: Any) -> list[ListedNotice]:
        """Notices, the first first."""
        chosen = notices.NoticeFilter(**wanted)
        return self.ask(lambda cursor: notices.newest(cursor, 1_000, chosen))[::-1]

    def later(self, **units: float) -> None:
        """Move the clock."""
        self.now += timedelta(**units)

    def ask(self, ask: Callable[[Any], T]) -> T:
        """What is answered in a transaction of the door's."""
        with self.door.transaction() as cursor:
            return ask(cursor)


@pytest.fixture(scope="package")
def notices_dsn(stores: Stores) -> Iterator[str]:
    """An empty store for all tests of this folder."""
    with stores() as dsn:
        yield dsn


@pytest.fixture(scope="package")
def door(notices_dsn: str) -> Iterator[Door]:
    """Transactions as the door's role."""
    made = Door(notices_dsn)
    yield made
    made.close()


@pytest.fixture
def desk(door: Door) -> Desk:
    """The queue of a store in which nobody subscribed yet."""
    with door.transaction() as cursor:
        for table in _TABLES.split(", "):
            cursor.execute(f"DELETE FROM access.{table}".encode())
    return Desk(door)
