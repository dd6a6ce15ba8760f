"""Writes the store as files that other systems read: equal states give byte-equal files.

Everything is in the order of business keys and free of positions and recording times. All files come from one
snapshot; each is written under another name and then put in place, so that nobody reads half of one.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from itertools import groupby
from pathlib import Path
from typing import IO, Any, LiteralString, NamedTuple, TypeAlias

import orjson
from psycopg import Cursor, IsolationLevel
from psycopg.rows import TupleRow, tuple_row

from domain.money import format_minor
from domain.payout.bank_profiles import SUFFIXES
from ledger.book.journal import JournalRow, journal_rows
from ledger.database import Role, connect
from ledger.events.store import last_position
from projections.all_findings import all_findings
from projections.bank_file import Platform
from projections.deadletters import deadletter_lines
from projections.documents.findings import finding_document
from projections.documents.sessions import session_line
from projections.handoff import files_to_write, make_files, names_of_files, note_hand_off, waiting_for_files
from projections.movements import COLUMNS
from projections.queries import totals
from projections.registry import KEPT_UP
from projections.runner import Progress, advance, catch_up
from projections.trial_balance import GONE

NETWORK = "network"
_ROWS_PER_FETCH = 2_000
_OPTIONS = orjson.OPT_UTC_Z

# The keys of the summary, in its order; whatever else is given follows.
_SUMMARY_KEYS = (
    "events_in",
    "accepted",
    "duplicates",
    "conflicts",
    "dead_lettered",
    "sessions_rated",
    "sessions_open",
    "sessions_in_suspense",
    "cdrs",
    "payouts",
    "ahead",
    "wall_seconds",
    "events_per_second",
)

# Holds runners up and no reader. LOCK takes no snapshot, so the transaction's snapshot is the one after the wait.
_HOLD_RUNNERS = "LOCK TABLE projection.generation IN EXCLUSIVE MODE"
_LIVE = "SELECT name, generation, position FROM projection.generation WHERE live AND name = ANY(%s) ORDER BY name"

# Sessions by id, with the amounts of those that are rated.
_SESSIONS = """
SELECT session_id, operator_id, state, reason, energy_wh::text, currency, net, vat, gross, commission, commission_vat,
       operator_share
