"""A booking that is missing somewhere is named, with the file in which to add it."""

import ast
import re
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import TypeAlias

import pytest

from domain.book.bookings import Booking
from domain.book.posting import POSTING_RULES
from ledger.audit.posting_table import _TABLE as AUDITED
from tests.docs.examples import DOCUMENT, examples
from tests.docs.pages import ROOT, table
from tests.domain.builders import entries_for
from tests.domain.test_posting_table import EXAMPLES

BOOKINGS, RULES, AUDIT = "domain/book/bookings.py", "domain/book/posting.py", "ledger/audit/posting_table.py"
TESTED, PAGE = "tests/domain/test_posting_table.py", "docs/accounting.md"
DECIDERS = (
    *("domain/session", "domain/payout", "domain/matter", "domain/closing", "domain/receipt.py", "domain/bank"),
    "domain/wallet",
)
CHECKS = "ledger/audit/sessions.py, payments.py, payouts.py, matters.py, wallets.py or bank.py"
# Between two receivables of one partner: J13 and J17, on either side of it, are each compared with their facts.
MOVES_NO_MONEY = frozenset({"J16"})


@dataclass(frozen=True)
class Places:
    """The bookings in each place, by the names of their classes.

    `numbers` are the posting numbers that the examples of a booking give, and `accounts` the codes they post to.
    `decided` are the names that decide about the book use, `checked` the names and numbers in the audit's checks.
    """

    bookings: Collection[str]
    rules: Collection[str]
    audited: Collection[str]
    tested: Collection[str]
    numbers: Mapping[str, Collection[str]]
    accounts: Collection[str]
    decided: Collection[str]
    checked: Collection[str]
    on_page: Collection[str]
    numbers_on_page: Collection[str]
    accounts_on_page: Collection[str]
    shown: Collection[str]


@cache
def real_places() -> Places:
    """The places of the project."""
    entries = [(type(booking).__name__, *entry) for _, booking, _ in EXAMPLES for entry in entries_for(booking)]
    of_page = table(DOCUMENT, "| booking | because of | entries | debit | credit |")
    return Places(
        bookings=_booked(),
        rules={kind.__name__ for kind in POSTING_RULES},
        audited=set(AUDITED),
        tested={type(booking).__name__ for _, booking, _ in EXAMPLES},
        numbers={name: {kind for of, kind, _ in entries if of == name} for name, _, _ in entries},
        accounts={account.partition("/")[0] for *_, posted in entries for account in posted},
        decided={name for path in _modules(*DECIDERS) for name in _names(path)},
        checked={text for path in _modules("ledger/audit") if path != ROOT / AUDIT for text in _texts(path)},
        on_page={row[0] for row in of_page},
        numbers_on_page={number for row in of_page for number in re.findall(r"\bJ\d\d[a-z]?\b", row[2])},
        accounts_on_page={row[0] for row in table(DOCUMENT, "| code | holds | dimension |")},
        shown={row[1].removesuffix(" mirror") for example in examples() for row in example.rows},
    )


def _booked() -> set[str]:
    """The names of what is booked: of classes from which no other derives, and each of which has a twin."""
    kinds, names, derived_from = [*Booking.__subclasses__()], set[str](), set[str]()
    for kind in kinds:
        names.add(kind.__name__)
        derived_from |= {kind.__name__} if kind.__subclasses__() else set()
        kinds += kind.__subclasses__()
    return names - derived_from


def _modules(*places: str) -> Iterator[Path]:
    for place in places:
        path = ROOT / place
        yield from path.rglob("*.py") if path.is_dir() else [path]


def _names(path: Path) -> set[str]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return {node.func.id for node in ast.walk(tree) if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)}


def _texts(path: Path) -> set[str]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return {node.value for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str)}


Guard: TypeAlias = Callable[[Places], Iterator[str]]


def without_rule(places: Places) -> Iterator[str]:
    """A booking that gives no entries, and cannot be stored either."""
    return _absent(places.bookings, places.rules, "has no rule in POSTING_RULES", RULES)


def without_audit_row(places: Places) -> Iterator[str]:
    """A booking whose entries `wattledger verify` cannot derive."""
    return _absent(places.rules, places.audited, "has no row in _TABLE", AUDIT)


def without_example(places: Places) -> Iterator[str]:
    """A booking whose accounts and amounts nobody wrote down by hand."""
    return _absent(places.rules, places.tested, "has no example in EXAMPLES", TESTED)


def without_decider(places: Places) -> Iterator[str]:
    """A booking that nothing ever brings about."""
    return _absent(places.rules, places.decided, "is decided nowhere", " or ".join(DECIDERS))


