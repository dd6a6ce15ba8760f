"""The worked example of docs/network.md: the quarter hours of its session are those of its meter and states."""

from datetime import UTC, datetime, timedelta

from domain.network.moments import microsecond_of, quarter_start
from domain.network.session_use import End, Start, State, UseFacts, session_use
from tests.docs.pages import ROOT

DAY = datetime(2026, 3, 2, tzinfo=UTC)


def at(hour: int, minute: int) -> int:
    return microsecond_of(DAY + timedelta(hours=hour, minutes=minute))


def test_the_quarter_hours_of_the_worked_example_are_those_of_its_session() -> None:
    section = (ROOT / "docs" / "network.md").read_text(encoding="utf-8").partition("\n## Load\n")[2]
    rows = [line.split("|")[1:3] for line in section.splitlines() if line.startswith("| 2026-03-02T")]
    told = {datetime.fromisoformat(start.strip()): int(wh) for start, wh in rows}
    facts = UseFacts(
        "S-1",
        [Start(at(10, 5), "gw", "a", 0, "OP-1", "LOC-1", "E-1", "1", None, None)],
        [End(at(12, 5), "gw", "b", 30_000)],
        states=[State(at(11, 55), "gw", "c", "CHARGING"), State(at(10, 25), "gw", "d", "IDLE")],
    )
    assert {quarter_start(quarter): wh for quarter, wh in session_use(facts).quarters} == told
