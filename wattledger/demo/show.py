"""What the demo shows of its result: balances, payouts, and one session from its first message to its payout."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import UUID

from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from domain.book.journal import Entry
from domain.book.posting import entry_id
from domain.money import format_minor
from domain.payout.payout import payout_stream
from ledger.database import Role, connect
from projections.queries import (
    OperatorBalance,
    PayoutRow,
    SessionStory,
    entries_by_id,
    operator_balances,
    payouts,
    session_story,
)
from wattledger.demo.cast import PLAYERS
from wattledger.demo.charging import FOLLOWED_SESSION
from wattledger.demo.messages import stamp
from wattledger.views.session import energy_sentence, pricing, ratings_of
from wattledger.views.terminal import output

PAYOUTS_SHOWN = 3
PAYOUT_KEYS = ("initiated", "settled", "failed", "returned")
NAME_OF: Mapping[str, str] = {player.operator_id: player.name for player in PLAYERS}
BALANCE_COLUMNS = ("pending", "available", "reserved", "disputed", "in_transit", "paid_out")

# What each posting means to somebody who does not know its number.
MEANING = {
    "J01": "session earned",
    "J01c": "card captured",
    "J01f": "payment written off",
    "J02": "commission",
    "J03": "provider's fee",
    "J04": "provider's fee recharged",
    "J08": "share matures",
    "J13": "CDR accepted",
    "J14": "roaming commission",
    "J16": "CDR invoiced",
    "J21": "CDR taken back",
    "J25": "refund",
    "J26": "commission given back",
    "J27": "dispute opened",
    "J28": "dispute fee",
    "J29": "dispute won",
    "J30": "dispute lost",
    "J35": "payout handed off",
    "J36": "payout executed",
    "J38": "payout failed",
    "J39": "payout returned",
    "J40": "paid again",
    "J59": "priced again",
    "J59r": "difference refunded",
}


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


def read_result(dsn: str, summary: Mapping[str, Any], session_id: str = FOLLOWED_SESSION) -> DemoResult:
    """The result of the demo as the store has it."""
    with connect(dsn, Role.AUDITOR) as connection, connection.cursor() as cursor:
        story = session_story(cursor, session_id)
        ids = [payout_entry for row in story.payouts for payout_entry in _entry_ids(row)] if story else []
        return DemoResult(
            summary, operator_balances(cursor), payouts(cursor), story, entries_by_id(cursor, ids) if ids else ()
        )


def _entry_ids(payout: PayoutRow) -> list[UUID]:
    """The entries that a payout can have: each is known by the key of its booking (J35, J40, J36, J38, J39)."""
    return [entry_id(payout_stream(payout.payout_id), key, 1, 0) for key in PAYOUT_KEYS]


def show_demo(dsn: str, summary: Mapping[str, Any], out: Path, console: Console | None = None) -> None:
    """Print the result for people; `out` is where the files are."""
    console = console or output()
    for part in render(read_result(dsn, summary)):
        console.print(part)
        console.print()
    console.print(Text(f"The files are in {out}.", style="dim"))


def demo_document(dsn: str, summary: Mapping[str, Any]) -> dict[str, Any]:
    """The result as one JSON document; amounts are decimal strings."""
    return document(read_result(dsn, summary))


def show_session(story: SessionStory, console: Console | None = None) -> None:
    """Print one session's story for people."""
    console = console or output()
    for part in _story(story):
        console.print(part)
        console.print()


def render(result: DemoResult) -> list[RenderableType]:
    """The parts of the page, from top to bottom."""
    parts: list[RenderableType] = [_headline(result), _balances(result.balances), _payouts(result.payouts)]
    if result.story is None:
        return parts
    paid = [_entries("Its payout on the book", result.payout_entries)] if result.payout_entries else []
    return [*parts, *_story(result.story), *paid]


def document(result: DemoResult) -> dict[str, Any]:
    """As `demo_document`, of a result that was read already."""
    return {
        "summary": dict(result.summary),
        "balances": [_balance_document(each) for each in result.balances],
        "payouts": [_payout_document(each) for each in result.payouts],
        "session": session_document(result.story) if result.story else None,
        "session_payout_entries": [_entry_document(entry) for entry in result.payout_entries],
    }


