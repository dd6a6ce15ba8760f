"""Journal entries as a table that says what each posting means."""

import sys
from collections.abc import Iterable, Sequence

from rich.table import Table

from domain.book.journal import Entry
from domain.book.words import MEANING_OF_KIND
from domain.calendar import utc_seconds
from domain.money import format_minor
from wattledger.views.forms import print_csv
from wattledger.views.pages import cells, titled_table

_POSTING = ("effective_at", "entry_id", "kind", "session_id", "account", "currency", "amount")


def entries_part(title: str, entries: Sequence[Entry]) -> Table:
    """A line a posting, entries in the given order; where no terminal is, each line says of which entry it is."""
    names = ("effective at", "entry", "meaning", "account", "debit", "credit")
    table = titled_table(title, *names, right=("debit", "credit"))
    for entry in entries:
        at = f"{utc_seconds(entry.effective_at)}Z"
        for number, posting in enumerate(entry.postings):
            says = number == 0 or not sys.stdout.isatty()
            head = (at, entry.kind, _meaning(entry)) if says else ("", "", "")
            text = format_minor(abs(posting.amount_minor), entry.currency)
            sides = (text, "") if posting.amount_minor > 0 else ("", text)
            table.add_row(*cells(*head, posting.account, *sides), end_section=number == len(entry.postings) - 1)
    return table


def _meaning(entry: Entry) -> str:
    meaning = MEANING_OF_KIND.get(entry.kind, "")
    return f"taken back: {meaning}" if entry.reverses else meaning


def write_postings(entries: Iterable[Entry]) -> None:
    """The postings of entries as CSV; an amount is debit positive."""
    rows = (
        (
            f"{utc_seconds(entry.effective_at)}Z",
            entry.entry_id,
            entry.kind,
            entry.session_id,
            posting.account,
            entry.currency,
            format_minor(posting.amount_minor, entry.currency),
        )
        for entry in entries
        for posting in entry.postings
    )
    print_csv(_POSTING, rows)
