"""What another tariff does to margins and to days to cash, sessions being used as they were.

Costs, demand shares and the times at which money came stay as they are; only what each session brings changes. So an
amount that a payout pays of a session weighs as much more, or less, as the operator's share of it does.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import LiteralString, NamedTuple

from psycopg import Cursor
from psycopg.rows import TupleRow

from domain.network.margin import Missing
from domain.network.moments import US_PER_SECOND
from projections.network.margins import MarginFilter, session_margins
from projections.network.site_month import SiteMonths

_AT_ONCE = 2_000
# What was paid of sessions, and how long after their end, in microseconds.
_PAID: LiteralString = """
SELECT session_id, (extract(epoch FROM paid_at - ended_at) * 1000000)::bigint, amount
FROM projection.session_cash
WHERE session_id = ANY(%s) AND paid_at IS NOT NULL
ORDER BY session_id, payout_id
"""


class Change(NamedTuple):
    """What a session brings as billed and by another tariff, in minor units: net less commission, and the share."""

    kept: int
    kept_under: int
    share: int
    share_under: int


@dataclass(slots=True)
class MarginsIf:
    """Sums over sessions that have a margin, in major units; and times to cash, weighted, in seconds.

    `without` counts those without a margin, and `missing` names why. `median_s` and `mean_s` are of the sessions that
    were paid, `paid` of them and their payouts; None where none was.
    """

    sessions: int = 0
    margin: Fraction = field(default_factory=Fraction)
    margin_under: Fraction = field(default_factory=Fraction)
    without: int = 0
    missing: set[Missing] = field(default_factory=set)
    paid: int = 0
    median_s: Fraction | None = None
    mean_s: Fraction | None = None
    median_s_under: Fraction | None = None
    mean_s_under: Fraction | None = None


def margins_if(cursor: Cursor[TupleRow], changes: Mapping[str, Change]) -> MarginsIf:
    """The margins and the times to cash of sessions as they are, and with what another tariff would bring."""
    found, months, ids = MarginsIf(), SiteMonths(cursor, None), sorted(changes)
    times: list[tuple[int, Fraction, Fraction]] = []
    for first in range(0, len(ids), _AT_ONCE):
        part = ids[first : first + _AT_ONCE]
        for each in session_margins(cursor, months, MarginFilter(session_ids=part)):
            left, change = each.margin.margin, changes[each.session_id]
            if left is None:
                found.without += 1
                found.missing.update(each.margin.missing)
                continue
            found.sessions += 1
            found.margin += left
            found.margin_under += left + Fraction(change.kept_under - change.kept, 10**each.margin.exponent)
        for session_id, lasted, amount in cursor.execute(_PAID, (part,)):
            change = changes[session_id]
            scale = Fraction(max(change.share_under, 0), change.share) if change.share > 0 else Fraction(1)
            times.append((lasted, Fraction(amount), amount * scale))
    found.paid = len(times)
    found.median_s, found.mean_s = _weighted((lasted, weight) for lasted, weight, _ in times)
    found.median_s_under, found.mean_s_under = _weighted((lasted, weight) for lasted, _, weight in times)
    return found


def _weighted(times: Iterable[tuple[int, Fraction]]) -> tuple[Fraction | None, Fraction | None]:
    """The time in seconds at which half of the weight has come, and the mean; None for both where nothing weighs."""
    ordered: Sequence[tuple[int, Fraction]] = sorted(times)
    total = sum((weight for _, weight in ordered), Fraction(0))
    if total <= 0:
        return None, None
    so_far, median = Fraction(0), ordered[-1][0]
    for lasted, weight in ordered:
        so_far += weight
        if 2 * so_far >= total:
            median = lasted
            break
    mean = sum((lasted * weight for lasted, weight in ordered), Fraction(0)) / total
    return Fraction(median, US_PER_SECOND), mean / US_PER_SECOND
