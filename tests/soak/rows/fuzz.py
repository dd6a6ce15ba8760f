"""Whatever comes in by a front door: nothing raises, everything is counted, and the book holds afterwards."""

from collections.abc import Iterator

from ledger.audit import verify
from tests.soak.by_tests import by_tests
from tests.soak.row import Row, Soak, Try
from tests.support.decisions import PUBLIC_KEYS
from tests.support.engine import Engine
from tests.support.fuzzed_doors import DOORS, into_the_store

# Of 200,000 in all; a store takes so many at once that what they make of each other shows.
_INTO_STORES, _A_STORE, _BY_DOOR, _AT_ONCE = 140_000, 5_000, 20_000, 500
_HTTP = {"SCHEMATHESIS_CASES": "50000"}


def _fuzz(soak: Soak) -> Iterator[Try]:
    # In turn, so that each door has its share of a short run.
    for number in range(_INTO_STORES // _A_STORE):
        yield from _store(soak, soak.seed + number)
        for name, door in DOORS.items():
            seed = soak.seed + number
            count = -(-_BY_DOOR * _A_STORE // _INTO_STORES)
            for first in range(0, count, _AT_ONCE):
                part = min(_AT_ONCE, count - first)
                yield _counted(
                    name, part, f"seed {seed * 1_000 + first}", door(seed * 1_000 + first, part, soak.folder)
                )
    yield from by_tests(soak, "HTTP, by its description", ["tests/api/test_schemathesis.py"], _HTTP)


def _store(soak: Soak, seed: int) -> Iterator[Try]:
    with soak.stores() as dsn:
        engine = Engine(dsn)
        try:
            yield _counted(
                "files, topics, headers, keys",
                _A_STORE,
                f"seed {seed}",
                into_the_store(engine, seed, _A_STORE, soak.folder),
            )
            engine.advance()
        finally:
            engine.close()
        failed = verify(dsn, decision_keys=PUBLIC_KEYS).failed
        found = [f"{check.name}: {each.sentence}" for check in failed for each in check.findings[:3]]
        yield Try("the book afterwards", int(not found), 1, f"seed {seed}: {'; '.join(found)}" if found else "")


def _counted(kind: str, tries: int, what: str, wrong: list[str]) -> Try:
    return Try(kind, max(0, tries - len(wrong)), tries, f"{what}: {' | '.join(wrong[:5])}" if wrong else "")


ROWS = (Row("fuzz", "Whatever comes in by a front door is answered or refused in words, and counted.", _fuzz),)
