"""What was answered to gateways, for as long as one may ask again."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import TypeAlias

from psycopg import Cursor
from psycopg.rows import TupleRow

# Source and id of a question.
Key: TypeAlias = tuple[str, str]

KEPT = timedelta(days=7)
_FIND = """
SELECT source, id, digest, record_key, answer
FROM unnest(%s::text[], %s::text[]) AS asked (source, id) JOIN access.charge_answer USING (source, id)
"""
_KEEP = """
INSERT INTO access.charge_answer (source, id, digest, record_key, answer)
SELECT * FROM unnest(%s::text[], %s::text[], %s::bytea[], %s::text[], %s::bytea[]) ORDER BY 1, 2
ON CONFLICT (source, id) DO NOTHING
"""
_FORGET = """
DELETE FROM access.charge_answer WHERE (source, id) IN (
    SELECT source, id FROM access.charge_answer WHERE answered_at < clock_timestamp() - %s
    ORDER BY answered_at LIMIT %s
)
"""
# So many at once are forgotten.
_SET = 5_000


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer as it is sent, by its key on Kafka; `digest` is of the question."""

    digest: bytes
    key: str
    value: bytes


def find(cursor: Cursor[TupleRow], keys: Sequence[Key]) -> dict[Key, Answer]:
    """What was answered to questions, by source and id; without those that nobody has answered yet."""
    rows = cursor.execute(_FIND, ([source for source, _ in keys], [id_ for _, id_ in keys]))
    return {
        (str(source), str(id_)): Answer(bytes(digest), str(key), bytes(answer))
        for source, id_, digest, key, answer in rows
    }


def keep(cursor: Cursor[TupleRow], answers: Mapping[Key, Answer]) -> dict[Key, Answer]:
    """The answers to questions from here on: of each the one that was kept first."""
    made = answers.values()
    cursor.execute(
        _KEEP,
        (
            [source for source, _ in answers],
            [id_ for _, id_ in answers],
            [each.digest for each in made],
            [each.key for each in made],
            [each.value for each in made],
        ),
    )
    return find(cursor, list(answers))


def forget(cursor: Cursor[TupleRow]) -> int:
    """Forget some of those that are older than anybody asks again for; how many."""
    return cursor.execute(_FORGET, (KEPT, _SET)).rowcount
