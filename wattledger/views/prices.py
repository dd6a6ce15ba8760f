"""How the price of a session came about, for people: the lines as they were stored with its rating."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

_HASH_CHARS_SHOWN = 12
_NAMES = {"HOLDS": "Price", "REPLACED": "Replaced price", "WITHDRAWN": "Withdrawn price"}
_COLUMNS = ("from", "to", "component", "quantity", "price", "step", "VAT %", "net", "gross")
_NUMBERS = frozenset(_COLUMNS[3:])


def price_parts(ratings: Sequence[Mapping[str, Any]]) -> Iterator[RenderableType]:
    """A table of priced lines for each price, as `ratings_of` gives it, with what was rounded below it."""
    for rating in ratings:
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
