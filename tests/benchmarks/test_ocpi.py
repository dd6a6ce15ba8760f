"""What is measured of roaming partners runs on a small store, and says what it found."""

from benchmarks.ocpi import Extent, measure
from benchmarks.stage import open_stage

SMALL = Extent(cdrs=400, locations=50, pages=16, pushes=40)


def test_pages_and_pushes_are_measured() -> None:
    with open_stage(0) as stage:
        found = {each.name: each.median for each in measure(stage, 1, lambda _: None, SMALL, ("DE-000",))}
    assert found["page of 100 CDRs, alone, p50"] > 0
    assert found["page of 100 CDRs, 8 at once, p95"] > 0
    assert found["whole pull of all CDRs"] > 0
    assert found["CDRs pushed"] > 0
