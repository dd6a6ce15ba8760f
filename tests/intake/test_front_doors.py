"""Five thousand inputs by the front doors: each is answered or refused in words and counted, and the book holds.

`python -m tests.soak --only fuzz` gives 200,000.
"""

from pathlib import Path
from random import randrange

import pytest

from tests.support.audited import verify
from tests.support.decisions import PUBLIC_KEYS
from tests.support.engine import Engine
from tests.support.examples import examples
from tests.support.fuzzed_doors import DOORS, into_the_store

BY_FILE_AND_TOPIC, BY_EACH_OTHER = examples(3_500), examples(500)


def test_whatever_comes_by_files_and_topics_is_counted_once_and_the_book_holds(
    engine: Engine, tmp_path: Path
) -> None:
    # Always the same in the suite: the soak looks for more (`python -m tests.soak --only fuzz`).
    seed = 334956
    assert into_the_store(engine, seed, BY_FILE_AND_TOPIC, tmp_path) == [], f"seed {seed}"
    engine.advance()
    found = [
        (check.name, check.findings[0].sentence) for check in verify(engine.dsn, decision_keys=PUBLIC_KEYS).failed
    ]
    assert found == [], f"seed {seed}"


@pytest.mark.parametrize("door", DOORS)
def test_whatever_a_command_is_given_it_answers_in_words(door: str, tmp_path: Path) -> None:
    seed = randrange(10**6)
    assert DOORS[door](seed, BY_EACH_OTHER, tmp_path) == [], f"seed {seed}"
