"""The quarterly columns of 23 CFR 680.112(a), a row each port and month."""

from fractions import Fraction
from typing import Any

from projections.documents.decimals import decimal, decimal_or_none
from projections.network.nevi import PortMonth, minutes

COLUMNS = (
    "station_id",
    "port_id",
    "month",
    "uptime_percent",
    "t_outage_min",
    "t_excluded_min",
    "month_outage_min",
    "month_excluded_min",
    "outages_min",
    "sessions",
    "sessions_with_errors",
    "error_codes",
    "energy_kwh",
    "peak_kw",
)


def nevi_document(found: PortMonth) -> dict[str, Any]:
    """A port in a month.

    `uptime_percent`, `t_outage_min` and `t_excluded_min` are of the 365 days up to the end of the month, null where
    it was not known for as long; the others are of the month. `outages_min` has the minutes of each outage, and
    `error_codes` what was told with statuses in it, each between `;`. A session that came to nothing has an error.
    """
    year = found.year.year
    outages = found.month.outages
    return {
        "station_id": found.evse.location_id,
        "port_id": found.evse.evse_uid,
        "month": found.first.isoformat()[:7],
        "uptime_percent": decimal_or_none(found.year.nevi),
        "t_outage_min": None if year is None else decimal(minutes(year.outage_us)),
        "t_excluded_min": None if year is None else decimal(minutes(year.excluded_us)),
        "month_outage_min": decimal(minutes(found.month.outage_us)),
        "month_excluded_min": decimal(minutes(found.month.excluded_us)),
        "outages_min": ";".join(decimal(minutes(each.end - each.begin)) for each in outages),
        "sessions": len(found.attempts),
        "sessions_with_errors": sum(not each.succeeded for each in found.attempts),
        "error_codes": ";".join(found.error_codes),
        "energy_kwh": decimal(Fraction(found.energy_wh) / 1000),
        "peak_kw": None if found.peak_w is None else decimal(Fraction(found.peak_w) / 1000),
    }
