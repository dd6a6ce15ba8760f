"""Our book: sets through the journal store, single entries through the group committer or alone."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from uuid import UUID, uuid5

from benchmarks.peers.peer import Way, by_clients, sets_of
from benchmarks.peers.transfers import Transfer
from domain.book.journal import Entry, Posting
from ledger.book.balances import balance
from ledger.book.group_commit import GroupCommit
from ledger.book.journal import post_entries, write_entries
from ledger.gateway import Gateway
from projections.schema import migrate
from tests.support.integrity import check_balances

_TRANSFERS = UUID("6d2f2b0e-7f3c-4a55-9f0a-2f8f5c1f6a10")
_MOMENT = datetime(2026, 3, 18, tzinfo=UTC)


class Ours:
    """WattLedger with everything on: guards, hashes, balances."""

    name = "ours"
    ways = tuple(Way)

    def missing(self) -> str | None:
        """Nothing: it is here."""
        return None

    @contextmanager
    def open(self, dsn: str, accounts: int) -> Iterator["OurBook"]:
        """A migrated book; accounts need no making."""
        migrate(dsn)
        gateway = Gateway(dsn)
        try:
            with GroupCommit(dsn) as committer:
                yield OurBook(gateway, committer, [f"2010/A-{number}" for number in range(accounts)])
        finally:
            gateway.close()


class OurBook:
    """One book with its ways in."""

    def __init__(self, gateway: Gateway, committer: GroupCommit, accounts: Sequence[str]) -> None:
        self._gateway, self._committer, self._accounts = gateway, committer, accounts

    def post(self, way: Way, made: Sequence[Transfer]) -> None:
        """Entries are made within the clock, their ids from the transfer's number."""
        if way is Way.EIGHT_CLIENTS:
            by_clients(made, lambda _, transfer: self._committer.post(self._entry(transfer)))
            return
        if way is Way.ONE_CLIENT:
            for transfer in made:
                with self._gateway.statement() as cursor:
                    post_entries(cursor, [self._entry(transfer)], self._gateway.shard)
            return
        for some in sets_of(made):
            with self._gateway.transaction() as cursor:
                write_entries(cursor, [self._entry(transfer) for transfer in some], self._gateway.shard)

    def balances(self) -> list[int]:
        """From the kept balances, which must be those that the postings give."""
        with self._gateway.transaction() as cursor:
            if differences := check_balances(cursor):
                raise RuntimeError(f"kept balances are not the sums of postings: {differences[0]}")
            return [balance(cursor, account, "EUR").debit_balance for account in self._accounts]

    def _entry(self, transfer: Transfer) -> Entry:
        postings = (
            Posting(self._accounts[transfer.payee], transfer.amount_minor),
            Posting(self._accounts[transfer.payer], -transfer.amount_minor),
        )
        entry_id = uuid5(_TRANSFERS, str(transfer.number))
        return Entry(entry_id, "J01", _MOMENT, "EUR", postings, entry_id)
