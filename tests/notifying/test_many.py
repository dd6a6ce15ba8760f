"""Many notices to many targets of which a third fail: each is taken, or its target is listed as disabled."""

from benchmarks.notices import Extent, deliver
from tests.notifying.conftest import Office


def test_each_is_taken_once_or_its_target_is_disabled_and_no_healthy_one_waits_for_another(
    office: Office, notices_dsn: str
) -> None:
    found = deliver(notices_dsn, Extent(notices=300, targets=30, timeout_s=5.0))
    assert found.lost == 0
    assert found.taken + found.of_disabled == 300
    # Of thirty the two that are gone, and two that never answer.
    assert found.of_disabled == 40
    # What waited for the silent ones would have waited for as long as a request may take.
    assert found.healthy_gap_s < 5
