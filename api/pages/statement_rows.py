"""Statements that were issued, as rows of a table."""

from collections.abc import Mapping, Sequence
from typing import Any

from api.pages.table import Column, Table
from api.pages.view import View
from projections.documents.issued_statements import listed_statement
from projections.issued_statements import IssuedStatement

# Of an operator's page: the list has all.
LATEST = 3


def statements_table(
    view: View,
    found: Sequence[IssuedStatement],
    caption: str,
    exports: Mapping[str, str],
    following: str | None = None,
) -> Table:
    """Statements, each a link to it; those that were said anew name the one in their place."""
    rows: list[dict[str, Any]] = [
        {**listed_statement(each), "state": "RESTATED" if each.restated_by else None} for each in found
    ]
    columns = [
        Column("number", "Statement", "id", lambda row: view.link("/statements", row["number"])),
        Column("month", "Month"),
        Column("currency", "Currency"),
        Column("opening", "Opening", "amount"),
        Column("closing", "Closing", "amount"),
        Column("issued_at", "Issued", "time"),
        Column("state", "State", "badge"),
    ]
    return Table(
        columns, rows, caption, kind="statement", key="number", empty="None was issued yet.", exports=exports,
        pages=view.pages(following),
    )  # fmt: skip
