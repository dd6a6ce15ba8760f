"""The independent checker of the book: it shares no code with what posts, and reads everything from the database.

Here belongs every rule once more, in another form: from stored facts to bookings, entries, balances and payouts. It
may import nothing of `domain`, `engine` and the rooms beside it, and nothing that books imports it: `wattledger
verify` runs it. A new type or posting needs its row here. Read `audit` first, then `streams` and `posting_table`.
"""

from ledger.audit.anchor_lines import AnchorsUnreadable, KeptAnchor, read_anchors
from ledger.audit.anchors import Outside
from ledger.audit.audit import verify
from ledger.audit.chain_heads import Head, HeadsUnreadable, read_heads
from ledger.audit.report import AuditReport, Check, Finding, Severity

__all__ = [
    "AnchorsUnreadable",
    "AuditReport",
    "Check",
    "Finding",
    "Head",
    "HeadsUnreadable",
    "KeptAnchor",
    "Outside",
    "Severity",
    "read_anchors",
    "read_heads",
    "verify",
]
