"""Operators whose payouts of one day are made by a live system, and the decisions of people about them."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx

from tests.end_to_end.living import Living
from tests.support.aftermath import payout_id
from tests.support.events import captured, ended, operator, started, tariff
from tests.support.surface import Client
from tests.support.waiting import wait_until

# The clock of a live system is the one on the wall: of a day long ago it would make up for every day since.
_DAY = datetime.now(UTC) - timedelta(days=2)
DAY, _BEFORE = _DAY.date().isoformat(), f"{(_DAY - timedelta(days=1)).date()}T00:00:00Z"


def earning(operator_ids: Sequence[str], **terms: Any) -> list[dict[str, Any]]:
    """Messages by which each of them has earned something on that day, all of which is paid after it."""
    found = []
    for id_ in operator_ids:
        session_id, tariff_id = f"S-{id_}", f"T-{id_}"
        found += [operator(id_, time=_BEFORE, **terms), tariff(id_, tariff_id, time=_BEFORE)]
        found += [started(session_id, f"{DAY}T10:00:00Z", operator_id=id_, tariff_id=tariff_id)]
        found += [ended(session_id, f"{DAY}T11:00:00Z"), captured(session_id, f"{DAY}T11:01:00Z")]
    return found


def payout_of(operator_id: str, attempt: int = 1) -> str:
    """The id of its payout of that day."""
    return payout_id(operator_id, DAY, attempt)


def take_in(system: Living, events: Sequence[dict[str, Any]]) -> None:
    """Publish messages, and wait until all are taken in."""
    before = system.taken()
    system.publish(events)
    wait_until(lambda: system.taken() == before + len(events))


def shown(who: Client, id_: str, status: str) -> httpx.Response:
    """A payout once it has that status."""
    found: list[httpx.Response] = []

    def look() -> bool:
        found[:] = [who.get(f"/v1/payouts/{id_}")]
        return found[0].status_code == 200 and found[0].json()["status"] == status

    wait_until(look)
    return found[0]
