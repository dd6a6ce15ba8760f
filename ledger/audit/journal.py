"""The journal as it stands: each entry against itself, and all of them against the book derived again."""

import hashlib
from collections.abc import Iterator
from functools import partial
from typing import NamedTuple
from uuid import UUID

from ledger.audit.amounts import Money
from ledger.audit.derivation import differences, entry_line, line_id
from ledger.audit.report import Tally
from ledger.audit.snapshot import Snapshot

MIN_POSTINGS, MAX_POSTINGS = 2, 64
HASH_VERSION = 1

# Every entry with its postings in their order; entries without postings and postings without an entry are rows too.
_JOURNAL = """
SELECT entry_id, entry.kind, (extract(epoch FROM entry.effective_at) * 1000000)::bigint, entry.currency,
       entry.session_id, entry.payout_id, entry.reverses, entry.cause, entry.posting_count, entry.hash_version,
       entry.hash, coalesce(found.lines, '{}'), coalesce(found.accounts, '{}'), coalesce(found.amounts, '{}'),
       coalesce(found.currencies, '{}')
FROM book.entry AS entry
FULL JOIN (
    SELECT entry_id, array_agg(line ORDER BY line) AS lines, array_agg(account ORDER BY line) AS accounts,
           array_agg(amount_minor ORDER BY line) AS amounts, array_agg(currency ORDER BY line) AS currencies
    FROM book.posting
    GROUP BY entry_id
) AS found USING (entry_id)
ORDER BY entry_id
"""
# Each event that entries name as their cause, once.
_CAUSES = "SELECT cause, count(*) FROM book.entry GROUP BY cause ORDER BY cause"


class JournalRow(NamedTuple):
    """An entry as its rows have it; `kind` is None for postings that have no entry."""

    entry_id: UUID
    kind: str | None
    effective_us: int
    currency: str
    session_id: str | None
    payout_id: str | None
    reverses: UUID | None
    cause: UUID
    posting_count: int
    hash_version: int
    hash: bytes
    lines: list[int]
    accounts: list[str]
    amounts: list[int]
    currencies: list[str]

    @property
    def where(self) -> str:
        """The entry's name in findings."""
        return f"entry {self.kind} {self.entry_id}"

    def line(self) -> bytes:
        """The entry as a line that can be compared with a derived one."""
        return entry_line(
            self.entry_id,
            self.kind or "",
            self.effective_us,
            self.currency,
            self.session_id,
            self.payout_id,
            self.reverses,
            self.cause,
            sorted(zip(self.accounts, self.amounts, strict=True)),
        )


def compare_journal(
    snapshot: Snapshot, expected: Iterator[bytes], entries: Tally, journal: Tally
) -> Iterator[JournalRow]:
    """Check every entry, and that journal and derived book are the same; gives each row after it was looked at."""
    wanted = next(expected, None)
    for row in map(JournalRow._make, snapshot.rows(_JOURNAL)):
        entries.examined += 1
        if row.kind is None:
            _note_orphans(row, entries)
            yield row
            continue
        _check_lines(row, entries)
        _check_hash(row, entries)
        line, hex_id = row.line(), row.entry_id.hex
        while wanted is not None and line_id(wanted) < hex_id:
            _note_missing(wanted, journal)
            wanted = next(expected, None)
        journal.examined += 1
        if wanted is None or line_id(wanted) != hex_id:
            journal.note(row.where, "no such entry", row.kind, f"{row.where} follows from no stored decision")
        else:
            _compare(row, wanted, line, journal)
            wanted = next(expected, None)
        yield row
    while wanted is not None:
        _note_missing(wanted, journal)
        wanted = next(expected, None)


def _compare(row: JournalRow, wanted: bytes, line: bytes, journal: Tally) -> None:
    if wanted != line:
        for name, *both in differences(wanted, line):
            should, does = map(partial(_readable, row.currency), both) if name == "postings" else both
            journal.compare(row.where, should, does, f"its {name}")


def _readable(currency: str, postings: list[tuple[str, int]]) -> list[tuple[str, Money]]:
    return [(account, Money(amount, currency)) for account, amount in postings]


def _note_missing(wanted: bytes, journal: Tally) -> None:
    journal.examined += 1
    where = f"entry {line_id(wanted)}"
    journal.note(
        where, wanted.decode(), "absent", f"{where} follows from a stored decision and is not in the journal"
    )


def _note_orphans(row: JournalRow, entries: Tally) -> None:
    where = f"entry {row.entry_id}"
    found = len(row.lines)
    entries.note(where, "an entry", f"{found} postings", f"{found} postings name {where}, which does not exist")


def _check_lines(row: JournalRow, entries: Tally) -> None:
    entries.compare(row.where, row.posting_count, len(row.lines), "the number of its postings")
    if not MIN_POSTINGS <= len(row.lines) <= MAX_POSTINGS:
        entries.note(row.where, "2 to 64", len(row.lines), f"{row.where} has {len(row.lines)} postings, not 2 to 64")
    if row.lines != list(range(1, len(row.lines) + 1)):
        entries.note(row.where, "1, 2, ...", row.lines, f"{row.where} has postings numbered {row.lines}")
    if any(currency != row.currency for currency in row.currencies):
        found = sorted(set(row.currencies))
        entries.note(row.where, row.currency, found, f"{row.where} is in {row.currency} and has postings in {found}")
    entries.compare(
        row.where, Money(0, row.currency), Money(sum(row.amounts), row.currency), "the sum of its postings"
    )


def _check_hash(row: JournalRow, entries: Tally) -> None:
    if row.hash_version != HASH_VERSION:
        sentence = f"{row.where} has a hash of version {row.hash_version}, which this audit cannot compute"
        entries.note(row.where, HASH_VERSION, row.hash_version, sentence)
        return
    recomputed = hashlib.sha256(content(row)).hexdigest()
    if recomputed != row.hash.hex():
        sentence = f"{row.where} does not match its hash: it was changed after it was written"
        entries.note(row.where, recomputed, row.hash.hex(), sentence)


def content(row: JournalRow) -> bytes:
    """Version 1 of an entry's content, which its hash is over: one line feed after each part.

    Name of the form, entry, kind, microseconds since 1970 UTC, currency, session, payout, entry reversed, cause,
    number of postings, then amount and account of each; ids in hex, what is absent empty.
    """
    parts: list[object] = ["wattledger-entry-1", row.entry_id.hex, row.kind, row.effective_us, row.currency]
    parts += [row.session_id or "", row.payout_id or "", row.reverses.hex if row.reverses else "", row.cause.hex]
    parts += [len(row.accounts), *map("{} {}".format, row.amounts, row.accounts)]
    return "".join([f"{part}\n" for part in parts]).encode()


def check_causes(snapshot: Snapshot, event_ids: Iterator[bytes], causes: Tally) -> None:
    """Every event that an entry names as its cause is stored; `event_ids` are the hex ids of those, sorted."""
    known = next(event_ids, b"")
    for cause, entries in snapshot.rows(_CAUSES):
        causes.examined += 1
        wanted = cause.hex.encode()
        while known and known < wanted:
            known = next(event_ids, b"")
        if known != wanted:
            sentence = f"{entries} entries name the event {cause} as their cause, which is not stored"
            causes.note(f"event {cause}", "a stored event", "absent", sentence)
