"""Balances that stay below zero: people are warned, and told that they may be written off, when the terms say so."""

from collections import defaultdict
from datetime import datetime, timedelta

import orjson

from ledger.audit.amounts import instant
from ledger.audit.catalogue import Timeline
from ledger.audit.report import Tally
from ledger.audit.snapshot import Snapshot

# What is open of operators below zero, by operator and currency, and when their last run fired.
_OPEN = """
WITH said AS (
    SELECT DISTINCT ON (body ->> 'stream', body #>> '{finding,key}') topic, body -> 'finding' AS finding
    FROM event_store.stored_events, LATERAL (SELECT convert_from(state, 'UTF8')::jsonb AS body) AS parsed
    WHERE topic IN ('FindingOpened', 'FindingEnded')
      AND body #>> '{finding,kind}' IN ('NEGATIVE_BALANCE', 'NEGATIVE_BALANCE_AGED', 'WRITE_OFF_DUE')
    ORDER BY body ->> 'stream', body #>> '{finding,key}', notification_id DESC
)
SELECT finding ->> 'operator_id', finding ->> 'currency', finding ->> 'kind', finding ->> 'since', run.fired_at
FROM said LEFT JOIN intake.run ON run.operator_id = finding ->> 'operator_id'
WHERE topic = 'FindingOpened'
ORDER BY 1, 2, 3
"""
_RUNS = "SELECT count(*) FROM intake.run"
_TERMS = "SELECT state FROM event_store.stored_events WHERE topic IN ('operator.registered', 'operator.changed')"
# Days where the terms say nothing.
_DAYS = {"NEGATIVE_BALANCE_AGED": ("warn_days", 20), "WRITE_OFF_DUE": ("write_off_days", 180)}


def check_aged_balances(snapshot: Snapshot, tally: Tally) -> None:
    """Who is below zero for as long as its terms say is told as such by the clock's last run, and nobody else is."""
    tally.examined += next(iter(snapshot.rows(_RUNS)))[0]
    found: dict[tuple[str, str], dict[str, str]] = defaultdict(dict)
    fired: dict[str, datetime | None] = {}
    for operator_id, currency, kind, since, fired_at in snapshot.rows(_OPEN):
        found[operator_id, currency][kind] = since
        fired[operator_id] = fired_at
    terms = _terms(snapshot) if found else {}
    for (operator_id, currency), open_ in found.items():
        where = f"operator {operator_id} in {currency}"
        since, last = open_.get("NEGATIVE_BALANCE"), fired[operator_id]
        for kind, (name, days) in _DAYS.items():
            if since is None and kind in open_:
                tally.note(where, "nothing", kind, f"{where} is not below zero, and {kind} is open")
            elif since is not None and last is not None:
                known = terms.get(operator_id)
                agreed = ((known.at(last) if known else None) or {}).get(name)
                due_at = instant(since) + timedelta(days=days if agreed is None else agreed)
                if due_at <= last and kind not in open_:
                    tally.note(where, kind, "nothing", f"{where} is below zero since {since}, and {kind} is not open")
                elif kind in open_ and instant(open_[kind]) < instant(since):
                    tally.note(
                        where, f"after {since}", open_[kind], f"{where}: {kind} is open since before it was so"
                    )


def _terms(snapshot: Snapshot) -> dict[str, Timeline[dict[str, int]]]:
    """By operator, the days of its terms over time; what stands beside `payout` counts before what is inside it."""
    found: dict[str, Timeline[dict[str, int]]] = {}
    for (state,) in snapshot.rows(_TERMS):
        try:
            body = orjson.loads(state)
            data = body["data"]
            told = data.get("negative") or data["payout"].get("negative") or {}
            head = (instant(body["time"]), body["source"], body["id"], instant(data["effective_from"]))
            found.setdefault(data["operator_id"], Timeline()).versions.append((*head, told))
        except (ValueError, LookupError, TypeError, AttributeError):
            continue  # The catalogue's reader tells what cannot be read.
    return found
