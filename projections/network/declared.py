"""What operators declared of their costs: versions in order, and those in effect at a moment."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, LiteralString, NamedTuple

from psycopg import Cursor
from psycopg.rows import TupleRow, class_row

from domain.calendar import END
from domain.exact import exact
from domain.network.costs import CostKind, CostVersion, Price

_COLUMNS: LiteralString = """operator_id, cost_id, effective_from, told_at, source, id, effective_to, location_id,
    kind, price, currency, minimum_kw, average_months, amount, every, due_day"""
# By key. At a moment: without what a later version of the same cost, of the same site or of all, stands in for.
_LISTED: LiteralString = f"""
SELECT {_COLUMNS} FROM projection.costs AS cost
WHERE (%(operator_id)s::text IS NULL OR operator_id = %(operator_id)s)
  AND (%(location_id)s::text IS NULL OR location_id IS NULL OR lower(location_id) = lower(%(location_id)s))
  AND (%(kind)s::text IS NULL OR kind = %(kind)s)
  AND (%(at)s::timestamptz IS NULL OR (
      effective_from <= %(at)s AND (effective_to IS NULL OR effective_to > %(at)s)
      AND NOT EXISTS (
          SELECT FROM projection.costs AS later
          WHERE later.operator_id = cost.operator_id AND later.cost_id = cost.cost_id
            AND (later.location_id IS NULL OR lower(later.location_id) = lower(cost.location_id))
            AND later.effective_from <= %(at)s AND (later.effective_to IS NULL OR later.effective_to > %(at)s)
            AND (later.effective_from, later.told_at, later.source, later.id)
                > (cost.effective_from, cost.told_at, cost.source, cost.id)
      )
  ))
  AND (%(after_operator)s::text IS NULL OR (operator_id, cost_id, effective_from, told_at, source, id)
       > (%(after_operator)s, %(after_cost)s, %(after_from)s::timestamptz, %(after_told)s::timestamptz,
          %(after_source)s, %(after_id)s))
ORDER BY operator_id, cost_id, effective_from, told_at, source, id
LIMIT %(limit)s
"""  # noqa: S608 (a constant)
# Prices that may be in effect in a span; `told_by` leaves out what was told later.
_PRICED: LiteralString = f"""
SELECT {_COLUMNS} FROM projection.costs AS cost
WHERE operator_id = %(operator_id)s AND effective_from < %(before)s
  AND (effective_to IS NULL OR effective_to > %(since)s)
"""  # noqa: S608 (a constant)


@dataclass(frozen=True, slots=True)
class DeclaredCost:
    """A version of a cost as it was told: `price` in major units, `amount` in minor units of `currency`."""

    operator_id: str
    cost_id: str
    effective_from: datetime
    told_at: datetime
    source: str
    id: str
    effective_to: datetime | None
    location_id: str | None
    kind: str
    price: Decimal | None
    currency: str
    minimum_kw: Decimal | None
    average_months: int | None
    amount: int | None
    every: str | None
    due_day: int | None

    @property
    def key(self) -> tuple[str, str, datetime, datetime, str, str]:
        """What orders the list."""
        return self.operator_id, self.cost_id, self.effective_from, self.told_at, self.source, self.id

    @property
    def version(self) -> CostVersion:
        """The same as the rules of the domain have it."""
        return CostVersion(
            time=self.told_at,
            source=self.source,
            id=self.id,
            operator_id=self.operator_id,
            cost_id=self.cost_id,
            location_id=self.location_id,
            kind=CostKind(self.kind),
            effective_from=self.effective_from,
            effective_to=self.effective_to or END,
            price=None if self.price is None else self._price(self.price),
        )

    def _price(self, price: Decimal) -> Price:
        return Price(exact(str(price)), self.currency, exact(str(self.minimum_kw or 0)), self.average_months or 1)


class CostFilter(NamedTuple):
    """Which versions: of an operator, of those that concern a site, of a kind, in effect at a moment."""

    operator_id: str | None = None
    location_id: str | None = None
    kind: str | None = None
    at: datetime | None = None


def declared_costs(
    cursor: Cursor[TupleRow], wanted: CostFilter, limit: int | None = None, after: Sequence[Any] | None = None
) -> list[DeclaredCost]:
    """The versions of a filter behind a key, in its order: by operator, cost, and from when on they are in effect."""
    places = ("after_operator", "after_cost", "after_from", "after_told", "after_source", "after_id")
    names: dict[str, Any] = {**wanted._asdict(), "limit": limit}
    names |= zip(places, after or (None,) * len(places), strict=True)
    with cursor.connection.cursor(row_factory=class_row(DeclaredCost)) as rows:
        return rows.execute(_LISTED, names).fetchall()


def versions_of(cursor: Cursor[TupleRow], operator_id: str, since: datetime, before: datetime) -> list[CostVersion]:
    """An operator's versions that may be in effect at some moment of a span."""
    names = {"operator_id": operator_id, "since": since, "before": before}
    with cursor.connection.cursor(row_factory=class_row(DeclaredCost)) as rows:
        return [each.version for each in rows.execute(_PRICED, names)]
