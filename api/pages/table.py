"""A table of a page: columns by kind, rows of documents, sums, lines that check them, and where all rows can be had.

Templates print it with `ui.table`. Rows are documents as the API gives them, so that a figure on a page and in the
API is one text. At small widths rows become cards; on paper every column stays.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple, TypeAlias

Row: TypeAlias = Mapping[str, Any]
Href: TypeAlias = Callable[[Row], str | None]

NUMERIC: Final = frozenset({"amount", "number"})
KINDS: Final = frozenset({"text", "id", "short", "amount", "money", "number", "time", "date", "badge", "html"})


class Pages(NamedTuple):
    """The addresses of the next page of a list, where there is one, and of the first, where this is another."""

    following: str | None = None
    first: str | None = None


_ALL: Final = Pages()


@dataclass(frozen=True, slots=True)
class Column:
    """A column: the row's field, its head, and how its cells are written.

    Kinds: `text`; `id` (monospaced, whole); `short` (monospaced, first eight characters, the whole in the link and
    the title); `amount` (right, currency by the row's `currency`); `money` (with the currency's code); `number`;
    `time` (zone in the head); `date`; `badge` (a state); `html` (a `Markup` of a chart or of several elements).
    """

    field: str
    head: str
    kind: str = "text"
    href: Href | None = None
    currency: str = "currency"
    unit: str = ""

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ValueError(f"{self.kind!r} is no kind of column: it is one of {', '.join(sorted(KINDS))}")

    @property
    def is_right(self) -> bool:
        """Whether its cells stand at the right, digit under digit."""
        return self.kind in NUMERIC or self.kind == "money"


@dataclass(frozen=True, slots=True)
class Sum:
    """A row of sums: its label, and amounts by field. `total` marks the figure that the linking page stated.

    `hrefs`, by field, are the pages with the parts of its figures, where the rows above are not all there is.
    """

    label: str
    amounts: Row
    currency: str | None = None
    total: str | None = None
    hrefs: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Check:
    """A sentence that says whether figures agree, and whether they do."""

    agrees: bool
    text: str


@dataclass(frozen=True, slots=True)
class Table:
    """A table as it is printed.

    `kind` and `key` name each row's object (`data-kind`, and the field of `data-id`); `section` marks the body
    (`data-section`); `caption` says what the rows are; `empty` is said where there are none; `exports` are links to
    all rows of the filter by label; `pages` are where the list goes on.
    """

    columns: Sequence[Column]
    rows: Sequence[Row]
    caption: str
    kind: str = ""
    key: str = ""
    section: str = ""
    sums: Sequence[Sum] = ()
    checks: Sequence[Check] = ()
    empty: str = "There is nothing here."
    exports: Mapping[str, str] = field(default_factory=dict)
    pages: Pages = _ALL

    @property
    def width(self) -> str:
        """How broad a page it needs, as a class of the sheet: on a narrower one its rows are cards."""
        return "wide" if len(self.columns) > 6 else "middle" if len(self.columns) == 6 else "narrow"
