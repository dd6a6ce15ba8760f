"""Simulated sites with limits: cars and mishaps of many seeds, and a load service and a broker that are killed."""

from collections.abc import Iterator

from tests.soak.by_tests import by_tests
from tests.soak.row import Row, Soak, Try

_ROUNDS, _KILLS, _MINUTES = 5, 40, 60
_TESTS = ["tests/end_to_end/test_load_park.py"]


def _park(soak: Soak) -> Iterator[Try]:
    for number in range(_ROUNDS):
        settings = {
            "WATTLEDGER_TEST_PARK_SEED": str(soak.seed + number),
            "WATTLEDGER_TEST_PARK_KILLS": str(_KILLS),
            "WATTLEDGER_TEST_PARK_MINUTES": str(_MINUTES),
        }
        yield from by_tests(soak, "a simulated site", _TESTS, settings)


ROWS = (
    Row("park", "No limit of a simulated site is exceeded, whatever its chargers do and whoever is killed.", _park),
)
