"""The worked month of docs/network.md: its shares are those of its loads."""

from collections.abc import Sequence

from domain.money import parse_minor
from domain.network.costs import Price, Prices
from domain.network.demand import Method
from domain.network.ladder import Player
from domain.network.moments import quarter_start
from domain.network.shared_charge import share_charge
from tests.docs.pages import ROOT

HEADING = "### A worked month"
OTHER = "other load"


def table_under(head: str) -> list[Sequence[str]]:
    """The rows of the table whose first head it is."""
    text = (ROOT / "docs" / "network.md").read_text().partition(HEADING)[2]
    lines = text[text.index(f"| {head} |") :].split("\n\n")[0].splitlines()
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]


def player(name: str) -> Player:
    return None if name == OTHER else name


def test_the_shares_of_the_worked_month_are_those_of_its_loads() -> None:
    loads = {
        player(name): [(number, int(wh)) for number, wh in enumerate(row) if wh != "0"]
        for name, *row in table_under("Wh")
    }
    shared = share_charge(loads, Prices([quarter_start(0)], [(Price(250, "JPY"),)]))
    assert shared is not None
    assert (int(shared.peak.kw), shared.charge.amount) == (40, 10_000)
    told = table_under("share in EUR")
    for place, method in enumerate(Method):
        assert shared.shares[method] == {player(name): parse_minor(row[place], "EUR") for name, *row in told}
