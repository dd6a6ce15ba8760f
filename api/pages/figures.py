"""Where the parts of an operator's figures are, and what each figure is called: one table for all pages."""

from api.pages.view import View
from projections.queries import OperatorBalance

# In the order of balances; what each is called.
PLACES = {
    "pending": "Pending",
    "available": "Available",
    "reserved": "Reserved",
    "disputed": "Disputed",
    "in_transit": "In transit",
    "to_fix": "To fix",
}
FIGURES = {**PLACES, "owed": "Owed", "paid_out": "Paid out"}
_ACCOUNTS = {"pending": "2011", "available": "2010", "reserved": "2020", "disputed": "2030", "to_fix": "2060"}


def parts_of(view: View, operator_id: str, currency: str, figure: str) -> str:
    """The address of the page with the parts of a figure, whose total is the figure."""
    if figure in _ACCOUNTS:
        account = f"{_ACCOUNTS[figure]}/{operator_id}"
        return view.link("/accounts", account=account, currency=currency, sum="favour")
    if figure == "owed":
        return view.link("/operators", operator_id, currency=currency)
    return view.link("/operators", operator_id, figure.replace("_", "-"), currency=currency)


def parts_of_all(view: View, currency: str, balance: OperatorBalance) -> dict[str, str]:
    """The same of what all operators together have of each place: the accounts of its code, where it is anything."""
    codes = {**_ACCOUNTS, "in_transit": "2050"}
    return {
        place: view.link("/accounts", code=code, currency=currency, sum="favour")
        for place, code in codes.items()
        if getattr(balance, place)
    }
