"""Who had payouts that came to nothing go out again, as the audit reads it: they do not approve the next attempt."""

from collections import defaultdict
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import orjson

from ledger.audit.amounts import instant
from ledger.audit.people import folded
from ledger.audit.snapshot import Snapshot

# Who had a payout go out again, and what it came to before and after.
_RETRIED = """
SELECT notification_id, topic, state FROM event_store.stored_events
WHERE topic = 'payout.retried' OR topic = 'PayoutStatusChanged' AND originator_id IN (
    SELECT originator_id FROM event_store.stored_events WHERE topic = 'payout.retried')
ORDER BY notification_id
"""


@dataclass(slots=True)
class Retries:
    """By payout: when it came to nothing, and who had it go out again when, each with where that is stored."""

    failed: dict[str, list[tuple[int, datetime]]] = field(default_factory=lambda: defaultdict(list))
    asked: dict[str, list[tuple[datetime, str, str, int, str]]] = field(default_factory=lambda: defaultdict(list))

    def maker(self, made: Mapping[str, Any], position: int) -> set[str]:
        """Who had an attempt made, by what was stored before it."""
        before = made.get("reissue_of") or ""
        failed = [at for where, at in self.failed.get(before, ()) if where < position]
        if not failed:
            return set()
        fired, asked = instant(made["fired_at"]), sorted(self.asked.get(before, ()))
        return {
            each[4] for each in [each for each in asked if failed[-1] <= each[0] < fired and each[3] < position][:1]
        }


def read_retries(snapshot: Snapshot) -> Retries:
    """All that is stored of it; what cannot be read makes nobody a maker, and other checks tell of it."""
    found = Retries()
    for position, topic, state in snapshot.rows(_RETRIED):
        with suppress(KeyError, TypeError, ValueError):
            body = orjson.loads(state)
            if topic == "payout.retried":
                data = body["data"]
                told = (instant(data["at"]), body["source"], body["id"], position, folded(data["by"]))
                found.asked[data["payout_id"]].append(told)
            elif body["status"] in ("FAILED", "RETURNED"):
                found.failed[body["payout_id"]].append((position, instant(body["at"])))
    return found