# Tables for people ---------------------------------------------------------------------------------------------


def _table(title: str, *columns: str, right: Iterable[str] = ()) -> Table:
    table = Table(title=title, title_justify="left", title_style="bold", header_style="bold")
    numbers = set(right)
    for column in columns:
        name = column.replace("_", " ")
        if column in numbers:
            table.add_column(name, justify="right", no_wrap=True)
        else:
            table.add_column(name, overflow="fold")
    return table


def _headline(result: DemoResult) -> Text:
    counts = result.summary
    sentence = (
        f"{counts.get('events_in', 0):,} messages: {counts.get('duplicates', 0)} duplicate, "
        f"{counts.get('dead_lettered', 0)} dead-lettered. {counts.get('sessions_rated', 0):,} sessions rated, "
        f"{counts.get('sessions_open', 0)} open, {counts.get('sessions_in_suspense', 0)} in suspense. "
        f"{counts.get('cdrs', 0):,} CDRs, {counts.get('payouts', 0)} payouts."
    )
    return Text(sentence)


def _balances(balances: Sequence[OperatorBalance]) -> Table:
    table = _table(
        "What operators are owed, and were paid", "operator", "currency", *BALANCE_COLUMNS, right=BALANCE_COLUMNS
    )
    for each in balances:
        amounts = [format_minor(getattr(each, name), each.currency) for name in BALANCE_COLUMNS]
        table.add_row(NAME_OF.get(each.operator_id, each.operator_id), each.currency, *amounts)
    return table


def _payouts(rows: Sequence[PayoutRow]) -> Group:
    """The latest payouts of each operator, all that did not simply arrive, and how many there are in all."""
    latest = {row.payout_id for operator in {row.operator_id for row in rows} for row in _last(rows, operator)}
    troubled = {row.payout_id for row in rows if row.status in ("FAILED", "RETURNED") or row.reissue_of}
    columns = ("operator", "business_date", "attempt", "amount", "currency", "entries", "status", "reason")
    table = _table(
        "Payouts: the latest of each operator, and those that had trouble", *columns, right=("amount", "entries")
    )
    for row in rows:
        if row.payout_id in latest | troubled:
            table.add_row(
                NAME_OF.get(row.operator_id, row.operator_id),
                row.business_date.isoformat(),
                str(row.attempt),
                format_minor(row.amount, row.currency),
                row.currency,
                str(row.entries),
                row.status,
                row.reason or "",
            )
    by_status = Counter(row.status for row in rows)
    counted = ", ".join(f"{count} {status}" for status, count in sorted(by_status.items()))
    return Group(table, Text(f"{len(rows)} payouts in all: {counted or 'none'}", style="dim"))


def _last(rows: Sequence[PayoutRow], operator_id: str) -> list[PayoutRow]:
    return [row for row in rows if row.operator_id == operator_id][-PAYOUTS_SHOWN:]


def _story(story: SessionStory) -> list[RenderableType]:
    """A session's messages, its price, its entries and the payouts that pay it."""
    title = f"Session {story.session_id}: what it put on the book"
    priced = Group(_outcome(story), *pricing(story), energy_sentence(story))
    return [_messages(story), priced, _entries(title, story.entries), _paid_by(story)]


def _messages(story: SessionStory) -> Table:
    table = _table(f"Session {story.session_id}: what was said about it", "time", "message", "says")
    for fact in sorted(story.facts, key=lambda fact: (fact.time, fact.id)):
        table.add_row(stamp(fact.time), fact.type, _gist(fact.data))
    return table


_TOLD = (
    "meter_start_wh",
    "register_wh",
    "meter_stop_wh",
    "state",
    "tariff_id",
    "reason",
    "provider",
    "settlement_id",
)
_TOLD_MONEY = ("amount", "fee")


def _gist(data: Mapping[str, Any]) -> str:
    """The few fields of a message that a reader wants to see."""
    told = [f"{name} {data[name]}" for name in _TOLD if data.get(name) is not None]
    told += [f"{name} {data[name]['amount']} {data[name]['currency']}" for name in _TOLD_MONEY if data.get(name)]
    return ", ".join(told)


