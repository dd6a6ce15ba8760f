"""The page of guarantees names tests and rows that exist, every row is named, and figures are those kept."""

import pytest

from tests.docs.pages import ROOT, table
from tests.soak import page
from tests.soak.registry import all_rows

PROMISES = table(page.PAGE, "| promise | what keeps it | its test | its row |")


def named(cell: str) -> list[str]:
    """What a cell names between backquotes, one after the other."""
    return [each.strip(" `") for each in cell.split(",")]


@pytest.mark.parametrize("promise", PROMISES, ids=lambda promise: promise[0][:60])
def test_a_promise_names_tests_and_rows_that_exist(promise: list[str]) -> None:
    _, _, tests, rows = promise
    paths = [each.removeprefix("make test ARGS=") for each in named(tests)]
    assert paths
    assert [path for path in paths if not (ROOT / path).exists()] == []
    assert [name for name in named(rows) if name not in all_rows()] == []


def test_every_row_of_the_soak_stands_behind_a_promise() -> None:
    assert all_rows().keys() - {name for promise in PROMISES for name in named(promise[3])} == set()


def test_the_figures_on_the_page_are_those_that_are_kept_and_all_held() -> None:
    figures = page.read()
    shown = page.PAGE.read_text().partition(page.BEGIN)[2].partition(page.END)[0]
    assert shown == page.table(figures)
    assert [each for each in figures if each["held"] != each["tries"] or each["row"] not in all_rows()] == []
