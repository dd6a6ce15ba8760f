"""What tests read of a page's HTML without a browser: figures with their links, rows, fields."""

import re
from dataclasses import dataclass
from html import unescape

_FIGURE = re.compile(
    r'<a class="figure" href="([^"]+)"><data class="(?:amount|number)" value="([^"]*)"(?: data-currency="([^"]*)")?'
    r' data-field="([^"]*)">'
)
_FIELD = r'<data class="amount" value="([^"]*)" data-currency="([^"]*)" data-field="{}">'
_ROW = re.compile(r'<tr role="row" data-kind="([^"]*)" data-id="([^"]*)">')


@dataclass(frozen=True)
class Figure:
    """A figure that opens its parts."""

    href: str
    value: str
    currency: str
    field: str


def figures(text: str) -> list[Figure]:
    """All figures of a page that are links."""
    return [Figure(*(unescape(each) for each in found)) for found in _FIGURE.findall(text)]


def amounts(text: str, field: str) -> list[tuple[str, str]]:
    """The amounts of a field, each with its currency, in order."""
    return [(unescape(value), unescape(currency)) for value, currency in re.findall(_FIELD.format(field), text)]


def rows(text: str) -> list[tuple[str, str]]:
    """The objects of all rows: kind and id."""
    return [(unescape(kind), unescape(id_)) for kind, id_ in _ROW.findall(text)]
