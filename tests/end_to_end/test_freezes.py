"""A process that is frozen within a transaction holds nobody up for long, and does nothing twice when it wakes."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.conftest import Stores
from tests.support.freezing import FREEZES, TAKEN_OVER_S_MAX, freeze_and_take_over


@pytest.mark.alone
def test_what_a_frozen_process_was_at_is_done_by_the_next_one(stores: Stores) -> None:
    def measured(freeze: tuple[str, str]) -> float:
        with stores() as dsn:
            return freeze_and_take_over(dsn, *freeze)

    with ThreadPoolExecutor(4) as threads:
        taken = dict(zip(FREEZES[:4], threads.map(measured, FREEZES[:4]), strict=True))
    assert max(taken.values()) < TAKEN_OVER_S_MAX, taken
