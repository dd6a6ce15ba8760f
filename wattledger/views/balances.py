"""What operators are owed and were paid, as part of a page."""

from collections.abc import Mapping, Sequence

from rich.table import Table

from domain.money import format_minor
from projections.documents.balances import OWED
from projections.queries import OperatorBalance
from wattledger.views.pages import cells, titled_table


def balances_part(balances: Sequence[OperatorBalance], name_of: Mapping[str, str]) -> Table:
    """A line an operator and currency; an operator without a name goes by its id."""
    table = titled_table("What operators are owed, and were paid", "operator", "currency", *OWED, right=OWED)
    for each in balances:
        amounts = [format_minor(getattr(each, name), each.currency) for name in OWED]
        table.add_row(*cells(name_of.get(each.operator_id, each.operator_id), each.currency, *amounts))
    return table