def without_check(places: Places) -> Iterator[str]:
    """A booking that could stand without the fact that it follows from, and the audit would not see it."""
    for name, numbers in sorted(places.numbers.items()):
        if name not in places.checked:
            unchecked = set(numbers) - set(places.checked) - MOVES_NO_MONEY
            yield from _absent(unchecked, (), f"of {name} is compared with no fact by the audit", CHECKS)


def without_row_on_the_page(places: Places) -> Iterator[str]:
    """A booking that the page of the accounts does not tell."""
    return _absent(places.rules, places.on_page, "has no row under 'From booking to entry'", PAGE)


def without_number_on_the_page(places: Places) -> Iterator[str]:
    """A posting number that the page does not tell."""
    numbers = {number for found in places.numbers.values() for number in found}
    return _absent(numbers, places.numbers_on_page, "stands in no row under 'From booking to entry'", PAGE)


def without_worked_example(places: Places) -> Iterator[str]:
    """A posting number that no example of the page comes to, from the messages on."""
    return _absent(places.numbers_on_page, places.shown, "has no worked example", PAGE)


def without_account_on_the_page(places: Places) -> Iterator[str]:
    """An account that the page does not list."""
    return _absent(places.accounts, places.accounts_on_page, "is not listed under 'Accounts'", PAGE)


def rows_without_booking(places: Places) -> Iterator[str]:
    """A row of the audit or of the page about a booking that there is not."""
    yield from _absent(places.audited, places.bookings, f"stands in {AUDIT} and has no class", BOOKINGS)
    yield from _absent(places.on_page, places.bookings, f"stands in {PAGE} and has no class", BOOKINGS)


def _absent(wanted: Collection[str], found: Collection[str], lacks: str, file: str) -> Iterator[str]:
    return (f"{name} {lacks}: mend {file}" for name in sorted(set(wanted) - set(found)))


GUARDS: tuple[Guard, ...] = (
    without_rule,
    without_audit_row,
    without_example,
    without_decider,
    without_check,
    without_row_on_the_page,
    without_number_on_the_page,
    without_worked_example,
    without_account_on_the_page,
    rows_without_booking,
)


def gaps(places: Places) -> list[str]:
    """What every guard has to say."""
    return [sentence for guard in GUARDS for sentence in guard(places)]


@pytest.mark.parametrize("guard", GUARDS, ids=lambda guard: guard.__name__)
def test_every_booking_has_what_it_needs(guard: Guard) -> None:
    found = list(guard(real_places()))
    assert not found, "\n".join(found)


def test_a_booking_with_nothing_but_its_class_is_led_from_file_to_file() -> None:
    places = real_places()
    old = gaps(places)
    named = replace(places, bookings={*places.bookings, "MadeUp"})
    with_rule = replace(named, rules={*places.rules, "MadeUp"})
    tested = replace(
        with_rule,
        audited={*places.audited, "MadeUp"},
        tested={*places.tested, "MadeUp"},
        numbers={**places.numbers, "MadeUp": {"J99"}},
        accounts={*places.accounts, "9999"},
        on_page={*places.on_page, "MadeUp"},
        decided={*places.decided, "MadeUp"},
    )
    on_page = replace(tested, numbers_on_page={*places.numbers_on_page, "J99"}, checked={*places.checked, "MadeUp"})

    def new(places: Places) -> list[str]:
        return [gap for gap in gaps(places) if gap not in old]

    assert new(named) == [f"MadeUp has no rule in POSTING_RULES: mend {RULES}"]
    assert new(with_rule) == [
        f"MadeUp has no row in _TABLE: mend {AUDIT}",
        f"MadeUp has no example in EXAMPLES: mend {TESTED}",
        f"MadeUp is decided nowhere: mend {' or '.join(DECIDERS)}",
        f"MadeUp has no row under 'From booking to entry': mend {PAGE}",
    ]
    assert new(tested) == [
        f"J99 of MadeUp is compared with no fact by the audit: mend {CHECKS}",
        f"J99 stands in no row under 'From booking to entry': mend {PAGE}",
        f"9999 is not listed under 'Accounts': mend {PAGE}",
    ]
    assert new(on_page) == [
        f"J99 has no worked example: mend {PAGE}",
        f"9999 is not listed under 'Accounts': mend {PAGE}",
    ]


def test_a_row_about_a_booking_that_there_is_not_is_named() -> None:
    places = real_places()
    found = gaps(replace(places, audited={*places.audited, "MadeUp"}, on_page={*places.on_page, "MadeUp"}))
    assert [sentence for sentence in found if "MadeUp" in sentence] == [
        f"MadeUp stands in {AUDIT} and has no class: mend {BOOKINGS}",
        f"MadeUp stands in {PAGE} and has no class: mend {BOOKINGS}",
    ]
