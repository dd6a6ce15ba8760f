"""Filters of a page's query as values, and as the fields of its filter bar."""

from collections.abc import Mapping
from datetime import datetime

from api.parameters import moment
from projections.entry_list import Range

_BOUNDS = ("gte", "gt", "lte", "lt")


def bounds_of(name: str) -> tuple[str, ...]:
    """The parameters that bound a moment: `effective_at.gte` and its like."""
    return tuple(f"{name}.{bound}" for bound in _BOUNDS)


def range_of(query: Mapping[str, str], name: str) -> Range:
    """The bounds of a moment in a query, whose times are known to be times."""
    return Range(**{bound: moment(query[f"{name}.{bound}"]) for bound in _BOUNDS if f"{name}.{bound}" in query})


def narrowed(span: Range, until: datetime | None) -> Range:
    """A range that ends at a moment, too, inclusive."""
    if until is None or (span.lte is not None and span.lte <= until):
        return span
    return span._replace(lte=until)
