"""Every worked example of docs/accounting.md gives the entries that stand below it, line by line."""

import re
from collections.abc import Sequence
from datetime import datetime

import pytest

from domain.book.journal import Entry
from domain.book.posting import POSTING_RULES
from domain.calendar import instant
from domain.money import format_minor
from tests.docs.dry_run import DryRun
from tests.docs.examples import Example, Row, event, examples, real_id, text


def stamp(moment: datetime) -> str:
    """A time as the document writes it, to the minute."""
    return moment.strftime("%Y-%m-%dT%H:%MZ")


def tell(run: DryRun, lines: Sequence[str], first: int = 1) -> DryRun:
    """Tell messages in the order of their lines; a message's id counts from `first`."""
    for number, line in enumerate(lines, first):
        if line.startswith("until "):
            run.until(instant(line.split()[1]))
        else:
            run.tell(event(line, number))
    return run


def rows_of(entries: list[Entry], names: dict[str, str]) -> list[Row]:
    """Entries as rows of the table; debits and credits as decimal text."""
    rows: list[Row] = []
    for entry in entries:
        kind = f"{entry.kind} mirror" if entry.reverses else entry.kind
        for posting in entry.postings:
            account, amount = posting.account, posting.amount_minor
            for real, alias in names.items():
                account = account.replace(real, alias)
            debit = format_minor(amount, entry.currency) if amount > 0 else ""
            credit = format_minor(-amount, entry.currency) if amount < 0 else ""
            rows.append((stamp(entry.effective_at), kind, account, debit, credit))
    return rows


def names_in(run: DryRun) -> dict[str, str]:
    """What the payouts of a run are called in the document, by their ids."""
    names = {}
    for payout in run.payouts.values():
        if payout.created is not None:
            made = payout.created
            alias = f"payout:{made.operator_id}:{made.business_date}:{made.attempt}"
            assert real_id(alias) == payout.payout_id
            names[payout.payout_id] = alias
    return names


def table(rows: list[Row]) -> str:
    """Rows as the document writes them, to be compared by eye."""
    lines, before = (
        ["| effective at | entry | account | debit | credit |", "| --- | --- | --- | ---: | ---: |"],
        ("", ""),
    )
    for at, entry, account, debit, credit in rows:
        again = (at, entry) == before
        lines.append(f"| {'' if again else at} | {'' if again else entry} | `{account}` | {debit} | {credit} |")
        before = (at, entry)
    return "\n".join(lines)


@pytest.mark.parametrize("example", examples(), ids=lambda example: example.title)
def test_an_example_gives_the_entries_that_the_document_shows(example: Example) -> None:
    run = tell(DryRun(), example.given)
    shown_from = len(run.journal)
    tell(run, example.lines, len(example.given) + 1)
    rows = rows_of(run.journal[shown_from:], names_in(run))

    assert rows == list(example.rows), f"{example.title}: the engine gives\n\n{table(rows)}\n"


TOLD_AT_ONCE = [each for each in examples() if not any(line.startswith("until ") for line in each.given + each.lines)]


@pytest.mark.parametrize("example", TOLD_AT_ONCE, ids=lambda example: example.title)
def test_an_example_told_backwards_leaves_the_same_balances(example: Example) -> None:
    lines = example.given + example.lines
    forwards, backwards = DryRun(), DryRun()
    numbered = list(enumerate(lines, 1))
    for number, line in numbered:
        forwards.tell(event(line, number))
    for number, line in reversed(numbered):
        backwards.tell(event(line, number))

    assert balances(backwards) == balances(forwards)


def balances(run: DryRun) -> dict[str, int]:
    """The balance of every account that is not zero, debit positive."""
    sums: dict[str, int] = {}
    for entry in run.journal:
        for posting in entry.postings:
            sums[posting.account] = sums.get(posting.account, 0) + posting.amount_minor
    return {account: amount for account, amount in sorted(sums.items()) if amount}


def test_every_booking_there_is_stands_in_the_table_of_postings() -> None:
    missing = [kind.__name__ for kind in POSTING_RULES if f"`{kind.__name__}`" not in text()]

    assert missing == []


def test_every_posting_has_a_worked_example() -> None:
    named = set(re.findall(r"\bJ\d\d[a-z]?\b", text().partition("## How to read")[0]))
    shown = {row[1].removesuffix(" mirror") for example in examples() for row in example.rows}

    assert named == shown
