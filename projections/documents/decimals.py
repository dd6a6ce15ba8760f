"""Exact numbers as decimal texts, as documents and files of the network have them."""

from domain.exact import Exact, half_up

PLACES = 6


def decimal(value: Exact, places: int = PLACES) -> str:
    """A number as decimal text, rounded half up to so many places, without zeros at the end."""
    scaled = half_up(value.numerator * 10**places, value.denominator)
    if not scaled:
        return "0"
    whole, part = divmod(abs(scaled), 10**places)
    text = f"{whole}.{part:0{places}d}".rstrip("0").rstrip(".") if places else str(whole)
    return f"-{text}" if scaled < 0 else text


def decimal_or_none(value: Exact | None, places: int = PLACES) -> str | None:
    """The same; None stays None."""
    return None if value is None else decimal(value, places)
