"""Issued statements: not altered, numbered without a gap, opened with the closing before, and said by the book.

What the book said when a statement was issued is read from the lines of accounts, which the check `account_lines`
compares with the postings and with the positions of events.
"""

import hashlib
import json
from datetime import date, datetime
from typing import Any, NamedTuple

from ledger.audit.amounts import Money, instant, minor
from ledger.audit.report import Tally
from ledger.audit.snapshot import Snapshot

# Each statement with the one it follows, the one it says anew, and what lines of its operator's accounts moved by the
# position it knows: in its month, and before it where the statement before did not know them.
_STATEMENTS = """
SELECT statement.number, statement.operator_id, statement.sequence, statement.currency, statement.month,
       statement.since, statement.until, statement.position, statement.opening, statement.closing, statement.content,
       encode(statement.content_sha256, 'hex'), statement.follows, before.closing,
       encode(sha256(before.content), 'hex'),
       before.operator_id = statement.operator_id AND before.currency = statement.currency
       AND before.until <= statement.since AND before.position <= statement.position,
       statement.restates, encode(sha256(old.content), 'hex'),
       (old.operator_id, old.currency, old.month, old.since, old.until)
       IS NOT DISTINCT FROM (statement.operator_id, statement.currency, statement.month, statement.since,
                             statement.until)
       AND old.sequence < statement.sequence AND old.follows IS NOT DISTINCT FROM statement.follows,
       known.movements,
       (SELECT position FROM projection.generation WHERE live AND name = 'account_lines') >= statement.position
FROM intake.statement
LEFT JOIN intake.statement AS before ON before.number = statement.follows
LEFT JOIN intake.statement AS old ON old.number = statement.restates
CROSS JOIN LATERAL (
    SELECT coalesce(jsonb_agg(jsonb_build_array(late, kind, mirror, entries, amount)), '[]') AS movements
    FROM (
        SELECT late, kind, mirror, count(*) AS entries, sum(amount) AS amount
        FROM (
            SELECT effective_at < statement.since AS late, min(kind) AS kind, bool_or(mirror) AS mirror,
                   -sum(amount) AS amount
            FROM projection.account_lines AS line
            WHERE line.account = ANY (ARRAY['2010/' || statement.operator_id, '2011/' || statement.operator_id])
              AND line.currency = statement.currency AND line.effective_at < statement.until
              AND line.position <= statement.position
              AND (line.effective_at >= statement.since OR line.position > coalesce(before.position, 0))
            GROUP BY entry_id, effective_at
            HAVING sum(amount) <> 0
        ) AS entry
        GROUP BY late, kind, mirror
    ) AS moved
) AS known
ORDER BY statement.operator_id, statement.sequence
"""


class _Row(NamedTuple):
    number: str
    operator_id: str
    sequence: int
    currency: str
    month: date
    since: datetime
    until: datetime
    position: int
    opening: int
    closing: int
    content: bytes
    digest: str
    follows: str | None
    closed_with: int | None
    follows_sha256: str | None
    is_before: bool | None
    restates: str | None
    restates_sha256: str | None
    is_of_month: bool | None
    moved: list[list[Any]]
    is_read: bool


def check_statements(snapshot: Snapshot, tally: Tally) -> None:
    """Every statement is as it was issued, follows the one before it, and adds up to what the book said then."""
    operator, last = "", 0
    for row in map(_Row._make, snapshot.rows(_STATEMENTS)):
        tally.examined += 1
        last = last if row.operator_id == operator else 0
        if row.sequence != last + 1:
            where = f"statement {row.number}"
            sentence = f"{where} is number {row.sequence} of {row.operator_id}, behind {last}"
            tally.note(where, last + 1, row.sequence, sentence)
        operator, last = row.operator_id, row.sequence
        _check_statement(row, tally)


def _check_statement(row: _Row, tally: Tally) -> None:
    where, currency = f"statement {row.number}", row.currency
    tally.compare(where, row.digest, hashlib.sha256(row.content).hexdigest(), "the hash of its document")
    before = Money(row.closed_with or 0, currency)
    tally.compare(where, before, Money(row.opening, currency), "its opening, which is the closing of the one before")
    if row.follows is not None and not row.is_before:
        sentence = f"{where} follows {row.follows}, which is none of before its month"
        tally.note(where, "one before it", row.follows, sentence)
    if row.restates is not None and not row.is_of_month:
        sentence = f"{where} says {row.restates} anew, which is none of its month"
        tally.note(where, "one of its month", row.restates, sentence)
    try:
        said = json.loads(bytes(row.content))
        stated, movements = _stated(said, currency), _movements(said, currency)
    except (LookupError, TypeError, ValueError, ArithmeticError) as fault:
        tally.note(where, "a statement", type(fault).__name__, f"{where} cannot be read: {fault}")
        return
    for name, wanted in _kept(row).items():
        tally.compare(where, wanted, stated[name], f"its {name}")
    total = Money(row.opening + sum(each[-1] for each in movements), currency)
    tally.compare(where, total, Money(row.closing, currency), "its closing, as its movements add up")
    if row.is_read:
        tally.compare(where, sorted(row.moved), movements, "what moved by kind, as the book said by then")


def _stated(said: dict[str, Any], currency: str) -> dict[str, Any]:
    """What a document says of itself."""
    return {
        "number": said["number"],
        "operator": said["operator_id"],
        "currency": said["currency"],
        "month": said["month"],
        "begin": instant(said["from"]),
        "end": instant(said["to"]),
        "position": said["position"],
        "opening": Money(minor(said["opening"], currency), currency),
        "closing": Money(minor(said["closing"], currency), currency),
        "statement before": said["follows"],
        "statement said anew": said["restates"],
    }


def _kept(row: _Row) -> dict[str, Any]:
    """The same as it is kept beside the document."""
    return {
        "number": f"{row.operator_id}-{row.sequence:06d}",
        "operator": row.operator_id,
        "currency": row.currency,
        "month": f"{row.month:%Y-%m}",
        "begin": row.since,
        "end": row.until,
        "position": row.position,
        "opening": Money(row.opening, row.currency),
        "closing": Money(row.closing, row.currency),
        "statement before": _named(row.follows, row.follows_sha256),
        "statement said anew": _named(row.restates, row.restates_sha256),
    }


def _movements(said: dict[str, Any], currency: str) -> list[list[Any]]:
    return sorted(
        [late, each["kind"], each["mirror"], each["entries"], minor(each["amount"], currency)]
        for late, name in ((False, "movements"), (True, "told_late"))
        for each in said[name]
    )


def _named(number: str | None, digest: str | None) -> dict[str, str | None] | None:
    return None if number is None else {"number": number, "content_sha256": digest}
