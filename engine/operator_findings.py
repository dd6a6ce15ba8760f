"""What is found about operators, in their own streams: about accounts when they are published and when runs fire."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from psycopg import Cursor
from psycopg.rows import TupleRow

from contracts.messages import stream_of
from domain.book.findings import Finding, FindingEnded, FindingKind, FindingOpened, OpenFindings
from domain.catalogue.account_findings import ACCOUNT_KINDS, account_findings, bad_account, bad_accounts
from domain.catalogue.catalogue import Catalogue
from domain.payout.run import Withheld
from engine.work import Stream, Unfolded, Work
from ledger.arrays import columns
from ledger.events.codec import decode
from ledger.events.heads import lock_streams
from ledger.events.store import StoredEvent, read_streams

# Operators of whom something is open, so that their streams are read only where they have to be.
_OPEN = "SELECT operator_id FROM intake.operator_finding WHERE kind = ANY(%s) ORDER BY operator_id"
_KEEP = """
INSERT INTO intake.operator_finding (operator_id, key, kind) SELECT * FROM unnest(%s::text[], %s::text[], %s::text[])
ON CONFLICT (operator_id, key) DO NOTHING
"""
_DROP = """
DELETE FROM intake.operator_finding AS kept USING unnest(%s::text[], %s::text[]) AS over (operator_id, key)
WHERE kept.operator_id = over.operator_id AND kept.key = over.key
"""
_TOPICS = (FindingOpened.__name__, FindingEnded.__name__)


@dataclass(frozen=True, slots=True)
class OperatorStream:
    """An operator's stream in a transaction, what was open in it before, and what is open now."""

    operator_id: str
    stream: Stream
    before: Mapping[str, FindingKind]
    findings: OpenFindings

    def change(self, wanted: Iterable[Finding], kinds: Collection[FindingKind]) -> None:
        """Have just those findings of some kinds open."""
        for change in self.findings.towards(wanted, f"operator:{self.operator_id}", among=kinds):
            self.findings.evolve(change)
            self.stream.append(change)
            self.stream.tell(change)


def save_open(cursor: Cursor[TupleRow], streams: Iterable[OperatorStream]) -> None:
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


def operators_with_findings(cursor: Cursor[TupleRow], kinds: Collection[FindingKind]) -> list[str]:
    """The operators of whom something of some kinds is open."""
    return [operator_id for (operator_id,) in cursor.execute(_OPEN, (list(kinds),)).fetchall()]


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
        findings = _open(stored.get(stream_id, ()))
        before = {finding.key: finding.kind for finding in findings}
        found[operator_id] = OperatorStream(operator_id, work.stream(stream_id, aggregate), before, findings)
    return found


def _open(stored: Iterable[StoredEvent]) -> OpenFindings:
    findings = OpenFindings()
    for event in stored:
        if event.topic in _TOPICS:
            findings.evolve(decode(event.topic, event.state))
    return findings


def find_about_accounts(
    cursor: Cursor[TupleRow], work: Work, catalogue: Catalogue, operator_ids: Iterable[str]
) -> None:
    """Bring what is found about the accounts of operators in step with what was published."""
    streams = operator_streams(cursor, work, operator_ids)
    for operator_id, each in streams.items():
        each.change(account_findings(catalogue, operator_id, each.findings), ACCOUNT_KINDS)
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
