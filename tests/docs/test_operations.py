"""What docs/operations.md tells people to do in trouble."""

import re
from pathlib import Path

import psycopg

from tests.support.engine import Engine
from tests.support.events import operator, session, tariff

DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "operations.md"
NOTICES = DOCUMENT.parents[1] / "projections" / "notifications.py"
EVENTS = [operator(), tariff(), *session()]


def statement_under(heading: str) -> bytes:
    """The first SQL statement that the page tells people to run in a section."""
    _, _, section = DOCUMENT.read_text(encoding="utf-8").partition(f"\n## {heading}\n")
    found = re.search(r"```sql\n(.*?)\n```", section)
    assert found is not None
    return found[1].encode()


def test_every_kind_of_notice_that_is_no_finding_is_explained() -> None:
    _, _, section = DOCUMENT.read_text(encoding="utf-8").partition("\n## Notices\n")
    explained = {*re.findall(r"`([A-Z_]+)`", section.partition("\n## ")[0])}
    kinds = {*re.findall(r'_notice\("([A-Z_]+)"', NOTICES.read_text(encoding="utf-8"))}
    assert len(kinds) >= 4
    assert kinds <= explained


def test_a_new_log_is_read_from_its_beginning_and_nothing_counts_twice(database_url: str) -> None:
    engine = Engine(database_url)
    engine.feed(EVENTS)
    engine.close()
    before = engine.balances()

    with psycopg.connect(database_url) as connection:
        connection.execute(statement_under("Backup and restore"))
    again = Engine(database_url)
    again.feed(EVENTS)
    again.close()

    assert again.offset == len(EVENTS)
    assert again.balances() == before
    assert again.tally() == (len(EVENTS), len(EVENTS), 0, 0)
