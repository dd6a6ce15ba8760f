"""Sets of entries to be posted, and the process that posts them with all guards on."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from random import Random
from uuid import UUID

from benchmarks.side_by_side import Run, side_by_side
from domain.book.journal import Entry, Posting
from ledger.book.journal import write_entries
from ledger.gateway import Gateway

ENTRIES_PER_SET = 1_000
# Counterparts that entries are spread over, where they are.
COUNTERPARTS = 1_000
_OPERATORS = 10
_MOMENT = datetime(2026, 3, 18, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class PostingOrder:
    """What one writer posts, in sets of one commit each.

    With no `counterparts` the entries are those of sessions: rated, commission, captured, fee. Otherwise each entry
    moves an account of its own against one of so many others; with 1 all touch the same.
    """

    dsn: str
    sets: int
    seed: int
    counterparts: int = 0


def post(dsn: str, entries: int, connections: int, counterparts: int = 0, seed: int = 0) -> float:
    """Entries a second that so many connections post together, each from a process of its own."""
    sets = max(1, entries // ENTRIES_PER_SET // connections)
    orders = [PostingOrder(dsn, sets, seed * 100 + number, counterparts) for number in range(connections)]
    run: Run[int] = side_by_side(_post, orders)
    return sum(run.answers) / run.seconds


def _post(order: PostingOrder, ready: Callable[[], None]) -> int:
    sets = list(_sets(order))
    gateway = Gateway(order.dsn)
    shard = gateway.shard
    ready()
    try:
        for entries in sets:
            with gateway.transaction() as cursor:
                write_entries(cursor, entries, shard)
    finally:
        gateway.close()
    return sum(map(len, sets))


def _sets(order: PostingOrder) -> Iterator[list[Entry]]:
    random = Random(f"posting {order.seed}")
    make = _against_counterparts if order.counterparts else _of_sessions
    for number in range(order.sets):
        yield make(random, order, number)


def _of_sessions(random: Random, order: PostingOrder, number: int) -> list[Entry]:
    entries: list[Entry] = []
    for index in range(ENTRIES_PER_SET // 4):
        session_id = f"B{order.seed}-{number:06d}-{index:04d}"
        gross = random.randrange(200, 4_000)
        fee, vat = gross // 14, gross // 70
        driver, operator = f"1105/{session_id}", f"2011/OP-{index % _OPERATORS:03d}"
        for kind, legs in (
            ("J01", ((driver, gross), (operator, -gross))),
            ("J02", ((operator, fee + vat), ("4010", -fee), ("2110", -vat))),
            ("J03", (("1110/measured-pay", gross), (driver, -gross))),
            ("J04", (("5010", fee), ("1110/measured-pay", -fee))),
        ):
            entries.append(_entry(random, kind, session_id, index, legs))
    return entries


def _against_counterparts(random: Random, order: PostingOrder, number: int) -> list[Entry]:
    entries = []
    for index in range(ENTRIES_PER_SET):
        session_id = f"H{order.seed}-{number:06d}-{index:04d}"
        amount = random.randrange(200, 4_000)
        counterpart = f"1010/{random.randrange(order.counterparts):06d}"
        legs = ((f"1105/{session_id}", -amount), (counterpart, amount))
        entries.append(_entry(random, "J03", session_id, index, legs))
    return entries


def _entry(random: Random, kind: str, session_id: str, second: int, legs: tuple[tuple[str, int], ...]) -> Entry:
    return Entry(
        UUID(int=random.getrandbits(128), version=5),
        kind,
        _MOMENT + timedelta(seconds=second),
        "EUR",
        tuple(Posting(account, amount) for account, amount in legs),
        UUID(int=random.getrandbits(128), version=5),
        session_id,
    )
