"""The book as text: what programs of others load has the sums of the store, whatever ids and currencies there are."""

import csv
import io
import shutil
import string
import subprocess
from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from arro3.core import Table
from arro3.io import read_parquet
from beancount import loader
from beancount.core import account as beancount_account
from beancount.core.data import Commodity, Open, Transaction
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from psycopg import Connection
from psycopg.rows import TupleRow

from domain.book.journal import Entry, Posting
from domain.money import format_minor
from ledger.book.journal import write_entries
from ledger.database import Role, connect
from projections.books.files import BOOK_FILES
from projections.books.names import book_account
from projections.export import export
from tests.conftest import Stores
from tests.projections.builders import NOON, PLATFORM, Recorder, session_history
from tests.support.examples import examples

HLEDGER = shutil.which("hledger")
PRINTABLE = "".join(map(chr, range(0x20, 0x7F)))
# What text calls an account, its currency, and what it holds; accounts that hold nothing are left out.
Sums = dict[tuple[str, str], Decimal]

needs_hledger = pytest.mark.skipif(HLEDGER is None, reason="no hledger on this machine: apt-get install hledger")


def write_books(dsn: str, folder: Path) -> None:
    """The four files as a snapshot has them."""
    (folder / "books").mkdir(exist_ok=True)
    with connect(dsn, Role.PROJECTOR) as connection, connection.cursor() as cursor:
        for name, lines in BOOK_FILES.items():
            (folder / name).write_bytes(b"".join(lines(cursor)))


def summed(postings: Iterable[tuple[str, str, Decimal]]) -> Sums:
    """What each account holds of each currency."""
    sums: defaultdict[tuple[str, str], Decimal] = defaultdict(Decimal)
    for account, currency, amount in postings:
        sums[account, currency] += amount
    return {key: amount for key, amount in sums.items() if amount}


def in_the_store(dsn: str) -> Sums:
    with connect(dsn, Role.PROJECTOR) as connection:
        rows = connection.execute(
            "SELECT account, currency, sum(amount_minor)::bigint FROM book.posting GROUP BY account, currency"
        )
        return summed((book_account(name), of, Decimal(format_minor(minor, of))) for name, of, minor in rows)


def by_hledger(folder: Path) -> Sums:
    file = str(folder / "books" / "book.hledger")
    subprocess.run([str(HLEDGER), "-f", file, "check", "--strict"], check=True, capture_output=True, text=True)
    command = [str(HLEDGER), "-f", file, "balance", "--flat", "--no-total", "--layout=bare", "--output-format=csv"]
    told = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    rows = csv.reader(io.StringIO(told))
    assert next(rows) == ["account", "commodity", "balance"]
    return summed((account, currency, Decimal(amount)) for account, currency, amount in rows)


def by_beancount(folder: Path) -> Sums:
    found, errors, _ = loader.load_file(str(folder / "books" / "book.beancount"))
    assert errors == []
    return summed(
        (posting.account, posting.units.currency, posting.units.number)
        for each in found
        if isinstance(each, Transaction)
        for posting in each.postings
        if posting.units is not None and posting.units.number is not None
    )


def by_csv(folder: Path) -> Sums:
    with (folder / "books" / "postings.csv").open(newline="") as file:
        return summed(
            (book_account(row["account"]), row["currency"], Decimal(row["amount"])) for row in csv.DictReader(file)
        )


def parquet(folder: Path) -> Table:
    return read_parquet(folder / "books" / "postings.parquet").read_all()


def by_parquet(folder: Path) -> Sums:
    table = parquet(folder)
    columns = [table[name].to_pylist() for name in ("account", "currency", "amount")]
    return summed((book_account(account), of, Decimal(amount)) for account, of, amount in zip(*columns, strict=True))


