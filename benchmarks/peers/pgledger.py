"""pgledger, a ledger of PostgreSQL functions: its SQL is fetched when it is needed and never kept in the project."""

import hashlib
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, TypeAlias

import psycopg

from benchmarks.peers.peer import CLIENTS, Way, by_clients, sets_of
from benchmarks.peers.transfers import Transfer
from wattledger.settings import default_cache_dir

# What is loaded, in this order, as it stood at this commit; a file with another content is refused.
COMMIT = "c18c7d267d46ab396641d5e44f1ce3166aeb9a6d"
FILES: Mapping[str, str] = {
    "vendor/scoville-pgsql-ulid/ulid-to-uuid.sql": "6a4e559c956d1548ad6ab0c4d99755bf5e870a781ae15e0ff178f5d66f8deb90",
    "vendor/scoville-pgsql-ulid/uuid-to-ulid.sql": "507cc0cf4890fc51f2dd900b52e5f5eefb38f6c5150cdb9a32a886c3817ad04e",
    "pgledger.sql": "fc41721e718630c5d98e39788045c4e75cba5db922ef6bf00c63973933960720",
}
_HOME = f"https://raw.githubusercontent.com/pgr0ss/pgledger/{COMMIT}"
_FETCH_SECONDS_MAX = 20

_CREATE_ACCOUNTS = """
SELECT (pgledger_create_account('A-' || number, 'EUR')).id FROM generate_series(0, %s - 1) AS number ORDER BY number
"""
_ONE = "SELECT id FROM pgledger_create_transfer(%s, %s, %s)"
# Its function for many takes one array; the array is built in the server from three that psycopg sends binary.
_MANY = """
SELECT count(*) FROM pgledger_create_transfers(transfer_requests => (
    SELECT array_agg((payer, payee, amount)::transfer_request ORDER BY number)
    FROM unnest(%s::text[], %s::text[], %s::bigint[]) WITH ORDINALITY AS given (payer, payee, amount, number)
), event_at => NULL)
"""
_BALANCES = "SELECT id, balance FROM pgledger_accounts_view"

Client: TypeAlias = "psycopg.Connection[tuple[Any, ...]]"


class WrongSource(Exception):
    """A file of pgledger is not the one that is expected; the message names it and both checksums."""


class Pgledger:
    """pgledger from `source`: a folder or a URL with its files; None is the cache, then its repository."""

    name = "pgledger"
    ways = tuple(Way)

    def __init__(self, source: str | None = None) -> None:
        self._source = source
        self._texts: list[bytes] = []

    def missing(self) -> str | None:
        """Its SQL, when it can be had neither from the source nor from the cache. Raises WrongSource."""
        try:
            self._texts = [_read(self._source, path, sha256) for path, sha256 in FILES.items()]
        except OSError as error:
            return (
                f"pgledger's SQL cannot be had from {self._source or _HOME} ({error}); give a checkout of commit "
                f"{COMMIT[:12]} with --pgledger FOLDER-OR-URL"
            )
        return None

    @contextmanager
    def open(self, dsn: str, accounts: int) -> Iterator["PgledgerBook"]:
        """Its functions and tables as it ships them, its accounts, and a connection for each client."""
        with ExitStack() as opened:
            clients: list[Client] = [
                opened.enter_context(psycopg.connect(dsn, autocommit=True)) for _ in range(CLIENTS)
            ]
            for text in self._texts:
                clients[0].execute(text)
            ids = [row[0] for row in clients[0].execute(_CREATE_ACCOUNTS, (accounts,))]
            clients[0].execute("ANALYZE pgledger_accounts")
            yield PgledgerBook(clients, ids)


class PgledgerBook:
    """Transfers by its functions; the ids of accounts are known, as an application would keep them."""

    def __init__(self, clients: Sequence[Client], ids: Sequence[str]) -> None:
        self._clients, self._ids = clients, ids

    def post(self, way: Way, made: Sequence[Transfer]) -> None:
        """One call is one transaction; statements are prepared."""
        if way is Way.EIGHT_CLIENTS:
            by_clients(made, self._post_one)
        elif way is Way.ONE_CLIENT:
            for transfer in made:
                self._post_one(0, transfer)
        else:
            for some in sets_of(made):
                columns = (
                    [self._ids[transfer.payer] for transfer in some],
                    [self._ids[transfer.payee] for transfer in some],
                    [transfer.amount_minor for transfer in some],
                )
                self._clients[0].execute(_MANY, columns, prepare=True, binary=True)

    def balances(self) -> list[int]:
        """As its view gives them."""
        by_id = {row[0]: int(row[1]) for row in self._clients[0].execute(_BALANCES)}
        return [by_id[each] for each in self._ids]

    def _post_one(self, client: int, transfer: Transfer) -> None:
        values = (self._ids[transfer.payer], self._ids[transfer.payee], transfer.amount_minor)
        self._clients[client].execute(_ONE, values, prepare=True)


def _read(source: str | None, path: str, sha256: str) -> bytes:
    """One file, checked and kept in the cache. Raises OSError when it cannot be had, WrongSource for another one."""
    kept = default_cache_dir() / "pgledger" / COMMIT / path
    if source is None and kept.exists():
        return _checked(kept.read_bytes(), str(kept), sha256)
    where = f"{(source or _HOME).rstrip('/')}/{path}"
    text = _checked(_fetch(where), where, sha256)
    kept.parent.mkdir(parents=True, exist_ok=True)
    growing = kept.with_suffix(".new")
    growing.write_bytes(text)
    growing.replace(kept)
    return text


def _fetch(where: str) -> bytes:
    if not where.startswith(("http://", "https://")):
        return Path(where).read_bytes()
    with urllib.request.urlopen(where, timeout=_FETCH_SECONDS_MAX) as answer:
        content: bytes = answer.read()
    return content


def _checked(text: bytes, where: str, sha256: str) -> bytes:
    found = hashlib.sha256(text).hexdigest()
    if found != sha256:
        raise WrongSource(f"{where} has the SHA-256 {found}, not {sha256}: give the files of commit {COMMIT[:12]}")
    return text
