"""The worked runway of docs/network.md: what is left on each of its days, and how long the cash lasts."""

import re
from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

from domain.money import format_minor, parse_minor
from domain.network.dated_costs import DatedCost, due_costs
from domain.network.runway import Inflow, runway
from tests.docs.pages import ROOT

HEAD = "| day | arrives | falls due | left | left, lower end |"


def test_the_worked_runway_is_that_of_its_declaration_costs_and_payouts() -> None:
    text = (ROOT / "docs" / "network.md").read_text().partition("### Runway")[2]
    lines = text[text.index(HEAD) :].split("\n\n")[0].splitlines()[2:]
    told = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    since = date.fromisoformat(told[0][0])
    begins = datetime(2026, 1, 1, tzinfo=UTC)
    lease = DatedCost("LEASE", None, begins, None, 85_000, "MONTH", 1, begins, "urn:test", "1")
    costs = due_costs([lease], since, date(2026, 4, 30), ZoneInfo("Europe/Amsterdam"))
    inflows = [Inflow(date(2026, 3, 10), 30_000, 30_000), Inflow(date(2026, 4, 10), 30_000, 20_000)]
    found = runway(parse_minor("1000.00", "EUR"), since, inflows, costs)
    moved = [each for number, each in enumerate(found.days) if not number or each.inflow or each.cost]
    amounts = [
        [
            each.day.isoformat(),
            *(format_minor(amount or 0, "EUR") for amount in (each.inflow, each.cost, each.left, each.low)),
        ]
        for each in moved
    ]
    assert amounts == told
    (days,) = re.findall(r"Its cash lasts (\d+) days", text)
    assert found.runway_days == int(days)
