"""Every store of a test here has its payouts, and its days without one, explained when the test ends."""

from collections.abc import Iterator

import pytest

from tests.support.explained import unexplained
from tests.support.explained_days import told_days


@pytest.fixture(autouse=True)
def _payouts_are_explained(request: pytest.FixtureRequest) -> Iterator[None]:
    """The identities of each payout and of each day without one hold, whatever the test did."""
    dsn = request.getfixturevalue("database_url") if "database_url" in request.fixturenames else None
    yield
    if dsn is not None:
        assert unexplained(dsn)[1] == []
        assert told_days(dsn, 5)[1] == []
