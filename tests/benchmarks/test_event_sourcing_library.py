"""The figures of decision 36 can be taken anew: every comparison runs and gives rates for both sides."""

from re import findall

import pytest

from benchmarks import event_sourcing_library
from tests.docs.pages import ROOT, table

DECISION = ROOT / "docs" / "decisions" / "0036-what-is-used-of-the-eventsourcing-library.md"


def test_a_short_run_gives_every_figure_of_the_decision(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, value in (("ROUNDS", 3), ("PAYOUTS", 10), ("SET", 30), ("SAVED", (1, 5))):
        monkeypatch.setattr(event_sourcing_library, name, value)

    event_sourcing_library.main()

    heading, _, *rows = capsys.readouterr().out.splitlines()
    found = {name: [float(each.replace(",", "")) for each in rates] for name, *rates in map(cells, rows)}
    assert all(rate > 0 for rates in found.values() for rate in rates)
    said = [row[0] for row in table(DECISION, heading)]
    assert list(map(without_numbers, found)) == list(map(without_numbers, said))


def cells(row: str) -> list[str]:
    """The cells of a table's row."""
    return [cell.strip() for cell in row.strip("|").split("|")]


def without_numbers(name: str) -> list[str]:
    """The words of a figure's name, in any size of run."""
    return findall(r"[a-z_]+", name)
