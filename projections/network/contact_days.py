"""Signs of life as they are stored: those of an EVSE in a day of UTC as a string of 8-byte numbers."""

import sys
from array import array
from collections.abc import Iterable

from domain.network.contacts import Before, Contact
from domain.network.moments import US_PER_SECOND

DAY_US = 86_400 * US_PER_SECOND
# A sign of life is (microseconds of the day, interval in seconds), the second in the low bits: a day has 37 bits of
# microseconds, and an interval 22, which is 48 days. The number of a heartbeat follows it, negative.
_BITS = 22
_INTERVAL = (1 << _BITS) - 1
_IS_SWAPPED = sys.byteorder == "big"


def packed(day: int, contacts: Iterable[Contact]) -> bytes:
    """Signs of life of a day (since 1970), in their order, as bytes; one string behind another is that of both."""
    begin = day * DAY_US
    words = array("q")
    for at, interval_s, number in contacts:
        words.append((at - begin) << _BITS | interval_s)
        if number:
            words.append(-number)
    if _IS_SWAPPED:
        words.byteswap()
    return words.tobytes()


def unpacked(day: int, stored: bytes) -> list[Contact]:
    """The signs of life that are stored of a day."""
    words = array("q")
    words.frombytes(stored)
    if _IS_SWAPPED:
        words.byteswap()
    begin = day * DAY_US
    found: list[Contact] = []
    for word in words:
        if word < 0:
            at, interval_s, _ = found[-1]
            found[-1] = (at, interval_s, -word)
        else:
            found.append((begin + (word >> _BITS), word & _INTERVAL, 0))
    return found


def before_of(stored: Iterable[int | None]) -> Before:
    """What was before a day, as it is stored."""
    return Before(*stored)
