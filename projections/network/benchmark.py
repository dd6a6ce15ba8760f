"""An operator's figures of a month beside the quartiles among all operators."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from fractions import Fraction

from psycopg import Cursor
from psycopg.rows import TupleRow

from domain.calendar import ONE_DAY
from domain.exact import Exact
from projections.network.use import UseAsked, UseFound, use_of

FIGURES = (
    "time_utilisation",
    "charging_utilisation",
    "energy_utilisation",
    "net_per_service_hour",
    "net_per_occupied_hour",
)
# What of all operators may be known: see the function's migration.
_QUARTILES = "SELECT figure, currency, operators, lower, median, upper FROM surface.benchmark(%s)"


@dataclass(frozen=True, slots=True)
class Peers:
    """The quartiles of a figure among so many operators, each to two digits; money in minor units."""

    operators: int
    lower: Fraction
    median: Fraction
    upper: Fraction


@dataclass(frozen=True, slots=True)
class Compared:
    """A figure of an operator in a month, and the quartiles among all: None where too few stand behind them.

    `currency` is '' where it is no money; `own` is None where it has no base.
    """

    operator_id: str
    figure: str
    currency: str
    own: Exact | None
    peers: Peers | None


def month_of(text: str) -> date:
    """The first day of a month such as `2026-03`; raises ValueError, with a sentence, for anything else."""
    try:
        found = datetime.strptime(text, "%Y-%m").date()  # noqa: DTZ007 (a month has no zone)
    except ValueError:
        raise ValueError(f"{text!r} is no month: write it as 2026-03") from None
    if found.isoformat()[:7] != text:
        raise ValueError(f"{text!r} is no month: write it as 2026-03")
    return found


def last_month(until: datetime) -> date:
    """The first day of the last month that is over everywhere at a moment."""
    # It is over last where clocks are twelve hours behind.
    return ((until - timedelta(hours=12)).date().replace(day=1) - ONE_DAY).replace(day=1)


def compared(
    cursor: Cursor[TupleRow], first: date, operator_id: str | None, until: datetime | None
) -> list[Compared]:
    """The figures of the operators who may be seen (or of one), in order, each beside its quartiles."""
    last = (first.replace(day=28) + timedelta(days=4)).replace(day=1) - ONE_DAY
    peers = {
        (figure, currency): Peers(operators, *map(Fraction, quartiles))
        for figure, currency, operators, *quartiles in cursor.execute(_QUARTILES, (first,)).fetchall()
    }
    found: list[Compared] = []
    for each in use_of(cursor, UseAsked(operator_id, first=first, last=last), until):
        found += _of_operator(each, peers)
    return found


def _of_operator(found: UseFound, peers: Mapping[tuple[str, str], Peers]) -> list[Compared]:
    operator_id, use = found.key.operator_id, found.use
    utilisations = FIGURES[:3]
    compared = [Compared(operator_id, name, "", getattr(use, name), peers.get((name, ""))) for name in utilisations]
    for currency, (_, net, _) in sorted(use.money.items()):
        for name, own in (
            ("net_per_service_hour", use.per_service_hour(net)),
            ("net_per_occupied_hour", use.per_occupied_hour(net)),
        ):
            compared.append(Compared(operator_id, name, currency, own, peers.get((name, currency))))
    return compared
