"""`wattledger load plan`: what a limit would have done to sessions that were; no store is asked."""

from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal, InvalidOperation
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any
from zoneinfo import ZoneInfo

import typer

from wattledger.commands.common import log_without_settings
from wattledger.commands.options import Debug, Json, day_or_moment
from wattledger.errors import ApplicationError

if TYPE_CHECKING:
    from domain.load.stays import Trial

commands = typer.Typer()

_COLUMNS = ("policy", "delivered_percent", "full_percent", "worst_tenth_percent", "peak_kw")
_DEMAND = ("month", "unmanaged_kw", "managed_kw", "saved_kw", "saved")


@commands.command("plan")
def plan(
    sessions: Annotated[
        Path,
        typer.Argument(
            metavar="SESSIONS.jsonl", help="Stays or events of sessions, one a line; - for standard input."
        ),
    ],
    limit_kw: Annotated[str, typer.Option("--limit-kw", metavar="K", help="What all cars of a site may draw.")],
    declared: Annotated[
        bool, typer.Option("--declared", help="Drivers say what they need and when they leave, and it is so.")
    ] = False,
    since: Annotated[
        str | None, typer.Option("--from", metavar="D", help="Sessions that began on this day (UTC) or later.")
    ] = None,
    before: Annotated[
        str | None, typer.Option("--to", metavar="D", help="Sessions that began before the end of this day (UTC).")
    ] = None,
    voltage_v: Annotated[str, typer.Option("--voltage-v", help="Volts between a phase and neutral.")] = "230",
    step_a: Annotated[str, typer.Option("--step-a", help="Currents are told in steps of so many A.")] = "1",
    floor_a: Annotated[str, typer.Option("--floor-a", help="The least that a car can be told (IEC 61851).")] = "6",
    interval_s: Annotated[int, typer.Option("--interval-s", help="Decided anew every so many seconds.", min=1)] = 300,
    phases: Annotated[int, typer.Option("--phases", help="Of cars that are told by events.", min=1, max=3)] = 1,
    max_a: Annotated[str, typer.Option("--max-a", help="The most that cars draw that are told by events.")] = "80",
    demand_price: Annotated[
        str | None, typer.Option("--demand-price", metavar="P", help="What a kW of a month's peak costs.")
    ] = None,
    time_zone: Annotated[str, typer.Option("--time-zone", help="Whose months these are (IANA).")] = "UTC",
    json: Json = False,
    debug: Debug = False,
) -> None:
    """Try a limit on sessions that were: what each way to share it delivers, and what it takes off the peak.

    Printed by site: the energy delivered, cars that were full (99 % of their need), the mean of the tenth that got
    least, and the highest power; the most that any plan could deliver, where HiGHS is installed; and by month the
    highest quarter hour, without the limit and with it.
    """
    log_without_settings(debug=debug)
    from domain.load.stays import Trial

    trial = Trial(
        limit_w=_number(limit_kw, "--limit-kw") * 1_000,
        voltage_v=_number(voltage_v, "--voltage-v"),
        step_a=_tenths(step_a, "--step-a"),
        floor_a=_tenths(floor_a, "--floor-a"),
        interval_s=interval_s,
        is_declared=declared,
    )
    price = None if demand_price is None else _number(demand_price, "--demand-price")
    wiring = (tuple(range(1, phases + 1)), _tenths(max_a, "--max-a"))
    span = (_moment(since, "--from", is_end=False), _moment(before, "--to", is_end=True))
    document = _planned(sessions, trial, wiring, span, price, _zone(time_zone))
    if json:
        from wattledger.views.terminal import print_json

        print_json(document)
    else:
        _show(document)


def _planned(
    path: Path,
    trial: "Trial",
    wiring: tuple[tuple[int, ...], int],
    span: tuple[datetime | None, datetime | None],
    price: Fraction | None,
    zone: ZoneInfo,
) -> dict[str, Any]:
    from projections.network.stays import Wiring
    from wattledger.given_file import given_or_input
    from wattledger.logs import say
    from wattledger.optimum import WITHOUT_HIGHS, has_highs
    from wattledger.planning import plan as planned
    from wattledger.planning import read_sessions, within

    lines = given_or_input(path, "JSON lines").splitlines()
    of_events = Wiring(voltage_v=trial.voltage_v, phases=wiring[0], max_a=wiring[1])
    found = read_sessions(lines, str(path), of_events)
    sites = {site: within(stays, *span) for site, stays in sorted(found.stays.items())}
    sites = {site: stays for site, stays in sites.items() if stays}
    if not sites:
        raise ApplicationError(
            f"{path}: no session that ended and took energy is in it; give stays, or events of such"
        )
    if not has_highs():
        say(WITHOUT_HIGHS)
    return {
        "sites": [
            {"location_id": site, **planned(stays, trial, price=price, time_zone=zone)}
            for site, stays in sites.items()
        ],
        "left_out": [{"session_id": id_, "reason": reason} for id_, reason in sorted(found.left_out.items())],
        "other_lines": found.other_lines,
    }


def _show(document: dict[str, Any]) -> None:
    from wattledger.logs import say
    from wattledger.views.tables import print_table

    for site in document["sites"]:
        rows = [[row[name] for name in _COLUMNS] for row in site["policies"]]
        if site["optimum_percent"] is not None:
            rows.append(["optimum (offline)", site["optimum_percent"], "", "", ""])
        of = "declared" if site["declared"] else "nothing declared"
        title = f"{site['location_id']}: {site['sessions']} sessions below {site['limit_kw']} kW, {of}"
        print_table(title, _COLUMNS, rows, _COLUMNS[1:])
        columns = _DEMAND if "saved" in site else _DEMAND[:-1]
        demand = [[row[name] for name in columns] for row in site["demand"]]
        print_table(f"{site['location_id']}: highest quarter hours by month", columns, demand, columns[1:])
        if "saved" in site:
            say(f"{site['location_id']}: the limit saves {site['saved']} of the demand charge")
    for row in document["left_out"]:
        say(f"session {row['session_id']} is left out: {row['reason']}")


def _number(text: str, option: str) -> Fraction:
    try:
        number = Decimal(text)
    except InvalidOperation:
        number = Decimal("NaN")
    if not number.is_finite() or number <= 0:
        raise typer.BadParameter(f"{text!r} is no number above 0", param_hint=option)
    return Fraction(number)


def _tenths(text: str, option: str) -> int:
    tenths = _number(text, option) * 10
    if tenths.denominator != 1:
        raise typer.BadParameter(f"{text} A is finer than a tenth of an ampere", param_hint=option)
    return tenths.numerator


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (ValueError, OSError, LookupError):
        raise typer.BadParameter(f"{name!r} is no IANA time zone", param_hint="--time-zone") from None


def _moment(text: str | None, option: str, *, is_end: bool) -> datetime | None:
    if text is None:
        return None
    found = day_or_moment(text, option)
    if isinstance(found, datetime):
        return found
    day: date = found + timedelta(days=is_end)
    return datetime.combine(day, time(), tzinfo=UTC)
