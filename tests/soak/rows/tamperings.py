"""What somebody with every right changes by hand in the database, which `verify` has to find."""

from collections.abc import Iterator

from tests.soak.by_tests import by_tests
from tests.soak.row import Row, Soak, Try

_TESTS = {
    "entries, events and files": "tests/audit/test_tampering.py",
    "payouts": "tests/audit/test_payout_faults.py",
    "tables, guards and rights": "tests/audit/test_ground.py",
    "decisions": "tests/audit/test_decisions.py",
    "findings": "tests/audit/test_findings.py",
    "bank lines": "tests/audit/test_bank.py",
    "statements": "tests/audit/test_statements.py",
}


def _tamperings(soak: Soak) -> Iterator[Try]:
    for kind, test in _TESTS.items():
        yield from by_tests(soak, kind, [test], {})


ROWS = (Row("tamperings", "What somebody with every right changes is found by `verify`.", _tamperings),)
