"""What a piece counts: histograms as Prometheus has them, at the price of one sort a batch."""

import time
from math import inf

from hypothesis import given
from hypothesis import strategies as st

from wattledger.monitoring.signs import TO_BOOK_S, Histogram, Signs


@given(st.lists(st.lists(st.floats(0, 100))))
def test_each_bound_counts_all_values_up_to_it_however_they_came(batches: list[list[float]]) -> None:
    bounds = (0.5, 1.0, 10.0)
    histogram = Histogram(bounds)
    for batch in batches:
        histogram.add(batch)
    values = [value for batch in batches for value in batch]
    counts, total = histogram.read()
    assert counts == [(bound, sum(value <= bound for value in values)) for bound in (*bounds, inf)]
    assert abs(total - sum(values)) < 1e-6 * (1 + total)


def test_records_without_a_timestamp_are_counted_and_not_timed_and_a_clock_ahead_of_ours_is_no_time() -> None:
    signs = Signs(("intake",))
    now_ms = int(time.time() * 1000)
    signs.took([now_ms - 4_000, now_ms + 60_000, -1], 1, 0.02)
    counts, total = signs.to_book.read()
    assert dict(counts)[0.05] == 1
    assert dict(counts)[inf] == 2
    assert 4 <= total < 5
    assert (signs.count_of("records"), signs.count_of("quarantined")) == (3, 1)
    assert signs.batch.read()[1] == 0.02


def test_a_loop_that_moves_is_young_again() -> None:
    signs = Signs(("projections", "relay"))
    time_before = signs.ages["relay"]
    signs.moves("projections")
    assert signs.ages["projections"] <= signs.ages["relay"]
    assert signs.ages["relay"] >= time_before


def test_bounds_are_in_order() -> None:
    assert sorted(set(TO_BOOK_S)) == list(TO_BOOK_S)
