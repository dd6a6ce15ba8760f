"""A migrated store for each test, a clock that is moved by hand, and endpoints that are receivers of this machine."""

import asyncio
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar
from uuid import UUID, uuid4

import pytest
from standardwebhooks.webhooks import Webhook

from api.outward.client import Outward
from api.outward.sealing import Seal, new_secret
from api.outward.sending import Bounds, Sender
from api.outward.targets import Targets
from api.outward.webhooks import WebhookQueue
from ledger.access import deliveries, webhooks
from ledger.access.deliveries import Delivery, Due, Message
from ledger.access.door import Door
from ledger.access.webhooks import Endpoint, MessageType
from tests.conftest import Stores
from tests.support.receiver import Received

PAID = MessageType.PAYOUT_PAID.value
BOUNDS = Bounds()
T = TypeVar("T")


@dataclass(slots=True)
class Post:
    """A store's webhooks: endpoints and messages as they are, and senders by a clock that stands still."""

    door: Door
    now: datetime = field(default_factory=lambda: datetime.now(UTC).replace(microsecond=0))
    seal: Seal = field(default_factory=Seal)
    secrets: dict[str, str] = field(default_factory=dict)

    def add(self, url: str, *types: str) -> Endpoint:
        """An endpoint, which hears of payouts that are paid where no types are named."""
        secret = new_secret()
        with self.door.transaction() as cursor:
            made = webhooks.add(cursor, url, types or (PAID,), self.seal.sealed(secret), created_by="tests")
        self.secrets[made.id] = secret
        return made

    def tell(self, count: int = 1, type_: str = PAID, body: bytes = b'{"type":"payout.paid"}') -> list[UUID]:
        """So many messages for whoever hears of them; the ids of their events."""
        ids = [uuid4() for _ in range(count)]
        with self.door.transaction() as cursor:
            messages = [Message(id_, type_, body) for id_ in ids]
            deliveries.put(cursor, messages, deliveries.hearing(cursor), self.now)
        return ids

    def later(self, **units: float) -> None:
        """Move the clock."""
        self.now += timedelta(**units)

    def sender(self, bounds: Bounds = BOUNDS) -> Sender[Due]:
        """A sender by this clock."""
        queue = WebhookQueue(self.door, self.seal, Outward(Targets(allow_private=True)))
        return Sender(queue, bounds, self.clock)

    def clock(self) -> datetime:
        """Now."""
        return self.now

    def send(self) -> int:
        """Send what is due now; how many were taken."""

        async def send() -> int:
            sender = self.sender()
            try:
                return await sender.send_due()
            finally:
                sender.close()

        return asyncio.run(send())

    def endpoint(self, endpoint_id: str) -> Endpoint:
        """An endpoint as it is now."""
        return self._read(lambda cursor: webhooks.present(cursor, endpoint_id))

    def deliveries(self, endpoint_id: str) -> Sequence[Delivery]:
        """What it was and is to be sent, the first first."""
        return self._read(lambda cursor: deliveries.newest(cursor, endpoint_id, 1_000))[::-1]

    def one(self, endpoint_id: str) -> Delivery:
        """The only delivery to an endpoint."""
        (found,) = self.deliveries(endpoint_id)
        return found

    def verified(self, received: Received, endpoint_id: str) -> Any:
        """What a receiver that checks by the library of Standard Webhooks takes it for."""
        return Webhook(self.secrets[endpoint_id]).verify(received.body, dict(received.headers))

    def _read(self, ask: Callable[[Any], T]) -> T:
        with self.door.transaction() as cursor:
            return ask(cursor)


@pytest.fixture(scope="package")
def webhooks_dsn(stores: Stores) -> Iterator[str]:
    """An empty store for all tests of this folder."""
    with stores() as dsn:
        yield dsn


@pytest.fixture(scope="package")
def door(webhooks_dsn: str) -> Iterator[Door]:
    """Transactions as the door's role."""
    made = Door(webhooks_dsn)
    yield made
    made.close()


@pytest.fixture
def post(door: Door) -> Post:
    """The webhooks of a store that has none yet."""
    with door.transaction() as cursor:
        cursor.execute("DELETE FROM access.webhook_endpoint")
        cursor.execute("DELETE FROM access.webhook_message")
    return Post(door)
