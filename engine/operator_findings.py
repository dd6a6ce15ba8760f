"""What is found about operators, in their own streams: about accounts when they are published and when runs fire."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from psycopg import Cursor
from psycopg.rows import TupleRow

from contracts.decode import Message
from contracts.messages import stream_of
from domain.book.findings import Finding, FindingKind, OpenFindings
from domain.catalogue.account_findings import ACCOUNT_KINDS, account_findings, bad_account, bad_accounts
from domain.catalogue.catalogue import Catalogue
from domain.catalogue.controls import lowered_findings, over_at, still_lowered
from domain.catalogue.parties import Operator
from domain.catalogue.run_terms import NegativeTerms
from domain.catalogue.versions import Versions
from domain.payout.cover import WAITING_KEY
from domain.payout.desk import BelowZero, Withheld
from domain.payout.run_findings import AGED_KINDS, aged_balances, broken_runs, owed_by_operator
from engine.finding_streams import open_in
from engine.work import Stream, Unfolded, Work
from ledger.arrays import columns
from ledger.events.heads import lock_streams
from ledger.events.store import read_streams
from ledger.intake.catalogue import TERMS

# Operators of whom something is open, so that their streams are read only where they have to be.
_OPEN = "SELECT operator_id FROM intake.operator_finding WHERE kind = ANY(%s) ORDER BY operator_id"
# Operators whose runs are not made for a reason that is told: they break, or wait for cover.
_HELD_UP = "SELECT operator_id FROM intake.operator_finding WHERE kind = %s OR starts_with(key, %s)"
_KEEP = """
INSERT INTO intake.operator_finding (operator_id, key, kind) SELECT * FROM unnest(%s::text[], %s::text[], %s::text[])
ON CONFLICT (operator_id, key) DO NOTHING
"""
_DROP = """
DELETE FROM intake.operator_finding AS kept USING unnest(%s::text[], %s::text[]) AS over (operator_id, key)
WHERE kept.operator_id = over.operator_id AND kept.key = over.key
"""
# Operators of whom something may be told by now: balances that stay below zero, terms of before that count no more.
_DUE = "SELECT DISTINCT operator_id FROM intake.operator_finding WHERE due_at <= %s ORDER BY operator_id LIMIT %s"
_LOOK_AGAIN = """
UPDATE intake.operator_finding AS kept SET due_at = new.due_at
FROM unnest(%s::text[], %s::text[], %s::timestamptz[]) AS new (operator_id, key, due_at)
WHERE kept.operator_id = new.operator_id AND kept.key = new.key
"""


@dataclass(frozen=True, slots=True)
class OperatorStream:
    """An operator's stream in a transaction, what was open in it before, and what is open now."""

    operator_id: str
    stream: Stream
    before: Mapping[str, FindingKind]
    findings: OpenFindings
    # When the clock looks again at what is open, by key, where that is known anew.
    due: dict[str, datetime | None] = field(default_factory=dict)

    def change(self, wanted: Iterable[Finding], kinds: Collection[FindingKind], at: datetime | None = None) -> None:
        """Have just those findings of some kinds open; what ends does so `at` that moment."""
        for change in self.findings.towards(wanted, f"operator:{self.operator_id}", among=kinds, at=at):
            self.findings.evolve(change)
            self.stream.append(change)
            self.stream.tell(change)


def save_open(cursor: Cursor[TupleRow], streams: Collection[OperatorStream]) -> None:
    """Keep of which operators something is open, as a set."""
    added: list[tuple[str, str, str]] = []
    over: list[tuple[str, str]] = []
    for each in streams:
        now = {finding.key: finding.kind for finding in each.findings}
        added += [(each.operator_id, key, kind.value) for key, kind in now.items() if key not in each.before]
        over += [(each.operator_id, key) for key in each.before if key not in now]
    if added:
        cursor.execute(_KEEP, columns(added))
    if over:
        cursor.execute(_DROP, columns(over))
    due = [(each.operator_id, key, at) for each in streams for key, at in each.due.items()]
    if due:
        cursor.execute(_LOOK_AGAIN, columns(due))


def operators_with_findings(cursor: Cursor[TupleRow], kinds: Collection[FindingKind]) -> list[str]:
    """The operators of whom something of some kinds is open."""
    return [operator_id for (operator_id,) in cursor.execute(_OPEN, (list(kinds),)).fetchall()]


def operators_held_up(cursor: Cursor[TupleRow]) -> frozenset[str]:
    """The operators whose runs broke, or waited for cover, when they were last to be made."""
    found = cursor.execute(_HELD_UP, (FindingKind.RUNS_FAILED, WAITING_KEY)).fetchall()
    return frozenset(operator_id for (operator_id,) in found)


