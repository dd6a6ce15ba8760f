"""How ids, texts and times appear in OCPI objects."""

from datetime import UTC, datetime
from uuid import NAMESPACE_URL, uuid5

NOT_AVAILABLE = "#NA"
_ID_MAX = 36


def short_id(kind: str, identifier: str) -> str:
    """An id that OCPI's 36 characters can hold: itself, or a UUIDv5 of `wattledger:KIND:ID` when it is longer."""
    if len(identifier) <= _ID_MAX:
        return identifier
    return str(uuid5(NAMESPACE_URL, f"wattledger:{kind}:{identifier}"))


def datetime_text(moment: datetime) -> str:
    """An OCPI DateTime in UTC with `Z`: fractions only where there are some, cut to the four that 25 characters hold.

    Cutting, not rounding, keeps a moment on its side of every window's edge.
    """
    # Six decimals where there are microseconds, none where there are not.
    text, _, fraction = moment.astimezone(UTC).replace(tzinfo=None).isoformat().partition(".")
    fraction = fraction[:4].rstrip("0")
    return f"{text}.{fraction}Z" if fraction else f"{text}Z"
