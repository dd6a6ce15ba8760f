"""Commissions once more, by the schedule of an operator's terms: which row is of a session, and what it takes.

Written from the terms as they are published and not from the engine's rules.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from ledger.audit.amounts import exact, half_up, minor_units

Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Charge:
    """A session as far as its commission depends on it: net in minor units, energy in Wh."""

    net: int
    energy_wh: Fraction
    channel: str
    location_id: str


def scheduled(rows: Sequence[Row], currency: str, charge: Charge) -> int:
    """What the first row that is of the session takes, in minor units; nothing where none is."""
    for row in rows:
        if is_of(row, charge):
            rates = row["tiers"]["steps"][0] if row.get("tiers") else row
            return min(charge.net, half_up(rate_of(rates, currency, charge.net, charge.energy_wh, 1)))
    return 0


def is_of(row: Row, charge: Charge) -> bool:
    """Whether a row of a schedule counts for a session."""
    when = row.get("when") or {}
    if when.get("channel") and when["channel"] != charge.channel:
        return False
    places = [place.casefold() for place in when.get("locations") or ()]
    return not places or charge.location_id.casefold() in places


def rate_of(rates: Row, currency: str, net: int, energy_wh: Fraction, sessions: int) -> Fraction:
    """What percent of net, a sum per kWh and one per session come to together, exactly, in minor units."""
    units = minor_units(currency)
    by_percent = exact(rates.get("percent") or 0) * net / 100
    by_energy = exact(rates.get("per_kwh") or 0) * units * energy_wh / 1000
    return by_percent + by_energy + exact(rates.get("per_session") or 0) * units * sessions
