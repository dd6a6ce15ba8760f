"""Payout days that are closed further than the wall clock has come, and people who open them again."""

from collections.abc import Callable, Mapping
from datetime import date, datetime
from typing import Any

from domain.calendar import instant
from domain.catalogue.parties import Operator
from domain.catalogue.versions import Versions
from domain.fact import Fact
from domain.far_ahead import AHEAD_MAX
from domain.payout.cut_offs import last_closed
from domain.payout.instant import InstantRequested, instant_requested
from domain.values import named_value, value


@named_value
class PayoutsReopened(Fact):
    """`payouts.reopened`: business dates from `opened_from` on get their runs again, of all operators without an id.

    It opens what is closed when it is taken in; what was handed off stays, and no date has a second payout.
    """

    opened_from: date
    operator_id: str | None
    reason: str
    by: str


@value
class DaysClosedAhead:
    """Runs closed an operator's business dates through one that is far ahead of the wall clock, at `noticed_at`."""

    operator_id: str
    closed_through: date
    noticed_at: datetime


def _reopened(data: Mapping[str, Any], source: str, id_: str) -> PayoutsReopened:
    return PayoutsReopened(
        at=instant(data["at"]),
        source=source,
        id=id_,
        opened_from=date.fromisoformat(data["from"]),
        operator_id=data.get("operator_id"),
        reason=data["reason"],
        by=data["by"],
    )


RUN_PARSERS: Mapping[str, Callable[[Mapping[str, Any], str, str], PayoutsReopened | InstantRequested]] = {
    "payouts.reopened": _reopened,
    "payout.instant_requested": instant_requested,
}


def closed_ahead(
    operator_id: str, versions: Versions[Operator], closed_through: date, now: datetime
) -> DaysClosedAhead | None:
    """What is to be told when business dates are closed through one; None where the wall clock is near to it."""
    near = last_closed(versions, now + AHEAD_MAX)
    return DaysClosedAhead(operator_id, closed_through, now) if near is None or closed_through > near else None
