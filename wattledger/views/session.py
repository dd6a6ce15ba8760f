"""How the price of a session came about: the lines as they were stored with its rating, for people and programs."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from domain.session.decisions import SessionAssessed
from domain.session.ratings import read_rating
from projections.queries import SessionStory

_HASH_CHARS_SHOWN = 12
_ONE_RATING = ("at", "source", "id", "tariff", "energy_wh", "net", "gross")
_NAMES = {"HOLDS": "Price", "REPLACED": "Replaced price", "WITHDRAWN": "Withdrawn price"}
_COLUMNS = ("from", "to", "component", "quantity", "price", "step", "VAT %", "net", "gross")
_NUMBERS = frozenset(_COLUMNS[3:])


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


def pricing(story: SessionStory) -> Iterator[RenderableType]:
    """A table of priced lines for each price, with what was rounded below it."""
    for rating in ratings_of(story):
        yield _lines(rating)
        yield Text(_roundings(rating["rounding"]), style="dim")


def _lines(rating: Mapping[str, Any]) -> Table:
    tariff = rating["tariff"][:_HASH_CHARS_SHOWN]
    title = f"{_NAMES[rating['standing']]} as of {rating['at']}, by tariff {tariff}..., because of {rating['id']}"
    table = Table(title=title, title_justify="left", title_style="bold", header_style="bold")
    for column in _COLUMNS:
        table.add_column(column, justify="right" if column in _NUMBERS else "left", overflow="fold")
    for line in rating["lines"]:
        table.add_row(*_row(line))
    return table


def _row(line: Mapping[str, Any]) -> tuple[str, ...]:
    name = f"reservation, {line['component']}" if line.get("reservation") else line["component"]
    surplus = f" (+{line['rounded_up_by']})" if "rounded_up_by" in line else ""
    return (
        line["from"],
        line["to"],
        name,
        f"{line['quantity']} {line['unit']}{surplus}",
        line["price"],
        str(line.get("step_size", "")),
        line.get("vat", "none"),
        line["excl_vat"],
        line["incl_vat"],
    )


def _roundings(rounding: Mapping[str, Any]) -> str:
    said = [
        f"{each['component']} raised from {each['before']} to {each['after']} {each['unit']} "
        f"(step {each['step_size']} {each['step_unit']})"
        for each in rounding.get("steps", ())
    ]
    said += [
        f"{each['side']} moved from {each['before']} to {each['after']} by {each['bound']}"
        for each in rounding.get("bounds", ())
    ]
    exact, posted = rounding["sum"], rounding["ledger"]
    said.append(f"sum {exact['excl_vat']} and {exact['incl_vat']} incl. VAT")
    said.append(f"posted {posted['excl_vat']} and {posted['incl_vat']} ({posted['rule']})")
    return "; ".join(said)


def energy_sentence(story: SessionStory) -> Text:
    """What the meter counted and what CDRs billed of it, in one line."""
    told = [f"{each.kind} {each.wh} Wh {each.debit} from {each.credit}" for each in story.energy]
    return Text(f"Energy: {'; '.join(told) or 'none'}", style="dim")
