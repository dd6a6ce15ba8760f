"""The tables of the page on scaling are what the command computes and simulates today."""

import pytest

from benchmarks.simulation.__main__ import main
from benchmarks.simulation.costs import measured_costs
from benchmarks.simulation.inputs import Inputs
from benchmarks.simulation.page import UnknownBlock, marked, with_tables
from benchmarks.simulation.tables import TABLES
from tests.docs.pages import ROOT

SCALING = ROOT / "docs" / "scaling.md"


@pytest.mark.parametrize("name", list(TABLES))
def test_a_table_on_the_page_is_the_computed_one(name: str) -> None:
    page = SCALING.read_text("utf-8")

    computed = TABLES[name](Inputs(), measured_costs())

    assert f"<!-- computed: {name} -->\n{computed}\n<!-- end -->" in page, (
        "write the page anew: python -m benchmarks.simulation --write docs/scaling.md"
    )


def test_the_page_marks_every_table_once() -> None:
    assert sorted(marked(SCALING.read_text("utf-8"))) == sorted(TABLES)


def test_only_what_stands_between_marks_is_replaced() -> None:
    page = "before\n<!-- computed: sizes -->\nold\n<!-- end -->\nafter\n"

    assert with_tables(page, {"sizes": "| new |"}) == page.replace("old", "| new |")


def test_an_empty_place_is_filled_and_a_missing_end_swallows_nothing() -> None:
    empty = "<!-- computed: sizes -->\n<!-- end -->\n"
    without_end = "<!-- computed: load -->\nkept\n"

    assert with_tables(without_end + empty, {"sizes": "| new |"}) == without_end + empty.replace(
        "\n<!-- end", "\n| new |\n<!-- end"
    )


def test_a_mark_without_a_table_is_told() -> None:
    with pytest.raises(UnknownBlock, match="'weather'"):
        with_tables("<!-- computed: weather -->\n\n<!-- end -->\n", {"sizes": ""})


def test_the_command_prints_every_table(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("benchmarks.simulation.__main__.TABLES", {"plan": TABLES["plan"]})

    assert main([]) == 0
    assert "plan\n\n| charge points |" in capsys.readouterr().out
