"""Optional fields that are absent, written out: for partners whose readers want each field to be there.

OCPI leaves them out. Where a partner has the flag `explicit_nulls` a field of cardinality `?` is null, and one of `*`
an empty list, in tariffs, sessions and CDRs with all that is in them (mod_tariffs, mod_sessions, mod_cdrs § Object
description). Not in a PATCH, where null takes a field away.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from ledger.events.codec import dump


@dataclass(frozen=True, slots=True)
class _Kind:
    """What may be absent of an object, fields and lists, and which fields are objects again, or lists of them."""

    fields: tuple[str, ...] = ()
    lists: tuple[str, ...] = ()
    within: Mapping[str, "_Kind"] = field(default_factory=dict)


_TAX = _Kind(("account_number", "percentage"))
_PRICES = {
    "2.2.1": _Kind(("incl_vat",)),
    "2.3.0": _Kind(lists=("taxes",), within={"taxes": _TAX}),
}
# The least and the most a session costs, by a tariff.
_LIMITS = {"2.2.1": _PRICES["2.2.1"], "2.3.0": _Kind(("after_taxes",))}
_RESTRICTIONS = _Kind(
    (
        "start_time",
        "end_time",
        "start_date",
        "end_date",
        "min_kwh",
        "max_kwh",
        "min_current",
        "max_current",
        "min_power",
        "max_power",
        "min_duration",
        "max_duration",
        "reservation",
    ),
    ("day_of_week",),
)
_ELEMENT = _Kind(("restrictions",), within={"price_components": _Kind(("vat",)), "restrictions": _RESTRICTIONS})
_PERIOD = _Kind(("tariff_id",))
_COSTS = ("total_fixed_cost", "total_energy_cost", "total_time_cost", "total_parking_cost", "total_reservation_cost")


def _kinds(version: str) -> dict[str, _Kind]:
    price, limit = _PRICES[version], _LIMITS[version]
    tariff = _Kind(
        (
            "type",
            "tariff_alt_url",
            "min_price",
            "max_price",
            "start_date_time",
            "end_date_time",
            "energy_mix",
        ),
        ("tariff_alt_text",),
        {"elements": _ELEMENT, "min_price": limit, "max_price": limit},
    )
    session = _Kind(
        ("end_date_time", "authorization_reference", "meter_id", "total_cost"),
        ("charging_periods",),
        {"charging_periods": _PERIOD, "total_cost": price},
    )
    cdr = _Kind(
        (
            "session_id",
            "authorization_reference",
            "meter_id",
            "signed_data",
            *_COSTS,
            "total_parking_time",
            "remark",
            "invoice_reference_id",
            "credit",
            "credit_reference_id",
            "home_charging_compensation",
        ),
        ("tariffs",),
        {
            "cdr_location": _Kind(("name", "postal_code", "state")),
            "charging_periods": _PERIOD,
            "signed_data": _Kind(("encoding_method_version", "public_key", "url")),
            "tariffs": tariff,
            **dict.fromkeys(("total_cost", *_COSTS), price),
        },
    )
    return {"tariffs": tariff, "sessions": session, "cdrs": cdr}


_KINDS = {version: _kinds(version) for version in _PRICES}


def written_out(version: str, module: str, text: str) -> str:
    """An object as JSON with what is absent; those of other modules as they are."""
    kind = _KINDS[version].get(module)
    if kind is None:
        return text
    return dump(_filled(json.loads(text, parse_float=Decimal), kind)).decode()


def _filled(part: Any, kind: _Kind) -> Any:
    if isinstance(part, list):
        return [_filled(each, kind) for each in part]
    if not isinstance(part, dict):
        return part
    found = {
        name: _filled(value, kind.within[name]) if name in kind.within else value for name, value in part.items()
    }
    for name in kind.fields:
        found.setdefault(name, None)
    for name in kind.lists:
        found.setdefault(name, [])
    return found
