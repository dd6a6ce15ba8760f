"""What an exchange of currencies is judged by: positions between conversions and deals, rates, and how they round.

A position is what was sold to the platform by operators and by the platform to no bank yet, and what that is owed at;
both are below zero where banks exchanged more than was converted. It is closed at its average rate.
"""

from datetime import timedelta
from fractions import Fraction

from domain.exact import half_up
from domain.money import currency_exponent
from domain.values import value

# A run converts at a rate that is no older; a conversion is told of that is further off the last rate than this.
RATE_MAX_AGE = timedelta(hours=24)
OFF_MAX_PERCENT = Fraction(2)
# The keys of a conversion's bookings, and of a deal's: what was given, and what that came to.
SOLD_KEY, BOUGHT_KEY = "sold", "bought"
# Rates are told with so many decimals; one the other way round is rounded to them.
_RATE_UNITS = 10**9


@value
class Position:
    """How much is open of a pair of currencies: minor units that were `sold`, and of the other what they stand at."""

    sold: int = 0
    bought: int = 0


@value
class Movement:
    """What changes a position: a conversion by its amounts, a deal by its amounts below zero."""

    sold_currency: str
    bought_currency: str
    sold: int
    bought: int

    @property
    def pair(self) -> str:
        """The pair, as accounts have it: `SEK-EUR`."""
        return f"{self.sold_currency}-{self.bought_currency}"


def moved(before: Position, movement: Movement) -> tuple[Position, int]:
    """The position after a movement, and what is lost by what that closes (J53), in minor units of what was bought.

    What is closed leaves at the average of what is open, rounded half-up, and the whole of it at the end: so a
    position of nothing stands at nothing. A movement larger than what it closes opens a position on the other side,
    by its own rate.
    """
    sold, bought = movement.sold, movement.bought
    if before.sold == 0 or (before.sold > 0) == (sold > 0):
        return Position(before.sold + sold, before.bought + bought), 0
    closed = min(abs(sold), abs(before.sold))
    left = half_up(before.bought * closed, abs(before.sold))
    came = half_up(bought * closed, abs(sold))
    return Position(before.sold + sold, before.bought - left + bought - came), left + came


def converted(sold: int, sold_currency: str, rate: Fraction, bought_currency: str) -> int:
    """What an amount comes to at a rate, half-up, in minor units of the other currency."""
    shift = Fraction(10) ** (currency_exponent(bought_currency) - currency_exponent(sold_currency))
    exact = sold * rate * shift
    return half_up(exact.numerator, exact.denominator)


def kept_rate(rate: Fraction) -> Fraction:
    """A rate as a run converts by it: of nine decimals, half-up."""
    scaled = rate * _RATE_UNITS
    return Fraction(half_up(scaled.numerator, scaled.denominator), _RATE_UNITS)


def is_off(rate: Fraction, last: Fraction) -> bool:
    """Whether a rate is further off the last one than a conversion may be without anybody being told."""
    return abs(rate - last) * 100 > OFF_MAX_PERCENT * last
