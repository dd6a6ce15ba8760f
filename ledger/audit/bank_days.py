"""The days on which euro are cleared, told by the audit itself: the closing days of TARGET since 2002.

Source: decision of the ECB of 14 December 2000: Saturdays, Sundays, 1 January, Good Friday, Easter Monday, 1 May, 25
and 26 December. Easter as Butcher's rule has it (Nature, 20 April 1876).
"""

from datetime import date, timedelta
from functools import cache

_ONE_DAY = timedelta(days=1)
_FRIDAY = 4
_FIXED = ((1, 1), (5, 1), (12, 25), (12, 26))


@cache
def _easter_sunday(year: int) -> date:
    century, place = divmod(year, 100)
    golden = year % 19
    corrected = (century - (century + 8) // 25 + 1) // 3
    epact = (19 * golden + century - century // 4 - corrected + 15) % 30
    weekday = (32 + 2 * (century % 4) + 2 * (place // 4) - epact - place % 4) % 7
    late = (golden + 11 * epact + 22 * weekday) // 451
    month, day = divmod(epact + weekday - 7 * late + 114, 31)
    return date(year, month, day + 1)


def clears_euro(day: date) -> bool:
    """Whether TARGET is open on a day."""
    easter = _easter_sunday(day.year)
    moves = (easter - 2 * _ONE_DAY, easter + _ONE_DAY)
    return day.weekday() <= _FRIDAY and (day.month, day.day) not in _FIXED and day not in moves


def first_clearing_day(day: date) -> date:
    """That day, or the next one on which TARGET is open."""
    while not clears_euro(day):
        day += _ONE_DAY
    return day
