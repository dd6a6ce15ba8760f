"""What runs convert before they pay: by the term `convert_to` all that is due in another currency, at the last rate.

The run of a business date converts at its moment, just before it pays; what it gives leaves its lines at nothing, and
what that comes to is a line of the same run. Without a rate of at most 24 hours the lines wait.
"""

from collections.abc import Callable, Iterator, Sequence
from datetime import date, datetime, timedelta
from fractions import Fraction
from typing import TypeAlias
from uuid import NAMESPACE_URL, UUID, uuid5

from domain.book.posting import entry_id
from domain.calendar import ONE_DAY, utc_text
from domain.catalogue.accounts import is_sound
from domain.catalogue.exchange import BOUGHT_KEY, RATE_MAX_AGE, SOLD_KEY, converted, kept_rate
from domain.catalogue.parties import Operator
from domain.catalogue.versions import Versions
from domain.fact import RecordedFact
from domain.money import format_minor, percent_of, plain
from domain.payout.circumstances import Circumstances
from domain.payout.cut_offs import fires_at, last_closed
from domain.payout.desk import OperatorDesk, first_day
from domain.payout.lines import Line
from domain.values import value

# A fact that runs make, in the form of `fx.converted`; no message has it.
CONVERTED_BY_RUN = "fx.converted.by_run"
SOURCE = "wattledger"
# A conversion acts just before its run, which pays what was released before it.
_JUST_BEFORE = timedelta(microseconds=1)

# The last rate of a pair that was published by a moment, in units of what is bought for one sold, and when it was.
LastRate: TypeAlias = Callable[[str, str, datetime], tuple[datetime, Fraction] | None]


@value
class RunConversion:
    """What a run of a business date converts: minor units of what is sold, and of what it comes to, with spread."""

    conversion_id: str
    operator_id: str
    day: date
    at: datetime
    sold_currency: str
    sold: int
    bought_currency: str
    bought: int
    rate: Fraction
    spread_percent: Fraction
    spread: int

    def fact(self) -> RecordedFact:
        """As it is stored."""
        data = {
            "conversion_id": self.conversion_id,
            "operator_id": self.operator_id,
            "sold": {"amount": format_minor(self.sold, self.sold_currency), "currency": self.sold_currency},
            "to_currency": self.bought_currency,
            "rate": plain(self.rate),
            "spread_percent": plain(self.spread_percent),
            "at": utc_text(self.at),
            "business_date": self.day.isoformat(),
        }
        return RecordedFact(CONVERTED_BY_RUN, SOURCE, self.conversion_id, self.at, data)

    def lines(self) -> Iterator[Line]:
        """Its lines, as they are written with it."""
        stream_id = uuid5(NAMESPACE_URL, f"wattledger:stream:fx_conversion:{self.conversion_id}")
        for key, currency, amount in (
            (SOLD_KEY, self.sold_currency, -self.sold),
            (BOUGHT_KEY, self.bought_currency, self.bought - self.spread),
        ):
            if amount:
                entry = entry_id(stream_id, key, 1, 0)
                yield Line(
                    entry, currency, amount, self.at, self.day, stream_id=stream_id, kind="J51", effective_at=self.at
                )


def convert_due(
    desk: OperatorDesk, versions: Versions[Operator], until: datetime, around: Circumstances, last_rate: LastRate
) -> list[RunConversion]:
    """What the runs of an operator that are due by a moment convert; their lines are among those of the desk then."""
    last, day = last_closed(versions, until), first_day(desk)
    made: list[RunConversion] = []
    if last is None or around.is_stopped(until):
        return made
    while day is not None and day <= last:
        fired = fires_at(versions, day)
        if fired is not None:
            at, operator = fired
            leaves_at = around.leaves_at(at)
            if leaves_at is None or leaves_at > until:
                break
            if not around.is_held(leaves_at) and is_sound(operator.bank_account):
                made += _of_run(desk, day, at, operator, last_rate)
        day += ONE_DAY
    return made


def waits_for_rate(lines: Sequence[Line], currency: str, operator: Operator) -> bool:
    """Whether a run leaves what is due in a currency, since it is to be converted and was not."""
    to = operator.runs.convert_to
    return to is not None and currency != to and sum(line.amount for line in lines) > 0


def _of_run(
    desk: OperatorDesk, day: date, at: datetime, operator: Operator, last_rate: LastRate
) -> list[RunConversion]:
    to, moment = operator.runs.convert_to, at - _JUST_BEFORE
    made: list[RunConversion] = []
    for currency in sorted({line.currency for line in desk.lines} - {to}) if to else ():
        due = [line for line in desk.lines if line.currency == currency and line.is_due(day, at)]
        sold = sum(line.amount for line in due)
        found = last_rate(currency, to, moment) if sold > 0 and to else None
        if to is None or found is None or moment - found[0] > RATE_MAX_AGE:
            continue
        rate, spread_percent = kept_rate(found[1]), operator.runs.fx_spread_percent
        bought = converted(sold, currency, rate, to)
        id_ = _id(desk.operator_id, currency, to, day, [line.entry_id for line in due])
        spread = percent_of(bought, spread_percent)
        made.append(
            RunConversion(
                id_, desk.operator_id, day, moment, currency, sold, to, bought, rate, spread_percent, spread
            )
        )
        desk.lines += made[-1].lines()
    return made


def _id(operator_id: str, sold: str, bought: str, day: date, entries: Sequence[UUID]) -> str:
    """An id that depends on what is converted: a date that was opened again converts what came since."""
    name = ":".join([operator_id, sold, bought, day.isoformat(), *sorted(map(str, entries))])
    return f"run:{uuid5(NAMESPACE_URL, f'wattledger:fx_conversion:{name}')}"
