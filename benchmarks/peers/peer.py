"""What a ledger has to offer to be compared: ways to post transfers, and the balances it ends with."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from enum import StrEnum
from threading import Thread
from typing import Protocol

from benchmarks.peers.transfers import Transfer

CLIENTS = 8
SET_SIZE = 1_000


class Way(StrEnum):
    """How transfers are posted; everything of one call is committed, durably, when the call returns."""

    ONE_CLIENT = "one by one, 1 client"
    EIGHT_CLIENTS = "one by one, 8 clients"
    SETS = "sets of 1,000, 1 client"


class Book(Protocol):
    """An open ledger with its accounts made."""

    def post(self, way: Way, made: Sequence[Transfer]) -> None:
        """Post all transfers; this is what the clock measures."""

    def balances(self) -> list[int]:
        """What each account received less what it paid, in minor units."""


class Peer(Protocol):
    """A ledger that transfers can be posted to."""

    @property
    def name(self) -> str:
        """How figures call it."""

    @property
    def ways(self) -> Sequence[Way]:
        """The ways it has."""

    def missing(self) -> str | None:
        """What this machine lacks to run it, as a sentence with what to do; None when it can run."""

    def open(self, dsn: str, accounts: int) -> AbstractContextManager[Book]:
        """Set the ledger up in an empty database, with so many accounts."""


def sets_of(made: Sequence[Transfer]) -> list[Sequence[Transfer]]:
    """The transfers cut into sets of 1,000."""
    return [made[start : start + SET_SIZE] for start in range(0, len(made), SET_SIZE)]


def by_clients(made: Sequence[Transfer], post: Callable[[int, Transfer], object]) -> None:
    """Call `post(client, transfer)` from as many threads as there are clients, each with every eighth transfer.

    Raises what a client raised first.
    """
    failures: list[BaseException] = []

    def client(number: int) -> None:
        try:
            for transfer in made[number::CLIENTS]:
                post(number, transfer)
        except BaseException as failure:
            failures.append(failure)

    threads = [Thread(target=client, args=(number,)) for number in range(CLIENTS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]
