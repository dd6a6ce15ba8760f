"""Advances: what operators were paid of sessions before their drivers had paid, and that it kept to its limits.

Of one session it is what payouts paid of it less what was captured for it by then, or nothing where that is less.
"""

from collections import defaultdict
from collections.abc import Iterator
from datetime import datetime
from itertools import groupby
from operator import itemgetter
from typing import NamedTuple

from ledger.audit.amounts import Money
from ledger.audit.catalogue import Timeline, read_limits
from ledger.audit.rejections import REJECTED
from ledger.audit.report import Tally
from ledger.audit.snapshot import Snapshot

# What payouts paid of each session that its driver pays, and what was captured for it; repetitions pay nothing anew,
# and what people rejected pays nothing.
_MOVES = (
    REJECTED  # noqa: S608 - a text of ours
    + """, payout AS MATERIALIZED (
    SELECT body ->> 'payout_id' AS payout_id, body ->> 'operator_id' AS operator_id, body ->> 'currency' AS currency,
           (body ->> 'fired_at')::timestamptz AS fired_at, body -> 'entry_ids' AS entry_ids
    FROM event_store.stored_events, LATERAL (SELECT convert_from(state, 'UTF8')::jsonb AS body) AS parsed
    WHERE topic = 'PayoutCreated' AND body ->> 'reissue_of' IS NULL
      AND body ->> 'payout_id' NOT IN (SELECT payout_id FROM rejected)
), driven AS MATERIALIZED (
    SELECT DISTINCT session_id FROM book.entry WHERE kind = 'J01' AND session_id IS NOT NULL
), paid AS MATERIALIZED (
    SELECT payout.operator_id, payout.currency, entry.session_id, payout.fired_at AS at, payout.payout_id,
           -sum(posting.amount_minor)::bigint AS amount
    FROM payout CROSS JOIN jsonb_array_elements_text(entry_ids) AS id
    JOIN book.entry ON entry.entry_id = id::uuid
    JOIN driven ON driven.session_id = entry.session_id
    JOIN book.posting ON posting.entry_id = entry.entry_id
        AND account IN ('2010/' || payout.operator_id, '2011/' || payout.operator_id)
    GROUP BY payout.operator_id, payout.currency, entry.session_id, payout.fired_at, payout.payout_id
), captured AS MATERIALIZED (
    SELECT entry.session_id, posting.currency, entry.effective_at AS at, -sum(amount_minor)::bigint AS amount
    FROM book.entry JOIN book.posting USING (entry_id)
    WHERE kind IN ('J01c', 'J12') AND account = '1105/' || entry.session_id
    GROUP BY entry.session_id, posting.currency, entry.effective_at
)
"""
)
_NOW = """
SELECT operator_id, currency, count(*), sum(ahead)::bigint
FROM (
    SELECT operator_id, currency, sum(amount) - coalesce((
        SELECT sum(amount) FROM captured
        WHERE captured.session_id = paid.session_id AND captured.currency = paid.currency
    ), 0) AS ahead
    FROM paid GROUP BY operator_id, currency, session_id
) AS of_session
WHERE ahead > 0 GROUP BY operator_id, currency ORDER BY operator_id, currency
"""
# All that happened, in the order of time: what is captured at the moment of a run counts for it.
_HISTORY = """
SELECT operator_id, currency, at, '' AS payout_id, session_id, amount
FROM captured JOIN (SELECT DISTINCT operator_id, currency, session_id FROM paid) AS of_session
    USING (session_id, currency)
WHERE operator_id = ANY (%s)
UNION ALL
SELECT operator_id, currency, at, payout_id, session_id, amount FROM paid WHERE operator_id = ANY (%s)
ORDER BY operator_id, currency, at, payout_id, session_id
"""


class _Move(NamedTuple):
    """Something captured or, where a payout is named, paid; minor units."""

    operator_id: str
    currency: str
    at: datetime
    payout_id: str
    session_id: str
    amount: int


class _Ahead:
    """What an operator is paid ahead in a currency, as moves come in the order of time."""

    def __init__(self) -> None:
        self.total = 0
        self._balance: dict[str, int] = defaultdict(int)

    def take(self, move: _Move) -> None:
        """Take in a move."""
        before = self._balance[move.session_id]
        after = before + (move.amount if move.payout_id else -move.amount)
        self._balance[move.session_id] = after
        self.total += max(0, after) - max(0, before)


def check_advances(snapshot: Snapshot, tally: Tally) -> None:
    """What operators are paid ahead of drivers now, for information."""
    for operator_id, currency, sessions, ahead in snapshot.rows(_MOVES + _NOW):
        tally.examined += 1
        amount = Money(ahead, currency)
        sentence = (
            f"operator {operator_id}: {amount} of {sessions} sessions were paid to it that drivers have not paid"
        )
        tally.note(f"operator {operator_id}", Money(0, currency), amount, sentence)


def check_limits(snapshot: Snapshot, tally: Tally) -> None:
    """No payout took an operator's advance above the limit of its terms in effect."""
    limits = read_limits(snapshot, tally)
    for (operator_id, currency), moves in groupby(_history(snapshot, sorted(limits)), key=itemgetter(0, 1)):
        ahead = _Ahead()
        for (at, payout_id), together in groupby(moves, key=itemgetter(2, 3)):
            before = ahead.total
            for move in together:
                ahead.take(move)
            if payout_id:
                tally.examined += 1
                _compare(limits[operator_id], payout_id, currency, at, (before, ahead.total), tally)


def _history(snapshot: Snapshot, operator_ids: list[str]) -> Iterator[_Move]:
    if operator_ids:
        yield from (_Move(*row) for row in snapshot.rows(_MOVES + _HISTORY, (operator_ids, operator_ids)))


def _compare(
    limits: Timeline[Money | None], payout_id: str, currency: str, at: datetime, change: tuple[int, int], tally: Tally
) -> None:
    limit, (before, after) = limits.at(at), change
    if limit is not None and limit.currency == currency and after > max(limit.minor, before):
        where, reached = f"payout {payout_id}", Money(after, currency)
        sentence = f"{where} pays ahead of drivers, up to {reached} in all; the limit of its operator is {limit}"
        tally.note(where, f"at most {limit}", reached, sentence)
