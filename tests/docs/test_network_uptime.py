"""The worked week of docs/network.md: its figures are those of its messages."""

import re
from pathlib import Path

from domain.network.states import Told, history
from domain.network.uptime import Explanation, Life, uptime
from projections.documents.uptime import exact_figures, figures

PAGE = Path(__file__).parents[2] / "docs" / "network.md"
_HOUR = 3_600_000_000
_DAY = 24 * _HOUR


def test_the_worked_week_has_the_figures_of_its_messages() -> None:
    told = [
        Told(0, "gw", "1", "AVAILABLE"),
        Told(_DAY + 6 * _HOUR, "gw", "2", "OUTOFORDER"),
        Told(_DAY + 18 * _HOUR, "gw", "3", "AVAILABLE"),
        Told(5 * _DAY, "gw", "4", "PLANNED"),
    ]
    explained = [
        Explanation(_DAY + 8 * _HOUR, _DAY + 12 * _HOUR, "VANDALISM"),
        Explanation(_DAY + 4 * _HOUR, _DAY + 10 * _HOUR, "UTILITY"),
    ]
    until = 6 * _DAY
    found = figures(uptime(Life(0, until, history(told, until), explanations=explained), 0, until))
    _, _, week = PAGE.read_text().partition("### A worked week")
    table = dict(re.findall(r"^\| (?:of it )?`(\w+)` \| (\d+) \|$", week.partition("## Peers")[0], re.M))
    assert {name: int(seconds) for name, seconds in table.items()} == {
        **{name: found[name] for name in ("in_service_s", "outage_s", "excluded_s")},
        **found["excluded_by_cause_s"],
    }
    assert exact_figures(uptime(Life(0, until), 1, 2_500_000))["in_service_s"] == "2.499999"
    assert (found["outages"], found["uptime"], found["uptime_nevi"]) == (1, "0.95", None)
    assert "(432000 - (43200 - 21600)) / 432000 = 0.95" in week
