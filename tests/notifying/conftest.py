"""A migrated store, a clock that is moved by hand, and subscriptions that receivers of this machine hear."""

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

import pytest
from standardwebhooks.webhooks import Webhook

from api.outward import mail_server as outward_mail
from api.outward.client import Outward
from api.outward.letters import mailbox
from api.outward.notice_letters import Desk
from api.outward.notices import MAIL_BOUNDS, MailNotices, Post, WebhookNotices
from api.outward.sealing import Seal
from api.outward.sending import Bounds, Sender
from api.outward.targets import Targets
from api.outward.unsubscribing import Links
from domain.notice.subscription import Severity, Told
from ledger.access import notice_targets, notices
from ledger.access.door import Door
from ledger.access.notice_targets import Described, NewVersion, NoticeTarget
from ledger.access.notices import DueNotice, ListedNotice, Notice
from tests.conftest import Stores
from tests.support.mail_server import MailServer
from tests.support.receiver import Received

PUBLIC_URL = "https://ledger.example.com"
SENDER = "WattLedger <notices@ledger.example.com>"
BOUNDS = Bounds()
_TABLES = "access.notice_delivery, access.notice, access.notice_target, access.notice_version"
_numbers = count(1)


@dataclass(slots=True)
class Office:
    """A store's notices: subscriptions and what they are told, and senders by a clock that stands still."""

    door: Door
    now: datetime = field(default_factory=lambda: datetime.now(UTC).replace(microsecond=0))
    seal: Seal = field(default_factory=Seal)

    def subscribe(
        self, target: str, operator: str = "OP-1", name: str | None = None, country: str | None = None, **others: Any
    ) -> NoticeTarget:
        """A subscription by webhook, or by mail where the target is no URL; of everything, each by itself."""
        subscription = others.pop("subscription_id", None) or f"SUB-{next(_numbers)}"
        data = {
            "operator_id": operator,
            "subscription_id": subscription,
            "events": ["*"],
            "channel": "WEBHOOK" if target.startswith("http") else "MAIL",
            "target": target,
            "enabled": True,
            **others,
        }
        told = Told(self.now, "urn:tests", f"m-{next(_numbers)}")
        with self.door.transaction() as cursor:
            notice_targets.put_versions(cursor, [NewVersion(told, 0, data)])
            notice_targets.bring_into_effect(cursor, self.now)
            described = Described(operator, name or operator, "Europe/Berlin", country)
            notice_targets.describe(cursor, [described])
            return notice_targets.present(cursor, notice_targets.target_id(operator, subscription))

    def tell(
        self,
        *targets: NoticeTarget,
        type_: str = "payout.paid",
        severity: Severity = Severity.INFO,
        data: dict[str, Any] | None = None,
        is_end: bool = False,
    ) -> list[str]:
        """A notice for each of these; their webhook-ids."""
        cause = f"cause-{next(_numbers)}"
        made = [
            Notice(each, type_, severity, cause, self.now, data or {"payout_id": "P-1"}, is_end=is_end)
            for each in targets
        ]
        with self.door.transaction() as cursor:
            notices.put(cursor, made, self.now)
        return [notices.delivery_id(each.id) for each in made]

    def later(self, **units: float) -> None:
        """Move the clock."""
        self.now += timedelta(**units)

    def clock(self) -> datetime:
        """Now."""
        return self.now

    def post(self, server: MailServer, **others: Any) -> Post:
        """How mail is sent by a server."""
        scheme = others.pop("scheme", "smtp")
        return Post(
            outward_mail.MailServer(scheme, server.host, server.port, **others),
            mailbox(SENDER),
            Desk("WattLedger", PUBLIC_URL),
            Links(self.seal, PUBLIC_URL),
        )

    def by_webhook(self, bounds: Bounds = BOUNDS, targets: Targets | None = None) -> Sender[DueNotice]:
        """What sends webhooks, by this clock."""
        outward = Outward(targets or Targets(allow_private=True))
        return Sender(WebhookNotices(self.door, self.seal, outward), bounds, self.clock)

    def by_mail(self, server: MailServer, **others: Any) -> Sender[DueNotice]:
        """What sends mail, by this clock."""
        return Sender(MailNotices(self.door, self.post(server, **others)), MAIL_BOUNDS, self.clock)

    def send(self, *senders: Sender[DueNotice]) -> int:
        """Send what is due now; how many were taken."""
        return asyncio.run(_send(senders or (self.by_webhook(),)))

    def mail(self, server: MailServer, **others: Any) -> int:
        """Send the mail that is due now; how many were taken."""
        return self.send(self.by_mail(server, **others))

    def target(self, target: NoticeTarget) -> NoticeTarget:
        """A subscription as it is now."""
        with self.door.transaction() as cursor:
            return notice_targets.present(cursor, target.id)

    def listed(self, target: NoticeTarget) -> Sequence[ListedNotice]:
        """What it was and is to be told, the first first."""
        with self.door.transaction() as cursor:
            wanted = notices.NoticeFilter((target.operator_id,), target.subscription_id)
            return notices.newest(cursor, 1_000, wanted)[::-1]

    def one(self, target: NoticeTarget) -> ListedNotice:
        """The only notice of a subscription."""
        (found,) = self.listed(target)
        return found

    def secret(self, target: NoticeTarget) -> str:
        """The secret that signs what it is told."""
        with self.door.transaction() as cursor:
            sealed = notice_targets.ensure_secret(cursor, target.id, b"")
        return self.seal.opened(sealed)

    def verified(self, received: Received, target: NoticeTarget) -> Any:
        """What a receiver that checks by the library of Standard Webhooks takes it for."""
        return Webhook(self.secret(target)).verify(received.body, dict(received.headers))


async def _send(senders: Sequence[Sender[DueNotice]]) -> int:
    try:
        return sum(await asyncio.gather(*(each.send_due() for each in senders)))
    finally:
        for each in senders:
            each.close()


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
def office(door: Door) -> Office:
    """The notices of a store that has none yet."""
    with door.transaction() as cursor:
        for table in _TABLES.split(", "):
            cursor.execute(f"DELETE FROM {table}".encode())
    return Office(door)