def operator_streams(
    cursor: Cursor[TupleRow], work: Work, operator_ids: Iterable[str]
) -> Mapping[str, OperatorStream]:
    """The streams of operators, locked, with what is open in them; versions go on from what is appended already."""
    ids = {stream_of("operator.changed", {"operator_id": each}): each for each in sorted(set(operator_ids))}
    versions = lock_streams(cursor, ids)
    stored = read_streams(cursor, [stream_id for stream_id in ids if versions[stream_id]])
    found = {}
    for stream_id, operator_id in ids.items():
        aggregate = work.streams.get(stream_id) or Unfolded(versions[stream_id])
        findings = open_in(stored.get(stream_id, ()))
        before = {finding.key: finding.kind for finding in findings}
        found[operator_id] = OperatorStream(operator_id, work.stream(stream_id, aggregate), before, findings)
    return found


def find_about_terms(
    cursor: Cursor[TupleRow],
    work: Work,
    catalogue: Catalogue,
    accounts_of: Collection[str],
    published: Iterable[Message],
) -> None:
    """Bring what is found about operators' accounts, and the terms that were published, in step with all of them."""
    terms_of = {each.data["operator_id"] for each in published if each.type in TERMS}
    lowered = {each for each in terms_of if catalogue.histories[each].lowered}
    if not accounts_of and not lowered:
        return
    streams = operator_streams(cursor, work, {*accounts_of, *lowered})
    for operator_id, each in streams.items():
        each.change(account_findings(catalogue, operator_id, each.findings), ACCOUNT_KINDS)
        found = catalogue.histories[operator_id].lowered
        each.change(lowered_findings(operator_id, found, each.findings), (FindingKind.CONTROLS_LOWERED,))
        each.due.update(over_at(found, {finding.key for finding in each.findings}))
    save_open(cursor, streams.values())


def find_withheld(
    cursor: Cursor[TupleRow], work: Work, catalogue: Catalogue, operator_id: str, withheld: Withheld | None
) -> None:
    """Note what the last run did not pay, or that it paid again."""
    each = operator_streams(cursor, work, [operator_id])[operator_id]
    versions = catalogue.operators[operator_id]
    made = bad_account(versions, withheld.account, withheld.amounts) if withheld else []
    # The account in effect comes first, with what it lacks: of two findings with one key the first counts.
    each.change([*made, *bad_accounts(versions, ())], (FindingKind.BAD_ACCOUNT,))
    save_open(cursor, [each])


def find_below_zero(
    cursor: Cursor[TupleRow], work: Work, operator_id: str, versions: Versions[Operator], runs: Iterable[BelowZero]
) -> None:
    """Note what an operator owes, as its runs found it one after the other, and that it is over."""
    each = operator_streams(cursor, work, [operator_id])[operator_id]
    for below in runs:
        wanted = owed_by_operator(operator_id, below, each.findings)
        each.change(wanted, (FindingKind.NEGATIVE_BALANCE,), below.at)
        _age(each, versions, below.at)
    save_open(cursor, [each])


def find_aged_balances(
    cursor: Cursor[TupleRow], work: Work, catalogue: Catalogue, until: datetime, at_most: int
) -> int:
    """Note of operators that they are below zero for so long that people are to be told; how many were looked at.

    Likewise that terms of before, in place of which others ask for less, count no more.
    """
    due = [operator_id for (operator_id,) in cursor.execute(_DUE, (until, at_most)).fetchall()]
    streams = operator_streams(cursor, work, due)
    for operator_id, each in streams.items():
        lowered = still_lowered(each.findings, catalogue.histories[operator_id].lowered, until)
        each.change(lowered, (FindingKind.CONTROLS_LOWERED,), until)
        _age(each, catalogue.operators[operator_id], until)
    save_open(cursor, streams.values())
    return len(due)


def _age(each: OperatorStream, versions: Versions[Operator], until: datetime) -> None:
    terms = versions.at(until)
    wanted, due = aged_balances(each.findings, terms.runs.negative if terms else NegativeTerms(), until)
    each.change(wanted, AGED_KINDS, until)
    each.due.update(due)


def find_broken_runs(cursor: Cursor[TupleRow], work: Work, errors: Mapping[str, str], until: datetime) -> None:
    """Note of which operators the runs break, by what, and that those of others no longer do."""
    concerned = {*errors, *operators_with_findings(cursor, (FindingKind.RUNS_FAILED,))}
    streams = operator_streams(cursor, work, concerned)
    for operator_id, each in streams.items():
        error = errors.get(operator_id)
        wanted = [] if error is None else [broken_runs(operator_id, error, until, each.findings)]
        each.change(wanted, (FindingKind.RUNS_FAILED,), until)
    save_open(cursor, streams.values())
