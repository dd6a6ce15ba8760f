"""All that is open in one list: findings of streams, open items, negative balances, waiting payouts and sessions."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import LiteralString, NamedTuple

from psycopg import Cursor
from psycopg.rows import TupleRow, class_row

_ROWS_PER_FETCH = 2_000

# In the order of business keys. `detail` is what else the sentence of a kind names. Since when an account is open its
# history tells; of partners' accounts the documents do. Payout days are closed far ahead where the last one is so in
# every time zone.
_ALL: LiteralString = """
WITH found AS (
    SELECT kind, NULL AS account, subject, operator_id, currency, amount, since, NULL AS detail, sentence, stream, key
    FROM projection.findings
    -- What people are told of these is in streams; here they are read as they stand.
    WHERE kind NOT IN ('NEGATIVE_BALANCE', 'PAYOUT_AWAITS_APPROVAL', 'PAYOUT_UNANSWERED')
    UNION ALL
    SELECT CASE WHEN session.gross IS NULL OR session.currency <> item.currency THEN 'CAPTURE_UNRATED'
                WHEN session.gross = item.amount THEN 'UNCAPTURED'
                ELSE 'CAPTURE_DIFFERS' END,
           item.account, substr(item.account, 6), session.operator_id, item.currency, item.amount,
           book.on_one_side_since(item.account, item.currency), session.gross::text, NULL, '', ''
    FROM projection.open_items AS item
    LEFT JOIN projection.sessions AS session ON session.session_id = substr(item.account, 6)
    WHERE item.account >= '1105/' AND item.account < '11050'
    UNION ALL
    SELECT CASE WHEN amount > 0 THEN 'UNSETTLED' ELSE 'OVERSETTLED' END, account, substr(account, 6), NULL, currency,
           amount, book.on_one_side_since(account, currency), NULL, NULL, '', ''
    FROM projection.open_items
    WHERE account >= '1110/' AND account < '11100'
    UNION ALL
    SELECT 'INVOICE_DIFFERS', account, document, NULL, currency, amount, since, substr(account, 6), NULL, '', ''
    FROM projection.open_items
    WHERE account >= '1210/' AND account < '12100'
    UNION ALL
    SELECT 'REFUND_DUE', item.account, substr(item.account, 6), session.operator_id, item.currency, item.amount,
           book.on_one_side_since(item.account, item.currency), item.document, NULL, '', ''
    FROM projection.open_items AS item
    LEFT JOIN projection.sessions AS session ON session.session_id = item.document
    WHERE item.account >= '2080/' AND item.account < '20800'
    UNION ALL
    SELECT CASE WHEN amount < 0 THEN 'RECEIPT_UNALLOCATED' ELSE 'BANK_DEBIT_UNKNOWN' END, account,
           coalesce(nullif(substr(account, 6), ''), account), NULL, currency, amount,
           book.on_one_side_since(account, currency), NULL, NULL, '', ''
    FROM projection.open_items
    WHERE account >= '2410' AND account < '24100'
    UNION ALL
    SELECT 'NEGATIVE_BALANCE', owed.account, operator_id, operator_id, currency, owed.amount,
           book.on_one_side_since(owed.account, currency), NULL, NULL, '', ''
    FROM projection.operator_balances
    CROSS JOIN LATERAL (
        VALUES ('2010/' || operator_id, available), ('2011/' || operator_id, pending)
    ) AS owed (account, amount)
    WHERE owed.amount < 0
    UNION ALL
    SELECT CASE status WHEN 'AWAITING_APPROVAL' THEN 'PAYOUT_AWAITS_APPROVAL'
                       WHEN 'IN_TRANSIT' THEN 'PAYOUT_UNANSWERED'
                       ELSE 'PAYOUT_TO_FIX' END,
           CASE status WHEN 'AWAITING_APPROVAL' THEN '2010/' || operator_id
                       WHEN 'IN_TRANSIT' THEN '2050/' || payout_id
                       ELSE '2060/' || operator_id END,
           payout_id, operator_id, currency, amount, status_at,
           CASE status WHEN 'RETURNED' THEN 'came back' ELSE 'failed' END || coalesce(' (' || reason || ')', ''),
           NULL, '', ''
    FROM projection.payouts AS payout
    WHERE status IN ('AWAITING_APPROVAL', 'IN_TRANSIT')
       OR status IN ('FAILED', 'RETURNED')
          AND NOT EXISTS (SELECT FROM projection.payouts AS again WHERE again.reissue_of = payout.payout_id)
          AND NOT EXISTS (
              SELECT FROM projection.payouts AS first
              WHERE (first.operator_id, first.currency, first.business_date)
                        = (payout.operator_id, payout.currency, payout.business_date)
                    AND first.attempt < payout.attempt AND first.status IN ('IN_TRANSIT', 'PAID')
          )
    UNION ALL
    SELECT 'PAYOUT_DAYS_CLOSED', NULL, operator_id, operator_id, NULL, NULL, NULL, closed_through::text, NULL, '', ''
    FROM intake.run
    WHERE closed_through > (now() + interval '38 hours')::date
    UNION ALL
    SELECT CASE state WHEN 'INVALID' THEN 'SESSION_INVALID' ELSE 'SESSION_SUSPENDED' END, NULL, session_id,
           session.operator_id, NULL, NULL, head.started_at, reason, NULL, '', ''
    FROM projection.sessions AS session
    LEFT JOIN intake.session_head AS head USING (session_id)
    WHERE state = 'SUSPENSE' OR state = 'INVALID' AND reason <> 'VOIDED'
    UNION ALL
    SELECT 'LEAKAGE', NULL, session.session_id, session.operator_id, session.currency, session.gross, cdr.issued_at,
           CASE WHEN answer.accepted THEN 'took back' WHEN answer.accepted IS NULL THEN 'has not answered'
                ELSE 'has rejected' END || ' ' || cdr.cdr_id || ' ' || session.partner, NULL, '', ''
    FROM projection.sessions AS session
    JOIN projection.cdrs AS cdr ON cdr.session_id = session.session_id AND NOT cdr.credit
    LEFT JOIN projection.cdr_answers AS answer ON answer.cdr_id = cdr.cdr_id AND answer.partner = session.partner
    LEFT JOIN projection.cdrs AS taken_back
        ON taken_back.session_id = cdr.session_id AND taken_back.number = cdr.number AND taken_back.credit
    WHERE session.state = 'RATED' AND session.partner IS NOT NULL AND session.gross > 0
      AND (answer.accepted IS NOT TRUE OR taken_back.cdr_id IS NOT NULL)
      AND NOT EXISTS (
          SELECT FROM projection.cdrs AS later
          WHERE later.session_id = cdr.session_id AND later.number > cdr.number AND NOT later.credit
      )
)
SELECT kind, account, subject, coalesce(operator_id, '') AS operator_id, currency, amount, since, detail, sentence,
       stream, key
