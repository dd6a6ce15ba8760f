"""`wattledger price`: the price of an OCPI CDR, by the tariff it carries or by another."""

import json
import sys
from collections.abc import Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from wattledger.commands.options import tax
from wattledger.errors import ApplicationError
from wattledger.given_file import read_given
from wattledger.views.terminal import set_up_logging

OCPI_2_2_1, OCPI_2_3_0 = "2.2.1", "2.3.0"


class PriceWish(NamedTuple):
    """What is to be priced and how: `taxes` are texts as GST=5, `ocpi` is the version of the prices printed."""

    cdr: Path
    tariff: Path | None
    time_zone: str | None
    taxes: Sequence[str]
    ocpi: str | None
    explain: bool


def price(wish: PriceWish, *, debug: bool) -> None:
    """`wattledger price`."""
    from domain.rating.partner_cdr import price_cdr

    set_up_logging("DEBUG" if debug else "WARNING")
    taxes = [tax(text) for text in wish.taxes]
    given_zone = None if wish.time_zone is None else time_zone(wish.time_zone)
    document = json_object(wish.cdr)
    tariff = None if wish.tariff is None else json_object(wish.tariff)
    if tariff is None and not document.get("tariffs"):
        raise ApplicationError(f"{wish.cdr} carries no tariff; give one with --tariff TARIFF.json")
    priced = price_cdr(document, given_zone or _zone_of(document, wish.cdr), tariff, taxes)
    if given_zone is None:
        _say_which_zone(document, [each for each, _ in priced.parts])
    sys.stdout.write(json.dumps(_shown(priced, wish), separators=(",", ":"), default=_number) + "\n")


def _say_which_zone(document: Mapping[str, Any], tariffs: Sequence[Any]) -> None:
    """A CDR has no time zone (OCPI mod_cdrs, CdrLocation): where its tariff has local times, nobody should guess."""
    from domain.rating.partner_cdr import stated_time_zone

    menus = [menu for tariff in tariffs for menu in (tariff.charging, tariff.reserved, tariff.expired)]
    if stated_time_zone(document) is None and any(menu.edges.clock_minutes for menu in menus):
        sys.stderr.write(
            "wattledger: the tariff has local times and a CDR no time zone; they are taken as UTC: "
            "give the location's as --time-zone\n"
        )


def _number(value: Decimal) -> int | float:
    """An OCPI number as JSON writes it, however large: whole where it is, else by its shortest text."""
    return int(value) if value == value.to_integral_value() else float(value)


def _shown(priced: Any, wish: PriceWish) -> dict[str, Any]:
    """The totals that apply and, when asked for, how they came about."""
    from domain.rating.pricing import ocpi_totals
    from domain.rating.taxed_totals import ocpi_totals_2_3_0

    rating = priced.rating
    newer = any(tariff.tax_included for tariff, _ in priced.parts)
    version = wish.ocpi or (OCPI_2_3_0 if newer else OCPI_2_2_1)
    totals = (ocpi_totals_2_3_0 if version == OCPI_2_3_0 else ocpi_totals)(rating, credit=priced.is_credit)
    found = {name: value for name, value in totals.items() if value is not None}
    return found | _explained(priced) if wish.explain else found


def _explained(priced: Any) -> dict[str, Any]:
    """The lines of all parts, each naming its tariff where there are several, and the roundings."""
    from domain.rating.explanation import explained_lines, explained_rounding

    lines: list[dict[str, Any]] = []
    first = 0
    for tariff, rating in priced.parts:
        numbers = priced.period_numbers[first : first + len(rating.periods)]
        made = explained_lines(rating, tariff, numbers)
        lines += [line | {"tariff_id": tariff.id} for line in made] if len(priced.parts) > 1 else made
        first += len(rating.periods)
    rounding = explained_rounding(priced.rating, priced.currency, priced.parts[-1][1])
    if priced.is_credit:
        rounding["negated"] = True
    return {"lines": lines, "rounding": rounding}


def json_object(path: Path) -> dict[str, Any]:
    """The JSON object in a file, its numbers as decimals; raises ApplicationError when there is none."""
    try:
        document = json.loads(read_given(path), parse_float=Decimal, parse_constant=_no_number)
    except (ValueError, ArithmeticError, RecursionError) as error:
        raise ApplicationError(f"{path}: not JSON ({error}); name a file that holds one OCPI object") from error
    if not isinstance(document, dict):
        raise ApplicationError(f"{path}: not a JSON object; name a file that holds one OCPI object")
    return document


def _no_number(name: str) -> None:
    raise ValueError(f"{name} is no JSON number")


def time_zone(name: str) -> ZoneInfo:
    """An IANA time zone from an option; raises a misuse of the command when there is none of that name."""
    import typer

    try:
        return _zone(name)
    except ApplicationError as error:
        raise typer.BadParameter(str(error), param_hint="--time-zone") from None


def _zone_of(document: Mapping[str, Any], path: Path) -> ZoneInfo:
    from domain.rating.partner_cdr import stated_time_zone

    stated = stated_time_zone(document)
    try:
        return _zone(stated or "UTC")
    except ApplicationError as error:
        raise ApplicationError(
            f"{path}, cdr_location.time_zone: {error}; give the right one as --time-zone"
        ) from None


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    # Names of folders and unreadable files among the zones are no zones either.
    except (KeyError, ValueError, OSError):
        raise ApplicationError(f"{name!r} is no IANA time zone such as Europe/Amsterdam") from None
