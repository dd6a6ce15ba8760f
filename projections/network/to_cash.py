"""How long sessions' money takes from plug-out to hand-off and to the bank, weighted by what it comes to.

Each session and payout weighs as much as the payout pays of the session. The median is the smallest time at which
half of the amount has come, the mean the sum of amount x time over the sum of amounts; both exact.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from fractions import Fraction
from typing import LiteralString

from psycopg import Cursor
from psycopg.rows import TupleRow

from projections.network.asked import Asked


class By(StrEnum):
    """What has a line of its own: an operator, a site, an EVSE, a channel, or a day on which sessions ended."""

    OPERATOR = "operator"
    SITE = "site"
    EVSE = "evse"
    CHANNEL = "channel"
    DAY = "day"


# What tells the groups apart; a session without a partner was sold to its driver directly.
_KEYS: dict[By, LiteralString] = {
    By.OPERATOR: "''",
    By.SITE: "coalesce(session.location_id, '')",
    By.EVSE: "coalesce(session.evse_uid, '')",
    By.CHANNEL: "coalesce(session.partner, 'direct')",
    By.DAY: "(cash.ended_at AT TIME ZONE coalesce(site.time_zone, home.time_zone, 'UTC'))::date::text",
}
# Where a session was: at which site, and by which clock.
_PLACES: LiteralString = """
    LEFT JOIN projection.network AS session USING (session_id, operator_id)
    LEFT JOIN projection.sites AS site
        ON site.operator_id = cash.operator_id AND site.location_key = session.location_key
    LEFT JOIN projection.sites AS home ON home.operator_id = cash.operator_id AND home.location_key = ''
"""
_OF_PLACES: LiteralString = """
      AND (%(location_key)s::text IS NULL OR session.location_key = %(location_key)s)
      AND (%(first)s::date IS NULL
           OR (cash.ended_at AT TIME ZONE coalesce(site.time_zone, home.time_zone, 'UTC'))::date >= %(first)s)
      AND (%(last)s::date IS NULL
           OR (cash.ended_at AT TIME ZONE coalesce(site.time_zone, home.time_zone, 'UTC'))::date <= %(last)s)
"""

# By operator, currency and group, of what was handed over and of what was paid: how many, how much, the time at which
# half of the amount had come, and amount x time; times in microseconds. Of equal times all have come.
_TIMES: LiteralString = """
WITH came AS MATERIALIZED (
    SELECT cash.operator_id, cash.currency, {key} AS of, cash.amount,
           cash.handed_us AS handed, cash.paid_us AS paid
    FROM projection.session_cash AS cash {places}
    WHERE (%(operator_id)s::text IS NULL OR cash.operator_id = %(operator_id)s) {of_places}
      AND (%(since)s::timestamptz IS NULL OR cash.ended_at >= %(since)s)
      AND (%(before)s::timestamptz IS NULL OR cash.ended_at < %(before)s)
      AND cash.handed_at IS NOT NULL
)
SELECT operator_id, currency, of, step, count(*)::bigint, sum(amount)::bigint,
       min(us) FILTER (WHERE 2 * so_far >= total),
       1000000 * sum(us / 1000000 * amount) + sum(us %% 1000000 * amount)
FROM (
    SELECT operator_id, currency, of, step, us, amount,
           sum(amount) OVER (PARTITION BY operator_id, currency, of, step ORDER BY us) AS so_far,
           sum(amount) OVER (PARTITION BY operator_id, currency, of, step) AS total
    FROM (
        SELECT operator_id, currency, of, 'handed' AS step, handed AS us, amount FROM came
        UNION ALL
        SELECT operator_id, currency, of, 'paid', paid, amount FROM came WHERE paid IS NOT NULL
    ) AS each_step
) AS walked
GROUP BY operator_id, currency, of, step
ORDER BY operator_id, currency, of, step
"""


@dataclass(frozen=True, slots=True)
class Came:
    """How long it took until money came: so many sessions and payouts, minor units, microseconds."""

    sessions: int
    amount: int
    median_us: int
    mean_us: Fraction


_NOTHING = Came(0, 0, 0, Fraction(0))


@dataclass(frozen=True, slots=True)
class ToCash:
    """From plug-out to hand-off and to the bank, of an operator's sessions in a currency and a group.

    `paid` is None where nothing was paid yet; what was handed over and has not arrived is the difference.
    """

    operator_id: str
    currency: str
    group: str
    handed: Came
    paid: Came | None

    @property
    def not_paid(self) -> tuple[int, int]:
        """How many sessions and payouts were handed over and never paid so far, and what they come to."""
        paid = self.paid or _NOTHING
        return self.handed.sessions - paid.sessions, self.handed.amount - paid.amount


def to_cash(cursor: Cursor[TupleRow], asked: Asked, by: By = By.OPERATOR) -> list[ToCash]:
    """Of sessions that ended in the span, by operator, currency and group in their order; days are local ones."""
    since, until = asked.since, asked.until
    dates = [None if isinstance(end, datetime) else end for end in (since, until)]
    needs_places = by is not By.OPERATOR or asked.location_id is not None or any(dates)
    query = (
        _TIMES.replace("{key}", _KEYS[by])
        .replace("{places}", _PLACES if needs_places else "")
        .replace("{of_places}", _OF_PLACES if needs_places else "")
    )
    question = {
        "operator_id": asked.operator_id,
        "location_key": None if asked.location_id is None else asked.location_id.casefold(),
        "since": _bound(since, -1),
        "before": _bound(until, 2),
        "first": dates[0],
        "last": dates[1],
    }
    return list(_joined(cursor.execute(query.encode(), question).fetchall()))


def _bound(end: date | datetime | None, days: int) -> datetime | None:
    """A moment as it is; of a day one that is outside of it wherever it is, for the index."""
    if end is None or isinstance(end, datetime):
        return end
    return datetime.combine(end, time(), UTC) + timedelta(days=days)


def _joined(rows: Iterable[TupleRow]) -> Iterable[ToCash]:
    """Both steps of each group together; whatever was paid was handed over."""
    found: dict[tuple[str, str, str], dict[str, Came]] = {}
    for operator_id, currency, group, step, sessions, amount, median_us, weighed in rows:
        came = Came(sessions, amount, median_us, Fraction(weighed) / amount)
        found.setdefault((operator_id, currency, group), {})[step] = came
    for key, steps in found.items():
        yield ToCash(*key, steps["handed"], steps.get("paid"))
