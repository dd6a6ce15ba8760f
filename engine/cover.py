"""Cover as stored: client money at the bank as of any moment, less what is on its way, and what is found of it.

What is on its way is kept with each payout (`intake.open_payout`): from when it was handed off until the bank booked
it or said no. So a moment is read by its keys, however many payouts there were.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import datetime

from psycopg import Cursor
from psycopg.rows import TupleRow

from domain.book.drafts import BANK
from domain.book.findings import Finding, FindingKind
from domain.payout.cover import PAYOUT_KEY, HandedOff, is_of_payout, short_payouts, waiting_runs
from domain.payout.desk import Waiting
from engine.operator_findings import operator_streams, save_open
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
# Payouts that were handed off since anybody looked, all of an operator together: those of the operators first by id,
# which have the money first, so that what comes behind each of them at its moment is among those not looked at yet.
_NOT_WEIGHED = """
SELECT payout_id, operator_id, currency, amount, sent_at, behind FROM (
    SELECT payout_id, operator_id, currency, amount, sent_at, coalesce(sum(amount) OVER (
        PARTITION BY currency, sent_at ORDER BY operator_id DESC, payout_id DESC
        ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING), 0)::bigint AS behind
    FROM intake.open_payout WHERE NOT weighed
) AS sent
ORDER BY operator_id FETCH FIRST %s ROWS WITH TIES
"""
_WEIGHED = "UPDATE intake.open_payout SET weighed = true WHERE payout_id = ANY(%s)"
_HAS_WORK = """
SELECT EXISTS (SELECT FROM intake.open_payout WHERE NOT weighed)
    OR EXISTS (SELECT FROM intake.operator_finding WHERE kind = %s)
"""
# What is open of payouts names them by its key; anything else is of a run that waited.
_OPEN = f"""
FROM intake.operator_finding AS found
LEFT JOIN intake.open_payout AS payout ON payout.payout_id = substr(found.key, {len(PAYOUT_KEY) + 1})
WHERE found.kind = '{FindingKind.COVER_SHORT}'
"""
_CURRENCIES = f"SELECT DISTINCT payout.currency {_OPEN} AND payout.currency IS NOT NULL"
_MAY_BE_OVER = f"""
SELECT DISTINCT found.operator_id {_OPEN} AND (payout.currency IS NULL OR payout.currency = ANY(%s))
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


def weigh(cursor: Cursor[TupleRow], work: Work, waiting: Mapping[str, Waiting], until: datetime, at_most: int) -> int:
    """Find what was handed off without cover since anybody looked; how many payouts were looked at.

    That is about `at_most`: all of an operator's are looked at together.
    """
    payouts = [HandedOff(*row) for row in cursor.execute(_NOT_WEIGHED, (at_most,)).fetchall()]
    short = short_payouts(payouts, money_left(cursor, ((each.currency, each.sent_at) for each in payouts)))
    cursor.execute(_WEIGHED, ([each.payout_id for each in payouts],))
    opened: dict[str, list[Finding]] = defaultdict(list)
    for each in short:
        opened[each.operator_id or ""].append(each)
    _bring_in_step(cursor, work, opened, waiting, until)
    return len(payouts)


def look_again_at(cursor: Cursor[TupleRow], waiting: Mapping[str, Waiting], until: datetime) -> list[str]:
    """The operators of whom something may be over as of `until`, or whose runs wait, by id."""
    currencies = [currency for (currency,) in cursor.execute(_CURRENCIES).fetchall()]
    left = money_left(cursor, ((currency, until) for currency in currencies))
    covered = [currency for (currency, _), money in left.items() if money >= 0]
    may_be_over = {operator_id for (operator_id,) in cursor.execute(_MAY_BE_OVER, (covered,)).fetchall()}
    return sorted(may_be_over | waiting.keys())


def look_again(
    cursor: Cursor[TupleRow], work: Work, operator_ids: Iterable[str], waiting: Mapping[str, Waiting], until: datetime
) -> None:
    """Find what of these operators waits for cover, and end what is covered as of `until`."""
    _bring_in_step(cursor, work, {operator_id: [] for operator_id in operator_ids}, waiting, until)


def _bring_in_step(
    cursor: Cursor[TupleRow],
    work: Work,
    opened: Mapping[str, list[Finding]],
    waiting: Mapping[str, Waiting],
    until: datetime,
) -> None:
    """Tell of these operators what was found, by operator; what of it, and of what was found before, is still so."""
    if not opened:
        return
    streams = operator_streams(cursor, work, opened)
    found = {operator_id: [*stream.findings, *opened[operator_id]] for operator_id, stream in streams.items()}
    currencies = {each.currency for findings in found.values() for each in findings if each.currency}
    left = money_left(cursor, ((currency, until) for currency in currencies))
    for operator_id, stream in streams.items():
        kept = found[operator_id]
        runs = waiting_runs(operator_id, waiting[operator_id]) if operator_id in waiting else []
        # What was short is told also where it is covered by now.
        stream.change(kept, KINDS)
        stream.change([*runs, *(each for each in kept if _is_short(each, left, until))], KINDS, until)
    save_open(cursor, streams.values())


def _is_short(finding: Finding, left: Mapping[tuple[str, datetime], int], until: datetime) -> bool:
    """Whether a payout that was handed off without cover is still not covered."""
    return is_of_payout(finding) and left.get((finding.currency or "", until), 0) < 0
