"""What is measured of resources and pages runs on a small book, and says what it found."""

from benchmarks.stage import open_stage
from benchmarks.surface import Extent, measure

SMALL = Extent(small=(400, 2), large=(800, 4), operators=20, seconds=1, saturated_s=0.5, reads=20, pages=16)


def test_reads_and_pages_are_measured_on_both_books() -> None:
    with open_stage(0) as stage:
        found = {each.name: each.median for each in measure(stage, 1, lambda _: None, SMALL)}
    assert 0 < found["reads at 100 a second, p50"] <= found["reads at 100 a second, p99"]
    assert found["balance, one after another"] > 0
    assert found["search, larger to smaller book"] > 0
    assert found["ratio of balance look-ups to the bare handler"] > 0
    assert 0 < found["later load of a page"] < found["first load of a page"]
    assert found["memory under load"] > 20
    assert found["ready"] > 0
