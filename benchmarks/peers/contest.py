"""Runs ledgers alternately on the same transfers and compares them, round by round."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from benchmarks.figures import Figure
from benchmarks.peers.peer import Peer, Way
from benchmarks.peers.transfers import ACCOUNTS, Field, balances_after, transfers
from benchmarks.stage import Stage


class WrongBalances(Exception):
    """A ledger ended with other balances than arithmetic gives, so that its speed would mean nothing."""


@dataclass(frozen=True, slots=True)
class Heat:
    """One thing to compare: a way to post, on a field, of so many transfers."""

    way: Way
    field: Field
    count: int

    def __str__(self) -> str:
        return f"{self.way}, {self.field}"


def heats(sets_count: int, single_count: int) -> list[Heat]:
    """Every way on every field; `sets_count` transfers in sets, `single_count` one by one."""
    return [Heat(way, field, sets_count if way is Way.SETS else single_count) for field in Field for way in Way]


def run(
    stage: Stage, peers: Sequence[Peer], planned: Sequence[Heat], rounds: int, report: Callable[[str], None]
) -> list[Figure]:
    """Transfers a second of each peer and heat, then the first peer's over each other's, from the same round.

    Each run has a fresh database; the order of the peers turns with each round. Raises WrongBalances.
    """
    speeds: dict[tuple[Heat, str], list[float]] = {}
    for number in range(1, rounds + 1):
        for heat in planned:
            for peer in peers if number % 2 else reversed(peers):
                if heat.way in peer.ways:
                    speed = measure(stage, peer, heat)
                    speeds.setdefault((heat, peer.name), []).append(speed)
                    report(f"round {number} of {rounds}: {heat}: {peer.name} {speed:,.0f} transfers/s")
    return [*_speeds(speeds), *_ratios(speeds, [peer.name for peer in peers])]


def measure(stage: Stage, peer: Peer, heat: Heat, accounts: int = ACCOUNTS) -> float:
    """Transfers a second of one run, from the first call to the last commit. Raises WrongBalances."""
    made = transfers(heat.count, heat.field, accounts)
    with stage.database() as dsn, peer.open(dsn, accounts) as book:
        began = time.perf_counter()
        book.post(heat.way, made)
        seconds = time.perf_counter() - began
        if book.balances() != balances_after(made, accounts):
            raise WrongBalances(f"{peer.name} ended {heat} with other balances than {heat.count} transfers make")
    return heat.count / seconds


def _speeds(speeds: Mapping[tuple[Heat, str], Sequence[float]]) -> list[Figure]:
    return [Figure(f"{heat}: {name}", "transfers/s", tuple(values)) for (heat, name), values in speeds.items()]


def _ratios(speeds: Mapping[tuple[Heat, str], Sequence[float]], names: Sequence[str]) -> list[Figure]:
    """Of the same round, since what disturbs one disturbs the other."""
    found = []
    for (heat, name), values in speeds.items():
        ours = speeds.get((heat, names[0]))
        if name != names[0] and ours is not None:
            pairs = zip(ours, values, strict=True)
            found.append(Figure(f"{heat}: {names[0]} over {name}", "", tuple(a / b for a, b in pairs)))
    return found
