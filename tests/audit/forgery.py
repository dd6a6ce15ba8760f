"""An entry that is sound in itself and that no event asked for."""

from datetime import UTC, datetime
from uuid import NAMESPACE_URL, uuid5

from domain.book.journal import Entry, Posting


def forged_entry() -> Entry:
    """Ten thousand in favour of an operator, as a goodwill that nobody granted."""
    return Entry(
        uuid5(NAMESPACE_URL, "forged"),
        "J45",
        datetime(2026, 3, 2, tzinfo=UTC),
        "EUR",
        (Posting("5060", 1_000_000), Posting("2010/OP-A", -1_000_000)),
        uuid5(NAMESPACE_URL, "no event"),
    )
