"""When entries were recorded and by which transaction: as the chain has it of the events that caused them."""

import hashlib
from collections.abc import Iterator
from struct import Struct

from ledger.audit.report import Tally
from ledger.audit.snapshot import Snapshot
from ledger.audit.spool import Spool
from ledger.audit.streams import event_id

# Every event that can be the cause of an entry, with what the chain says of its transaction.
_CAUSES = """
SELECT originator_id, originator_version, coalesce(tx::text, ''),
       coalesce(extract(epoch FROM began_at) * 1000000, 0)::bigint
FROM event_store.chain
JOIN event_store.stored_events ON notification_id BETWEEN first_position AND last_position
WHERE topic LIKE 'Booked.%%' OR topic LIKE 'Retracted.%%'
"""
_ENTRIES = """
SELECT cause, entry_id, tx::text::bigint, (extract(epoch FROM recorded_at) * 1000000)::bigint
FROM book.entry ORDER BY cause, entry_id
"""
_OTHER_TRANSACTIONS = """
SELECT entry_id, line, posting.tx::text, entry.tx::text
FROM book.posting JOIN book.entry USING (entry_id) WHERE posting.tx <> entry.tx
"""
_FOLDED = "SELECT entries_hash FROM event_store.chain WHERE number = 0"
_NUMBERS = Struct(">qq").pack


def check_recorded(snapshot: Snapshot, tally: Tally) -> None:
    """Every entry has the transaction of the event that caused it, and was recorded when that began.

    Of entries from before the chain it is known only whether all of these are as they were when it began.
    """
    with Spool() as causes:
        for stream_id, version, tx, began_us in snapshot.rows(_CAUSES):
            causes.add(f"{event_id(stream_id, version).hex} {tx} {began_us}".encode())
        folded = _compare(snapshot, causes.sorted(), tally)
    for (kept,) in snapshot.rows(_FOLDED):
        if kept != folded:
            sentence = (
                "of the entries from before there was a chain one has another transaction or was recorded at another "
                "time than when it began, or lacks"
            )
            tally.note("entries from before the chain", folded.hex(), kept and kept.hex(), sentence)
    for entry_id, line, tx, of_entry in snapshot.rows(_OTHER_TRANSACTIONS):
        tally.compare(f"posting {line} of entry {entry_id}", of_entry, tx, "its transaction")


def _compare(snapshot: Snapshot, causes: Iterator[bytes], tally: Tally) -> bytes:
    """Compare each entry with its cause; what folds those from before the chain."""
    folded = hashlib.sha256(b"").digest()
    known = next(causes, b"")
    for cause, entry_id, tx, recorded_us in snapshot.rows(_ENTRIES):
        tally.examined += 1
        wanted = cause.hex.encode()
        while known and known[:32] < wanted:
            known = next(causes, b"")
        if known[:32] != wanted:
            # No such event: the check of the causes says so.
            continue
        _, of_event, began_us = known.decode().split(" ")
        if not of_event:
            folded = hashlib.sha256(folded + entry_id.bytes + _NUMBERS(tx, recorded_us)).digest()
            continue
        where = f"entry {entry_id}"
        tally.compare(where, int(of_event), tx, "the transaction that recorded it")
        tally.compare(where, int(began_us), recorded_us, "when it was recorded, in microseconds since 1970,")
    return folded
