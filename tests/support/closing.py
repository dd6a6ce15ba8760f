"""Builders of what people decide of the book, and what they look at before they do."""

from typing import Any

import psycopg

from projections.periods import PeriodStatus, period_status
from tests.support.engine import Engine
from tests.support.events import event, money

MAKER, CHECKER = "m.ortega", "j.lind"
Event = dict[str, Any]


def status_of(engine: Engine, period: str) -> PeriodStatus:
    """Where a period stands."""
    with psycopg.connect(engine.dsn) as connection:
        return period_status(connection.cursor(), period, "UTC")


def hash_of(engine: Engine, period: str) -> str:
    """By what a period would be closed now."""
    return status_of(engine, period).statement_hash


def closed(
    period: str, statement_hash: str, at: str, by: str = MAKER, reason: str | None = "seen", **fields: Any
) -> Event:
    """Somebody closes a period."""
    data = {"period": period, "statement_hash": statement_hash, "at": at, "reason": reason, "by": by} | fields
    return event("period.closed", f"{period}:{by}", at, {k: v for k, v in data.items() if v is not None})


def reopened(period: str, statement_hash: str, at: str, by: str = MAKER) -> Event:
    """Somebody opens a period again."""
    data = {"period": period, "statement_hash": statement_hash, "at": at, "reason": "booked twice", "by": by}
    return event("period.reopened", f"{period}:{by}", at, data)


def both(period: str, statement_hash: str, day: str) -> list[Event]:
    """Two people close a period on a day, an hour one after the other."""
    return [
        closed(period, statement_hash, f"{day}T10:00:00Z", MAKER),
        closed(period, statement_hash, f"{day}T11:00:00Z", CHECKER),
    ]


def close(engine: Engine, period: str, day: str) -> None:
    """Close a period by the figures as they are."""
    engine.feed(both(period, hash_of(engine, period), day))
    engine.advance(f"{day}T12:00:00Z")


def sweep(what: str, at: str, by: str, amount: str = "1.00", sweep_id: str = "SW-1", currency: str = "EUR") -> Event:
    """Somebody proposes, approves or carries out a sweep."""
    data = {"sweep_id": sweep_id, "currency": currency, "amount": amount, "at": at, "by": by}
    return event(f"sweep.{what}", f"{sweep_id}:{by}", at, data)


def filed(
    output: str,
    input_: str = "0.00",
    at: str = "2026-05-10T09:00:00Z",
    months: tuple[str, str] = ("2026-03-01", "2026-03-31"),
    return_id: str = "VAT-1",
    jurisdiction: str = "NL",
) -> Event:
    """Somebody filed a VAT return."""
    first, last = months
    data = {
        "return_id": return_id,
        "jurisdiction": jurisdiction,
        "from": first,
        "to": last,
        "output": money(output),
        "input": money(input_),
        "filed_at": at,
        "by": MAKER,
    }
    return event("vat.filed", return_id, at, data)


def paid(amount: str, at: str = "2026-05-12T09:00:00Z", return_id: str = "VAT-1") -> Event:
    """Somebody paid one."""
    data = {"return_id": return_id, "amount": money(amount), "paid_at": at, "by": MAKER}
    return event("vat.paid", return_id, at, data)
