"""Orders to rate sessions anew by another tariff, and which of them concern a session."""

from dataclasses import dataclass, field
from datetime import datetime

from domain.tariff.published import PublishedTariff


@dataclass(frozen=True, slots=True)
class RatingOrder:
    """From `at` on, the sessions that started in [`started_from`, `started_before`) are priced with `published`.

    With `sessions_of_tariff`, in lower case, only those that name this tariff. `reason` is for people.
    """

    at: datetime
    source: str
    id: str
    order_id: str
    started_from: datetime
    started_before: datetime
    sessions_of_tariff: str | None
    published: PublishedTariff
    reason: str = ""

    @property
    def sort_key(self) -> tuple[datetime, str, str]:
        """Orders at the same time are taken by (source, id)."""
        return (self.at, self.source, self.id)

    def concerns(self, tariff_id: str, started_at: datetime) -> bool:
        """Whether it is about a session with this tariff and start."""
        if not self.started_from <= started_at < self.started_before:
            return False
        return self.sessions_of_tariff is None or self.sessions_of_tariff == tariff_id.casefold()


@dataclass(slots=True)
class OperatorOrders:
    """The orders of one operator; of several with one order id, the first by (time, source, id) counts."""

    by_id: dict[str, RatingOrder] = field(default_factory=dict)
    _in_order: list[RatingOrder] = field(default_factory=list)

    def add(self, order: RatingOrder) -> tuple[datetime, datetime]:
        """Take in an order; from which start on, and before which, it may concern sessions."""
        known = self.by_id.get(order.order_id)
        first, last = order.started_from, order.started_before
        if known is not None:
            first, last = min(first, known.started_from), max(last, known.started_before)
        if known is None or order.sort_key < known.sort_key:
            self.by_id[order.order_id] = order
            self._in_order = sorted(self.by_id.values(), key=lambda each: each.sort_key)
        return first, last

    def of_session(self, tariff_id: str, started_at: datetime) -> list[RatingOrder]:
        """Those about a session with this tariff and start, in the order in which they take effect."""
        return [order for order in self._in_order if order.concerns(tariff_id, started_at)]
