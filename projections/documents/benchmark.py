"""Figures of operators beside the quartiles among all, as documents."""

from fractions import Fraction
from typing import Any

from domain.exact import Exact
from projections.documents.decimals import decimal_or_none
from projections.documents.use import in_major_units
from projections.network.benchmark import Compared


def benchmark_document(found: Compared) -> dict[str, Any]:
    """`own` to six places, quartiles to two digits, money in major units; null where nothing may be shown."""
    peers = found.peers
    return {
        "operator_id": found.operator_id,
        "figure": found.figure,
        "currency": found.currency or None,
        "own": _text(found.own, found.currency),
        "lower_quartile": _text(peers.lower, found.currency) if peers else None,
        "median": _text(peers.median, found.currency) if peers else None,
        "upper_quartile": _text(peers.upper, found.currency) if peers else None,
        "operators": peers.operators if peers else None,
    }


def _text(value: Exact | None, currency: str) -> str | None:
    if value is None or not currency:
        return decimal_or_none(value)
    return in_major_units(Fraction(value), currency)
