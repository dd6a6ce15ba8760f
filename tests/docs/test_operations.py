"""What docs/operations.md tells people to do in trouble."""

import re
from pathlib import Path

import psycopg

from tests.support.engine import Engine
from tests.support.events import operator, session, tariff

DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "operations.md"
EVENTS = [operator(), tariff(), *session()]


def test_a_new_log_is_read_from_its_beginning_and_nothing_counts_twice(database_url: str) -> None:
    statement = re.search(r"```sql\n(.*?)\n```", DOCUMENT.read_text(encoding="utf-8"))
    assert statement is not None
    engine = Engine(database_url)
    engine.feed(EVENTS)
    engine.close()
    before = engine.balances()

    with psycopg.connect(database_url) as connection:
        connection.execute(statement[1].encode())
    again = Engine(database_url)
    again.feed(EVENTS)
    again.close()

    assert again.offset == len(EVENTS)
    assert again.balances() == before
    assert again.tally() == (len(EVENTS), len(EVENTS), 0, 0)
