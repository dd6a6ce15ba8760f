"""How good forecasts of payouts are: `python -m benchmarks.forecast PAYOUTS` makes them anew for days that are over.

PAYOUTS is the payouts.jsonl that `wattledger settle` or `wattledger export` wrote. For each operator and currency
the forecast of 14 days is made after each day, by what was paid until then alone, and compared with what was paid.
Told are the error relative to the mean (the sum of absolute errors by the sum of what was paid), and how often the
band held. Bands are counted once they can be told.
"""

import argparse
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import orjson
from rich.console import Console
from rich.table import Table

from domain.calendar import ONE_DAY
from domain.money import minor_of
from domain.payout.forecast import DAYS, forecast

# What came back, or never left, was not paid.
_NOT_PAID = ("REJECTED", "FAILED", "RETURNED")


@dataclass(slots=True)
class Score:
    """What forecasts came to against what was paid, in minor units, and how many bands held of those told."""

    days: int = 0
    wrong: int = 0
    paid: int = 0
    bands: int = 0
    held: int = 0

    @property
    def error(self) -> float:
        """The error relative to the mean."""
        return self.wrong / self.paid if self.paid else 0.0

    @property
    def coverage(self) -> float:
        """The share of bands that held."""
        return self.held / self.bands if self.bands else 0.0

    def add(self, other: "Score") -> None:
        """Count what another counted."""
        self.days += other.days
        self.wrong, self.paid = self.wrong + other.wrong, self.paid + other.paid
        self.bands, self.held = self.bands + other.bands, self.held + other.held


def back_test(paid: Mapping[date, int], score: Mapping[int, Score]) -> None:
    """Make the forecast after each day of a history; scores by days ahead, 1 to 14, are added to."""
    first, last = min(paid), max(paid)
    known: dict[date, int] = {}
    today = first
    while today < last:
        known[today] = paid.get(today, 0)
        for told in forecast(known, first, today):
            if told.business_date > last:
                continue
            found, real = score[(told.business_date - today).days], paid.get(told.business_date, 0)
            found.days, found.paid = found.days + 1, found.paid + real
            found.wrong += abs(real - told.expected)
            if told.low is not None and told.high is not None:
                found.bands, found.held = found.bands + 1, found.held + (told.low <= real <= told.high)
        today += ONE_DAY


def scores(histories: Iterable[Mapping[date, int]]) -> dict[int, Score]:
    """The scores of histories by days ahead, the amounts of each taken as they are; 0 has all days."""
    found = {ahead: Score() for ahead in range(DAYS + 1)}
    for paid in histories:
        back_test(paid, found)
    for ahead in range(1, DAYS + 1):
        found[0].add(found[ahead])
    return found


def histories_of(file: Path) -> dict[tuple[str, str], dict[date, int]]:
    """What was paid by business date, of each operator and currency, in minor units."""
    found: dict[tuple[str, str], dict[date, int]] = {}
    for row in map(orjson.loads, file.read_bytes().splitlines()):
        if row["status"] not in _NOT_PAID:
            days, day = found.setdefault((row["operator_id"], row["currency"]), {}), row["business_date"]
            amount = minor_of(row)
            days[date.fromisoformat(day)] = days.get(date.fromisoformat(day), 0) + amount
    return found


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the scores of each operator and currency, of some days ahead, and of all."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.forecast", description="How good forecasts are.")
    parser.add_argument("payouts", type=Path, metavar="PAYOUTS", help="payouts.jsonl")
    histories = histories_of(parser.parse_args(arguments).payouts)
    table = Table("what", "days", "error / mean", "band held", title="Forecasts made anew")
    for (operator_id, currency), paid in sorted(histories.items()):
        _add(table, f"{operator_id} {currency}", scores([paid])[0])
    # Currencies are no sum, so that each history counts by its own mean: in millionths of it.
    found = scores([_scaled(paid) for paid in histories.values()])
    for ahead in (1, 7, 14):
        _add(table, f"{ahead} days ahead", found[ahead])
    _add(table, f"all, 1 to {DAYS} days ahead", found[0])
    Console().print(table)
    return 0


def _scaled(paid: Mapping[date, int]) -> dict[date, int]:
    mean = max(sum(paid.values()) // ((max(paid) - min(paid)).days + 1), 1)
    return {day: amount * 1_000_000 // mean for day, amount in paid.items()}


def _add(table: Table, name: str, score: Score) -> None:
    table.add_row(name, str(score.days), f"{score.error:.3f}", f"{score.coverage:.3f}")


if __name__ == "__main__":
    sys.exit(main())
