"""The story of a session as a document, and every price that it was ever charged."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from domain.book.journal import Entry
from domain.calendar import utc_seconds
from domain.money import format_minor
from domain.session.decisions import SessionAssessed
from domain.session.ratings import read_rating
from projections.documents.payouts import payout_document
from projections.entry_list import EntryRow
from projections.session_story import SeenSession
from projections.story import SessionStory

_ONE_RATING = ("at", "source", "id", "tariff", "energy_wh", "net", "gross")


def session_document(story: SessionStory) -> dict[str, Any]:
    """Messages by time, outcome, prices, entries, energy, CDRs, payouts; times are in UTC to the second."""
    return {
        "session_id": story.session_id,
        "outcome": _outcome_document(story.outcome),
        "ratings": [dict(rating) for rating in ratings_of(story)],
        "messages": [
            {
                "type": fact.type,
                "id": fact.id,
                "source": fact.source,
                "time": f"{utc_seconds(fact.time)}Z",
                "data": dict(fact.data),
            }
            for fact in sorted(story.facts, key=lambda fact: (fact.time, fact.id))
        ],
        "entries": [entry_document(entry) for entry in story.entries],
        "energy": [
            {**asdict(each), "effective_at": f"{utc_seconds(each.effective_at)}Z" if each.effective_at else None}
            for each in story.energy
        ],
        "cdrs": [dict(cdr) for cdr in story.cdrs],
        "payouts": [payout_document(row) for row in story.payouts],
    }


def seen_session_document(seen: SeenSession, row: Mapping[str, Any] | None) -> dict[str, Any]:
    """The same with entries as far as they are seen, behind the fields of `sessions.jsonl` where it has some."""
    entries = [seen_entry_document(entry) for entry in seen.entries]
    return {**(row or {}), **session_document(seen.story), "entries": entries}


def seen_entry_document(entry: EntryRow) -> dict[str, Any]:
    """As `entry_document`, with those of its postings that are seen."""
    return _entry(entry, zip(entry.accounts, entry.amounts, strict=True))


def _outcome_document(outcome: SessionAssessed | None) -> dict[str, Any] | None:
    if outcome is None:
        return None
    found = {name: value for name, value in asdict(outcome).items() if value is not None and name != "ratings"}
    currency = outcome.currency
    if currency is None:
        return found
    return {name: format_minor(value, currency) if isinstance(value, int) else value for name, value in found.items()}


def entry_document(entry: Entry) -> dict[str, Any]:
    """A journal entry with its postings; an amount is debit positive."""
    return _entry(entry, ((posting.account, posting.amount_minor) for posting in entry.postings))


def _entry(entry: Entry | EntryRow, postings: Iterable[tuple[str, int]]) -> dict[str, Any]:
    return {
        "entry_id": str(entry.entry_id),
        "kind": entry.kind,
        "effective_at": f"{utc_seconds(entry.effective_at)}Z",
        "currency": entry.currency,
        "payout_id": entry.payout_id,
        "reverses": str(entry.reverses) if entry.reverses else None,
        "postings": [
            {"account": account, "amount": format_minor(amount, entry.currency)} for account, amount in postings
        ],
    }


def ratings_of(story: SessionStory) -> Sequence[Mapping[str, Any]]:
    """Every price the session was ever charged, once each, in the order in which they were decided.

    Each has its lines and roundings, and a `standing`: `HOLDS`, `REPLACED` by another price, or `WITHDRAWN` where the
    session is charged no more. An outcome tells the prices as they would be had all that is known been known in time,
    so that what a late message changed is in earlier outcomes alone.
    """
    found: dict[tuple[Any, ...], Mapping[str, Any]] = {}
    last: tuple[Any, ...] | None = None
    is_charged = False
    for event in story.timeline:
        if isinstance(event, SessionAssessed):
            told = [read_rating(text) for text in event.ratings]
            found |= {_key(rating): rating for rating in told}
            last = _key(told[-1]) if told else last
            is_charged = event.gross is not None
    of_last = "HOLDS" if is_charged else "WITHDRAWN"
    return [{**rating, "standing": of_last if key == last else "REPLACED"} for key, rating in found.items()]


def _key(rating: Mapping[str, Any]) -> tuple[Any, ...]:
    """What makes one rating another."""
    return tuple(rating[name] for name in _ONE_RATING)
