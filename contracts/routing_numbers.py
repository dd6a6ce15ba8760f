"""Routing numbers of US banks, as the American Bankers Association gives them out (ANSI X9.100-160)."""

US_SCHEMES = frozenset({"ACH", "FEDWIRE", "FEDNOW", "RTP"})

_WEIGHTS = (3, 7, 1) * 3


def is_routing_number(text: str) -> bool:
    """Whether it is nine digits whose sum, weighted 3, 7, 1 in turn, ends in 0."""
    if len(text) != len(_WEIGHTS) or not (text.isascii() and text.isdecimal()):
        return False
    weighted = sum(weight * int(digit) for weight, digit in zip(_WEIGHTS, text, strict=True))
    return weighted > 0 and weighted % 10 == 0
