"""The story of a session for people: its messages, how its price came about, its entries, what paid it."""

from collections.abc import Mapping
from typing import Any

from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from domain.calendar import utc_seconds
from domain.money import format_minor
from projections.documents.session import ratings_of
from projections.queries import PayoutRow
from projections.story import SessionStory
from wattledger.views.entries import entries_part
from wattledger.views.pages import cells, print_parts, titled_table
from wattledger.views.prices import price_parts

_AMOUNTS = ("net", "vat", "gross", "commission", "commission_vat", "operator_share")

# The few fields of a message that a reader wants to see.
_TOLD = (
    "started_at",
    "ended_at",
    "meter_start_wh",
    "register_wh",
    "meter_stop_wh",
    "state",
    "tariff_id",
    "verdict",
    "reason",
    "provider",
    "settlement_id",
    "refund_id",
    "dispute_id",
    "borne_by",
    "outcome",
)
_TOLD_MONEY = ("amount", "gross", "fee")


def show_session(story: SessionStory, console: Console | None = None) -> None:
    """Print the story, on standard output where no console is given."""
    print_parts(session_parts(story), console)


def session_parts(story: SessionStory) -> list[RenderableType]:
    """A session's messages, its price, its entries and the payouts that pay it."""
    title = f"Session {story.session_id}: what it put on the book"
    priced = Group(_outcome(story), *price_parts(ratings_of(story)), _energy_sentence(story))
    return [_messages(story), priced, entries_part(title, story.entries), _paid_by(story)]


def _messages(story: SessionStory) -> Table:
    title = f"Session {story.session_id}: what was said about it"
    table = titled_table(title, "time", "message", "says", prose=("says",))
    for fact in sorted(story.facts, key=lambda fact: (fact.time, fact.id)):
        table.add_row(*cells(f"{utc_seconds(fact.time)}Z", fact.type, gist(fact.data)))
    return table


def gist(data: Mapping[str, Any]) -> str:
    """The few fields of a message that a reader wants to see, in one line."""
    told = [f"{name} {data[name]}" for name in _TOLD if data.get(name) is not None]
    told += [f"{name} {data[name]['amount']} {data[name]['currency']}" for name in _TOLD_MONEY if data.get(name)]
    return ", ".join(told)


def _outcome(story: SessionStory) -> Text:
    outcome = story.outcome
    if outcome is None:
        return Text("It is known from payments alone.")
    if outcome.gross is None or outcome.currency is None:
        return Text(f"{outcome.state}: {outcome.reason}")
    amounts = [
        f"{name.replace('_', ' ')} {format_minor(getattr(outcome, name), outcome.currency)}" for name in _AMOUNTS
    ]
    return Text(f"{outcome.state}: {outcome.energy_wh} Wh, {', '.join(amounts)} {outcome.currency}")


def _paid_by(story: SessionStory) -> Text:
    if not story.payouts:
        return Text("No payout has paid it yet.")
    return Text("\n".join(_paid_sentence(row) for row in story.payouts))


def _paid_sentence(row: PayoutRow) -> str:
    amount = f"{format_minor(row.amount, row.currency)} {row.currency}"
    return (
        f"Paid by payout {row.payout_id} of business date {row.business_date}: {amount} over {row.entries} entries, "
        f"handed off {utc_seconds(row.fired_at)}Z, {row.status} {utc_seconds(row.status_at)}Z"
    )


def _energy_sentence(story: SessionStory) -> Text:
    """What the meter counted and what CDRs billed of it, in one line."""
    told = [f"{each.kind} {each.wh} Wh {each.debit} from {each.credit}" for each in story.energy]
    return Text(f"Energy: {'; '.join(told) or 'none'}", style="dim")