FROM projection.sessions
ORDER BY session_id
"""

# CDRs by session, each followed by its credit CDR.
_CDRS = "SELECT document::text FROM projection.cdrs ORDER BY session_id, number, credit"

# What operators are owed and were paid.
_BALANCES = """
SELECT operator_id, currency, pending, available, reserved, disputed, in_transit, to_fix, paid_out
FROM projection.operator_balances
ORDER BY operator_id, currency
"""

# Every account that an entry stands on; debits and credits include what was mirrored since.
_TRIAL_BALANCE: LiteralString = f"""
SELECT currency, account, sum(debits)::bigint, sum(credits)::bigint
FROM book.balance
WHERE (account, currency) NOT IN ({GONE})
GROUP BY currency, account
ORDER BY currency, account
"""  # noqa: S608 (a constant)

# Payouts by operator, currency, business date and attempt.
_PAYOUTS = """
SELECT payout_id, batch_id, operator_id, business_date, currency, amount, status, entry_ids
FROM projection.payouts
ORDER BY operator_id, currency, business_date, attempt
"""

Lines: TypeAlias = Iterator[bytes]


class WrittenFile(NamedTuple):
    """A file that was written, what it holds, and the number of them."""

    name: str
    holds: str
    number: int


def export(
    dsn: str,
    directory: Path,
    platform: Platform,
    summary: Mapping[str, Any] | None = None,
    *,
    every_bank_file: bool = False,
    network: bool = False,
    books: bool = False,
    proofs: bool = False,
    made_at: datetime | None = None,
) -> list[WrittenFile]:
    """Write what the store holds to a directory: the files that are listed below, bank files and a summary.

    Projections are brought up to date first and held there meanwhile; intake goes on. `summary` is added to the
    totals of the store. Files of another run with the same names are replaced, and bank files that the store did not
    make are removed from `batches`. A bank file is made once and written once; `every_bank_file`: again. `made_at` as
    in `make_files`. `network`: also the files of what the network does (`projections.network.files`); `books`: the
    book as text (`projections.books.files`); `proofs`: those by which strangers check the journal
    (`projections.proofs.files`). Returns what was written. Raises OSError, and BankFileRefused for a payout that no
    bank file can state.
    """
    written: list[WrittenFile] = []
    names = (*KEPT_UP, NETWORK) if network else KEPT_UP
    catch_up(dsn, names)
    directory.mkdir(parents=True, exist_ok=True)
    with connect(dsn, Role.PROJECTOR) as connection:
        connection.isolation_level = IsolationLevel.REPEATABLE_READ
        with connection.cursor() as cursor:
            cursor.execute(_HOLD_RUNNERS)
            _catch_up_within(cursor, names)
            for name, lines in _chosen(network=network, books=books, proofs=proofs).items():
                (directory / name).parent.mkdir(exist_ok=True)
                with _replacing(directory / name) as file:
                    written.append(_written(name, _write(file, lines(cursor))))
            written += _write_periods(cursor, directory / "periods")
            make_files(dsn, waiting_for_files(cursor), platform, made_at)
            made = _write_bank_files(dsn, directory / "batches", again=every_bank_file)
            written.append(WrittenFile("batches/*.xml", "bank files", made))
            with _replacing(directory / "summary.json") as file:
                file.write(_summary(totals(cursor), summary or {}))
            written.append(_written("summary.json", 1))
    return written


def _write_periods(cursor: Cursor[TupleRow], directory: Path) -> list[WrittenFile]:
    """Write the files of every period that was closed; without any there is no folder."""
    from projections.period_files import period_files  # Here: most books have none yet.

    names = set()
    for name, content in period_files(cursor):
        (directory / name).parent.mkdir(parents=True, exist_ok=True)
        with _replacing(directory / name) as file:
            file.write(content)
        names.add(name.partition("/")[0])
    return [WrittenFile(f"periods/{name}/*.json", "documents", 1) for name in sorted(names)]


def _chosen(*, network: bool, books: bool, proofs: bool) -> dict[str, Callable[[Cursor[TupleRow]], Lines]]:
    files = dict(_FILES)
    # Here: settlements, which write none of them, need not load what makes them.
    if network:
        from projections.network.files import NETWORK_FILES

        files |= NETWORK_FILES
    if books:
        from projections.books.files import BOOK_FILES

        files |= BOOK_FILES
    if proofs:
        from projections.proofs.files import PROOF_FILES

        files |= PROOF_FILES
    return files


def _catch_up_within(cursor: Cursor[TupleRow], names: Sequence[str]) -> None:
    """The last few events up to the snapshot's end, so that read models and book show the same moment."""
    end = last_position(cursor)
    progress = [Progress(*row) for row in cursor.execute(_LIVE, (list(names),))]
    while min(standing.position for standing in progress) < end:
        positions = advance(cursor, progress, end)
        progress = [Progress(each.name, each.generation, positions[each.name]) for each in progress]


@contextmanager
def _replacing(path: Path) -> Iterator[IO[bytes]]:
    """A file that takes the place of `path` once it is whole."""
    unfinished = path.with_name(f".{path.name}.unfinished")
    try:
        with unfinished.open("wb") as file:
            yield file
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)


def _rows(cursor: Cursor[TupleRow], query: LiteralString) -> Iterator[TupleRow]:
    """The rows of a query through a server-side cursor: memory stays flat however many there are."""
    with cursor.connection.cursor("export", row_factory=tuple_row) as rows:
        rows.itersize = _ROWS_PER_FETCH
        yield from rows.execute(query, binary=True)


def _line(document: Mapping[str, Any]) -> bytes:
    return orjson.dumps(document, option=_OPTIONS | orjson.OPT_APPEND_NEWLINE)


def _session_lines(cursor: Cursor[TupleRow]) -> Lines:
    for row in _rows(cursor, _SESSIONS):
        yield _line(session_line(row))


def _cdr_lines(cursor: Cursor[TupleRow]) -> Lines:
    for (document,) in _rows(cursor, _CDRS):
        yield f"{document}\n".encode()


def _journal_lines(cursor: Cursor[TupleRow]) -> Lines:
    return map(_journal_line, journal_rows(cursor))


def _journal_line(row: JournalRow) -> bytes:
    document: dict[str, Any] = {
        "entry_id": row.entry_id,
        "kind": row.kind,
        "effective_at": row.effective_at,
        "currency": row.currency,
        "session_id": row.session_id,
        "payout_id": row.payout_id,
    }
    if row.reverses is not None:
        document["reverses"] = row.reverses
    document["postings"] = [
        {"account": account, "amount": format_minor(amount, row.currency)}
        for account, amount in zip(row.accounts, row.amounts, strict=True)
    ]
    return _line(document)


