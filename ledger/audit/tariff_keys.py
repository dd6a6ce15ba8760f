"""Keys in which a promise to drivers may hide, found by the audit itself: a session is never rated over one."""

from collections.abc import Iterator, Mapping
from typing import Any

_RESTRICTING = {f"{side}_{what}" for side in ("min", "max") for what in ("kwh", "duration", "power", "current")}
_RESTRICTING |= {f"{side}_{what}" for side in ("start", "end") for what in ("time", "date")}
_RESTRICTING |= {"day_of_week", "reservation"}
_BOUNDING = {"min_price", "max_price"}
_OF_TARIFF = _BOUNDING | {
    "country_code",
    "party_id",
    "id",
    "currency",
    "type",
    "tariff_alt_text",
    "tariff_alt_url",
    "elements",
    "start_date_time",
    "end_date_time",
    "energy_mix",
    "tax_included",
    "preauthorize_amount",
    "last_updated",
}
_OF_BOUND = {"excl_vat", "incl_vat", "before_taxes", "after_taxes", "taxes"}
_OF_ELEMENT = {"price_components", "restrictions"}
_OF_COMPONENT = {"type", "price", "vat", "step_size", "price_round", "step_round"}


def misleading_key(tariff: Mapping[str, Any]) -> str:
    """The first unknown key that looks like a known one, or restricts or bounds in the wrong place; else ""."""
    return next((key for each, known in _objects(tariff) for key in each if _misleads(key, each[key], known)), "")


def _objects(tariff: Mapping[str, Any]) -> Iterator[tuple[Mapping[str, Any], set[str]]]:
    yield tariff, _OF_TARIFF
    yield from ((tariff[name], _OF_BOUND) for name in sorted(_BOUNDING) if tariff.get(name))
    for element in tariff["elements"]:
        yield element, _OF_ELEMENT
        # What is not priced among restrictions is every unknown one.
        yield element.get("restrictions") or {}, _RESTRICTING
        yield from ((component, _OF_COMPONENT) for component in element["price_components"])


def _misleads(key: str, value: Any, known: set[str]) -> bool:
    if key in known or value is None:
        return False
    if known is _RESTRICTING or key in _RESTRICTING | _BOUNDING:
        return True
    if _bare(key) in {_bare(name) for name in _RESTRICTING | _BOUNDING}:
        return True
    return any(_distance(_bare(key), _bare(name)) <= 1 for name in known)


def _bare(key: str) -> str:
    bare = "".join(filter(str.isalnum, key.casefold()))
    return bare[:-1] if bare.endswith("s") else bare


def _distance(one: str, other: str) -> int:
    """Letters added, taken, changed or swapped with their neighbour (optimal string alignment)."""
    rows = [list(range(len(other) + 1))]
    for i, a in enumerate(one, 1):
        row = [i]
        for j, b in enumerate(other, 1):
            row.append(min(rows[-1][j] + 1, row[-1] + 1, rows[-1][j - 1] + (a != b)))
            if i > 1 and j > 1 and (a, one[i - 2]) == (other[j - 2], b):
                row[-1] = min(row[-1], rows[-2][j - 2] + 1)
        rows.append(row)
    return rows[-1][-1]