FROM found
WHERE (%(operator_id)s::text IS NULL OR operator_id = %(operator_id)s)
  AND (%(kind)s::text IS NULL OR kind = %(kind)s)
  AND (%(subject)s::text IS NULL OR subject = %(subject)s)
  AND (%(account)s::text IS NULL OR account = %(account)s)
  AND (%(currency)s::text IS NULL OR currency = %(currency)s)
"""
# What has no account or currency comes last; the order has no nulls in it, so that what is behind a row can be asked.
_LAST = "\U0010ffff"
_ORDER: LiteralString = """
kind COLLATE "C", subject COLLATE "C", coalesce(account, E'\\U0010FFFF') COLLATE "C",
coalesce(currency, E'\\U0010FFFF') COLLATE "C", stream COLLATE "C", key COLLATE "C"
"""
_IN_ORDER: LiteralString = f"{_ALL} ORDER BY {_ORDER}"
_PAGE: LiteralString = f"{_ALL} ORDER BY {_ORDER} LIMIT %(limit)s"
_BEHIND: LiteralString = f"""{_ALL}
AND ({_ORDER}) > (%(kind_)s::text, %(subject_)s::text, %(account_)s::text, %(currency_)s::text, %(stream_)s::text,
                  %(key_)s::text)
ORDER BY {_ORDER}
LIMIT %(limit)s
"""
_PLACE = ("kind_", "subject_", "account_", "currency_", "stream_", "key_")
# How many are open of each kind and currency, and what they come to.
_SUMS: LiteralString = f"""
SELECT kind, currency, count(*), coalesce(sum(amount), 0)::bigint, min(since)
FROM ({_ALL}) AS open
GROUP BY kind, currency
ORDER BY kind COLLATE "C", currency COLLATE "C"
"""  # noqa: S608 (a constant)


@dataclass(frozen=True, slots=True)
class FoundRow:
    """Something that is open; `amount` in minor units, `sentence` where a stream said it, None where there is none.

    Amounts of open items are the account's balance, debit positive; those of operators and payouts are in the
    operator's favour.
    """

    kind: str
    account: str | None
    subject: str
    operator_id: str
    currency: str | None
    amount: int | None
    since: datetime | None
    detail: str | None
    sentence: str | None
    stream: str = ""
    key: str = ""

    @property
    def place(self) -> tuple[str, ...]:
        """Where it stands in the order of all: no two stand at one place."""
        return self.kind, self.subject, self.account or _LAST, self.currency or _LAST, self.stream, self.key


@dataclass(frozen=True, slots=True)
class Chosen:
    """Which findings; None stands for all."""

    operator_id: str | None = None
    kind: str | None = None
    subject: str | None = None
    account: str | None = None
    currency: str | None = None


class KindSum(NamedTuple):
    """How many findings of a kind and currency are open, their sum in minor units, and since when the oldest is."""

    kind: str
    currency: str | None
    findings: int
    amount: int
    since: datetime | None


def all_findings(
    cursor: Cursor[TupleRow], operator_id: str | None = None, kind: str | None = None
) -> Iterator[FoundRow]:
    """All that is open, by kind and subject; of one operator or kind where it is named. Needs an open transaction."""
    return every_finding(cursor, Chosen(operator_id, kind))


def every_finding(cursor: Cursor[TupleRow], chosen: Chosen) -> Iterator[FoundRow]:
    """The same of whatever is chosen, through a server-side cursor."""
    with cursor.connection.cursor("all_findings", row_factory=class_row(FoundRow)) as rows:
        rows.itersize = _ROWS_PER_FETCH
        yield from rows.execute(_IN_ORDER, asdict(chosen), binary=True)


def findings_behind(
    cursor: Cursor[TupleRow], chosen: Chosen, place: Sequence[str] | None, limit: int
) -> list[FoundRow]:
    """So many at most, in the same order, behind the place of one of them, or from the first on."""
    asked = asdict(chosen) | dict(zip(_PLACE, place or (), strict=place is not None)) | {"limit": limit}
    with cursor.connection.cursor(row_factory=class_row(FoundRow)) as rows:
        return rows.execute(_BEHIND if place else _PAGE, asked, binary=True).fetchall()


def sums_of_findings(cursor: Cursor[TupleRow], chosen: Chosen) -> list[KindSum]:
    """What is open, by kind and currency."""
    return [KindSum(*row) for row in cursor.execute(_SUMS, asdict(chosen))]
