"""A defect planted in a copy of the source shows in the book that it makes; the soak plants all of them."""

from pathlib import Path

import pytest

from tests.conftest import Stores
from tests.planted.faults import FAULTS, Fault
from tests.planted.planting import PROJECT, copied, plant, seen

SHOWN = [fault for fault in FAULTS if fault.name == "a run leaves the last of what is due"]


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
def test_the_source_is_what_the_defect_replaces(fault: Fault) -> None:
    assert (PROJECT / fault.file).read_text().count(fault.old) == 1


def test_there_are_as_many_defects_as_are_promised() -> None:
    assert len({fault.name for fault in FAULTS}) >= 25


@pytest.mark.parametrize("fault", SHOWN, ids=lambda fault: fault.name)
def test_a_defect_shows_in_the_book(fault: Fault, stores: Stores, tmp_path: Path) -> None:
    copy = copied(tmp_path / "copy")
    plant(fault, copy)
    with stores() as dsn:
        assert seen(dsn, copy, tmp_path / "out").shows(fault)
