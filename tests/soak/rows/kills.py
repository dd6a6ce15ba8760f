"""`kill -9` of servers, commands, clocks and pages at random moments, and processes that stand still."""

from collections.abc import Iterator
from math import inf

from tests.soak.by_tests import by_tests
from tests.soak.row import Row, Soak, Try, held
from tests.support.freezing import FREEZES, TAKEN_OVER_S_MAX, freeze_and_take_over

_ROUNDS, _KILLS, _FREEZES = 5, 60, 30


def _settle(soak: Soak) -> Iterator[Try]:
    for number in range(_ROUNDS):
        settings = {"WATTLEDGER_TEST_KILLS": str(_KILLS), "WATTLEDGER_TEST_KILL_SEED": str(soak.seed + number)}
        yield from by_tests(soak, "settle", ["tests/end_to_end/test_kills.py"], settings)


def _others(soak: Soak) -> Iterator[Try]:
    for _ in range(_ROUNDS):
        for kind, test in _OTHERS.items():
            yield from by_tests(soak, kind, [test], {})


def _freezes(soak: Soak) -> Iterator[Try]:
    # In each kind of statement, so that all have their tries in a short run.
    for number in range(_FREEZES):
        work, statement = FREEZES[(soak.seed + number) % len(FREEZES)]
        with soak.stores() as dsn:
            try:
                seconds, wrong = freeze_and_take_over(dsn, work, statement), ""
            except AssertionError as failure:
                seconds, wrong = inf, str(failure)
        told = wrong or f"the next one was done after {seconds:.1f} s"
        yield held(f"{work}: {statement}", seconds < TAKEN_OVER_S_MAX, f"{work} at {statement}: {told}")


_OTHERS = {
    "while a run is paid": "tests/end_to_end/test_run_kills.py",
    "while people decide": "tests/end_to_end/test_action_kills.py",
    "while CDRs are pushed": "tests/end_to_end/test_cdr_kills.py",
    "clocks": "tests/intake/test_killed_clocks.py",
    "a broker while it is read": "tests/kafka/test_broker_killed.py",
    "while partners connect": "tests/ocpi/test_handshake_kills.py",
}

ROWS = (
    Row("kills", "Kill any of settle, broker and database at any instant: no loss, the same files.", _settle),
    Row("kills-elsewhere", "Kill what pays, decides, pushes or connects: nothing is lost or done twice.", _others),
    Row("freezes", "What a frozen process was at is done by the next one within 15 s, and once.", _freezes),
)
