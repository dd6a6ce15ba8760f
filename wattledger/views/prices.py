"""How the price of a session came about, for people: the lines as they were stored with its rating."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from wattledger.views.forms import print_csv
from wattledger.views.pages import cells, print_parts, titled_table

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
    return lines_part(title, rating["lines"])


def lines_part(title: str, lines: Sequence[Mapping[str, Any]]) -> Table:
    """A table of priced lines, each as it is stored with a rating."""
    table = titled_table(title, *_COLUMNS, right=_NUMBERS, prose=("component",))
    for line in lines:
        table.add_row(*cells(*_row(line)))
    return table


def show_explained(document: Mapping[str, Any]) -> None:
    """The price of a CDR: its lines, its totals, and what was rounded, as `price_document` explains it."""
    rounding = document["rounding"]
    totals = titled_table("Totals", "total", "value", right=("value",))
    for name, value in document.items():
        if name not in ("lines", "rounding"):
            totals.add_row(*cells(name, _amounts(value)))
    lines = [_with_tariff(line) for line in document["lines"]]
    print_parts([lines_part("Lines", lines), totals, Text(_roundings(rounding))])


def write_lines(document: Mapping[str, Any]) -> None:
    """The lines of a price as CSV: the fields that any of them has."""
    lines = document["lines"]
    names = list(dict.fromkeys(name for line in lines for name in line))
    print_csv(names, ([_plain(line.get(name)) for name in names] for line in lines))


def _plain(value: Any) -> Any:
    if isinstance(value, list):
        return [f"{tax['name']} {tax['percentage']} %" for tax in value]
    return value


def _with_tariff(line: Mapping[str, Any]) -> Mapping[str, Any]:
    """A line of a session of several tariffs says of which it is."""
    tariff = line.get("tariff_id")
    return {**line, "component": f"{line['component']} of {tariff}"} if tariff else line


def _amounts(value: Any) -> str:
    """A total: a number, or amounts with their names."""
    if not isinstance(value, Mapping):
        return str(value)
    taxes = "".join(f", {tax['name']} {tax['amount']}" for tax in value.get("taxes") or ())
    amounts = ", ".join(f"{name} {amount}" for name, amount in value.items() if name != "taxes")
    return f"{amounts}{taxes}"


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
