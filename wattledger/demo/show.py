"""What the demo shows: balances, payouts, how the network is run, and one session from first message to bank."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import UUID

from rich.console import Console, RenderableType
from rich.text import Text

from domain.book.journal import Entry
from domain.book.posting import entry_id
from domain.payout.events import payout_stream
from projections.documents.balances import operator_balance_document
from projections.documents.payouts import payout_document
from projections.documents.session import entry_document, session_document
from projections.freshness import up_to_date
from projections.queries import OperatorBalance, PayoutRow, operator_balances, payouts
from projections.story import SessionStory, entries_by_id, session_story
from wattledger.demo.cast import PLAYERS
from wattledger.demo.charging import FOLLOWED_SESSION
from wattledger.demo.operated import Operated, operated_document, operated_parts, read_operated
from wattledger.views.balances import balances_part
from wattledger.views.entries import entries_part
from wattledger.views.pages import print_parts
from wattledger.views.payouts import payouts_part
from wattledger.views.session import session_parts

PAYOUT_KEYS = ("initiated", "settled", "failed", "returned")
NAME_OF: Mapping[str, str] = {player.operator_id: player.name for player in PLAYERS}


@dataclass(frozen=True, slots=True)
class DemoResult:
    """All that is shown: `summary` as in summary.json, amounts in minor units; no story where nothing was settled.

    `payout_entries` are the entries of the payouts that pay the session of the story.
    """

    summary: Mapping[str, Any]
    balances: Sequence[OperatorBalance]
    payouts: Sequence[PayoutRow]
    story: SessionStory | None
    payout_entries: Sequence[Entry] = ()
    operated: Operated = field(default_factory=Operated)


def read_result(dsn: str, summary: Mapping[str, Any], session_id: str = FOLLOWED_SESSION) -> DemoResult:
    """The result of the demo as the store has it."""
    with up_to_date(dsn, on_demand=("network",)) as connection, connection.cursor() as cursor:
        story = session_story(cursor, session_id)
        ids = [payout_entry for row in story.payouts for payout_entry in _entry_ids(row)] if story else []
        entries = entries_by_id(cursor, ids) if ids else ()
        operated = read_operated(cursor)
        return DemoResult(summary, operator_balances(cursor), payouts(cursor), story, entries, operated)


def _entry_ids(payout: PayoutRow) -> list[UUID]:
    """The entries that a payout can have: each is known by the key of its booking (J35, J40, J36, J38, J39)."""
    return [entry_id(payout_stream(payout.payout_id), key, 1, 0) for key in PAYOUT_KEYS]


def show_demo(
    dsn: str, summary: Mapping[str, Any], out: Path, console: Console | None = None, look: str | None = None
) -> None:
    """Print the result for people; `out` is where the files are, `look` how it is looked at in a browser."""
    ending = [Text(f"The files are in {out}.", style="dim")] + ([Text(look)] if look else [])
    print_parts([*render(read_result(dsn, summary)), *ending], console)


def demo_document(dsn: str, summary: Mapping[str, Any]) -> dict[str, Any]:
    """The result as one JSON document; amounts are decimal strings."""
    return document(read_result(dsn, summary))


def render(result: DemoResult) -> list[RenderableType]:
    """The parts of the page, from top to bottom."""
    parts: list[RenderableType] = [
        _headline(result),
        balances_part(result.balances, NAME_OF),
        payouts_part(result.payouts, NAME_OF),
        *operated_parts(result.operated),
    ]
    if result.story is None:
        return parts
    paid = [entries_part("Its payout on the book", result.payout_entries)] if result.payout_entries else []
    return [*parts, *session_parts(result.story), *paid]


def document(result: DemoResult) -> dict[str, Any]:
    """As `demo_document`, of a result that was read already."""
    return {
        "summary": dict(result.summary),
        "balances": [operator_balance_document(each) for each in result.balances],
        "payouts": [payout_document(each) for each in result.payouts],
        **operated_document(result.operated),
        "session": session_document(result.story) if result.story else None,
        "session_payout_entries": [entry_document(entry) for entry in result.payout_entries],
    }


def _headline(result: DemoResult) -> Text:
    counts = result.summary
    sentence = (
        f"{counts.get('events_in', 0):,} messages: {counts.get('duplicates', 0)} duplicate, "
        f"{counts.get('dead_lettered', 0)} dead-lettered. {counts.get('sessions_rated', 0):,} sessions rated, "
        f"{counts.get('sessions_open', 0)} open, {counts.get('sessions_in_suspense', 0)} in suspense. "
        f"{counts.get('cdrs', 0):,} CDRs, {counts.get('payouts', 0)} payouts."
    )
    return Text(sentence)