def _balances_document(cursor: Cursor[TupleRow]) -> Lines:
    balances: dict[str, dict[str, dict[str, str]]] = {}
    for operator_id, currency, *amounts in _rows(cursor, _BALANCES):
        texts = [format_minor(amount, currency) for amount in amounts]
        balances.setdefault(operator_id, {})[currency] = dict(zip(COLUMNS, texts, strict=True))
    yield orjson.dumps(balances, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)


def _trial_balance_document(cursor: Cursor[TupleRow]) -> Lines:
    """One JSON object written account by account, since there is an account for every session."""
    yield b"{"
    for index, (currency, accounts) in enumerate(groupby(_rows(cursor, _TRIAL_BALANCE), key=lambda row: row[0])):
        yield b"%s\n  %s: {" % (b"," if index else b"", orjson.dumps(currency))
        for place, (_, account, debits, credits) in enumerate(accounts):
            sums = {"debits": debits, "credits": credits, "balance": debits - credits}
            texts = {name: format_minor(amount, currency) for name, amount in sums.items()}
            yield b"%s\n    %s: %s" % (b"," if place else b"", orjson.dumps(account), orjson.dumps(texts))
        yield b"\n  }"
    yield b"\n}\n"


def _payout_lines(cursor: Cursor[TupleRow]) -> Lines:
    for payout_id, batch_id, operator_id, business_date, currency, amount, status, entry_ids in _rows(
        cursor, _PAYOUTS
    ):
        yield _line(
            {
                "payout_id": payout_id,
                "batch_id": batch_id,
                "operator_id": operator_id,
                "business_date": business_date,
                "currency": currency,
                "amount": format_minor(amount, currency),
                "status": status,
                "entry_ids": entry_ids,
            }
        )


def _finding_lines(cursor: Cursor[TupleRow]) -> Lines:
    for row in all_findings(cursor):
        yield _line(finding_document(row))


# Each file with what writes it.
_FILES: dict[str, Callable[[Cursor[TupleRow]], Lines]] = {
    "sessions.jsonl": _session_lines,
    "cdrs.jsonl": _cdr_lines,
    "journal.jsonl": _journal_lines,
    "balances.json": _balances_document,
    "trial_balance.json": _trial_balance_document,
    "payouts.jsonl": _payout_lines,
    "deadletter.jsonl": deadletter_lines,
    "findings.jsonl": _finding_lines,
}
# What the lines of a file are where its name does not say it; other files are one document.
_LINES_ARE = {
    "load": "quarter hours",
    "cdrs": "CDRs and credit CDRs",
    "journal": "entries",
    "deadletter": "dead letters",
}


def _written(name: str, lines: int) -> WrittenFile:
    """What was written with so many lines."""
    stem, _, kind = name.rpartition("/")[2].partition(".")
    return (
        WrittenFile(name, _LINES_ARE.get(stem, stem), lines) if kind == "jsonl" else WrittenFile(name, "document", 1)
    )


def _write(file: IO[bytes], lines: Lines) -> int:
    """Write lines as they come; how many there were."""
    count = 0
    for line in lines:
        file.write(line)
        count += 1
    return count


def _write_bank_files(dsn: str, directory: Path, *, again: bool) -> int:
    """Write the bank files that are due, and remove those that are none of the store's; how many were written."""
    directory.mkdir(exist_ok=True)
    with connect(dsn, Role.BANK) as connection, connection.cursor() as cursor:
        written = []
        for made in files_to_write(cursor, again=again):
            with _replacing(directory / made.name) as file:
                file.write(made.content)
            written.append(made.name)
        known = names_of_files(cursor)
        suffixes = {f".{suffix}" for suffix in SUFFIXES.values()}
        for path in sorted(directory.iterdir()):
            if path.suffix in suffixes and path.name not in known:
                path.unlink()
        note_hand_off(cursor, written)
    return len(written)


def _summary(counts: Mapping[str, int], given: Mapping[str, Any]) -> bytes:
    merged = {**counts, **given}
    ordered = {key: merged[key] for key in _SUMMARY_KEYS if key in merged}
    return orjson.dumps(ordered | merged, option=_OPTIONS | orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)
