"""The meter's signed records in a CDR (OCPI mod_cdrs, SignedData)."""

from base64 import b64encode
from collections.abc import Sequence
from typing import Any

from domain.cdr.text import NOT_AVAILABLE

_SIGNED_DATA_MAX = 5000
# How a record begins, and the name that OCPI has for its encoding (mod_cdrs, EncodingMethod).
_ENCODINGS = (("OCMF|", "OCMF"), ("AP;", "Alfen Eichrecht"))


def signed_data(values: Sequence[str]) -> dict[str, Any] | None:
    """The signed records of a session, given in time order: as they came, and in base64; None without any.

    A record too long for the field is left out here, and no other takes its place; the event store keeps it.
    """
    records = [
        {"nature": _nature(index, len(values)), "plain_data": value, "signed_data": text}
        for index, value in enumerate(values)
        if len(text := b64encode(value.encode()).decode()) <= _SIGNED_DATA_MAX
    ]
    if not records:
        return None
    return {"encoding_method": _encoding(records[0]["plain_data"]), "signed_values": records}


def _encoding(value: str) -> str:
    return next((name for begin, name in _ENCODINGS if value.startswith(begin)), NOT_AVAILABLE)


def _nature(index: int, count: int) -> str:
    """Which moment a signed value belongs to (OCPI SignedValue), by its place; a single one is the end's."""
    if index == count - 1:
        return "End"
    return "Start" if index == 0 else "Intermediate"
