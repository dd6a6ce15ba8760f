"""Findings and open items: what is listed as open, beside what the events and the accounts say."""

from ledger.audit.amounts import Money, instant, microseconds, minor_of
from ledger.audit.report import Tally
from ledger.audit.sessions import Session
from ledger.audit.snapshot import Snapshot
from ledger.audit.streams import Body, Stream, first_of_each

_OPENED, _ENDED = "FindingOpened", "FindingEnded"

# What streams said last of each finding, as far as the read model has come, beside its rows.
_LISTED = """
WITH told AS (
    SELECT DISTINCT ON (body ->> 'stream', body #>> '{finding,key}')
           body ->> 'stream' AS stream, body #>> '{finding,key}' AS key, topic, body -> 'finding' AS says
    FROM event_store.stored_events
    CROSS JOIN LATERAL (SELECT convert_from(state, 'UTF8')::jsonb AS body) AS parsed
    WHERE topic IN ('FindingOpened', 'FindingEnded') AND notification_id <= (
        SELECT position FROM projection.generation WHERE live AND name = 'findings'
    )
    ORDER BY 1, 2, notification_id DESC
), open AS (
    SELECT stream, key, ARRAY[says ->> 'kind', says ->> 'subject', says ->> 'operator_id', says ->> 'sentence',
                              (says ->> 'since')::timestamptz::text, says ->> 'currency', says ->> 'amount'] AS told
    FROM told WHERE topic = 'FindingOpened'
), listed AS (
    SELECT stream, key, ARRAY[kind, subject, operator_id, sentence, since::text, currency, amount::text] AS listed
    FROM projection.findings
)
SELECT stream, key, told::text, listed::text FROM open FULL JOIN listed USING (stream, key) ORDER BY stream, key
"""

# Open items beside the kept balances of their accounts; nothing while the read model is behind.
_OPEN_ITEMS = """
WITH item AS (
    SELECT account, currency, sum(amount) AS amount FROM projection.open_items GROUP BY account, currency
), kept AS (
    SELECT account, currency, sum(debits - credits) AS amount FROM book.balance
    WHERE split_part(account, '/', 1) IN ('1105', '1110', '1210', '2080', '2410')
    GROUP BY account, currency
)
SELECT account, currency, coalesce(kept.amount, 0)::text, coalesce(item.amount, 0)::text
FROM kept FULL JOIN item USING (account, currency)
WHERE (SELECT position FROM projection.generation WHERE live AND name = 'open_items')
      >= (SELECT coalesce(max(notification_id), 0) FROM event_store.stored_events)
ORDER BY account, currency
"""


def check_listed(snapshot: Snapshot, tally: Tally) -> None:
    """The read model of findings holds what the streams said last, and nothing else."""
    for stream, key, told, listed in snapshot.rows(_LISTED):
        tally.examined += 1
        if told != listed:
            where = f"finding {key} of {stream}"
            tally.note(where, told, listed, f"{where} should be listed as {told} and is as {listed}")


def check_open_items(snapshot: Snapshot, tally: Tally) -> None:
    """Open items add up to the accounts of drivers, providers, partners, refunds due and unallocated receipts."""
    for account, currency, kept, items in snapshot.rows(_OPEN_ITEMS):
        tally.examined += 1
        there, listed = Money(int(kept), currency), Money(int(items), currency)
        tally.compare(f"account {account} in {currency}", there, listed, "the sum of its open items")


def check_told(stream: Stream, tally: Tally) -> None:
    """Only what is open ends; of each key the first opening and the first end say that people are told."""
    is_open: dict[str, bool] = {}
    ended: set[str] = set()
    for version, topic, body in stream.decisions:
        if topic not in (_OPENED, _ENDED):
            continue
        tally.examined += 1
        key = body["finding"]["key"]
        where = f"{stream.name or body['stream']} version {version}"
        if stream.name:
            tally.compare(where, stream.name, body["stream"], f"the stream of finding {key}")
        if topic == _ENDED and not is_open.get(key):
            tally.note(where, "what is open", key, f"{where}: finding {key} ends and was not open")
        first = key not in (is_open if topic == _OPENED else ended)
        tally.compare(where, first, body["first"], f"whether people are told of finding {key}")
        is_open[key] = topic == _OPENED
        if topic == _ENDED:
            ended.add(key)


def check_refund_findings(session: Session, tally: Tally) -> None:
    """A refund of a payment without any capture is open as a finding, with its amount and time, and no other is."""
    captured = {fact.data["payment_id"] for fact in session.accepted("payment.captured")}
    # What came back to the platform is nothing to be mended.
    failed = {fact.data["refund_id"] for fact in session.stream.facts.get("payment.refund_failed", ())}
    wanted = {
        (fact.data["payment_id"], microseconds(fact.at), minor_of(fact.data["amount"]))
        for fact in first_of_each(session.accepted("payment.refunded"), "refund_id")
        if fact.data["payment_id"] not in captured and fact.data["refund_id"] not in failed
    }
    found = {
        (finding["subject"], microseconds(instant(finding["since"])), finding["amount"])
        for finding in open_findings(session.stream)
        if finding["kind"] == "REFUND_WITHOUT_CAPTURE"
    }
    for row in sorted(wanted - found):
        tally.note(
            session.where, row, "nothing", f"{session.where}: refund {row} has no capture, and nobody was told"
        )
    for row in sorted(found - wanted):
        tally.note(
            session.where, "nothing", row, f"{session.where}: refund {row} is open, and has a capture or is none"
        )


def open_findings(stream: Stream) -> list[Body]:
    """What is open of a stream by its own decisions."""
    found: dict[str, Body] = {}
    for _, topic, body in stream.decisions:
        if topic == _OPENED:
            found[body["finding"]["key"]] = body["finding"]
        elif topic == _ENDED:
            found.pop(body["finding"]["key"], None)
    return list(found.values())
