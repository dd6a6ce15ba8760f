"""What is due to endpoints of webhooks, as the sender takes it: claimed, posted, and written down."""

import logging
from datetime import datetime

from api.outward.client import Outward
from api.outward.posting import post_signed
from api.outward.sealing import Seal
from api.outward.sending import Outcome, Turns, Verdict
from ledger.access import deliveries, webhooks
from ledger.access.deliveries import Due
from ledger.access.door import Door

_log = logging.getLogger(__name__)


class WebhookQueue:
    """The deliveries of `access.webhook_delivery`."""

    def __init__(self, door: Door, seal: Seal, outward: Outward) -> None:
        self._door, self._seal, self._outward = door, seal, outward

    def claim(
        self, now: datetime, lease: datetime, limit: int, *, each: int, failing: bool, turns: Turns
    ) -> list[Due]:
        """So many that are due, ours until `lease`."""
        with self._door.transaction() as cursor:
            return deliveries.claim(
                cursor, now, lease, limit, each=each, failing=failing, without=turns.without, served=turns.served
            )

    async def attempt(self, due: Due, now: datetime) -> Outcome:
        """One request, signed by the secret and, while it is replaced, by the one before."""
        secrets = (due.secret, due.previous_secret)
        return await post_signed(self._outward, self._seal, due.url, due.id, due.body, secrets, now)

    def taken(self, due: Due, answer: int, now: datetime) -> None:
        """Write down that it was taken."""
        with self._door.transaction() as cursor:
            deliveries.delivered(cursor, due, answer, now)

    def not_taken(self, due: Due, outcome: Outcome, verdict: Verdict, now: datetime) -> None:
        """Write down that it was not; an endpoint that is gone, or took nothing for days, is disabled."""
        with self._door.transaction() as cursor:
            deliveries.failed(
                cursor,
                due,
                outcome.answer,
                outcome.error,
                now=now,
                next_at=verdict.next_at,
                not_before=verdict.not_before,
            )
            if verdict.disabled is not None:
                webhooks.disable(cursor, due.endpoint_id, verdict.disabled)
                _log.warning("webhook endpoint %s is disabled: %s", due.endpoint_id, verdict.disabled)
            if verdict.next_at is None:
                _log.warning("a webhook is given up", extra={"webhook": due.id, "endpoint": due.endpoint_id})
