"""Versions of tariffs and orders to rate anew: tables are cut to what people need to tell them apart."""

from collections.abc import Mapping, Sequence
from typing import Any

from wattledger.views.forms import Form
from wattledger.views.tables import show_rows

_HASH_CHARS, _ID_CHARS, _MINUTE_CHARS = 12, 8, 16
_OF_VERSION = ("operator_id", "tariff_id", "partner", "effective_from", "published", "hash", "warnings")
_OF_ORDER = ("order", "of", "from", "to", "operator_id", "tariff_id", "sessions_of_tariff", "reason", "remark")


def show_versions(versions: Sequence[Mapping[str, Any]], form: Form) -> None:
    """Versions, each as `version_document` gives it."""
    rows = [dict(version) | {"warnings": [_warning(each) for each in version["warnings"]]} for version in versions]
    shown = [row | {"hash": row["hash"][:_HASH_CHARS]} for row in rows]
    told = versions if form is Form.JSON else rows
    show_rows("Tariffs", told, _OF_VERSION, form=form, prose=("warnings",), shown=shown)


def _warning(finding: Mapping[str, Any]) -> str:
    return f"{finding['code']} {finding['path']}"


def show_orders(orders: Sequence[Mapping[str, Any]], form: Form) -> None:
    """Orders, each as `rating_order_document` gives it; sessions that started `from` a minute and before `to`."""
    shown = [
        dict(order)
        | {
            "order": order["order_id"][:_ID_CHARS],
            "of": _minute(order["ordered_at"]),
            "from": _minute(order["started_from"]),
            "to": _minute(order["started_before"]),
        }
        for order in orders
    ]
    show_rows("Orders to rate anew", orders, _OF_ORDER, form=form, prose=("reason", "remark"), shown=shown)


def _minute(time: str) -> str:
    return time[:_MINUTE_CHARS]