@pytest.fixture(scope="module")
def settled_books(settled: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The books of a network to which everything happened."""
    folder = tmp_path_factory.mktemp("books")
    write_books(settled, folder)
    return folder


@needs_hledger
def test_hledger_checks_the_text_strictly_and_sums_it_as_the_book(settled: str, settled_books: Path) -> None:
    assert by_hledger(settled_books) == in_the_store(settled) != {}


@pytest.mark.parametrize("read", [by_beancount, by_csv, by_parquet])
def test_what_others_read_is_the_trial_balance(settled: str, settled_books: Path, read: Any) -> None:
    assert read(settled_books) == in_the_store(settled)


def test_tables_have_a_row_a_posting_in_the_order_of_the_journal(settled: str, settled_books: Path) -> None:
    with connect(settled, Role.PROJECTOR) as connection:
        expected = [
            (str(entry_id), kind, moment, account, currency, format_minor(minor, currency))
            for entry_id, kind, moment, account, currency, minor in connection.execute(
                "SELECT entry_id, kind, effective_at, account, entry.currency, amount_minor "
                "FROM book.entry JOIN book.posting USING (entry_id) ORDER BY effective_at, entry_id, line"
            )
        ]
    table = parquet(settled_books)
    names = ["entry_id", "kind", "effective_at", "account", "currency", "amount"]
    assert table.column_names == names
    assert list(zip(*(table[name].to_pylist() for name in names), strict=True)) == expected
    with (settled_books / "books" / "postings.csv").open(newline="") as file:
        heading, *rows = csv.reader(file)
    assert heading == names
    assert [(*row[:2], datetime.fromisoformat(row[2]), *row[3:]) for row in rows] == expected


def test_an_export_has_the_books_only_where_they_are_asked_for(
    store: str, recorder: Recorder, tmp_path: Path
) -> None:
    recorder.record_all(session_history("S-1"))
    export(store, tmp_path / "without", PLATFORM)
    written = export(store, tmp_path / "with", PLATFORM, books=True)
    assert set(BOOK_FILES) <= {each.name for each in written}
    assert not (tmp_path / "without" / "books").exists()
    for path in (tmp_path / "without").iterdir():
        if path.is_file():
            assert (tmp_path / "with" / path.name).read_bytes() == path.read_bytes()


def test_an_empty_book_is_loaded_too(store: str, tmp_path: Path) -> None:
    write_books(store, tmp_path)
    assert by_beancount(tmp_path) == by_csv(tmp_path) == by_parquet(tmp_path) == {}
    assert HLEDGER is None or by_hledger(tmp_path) == {}


@pytest.mark.parametrize(
    ("account", "name"),
    [
        ("1010", "Assets:1010"),
        ("2010/OP-1", "Liabilities:2010:OP-2d1"),
        ("2110/DE-19", "Liabilities:2110:DE-2d19"),
        ("2110/FR-5.5", "Liabilities:2110:FR-2d5-2e5"),
        ("1110/acme-psp", "Assets:1110:X-61cme-2dpsp"),
        ("3000", "Equity:3000"),
        ("4010", "Income:4010"),
        ("5065", "Expenses:5065"),
        ("9110/S/1", "Equity:9110:S-2f1"),
        ("2410/-1", "Liabilities:2410:X-2d1"),
        ("2410/é", "Liabilities:2410:X-c3-a9"),
        ("1105/7a", "Assets:1105:7a"),
    ],
)
def test_accounts_have_a_root_their_code_and_an_escaped_dimension(account: str, name: str) -> None:
    assert book_account(account) == name


@given(st.text(PRINTABLE, min_size=1, max_size=64), st.text(PRINTABLE, min_size=1, max_size=64))
@settings(max_examples=examples(200))
def test_names_are_beancounts_and_differ_where_ids_do(one: str, other: str) -> None:
    names = [book_account(f"2010/{each}") for each in (one, other)]
    assert all(map(beancount_account.is_valid, names))
    # One that begins with neither a letter nor a digit, and the same with an X before it: docs/export.md.
    assume(f"X{one}" != other and one != f"X{other}")
    assert (names[0] == names[1]) is (one == other)


def entry(number: int, currency: str, amounts: list[tuple[str, int]]) -> Entry:
    moment = NOON + timedelta(days=number, microseconds=number)
    lines = tuple(Posting(account, amount) for account, amount in amounts)
    return Entry(UUID(int=number + 1), "J01", moment, currency, lines, UUID(int=7), None, None, None)


def write(connection: Connection[TupleRow], entries: list[Entry]) -> None:
    with connection.transaction(), connection.cursor() as cursor:
        write_entries(cursor, entries, 0)


def agree(dsn: str, folder: Path) -> None:
    """All programs load the books and find what is in the store."""
    write_books(dsn, folder)
    expected = in_the_store(dsn)
    assert by_beancount(folder) == by_csv(folder) == by_parquet(folder) == expected
    assert HLEDGER is None or by_hledger(folder) == expected


def test_every_printable_character_and_every_number_of_decimals(
    store: str, recorder: Recorder, tmp_path: Path
) -> None:
    """Whatever stands first in an id, and currencies of no, two, three and four decimals."""
    ids = [f"{each}{PRINTABLE}"[:64] for each in PRINTABLE] + [*string.ascii_letters, "-1", "X-1", "X", "--", "X-2d1"]
    currencies = ["JPY", "EUR", "KWD", "CLF"]
    write(
        recorder.connection,
        [
            entry(
                number,
                currencies[number % 4],
                [(f"1105/{each}", 10**15 + number), (f"2010/{each}", -number - 10**15)],
            )
            for number, each in enumerate(ids)
        ],
    )
    agree(store, tmp_path)
    opened = [
        each for each in loader.load_file(str(tmp_path / "books" / "book.beancount"))[0] if isinstance(each, Open)
    ]
    assert len({each.account for each in opened}) == len(opened)


def test_the_demos_network_is_loaded_by_others(network_url: str, tmp_path: Path) -> None:
    agree(network_url, tmp_path)


def test_each_amount_has_the_decimals_of_its_currency_and_each_currency_is_declared(
    store: str, recorder: Recorder, tmp_path: Path
) -> None:
    entries = [
        entry(number, currency, [("1105/7", 1200), ("2010/OP-1", -1200)])
        for number, currency in enumerate(["JPY", "EUR", "KWD"])
    ]
    write(recorder.connection, entries)
    write_books(store, tmp_path)
    assert (tmp_path / "books" / "book.hledger").read_text() == (
        "decimal-mark .\n\n"
        "commodity 0.00 EUR\ncommodity 0. JPY\ncommodity 0.000 KWD\n\n"
        "account Assets:1105:7\naccount Liabilities:2010:OP-2d1\n\n"
        "2026-03-01 (00000000-0000-0000-0000-000000000001) J01  ; effective_at:2026-03-01T12:00:00Z\n"
        "    Assets:1105:7  1200 JPY\n    Liabilities:2010:OP-2d1  -1200 JPY\n\n"
        "2026-03-02 (00000000-0000-0000-0000-000000000002) J01  ; effective_at:2026-03-02T12:00:00.000001Z\n"
        "    Assets:1105:7  12.00 EUR\n    Liabilities:2010:OP-2d1  -12.00 EUR\n\n"
        "2026-03-03 (00000000-0000-0000-0000-000000000003) J01  ; effective_at:2026-03-03T12:00:00.000002Z\n"
        "    Assets:1105:7  1.200 KWD\n    Liabilities:2010:OP-2d1  -1.200 KWD\n"
    )
    found = loader.load_file(str(tmp_path / "books" / "book.beancount"))[0]
    assert {each.currency for each in found if isinstance(each, Commodity)} == {"EUR", "JPY", "KWD"}


def test_in_whatever_order_entries_came_and_in_however_many_transactions_the_files_are_the_same(
    store: str, recorder: Recorder, tmp_path: Path, stores: Stores
) -> None:
    entries = [entry(each, "EUR", [(f"1105/S-{each % 7}", each + 1), ("2010/OP-1", -each - 1)]) for each in range(40)]
    write(recorder.connection, entries)
    one, other = tmp_path / "one", tmp_path / "other"
    one.mkdir()
    other.mkdir()
    write_books(store, one)
    with stores() as second:
        with connect(second, Role.WRITER, autocommit=True) as connection:
            for each in reversed(entries):
                write(connection, [each])
        write_books(second, other)
    for name in BOOK_FILES:
        assert (one / name).read_bytes() == (other / name).read_bytes()
