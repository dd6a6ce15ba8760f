"""What the demo shows of how its network is run: outages, demand charges, what limits leave, how long cash lasts."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rich.table import Table

from projections.documents.network_costs import demand_document, share_documents
from projections.documents.network_runway import runway_document
from projections.documents.uptime import outage_documents
from projections.network.asked import Asked
from projections.network.demand_months import DemandFilter, demand_keys, demand_months
from projections.network.horizon import network_horizon
from projections.network.runways import runways
from projections.network.site_month import SiteMonth, SiteMonths
from projections.network.uptime import uptimes
from wattledger.demo.shared import read_shared, shared_title
from wattledger.views.pages import cells, titled_table

_OUTAGES = ("outage_s", "excluded_s")
_CHARGES = ("peak_kw", "charge", "sessions")
_SHARED = ("delivered_kwh", "a")
_SHARES = ("energy_kwh", "ladder", "coincident", "energy")
# Of each charge so many sessions are shown, those that bear the most by the ladder.
_SHARES_SHOWN = 3


@dataclass(frozen=True, slots=True)
class Operated:
    """As documents: explained outages, months of sites with a demand charge, runways, and what limits leave cars.

    Shares are of the sessions that bear the most of a charge; runways of operators that declared their cash.
    """

    outages: Sequence[Mapping[str, Any]] = ()
    charges: Sequence[Mapping[str, Any]] = ()
    shares: Sequence[Mapping[str, Any]] = ()
    runways: Sequence[Mapping[str, Any]] = ()
    shared: Sequence[Mapping[str, Any]] = ()


def read_operated(cursor: Any) -> Operated:
    """All of it as the store has it, read by a psycopg cursor; nothing where no message came."""
    until = network_horizon(cursor)
    if until is None:
        return Operated()
    outages = [row for each in uptimes(cursor, Asked(), until) for row in outage_documents(each) if row["excluded_s"]]
    months = SiteMonths(cursor, until)
    every = demand_months(months, demand_keys(cursor, months, DemandFilter()))
    found = [each for each in every if each.shared is not None and each.shared.charge.amount]
    charges, shares = [demand_document(each) for each in found], [row for each in found for row in _most(each)]
    lasting = [runway_document(each) for each in runways(cursor) if each.declared is not None]
    return Operated(outages, charges, shares, lasting, read_shared(cursor))


def _most(month: SiteMonth) -> list[dict[str, Any]]:
    shares = [row for row in share_documents(month) if row["ladder"] is not None]
    return sorted(shares, key=lambda row: (-float(row["ladder"]), row["session_id"]))[:_SHARES_SHOWN]


def operated_parts(found: Operated) -> list[Table]:
    """The parts of the page: none where nothing is to be shown."""
    return [
        *([_outages(found.outages)] if found.outages else []),
        *([_charges(found.charges), _shares(found.shares)] if found.charges else []),
        *([_shared(found.shared)] if found.shared else []),
        *([_runways(found.runways)] if found.runways else []),
    ]


def operated_document(found: Operated) -> dict[str, Any]:
    """As one JSON document."""
    return {
        "outages": list(found.outages),
        "demand": list(found.charges),
        "demand_shares": list(found.shares),
        "load_shared": list(found.shared),
        "runways": list(found.runways),
    }


def _outages(rows: Sequence[Mapping[str, Any]]) -> Table:
    columns = ("evse_uid", "from", "to", *_OUTAGES, "why")
    table = titled_table(
        "Outages, and what of them is excluded from uptime", *columns, right=_OUTAGES, prose=("why",)
    )
    for row in rows:
        why = "; ".join(f"{part['cause']}, {part['evidence']}" for part in row["explained"])
        times = row["from"], row["to"] or "goes on"
        table.add_row(*cells(row["evse_uid"], *times, *(f"{row[name]:,}" for name in _OUTAGES), why))
    return table


def _charges(rows: Sequence[Mapping[str, Any]]) -> Table:
    columns = ("operator_id", "location_id", "month", "peak_at", *_CHARGES, "currency")
    table = titled_table("What the highest quarter hour of a month costs", *columns, right=_CHARGES)
    for row in rows:
        table.add_row(*cells(*(str(row[name]) if row[name] is not None else "" for name in columns)))
    return table


def _shares(rows: Sequence[Mapping[str, Any]]) -> Table:
    columns = ("location_id", "month", "session_id", *_SHARES, "currency")
    table = titled_table("Who bears the most of it, by the ladder and by other methods", *columns, right=_SHARES)
    for row in rows:
        shown = {**row, "energy_kwh": f"{float(row['energy_wh']) / 1000:.1f}"}
        table.add_row(*cells(*(str(shown[name]) for name in columns)))
    return table


def _shared(rows: Sequence[Mapping[str, Any]]) -> Table:
    columns = ("session_id", "evse_uid", *_SHARED, "why")
    table = titled_table(shared_title(rows), *columns, right=_SHARED)
    for row in rows:
        table.add_row(*cells(*(str(row[name]) for name in columns)))
    return table


def _runways(rows: Sequence[Mapping[str, Any]]) -> Table:
    columns = ("operator_id", "declared_at", "cash", "currency", "runway_days", "below_zero_on")
    table = titled_table("How long declared cash lasts", *columns, right=("cash", "runway_days"))
    for row in rows:
        days = row["runway_days"]
        below = "not within 180 days" if days is None else next(day["date"] for day in row["days"] if _is_short(day))
        told = (row[name] for name in columns[:4])
        table.add_row(*cells(*told, "" if days is None else str(days), below))
    return table


def _is_short(day: Mapping[str, Any]) -> bool:
    return str(day["left"]).startswith("-")
