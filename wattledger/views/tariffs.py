"""Versions of tariffs and orders to rate anew as tables: cut to what people need to tell them apart."""

from collections.abc import Iterable, Mapping
from typing import Any

from wattledger.views.tables import show_rows

_HASH_CHARS, _ID_CHARS, _MINUTE_CHARS = 12, 8, 16
_OF_ORDER = ("operator_id", "tariff_id", "sessions_of_tariff", "reason", "remark")


def show_versions(versions: Iterable[Mapping[str, Any]]) -> None:
    """Versions, each as `version_document` gives it."""
    rows = [
        dict(version)
        | {
            "hash": version["hash"][:_HASH_CHARS],
            "warnings": "\n".join(f"{finding['code']} {finding['path']}" for finding in version["warnings"]),
        }
        for version in versions
    ]
    show_rows("Tariffs", rows, (), json=False, whole=("tariff_id", "hash"))


def show_orders(orders: Iterable[Mapping[str, Any]]) -> None:
    """Orders, each as `rating_order_document` gives it."""
    rows = [
        {
            "order": order["order_id"][:_ID_CHARS],
            "of": _minute(order["ordered_at"]),
            "sessions started": f"{_minute(order['started_from'])} to {_minute(order['started_before'])}",
        }
        | {name: order[name] for name in _OF_ORDER}
        for order in orders
    ]
    show_rows("Orders to rate anew", rows, (), json=False)


def _minute(time: str) -> str:
    return time[:_MINUTE_CHARS]
