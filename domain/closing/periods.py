"""Months of the book by their names, such as 2026-03."""

from collections.abc import Iterator


def month_after(period: str) -> str:
    """The month behind one."""
    year, month = (int(part) for part in period.split("-"))
    return f"{year + month // 12:04d}-{month % 12 + 1:02d}"


def months(first: str, last: str) -> Iterator[str]:
    """The months from one to another, both among them."""
    period = first
    while period <= last:
        yield period
        period = month_after(period)
