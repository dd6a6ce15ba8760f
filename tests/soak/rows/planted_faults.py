"""Defects that the source had, or might have, planted in a copy of it: `verify` or the database finds each."""

from collections.abc import Iterator

from tests.planted.faults import FAULTS
from tests.planted.planting import copied, plant, seen, uproot
from tests.soak.row import Row, Soak, Try, held


def _planted(soak: Soak) -> Iterator[Try]:
    copy = copied(soak.folder / "copy")
    with soak.stores() as dsn:
        found = seen(dsn, copy, soak.folder / "sound")
    sound = not found.failed and not found.refused
    yield held(
        "none, so that nothing is found", sound, f"of the source as it is {sorted(found.failed)} {found.refused}"
    )
    for number, fault in enumerate(FAULTS):
        plant(fault, copy)
        with soak.stores() as dsn:
            found = seen(dsn, copy, soak.folder / f"{number}")
        uproot(fault, copy)
        told = f"{fault.name}: {sorted(found.failed)} {found.refused}, and not {sorted(fault.by) or 'refused'}"
        yield held("found", found.shows(fault), told)


ROWS = (Row("planted-faults", "A defect in the source that moves money shows in the book.", _planted),)
