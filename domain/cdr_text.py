"""How ids, texts and times appear in OCPI objects."""

from datetime import UTC, datetime
from uuid import NAMESPACE_URL, uuid5

NOT_AVAILABLE = "#NA"
_ID_MAX = 36
_SECONDS_CHARS = len("2026-03-01T10:00:00")


def short_id(kind: str, identifier: str) -> str:
    """An id that OCPI's 36 characters can hold: itself, or a UUIDv5 of `wattledger:KIND:ID` when it is longer."""
    if len(identifier) <= _ID_MAX:
        return identifier
    return str(uuid5(NAMESPACE_URL, f"wattledger:{kind}:{identifier}"))


def datetime_text(moment: datetime) -> str:
    """An OCPI DateTime in UTC with `Z`: fractions only where there are some, cut to the four that 25 characters hold.

    Cutting, not rounding, keeps a moment on its side of every window's edge.
    """
    moment = moment.astimezone(UTC)
    seconds = moment.isoformat()[:_SECONDS_CHARS]
    if not moment.microsecond:
        return f"{seconds}Z"
    fraction = f"{moment.microsecond:06d}"[:4].rstrip("0")
    return f"{seconds}.{fraction}Z" if fraction else f"{seconds}Z"
