"""An engine on a fresh database."""

from collections.abc import Iterator

import pytest

from tests.support.engine import Engine


@pytest.fixture
def engine(database_url: str) -> Iterator[Engine]:
    """The intake and the clock on an empty store."""
    made = Engine(database_url)
    yield made
    made.close()
