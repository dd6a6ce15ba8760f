"""The read model of account lines, and what is known by when, beside the book and the stored events."""

from ledger.audit.report import Tally
from ledger.audit.snapshot import Snapshot
from ledger.audit.streams import event_id

_NO_LINE = "no line"
# Whether the lines show all that is stored, and how many there are to examine.
_READ = """
SELECT (SELECT position FROM projection.generation WHERE live AND name = 'account_lines')
       >= (SELECT coalesce(max(notification_id), 0) FROM event_store.stored_events),
       (SELECT count(*) FROM book.posting)
"""
# Postings that the lines do not have as they are, and lines that no posting is behind. Whose an account is says its
# dimension, of 2050 the payout's event.
_DIFFERENT = """
WITH payout AS (
    SELECT body ->> 'payout_id' AS payout_id, body ->> 'operator_id' AS operator_id
    FROM event_store.stored_events, LATERAL (SELECT convert_from(state, 'UTF8')::jsonb AS body) AS parsed
    WHERE topic = 'PayoutCreated'
), posted AS (
    SELECT posting.entry_id, line, account, posting.currency, effective_at, amount_minor AS amount, kind,
           reverses IS NOT NULL AS mirror,
           CASE WHEN left(account, 5) IN ('2010/', '2011/', '2020/', '2030/', '2060/') THEN substr(account, 6)
           ELSE operator_id END AS operator_id
    FROM book.posting
    JOIN book.entry USING (entry_id)
    LEFT JOIN payout ON left(account, 5) = '2050/' AND payout.payout_id = substr(account, 6)
)
SELECT entry_id, line,
       concat_ws(' ', posted.account, posted.currency, posted.effective_at, posted.amount, posted.kind,
                          CASE posted.mirror WHEN true THEN 'against' ELSE 'for' END, posted.operator_id),
       concat_ws(' ', kept.account, kept.currency, kept.effective_at, kept.amount, kept.kind,
                          CASE kept.mirror WHEN true THEN 'against' ELSE 'for' END, kept.operator_id),
       posted.account IS NULL, kept.account IS NULL
FROM posted FULL JOIN projection.account_lines AS kept USING (entry_id, line)
WHERE posted.account IS DISTINCT FROM kept.account OR posted.currency IS DISTINCT FROM kept.currency
   OR posted.effective_at IS DISTINCT FROM kept.effective_at OR posted.amount IS DISTINCT FROM kept.amount
   OR posted.kind IS DISTINCT FROM kept.kind OR posted.mirror IS DISTINCT FROM kept.mirror
   OR posted.operator_id IS DISTINCT FROM kept.operator_id
ORDER BY entry_id, line
"""
# Each entry with its cause and the event at each position that its lines have.
_POSITIONS = """
SELECT entry.entry_id, entry.cause, event.originator_id, event.originator_version, lines.position
FROM (SELECT DISTINCT entry_id, position FROM projection.account_lines) AS lines
JOIN book.entry USING (entry_id)
LEFT JOIN event_store.stored_events AS event ON event.notification_id = lines.position
ORDER BY entry.entry_id, lines.position
"""
# Sums of days that are not those of their lines, and days that lack.
_DAYS = """
WITH added AS (
    SELECT account, currency,
           date_trunc(CASE WHEN left(account, 1) = '2' THEN 'day' ELSE 'hour' END, effective_at, 'UTC') AS since,
           concat_ws(' ', sum(greatest(amount, 0)), sum(greatest(-amount, 0)), min(position), max(position),
                     min(operator_id)) AS said
    FROM projection.account_lines
    WHERE left(account, 5) NOT IN ('1105/', '2080/', '2050/')
    GROUP BY account, currency, since
), kept AS (
    SELECT account, currency, since,
           concat_ws(' ', debits, credits, first_position, last_position, operator_id) AS said
    FROM projection.account_days
)
SELECT account, currency, since, coalesce(added.said, 'nothing'), coalesce(kept.said, 'nothing')
FROM added FULL JOIN kept USING (account, currency, since)
WHERE added.said IS DISTINCT FROM kept.said
ORDER BY account, currency, since
"""
# Markers that are not later than the one before.
_MARKERS = """
SELECT position, known_at, before
FROM (SELECT position, known_at, lag(known_at) OVER (ORDER BY position) AS before FROM projection.known) AS marker
WHERE known_at <= before
ORDER BY position
"""


def check_account_lines(snapshot: Snapshot, tally: Tally) -> None:
    """Every posting is a line of its account at its event's position; positions were known one after another."""
    for position, known_at, before in snapshot.rows(_MARKERS):
        where = f"position {position}"
        sentence = f"{where} was known at {known_at}, which is no later than the position before it ({before})"
        tally.note(where, f"later than {before}", known_at, sentence)
    is_read, postings = next(snapshot.rows(_READ))
    if not is_read:
        return
    tally.examined += postings
    for entry_id, line, posted, kept, not_posted, not_kept in snapshot.rows(_DIFFERENT):
        should, does = _NO_LINE if not_posted else posted, _NO_LINE if not_kept else kept
        tally.compare(f"line {line} of entry {entry_id}", should, does, "the line of its account")
    for account, currency, since, added, kept in snapshot.rows(_DAYS):
        where = f"account {account} in {currency} from {since}"
        tally.compare(where, added, kept, "the sums of its lines with their first and last position")
    _check_positions(snapshot, tally)


def _check_positions(snapshot: Snapshot, tally: Tally) -> None:
    for entry_id, cause, stream_id, version, position in snapshot.rows(_POSITIONS):
        if stream_id is None or event_id(stream_id, version) != cause:
            where = f"entry {entry_id}"
            sentence = f"{where} has its lines at position {position}, where its cause {cause} is not"
            tally.note(where, cause, f"position {position}", sentence)