def _outcome(story: SessionStory) -> Text:
    outcome = story.outcome
    if outcome is None:
        return Text("It is known from payments alone.")
    if outcome.gross is None or outcome.currency is None:
        return Text(f"{outcome.state}: {outcome.reason}")
    names = ("net", "vat", "gross", "commission", "commission_vat", "operator_share")
    amounts = [f"{name.replace('_', ' ')} {format_minor(getattr(outcome, name), outcome.currency)}" for name in names]
    return Text(f"{outcome.state}: {outcome.energy_wh} Wh, {', '.join(amounts)} {outcome.currency}")


def _entries(title: str, entries: Sequence[Entry]) -> Table:
    table = _table(title, "effective at", "entry", "meaning", "account", "debit", "credit", right=("debit", "credit"))
    for entry in entries:
        for number, posting in enumerate(entry.postings):
            head = (stamp(entry.effective_at), entry.kind, _meaning(entry)) if number == 0 else ("", "", "")
            text = format_minor(abs(posting.amount_minor), entry.currency)
            sides = (text, "") if posting.amount_minor > 0 else ("", text)
            table.add_row(*head, posting.account, *sides, end_section=number == len(entry.postings) - 1)
    return table


def _meaning(entry: Entry) -> str:
    meaning = MEANING.get(entry.kind, "")
    return f"taken back: {meaning}" if entry.reverses else meaning


def _paid_by(story: SessionStory) -> Text:
    if not story.payouts:
        return Text("No payout has paid it yet.")
    return Text("\n".join(_paid_sentence(row) for row in story.payouts))


def _paid_sentence(row: PayoutRow) -> str:
    amount = f"{format_minor(row.amount, row.currency)} {row.currency}"
    return (
        f"Paid by payout {row.payout_id} of business date {row.business_date}: {amount} over {row.entries} entries, "
        f"handed off {stamp(row.fired_at)}, {row.status} {stamp(row.status_at)}"
    )


# One document for programs -------------------------------------------------------------------------------------


def _balance_document(balance: OperatorBalance) -> dict[str, Any]:
    amounts = {name: format_minor(getattr(balance, name), balance.currency) for name in BALANCE_COLUMNS}
    return {"operator_id": balance.operator_id, "currency": balance.currency, **amounts}


def _payout_document(row: PayoutRow) -> dict[str, Any]:
    found = asdict(row)
    found |= {name: format_minor(found[name], row.currency) for name in ("amount", "reserve")}
    return {name: _plain(value) for name, value in found.items()}


def session_document(story: SessionStory) -> dict[str, Any]:
    """A session's story as JSON: messages by time, outcome, prices, entries, CDRs, payouts; amounts are texts."""
    return {
        "session_id": story.session_id,
        "outcome": _outcome_document(story),
        "ratings": [dict(rating) for rating in ratings_of(story)],
        "messages": [
            {
                "type": fact.type,
                "id": fact.id,
                "source": fact.source,
                "time": stamp(fact.time),
                "data": dict(fact.data),
            }
            for fact in sorted(story.facts, key=lambda fact: (fact.time, fact.id))
        ],
        "entries": [_entry_document(entry) for entry in story.entries],
        "energy": [
            {**asdict(each), "effective_at": stamp(each.effective_at) if each.effective_at else None}
            for each in story.energy
        ],
        "cdrs": [dict(cdr) for cdr in story.cdrs],
        "payouts": [_payout_document(row) for row in story.payouts],
    }


def _outcome_document(story: SessionStory) -> dict[str, Any] | None:
    outcome = story.outcome
    if outcome is None:
        return None
    found = {name: value for name, value in asdict(outcome).items() if value is not None and name != "ratings"}
    currency = outcome.currency
    if currency is None:
        return found
    return {name: format_minor(value, currency) if isinstance(value, int) else value for name, value in found.items()}


def _entry_document(entry: Entry) -> dict[str, Any]:
    return {
        "entry_id": str(entry.entry_id),
        "kind": entry.kind,
        "effective_at": stamp(entry.effective_at),
        "currency": entry.currency,
        "payout_id": entry.payout_id,
        "reverses": str(entry.reverses) if entry.reverses else None,
        "postings": [
            {"account": posting.account, "amount": format_minor(posting.amount_minor, entry.currency)}
            for posting in entry.postings
        ],
    }


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return stamp(value)
    return value.isoformat() if hasattr(value, "isoformat") else value
