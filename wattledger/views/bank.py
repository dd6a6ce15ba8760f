"""What an import of bank files came to."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from domain.money import format_minor
from wattledger.views.tables import print_table

if TYPE_CHECKING:
    from wattledger.bank_import import Imported
    from wattledger.failed_orders import FailedOrder

_COLUMNS = (
    "file",
    "kind",
    "entries",
    "answers",
    "payouts",
    "receipts",
    "charges",
    "unallocated",
    "pending",
    "notices",
    "duplicates",
    "refused",
)


def imported_documents(done: Sequence["Imported"]) -> list[dict[str, Any]]:
    """The numbers of each file; `refusal` is null where it was read."""
    found = []
    for each in done:
        document = asdict(each)
        found.append(document | {"kind": each.kind or None, "refusal": each.refusal or None})
    return found


def show_imported(done: Sequence["Imported"]) -> None:
    """A row for each file."""
    rows = [
        [
            each.file,
            each.kind or "refused",
            *(getattr(each, name) for name in _COLUMNS[2:-1]),
            each.refused_lines,
        ]
        for each in done
    ]
    print_table("Imported", _COLUMNS, rows, right=_COLUMNS[2:])


def order_document(reference: str, done: "FailedOrder", *, dry_run: bool) -> dict[str, Any]:
    """The payouts of an order with what they now are, and which of them were told to have failed."""
    payouts = [
        {
            "payout_id": each.payout_id,
            "operator_id": each.operator_id,
            "business_date": each.business_date.isoformat(),
            "attempt": each.attempt,
            "amount": {"amount": format_minor(each.amount, each.currency), "currency": each.currency},
            "status": each.status,
        }
        for each in done.payouts
    ]
    return {"order": reference, "payouts": payouts, "failed": list(done.failed), "dry_run": dry_run}


def show_order(reference: str, done: "FailedOrder") -> None:
    """A row for each payout of an order."""
    rows = [
        [
            each.payout_id,
            each.operator_id,
            f"{each.business_date} {each.attempt}",
            f"{format_minor(each.amount, each.currency)} {each.currency}",
            each.status,
            "yes" if each.payout_id in done.failed else "",
        ]
        for each in done.payouts
    ]
    columns = ("payout", "operator", "day, attempt", "amount", "status", "failed now")
    print_table(f"Order {reference}", columns, rows, right=("amount",))
