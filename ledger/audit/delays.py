"""From which date on what was released may be paid: the delay of the terms, by what pays for the session."""

from collections.abc import Mapping
from datetime import date, datetime, time, timedelta
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

import orjson

from ledger.audit.amounts import instant
from ledger.audit.catalogue import Timeline
from ledger.audit.meter import starts_of
from ledger.audit.report import Tally
from ledger.audit.sessions import Session
from ledger.audit.snapshot import Snapshot
from ledger.audit.streams import Body, in_order

_PUBLISHED = """
SELECT state FROM event_store.stored_events WHERE topic IN ('operator.registered', 'operator.changed')
"""
_ONE_DAY, _LONGEST_CLOSURE = timedelta(days=1), timedelta(days=14)
_SATURDAY = 5


class Delays(NamedTuple):
    """What an operator's terms say of when a release may be paid."""

    zone: ZoneInfo
    cutoff: time
    delay_days: int
    business_days: bool
    calendar: str
    of_source: Mapping[str, int]
    reserve_days: int = 0


def check_releases(session: Session, terms: Mapping[str, Timeline[Delays]], tally: Tally) -> None:
    """Each share may be paid from the date that its operator's terms say."""
    last: dict[str, Body] = {body["share"]: body for body in session.stream.decided("ShareReleased")}
    for share, body in last.items():
        if body["released_at"] is None or body["operator_id"] not in terms:
            continue
        released_at, found = instant(body["released_at"]), date.fromisoformat(body["available_on"])
        ruling = terms[body["operator_id"]].at(released_at)
        if ruling is None:
            continue
        share_of = share.removeprefix(f"split:{body['operator_id']}:")
        first, latest = dates(ruling, released_at, _source(session, share_of))
        if not first <= found <= latest:
            where = f"{session.where}, {share}"
            sentence = f"{where}: released at {released_at}, it may be paid from {found} on, and not from {first}"
            tally.note(where, first, found, sentence)


def business_date(terms: Delays, at: datetime) -> date:
    """The operator's business date of a moment: the day that began at the last cut-off."""
    local = at.astimezone(terms.zone).replace(tzinfo=None)
    return (local - timedelta(hours=terms.cutoff.hour, minutes=terms.cutoff.minute)).date()


def _source(session: Session, share: str) -> str | None:
    """What pays for what a share is of; nothing where it counts at once."""
    if share != "session":
        return "ROAMING" if share.startswith("cdr:") else None
    starts = in_order(starts_of(session.stream))
    return "WALLET" if starts and starts[0].data.get("wallet_id") else "CARD"


def dates(terms: Delays, released_at: datetime, source: str | None) -> tuple[date, date]:
    """The first and the last date that may be right: one, but for calendars that the audit does not know."""
    day = business_date(terms, released_at)
    if source is None:
        return day, day
    delay = terms.of_source.get(source, terms.delay_days)
    if not terms.business_days:
        return day + delay * _ONE_DAY, day + delay * _ONE_DAY
    if terms.calendar:
        # Of bank holidays the platform may have a file of its own.
        return day + delay * _ONE_DAY, day + delay * (_LONGEST_CLOSURE + _ONE_DAY)
    for _ in range(delay):
        day += _ONE_DAY
        while day.weekday() >= _SATURDAY:
            day += _ONE_DAY
    return day, day


def read_delays(snapshot: Snapshot) -> dict[str, Timeline[Delays]]:
    """The terms of operators; what cannot be read the catalogue's reader tells."""
    found: dict[str, Timeline[Delays]] = {}
    for (state,) in snapshot.rows(_PUBLISHED):
        try:
            body = orjson.loads(state)
            data = body["data"]
            head = (instant(body["time"]), body["source"], body["id"], instant(data["effective_from"]))
            found.setdefault(data["operator_id"], Timeline()).versions.append((*head, _terms(data)))
        except (ValueError, LookupError, TypeError, AttributeError):
            continue
    return found


def _terms(data: Mapping[str, Any]) -> Delays:
    payout = data["payout"]
    told = data["funding_delays"] if data.get("funding_delays") is not None else payout.get("funding_delays")
    return Delays(
        ZoneInfo(data["time_zone"]),
        time.fromisoformat(payout["cutoff_time"]),
        payout["delay_days"],
        payout["business_days_only"],
        payout.get("holiday_calendar") or "",
        {name: days for name, days in (told or {}).items() if days is not None},
        payout.get("reserve_days") or 0,
    )
