"""The month's end of docs/close.md: the story that the page tells gives the report that it shows."""

import json
from pathlib import Path

import psycopg

from projections.documents.periods import REPORTED, report_rows
from projections.periods import issued_of, period_report
from tests.support.closing import close, status_of
from tests.support.engine import Engine
from tests.support.events import operator, session, tariff

PAGE = Path(__file__).resolve().parents[2] / "docs" / "close.md"


def shown() -> list[list[str]]:
    """The rows of the table of the worked month, without its head."""
    section = PAGE.read_text(encoding="utf-8").partition("## March, worked\n")[2].partition("\n## ")[0]
    rows = [line for line in section.splitlines() if line.startswith("|")]
    return [[cell.strip().strip("`") for cell in row[1:-1].split("|")] for row in rows[2:]]


def test_the_page_shows_what_the_report_of_the_month_says(engine: Engine) -> None:
    engine.feed([operator(), tariff(), *session()])
    engine.advance("2026-04-03T09:00:00Z")
    close(engine, "2026-03", "2026-04-03")
    engine.feed(session("S-2"))
    engine.advance("2026-04-04T09:00:00Z")
    with psycopg.connect(engine.dsn) as connection:
        turn = issued_of(connection.cursor(), "2026-03")
        assert turn is not None
        rows = report_rows(period_report(connection.cursor(), turn))
    found = [[str(row[name]) for name in REPORTED] for row in rows]
    # A payout's id stands for no more than a payout.
    found = [["2050/..." if name.startswith("2050/") else name, *others] for name, *others in found]
    table = "\n".join("| " + " | ".join([f"`{row[0]}`", *row[1:]]) + " |" for row in found)
    assert found == shown(), f"the report says\n\n{table}\n"
    assert status_of(engine, "2026-03").version == 1
    close(engine, "2026-04", "2026-05-03")
    (text,) = engine.rows("SELECT issued FROM book.period_turn WHERE period = '2026-04'")[0]
    opened = {each["account"]: each["opening"] for each in json.loads(text)["accounts"]}
    for account, _, issued, *_ in found:
        if not account.startswith("2050/"):
            assert opened.get(account, "0.00") == issued, account
