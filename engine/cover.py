"""Cover as stored: client money at the bank as of any moment, less what is on its way, and what is found of it.

What is on its way is kept with each payout (`intake.open_payout`): from when it was handed off until the bank booked
it or said no. So a moment is read by its keys, however many payouts there were.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime

from psycopg import Cursor
from psycopg.rows import TupleRow

from domain.book.findings import Finding, FindingKind
from domain.book.posting import BANK
from domain.payout.cover import HandedOff, is_of_payout, short_payouts, waiting_runs
from domain.payout.run import Waiting
from engine.operator_findings import operator_streams, operators_with_findings, save_open
from engine.work import Work

KINDS = (FindingKind.COVER_SHORT,)
_LEFT = """
SELECT asked.currency, asked.moment, bank.debits - bank.credits - coalesce((
    SELECT sum(amount) FROM intake.open_payout AS payout
    WHERE payout.left_at > asked.moment AND payout.sent_at <= asked.moment AND payout.currency = asked.currency
), 0)::bigint
FROM unnest(%s::text[], %s::timestamptz[]) AS asked (currency, moment)
CROSS JOIN LATERAL book.balance_at(%s, asked.currency, asked.moment) AS bank
"""
# Payouts that were handed off since anybody looked.
_NOT_WEIGHED = """
SELECT payout_id, operator_id, currency, amount, sent_at FROM intake.open_payout WHERE NOT weighed ORDER BY payout_id
"""
_WEIGHED = "UPDATE intake.open_payout SET weighed = true WHERE payout_id = ANY(%s)"
_HAS_WORK = """
SELECT EXISTS (SELECT FROM intake.open_payout WHERE NOT weighed)
    OR EXISTS (SELECT FROM intake.operator_finding WHERE kind = %s)
"""


def money_left(cursor: Cursor[TupleRow], asked: Iterable[tuple[str, datetime]]) -> dict[tuple[str, datetime], int]:
    """What is left of client money by currency and moment (inclusive), in minor units."""
    pairs = sorted(set(asked))
    if not pairs:
        return {}
    found = cursor.execute(_LEFT, ([currency for currency, _ in pairs], [moment for _, moment in pairs], BANK))
    return {(currency, moment): left for currency, moment, left in found}


def has_work(cursor: Cursor[TupleRow]) -> bool:
    """Whether a payout was handed off that nobody has weighed, or one that was not covered may be by now."""
    row = cursor.execute(_HAS_WORK, (FindingKind.COVER_SHORT,)).fetchone()
    return bool(row and row[0])


def weigh(cursor: Cursor[TupleRow], work: Work, waiting: Mapping[str, Waiting], until: datetime) -> None:
    """Find what was handed off without cover, and what waits for it; end what is covered as of `until`."""
    payouts = [HandedOff(*row) for row in cursor.execute(_NOT_WEIGHED).fetchall()]
    short = short_payouts(payouts, money_left(cursor, ((each.currency, each.sent_at) for each in payouts)))
    cursor.execute(_WEIGHED, ([each.payout_id for each in payouts],))
    concerned = {*operators_with_findings(cursor, KINDS), *waiting, *(each.operator_id for each in short)}
    if not concerned:
        return
    streams = operator_streams(cursor, work, concerned)
    known = {operator_id: list(stream.findings) for operator_id, stream in streams.items()}
    currencies = {each.currency or "" for found in (short, *known.values()) for each in found}
    left = money_left(cursor, ((currency, until) for currency in currencies if currency))
    for operator_id, stream in streams.items():
        opened = [each for each in short if each.operator_id == operator_id]
        kept = [*known[operator_id], *opened]
        runs = waiting_runs(operator_id, waiting[operator_id]) if operator_id in waiting else []
        # What was short is told also where it is covered by now.
        stream.change(kept, KINDS)
        stream.change([*runs, *(each for each in kept if _is_short(each, left, until))], KINDS, until)
    save_open(cursor, streams.values())


def _is_short(finding: Finding, left: Mapping[tuple[str, datetime], int], until: datetime) -> bool:
    """Whether a payout that was handed off without cover is still not covered."""
    return is_of_payout(finding) and left.get((finding.currency or "", until), 0) < 0
