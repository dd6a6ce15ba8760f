"""Who looks after findings: what was decided last of each."""

from collections.abc import Sequence
from typing import NamedTuple
from uuid import NAMESPACE_URL, uuid5

from psycopg import Cursor
from psycopg.rows import TupleRow

from projections.all_findings import Chosen, FoundRow, every_finding

_LATEST = """
SELECT DISTINCT ON (subject) subject, owner, note FROM projection.decisions
WHERE subject = ANY(%s) AND type = 'finding.assigned' AND state = 'TAKEN'
ORDER BY subject, acts_at DESC, source DESC, id DESC
"""


class Assignment(NamedTuple):
    """Who looks after a finding, and what she is to know."""

    owner: str
    note: str | None


def finding_id(row: FoundRow) -> str:
    """The id of a finding: as long as it is open, and when it is open again, it is the same."""
    told = (row.kind, row.subject, row.account or "", row.currency or "", row.stream, row.key)
    return str(uuid5(NAMESPACE_URL, f"wattledger:finding:{chr(9).join(told)}"))


def finding_of(cursor: Cursor[TupleRow], id_: str) -> FoundRow | None:
    """The finding with an id; None where none that is open has it."""
    return next((row for row in every_finding(cursor, Chosen()) if finding_id(row) == id_), None)


def assignments(cursor: Cursor[TupleRow], ids: Sequence[str]) -> dict[str, Assignment]:
    """Of findings by their ids, who looks after them; those of whom nobody does are left out."""
    return {id_: Assignment(owner, note) for id_, owner, note in cursor.execute(_LATEST, (list(ids),))}
