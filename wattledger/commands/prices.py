"""`wattledger price`: the price of an OCPI CDR, by the tariff it carries or by another."""

import logging
import sys
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from json import dumps, loads
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal
from zoneinfo import ZoneInfo

import typer

from wattledger.commands.common import log_without_settings
from wattledger.commands.options import Csv, Debug, Json, form_of, read_tax
from wattledger.errors import ApplicationError
from wattledger.given_file import read_given
from wattledger.logs import say
from wattledger.views.forms import Form

if TYPE_CHECKING:
    from domain.tariff.tariff import Tariff

# More digits than any amount, energy or time has.
_DIGITS_MAX = 1_000

app = typer.Typer()


@app.command()
def price(
    cdr: Annotated[Path, typer.Argument(metavar="CDR.json", help="An OCPI CDR of 2.2.1 or 2.3.0.")],
    tariff: Annotated[
        Path | None, typer.Option("--tariff", metavar="TARIFF.json", help="Instead of the CDR's own.")
    ] = None,
    time_zone: Annotated[
        str | None, typer.Option("--time-zone", metavar="ZONE", help="IANA zone of the location; else UTC.")
    ] = None,
    tax: Annotated[
        list[str] | None,
        typer.Option("--tax", metavar="NAME=PERCENT", help="A tax on what has no vat (2.3.0); may be repeated."),
    ] = None,
    ocpi: Annotated[
        Literal["2.2.1", "2.3.0"] | None, typer.Option("--ocpi", help="Form of the prices; else that of the tariff.")
    ] = None,
    explain: Annotated[
        bool, typer.Option("--explain", help="Show every line and every rounding, as tables; with --json, as JSON.")
    ] = False,
    json: Json = False,
    csv: Csv = False,
    debug: Debug = False,
) -> None:
    """Price the charging periods of an OCPI CDR and print the OCPI totals as JSON.

    With --explain tables of all lines and totals, or both as JSON; as CSV the lines.
    """
    from domain.rating.partner_cdr import price_cdr
    from projections.documents.prices import price_document

    form = form_of(json=json, csv=csv)
    if form is Form.CSV and not explain:
        raise typer.BadParameter("only of what --explain shows", param_hint="--csv")
    log_without_settings(debug=debug)
    taxes = [read_tax(text) for text in tax or ()]
    given_zone = None if time_zone is None else _given_zone(time_zone)
    document = _json_object(cdr)
    other = None if tariff is None else _json_object(tariff)
    if other is None and not document.get("tariffs"):
        raise ApplicationError(f"{cdr} carries no tariff; give one with --tariff TARIFF.json")
    priced = price_cdr(document, given_zone or _zone_of(document, cdr), other, taxes)
    used = [each for each, _ in priced.parts]
    for warning in (*priced.warnings, *_refused_on_arrival(_priced_by(document, other, used))):
        say(warning, level=logging.WARNING, prefix="wattledger: ")
    if given_zone is None:
        _say_which_zone(document, used)
    _show(price_document(priced, ocpi, explain=explain), form if explain else Form.JSON)


def _show(document: Mapping[str, Any], form: Form) -> None:
    if form is Form.JSON:
        sys.stdout.write(dumps(document, separators=(",", ":"), default=_number) + "\n")
        return
    from wattledger.views.prices import show_explained, write_lines

    (write_lines if form is Form.CSV else show_explained)(document)


def _priced_by(
    cdr: Mapping[str, Any], other: Mapping[str, Any] | None, used: Sequence["Tariff"]
) -> Sequence[Mapping[str, Any]]:
    """The documents of the tariffs that priced a CDR: the one given instead, or those it carries that were used."""
    if other is not None:
        return [other]
    ids = {tariff.id.casefold() for tariff in used}
    return [each for each in cdr["tariffs"] if str(each.get("id")).casefold() in ids]


def _refused_on_arrival(tariffs: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """A CDR of somebody else is priced if it can be; whoever publishes its tariff is told what refuses it."""
    from contracts.tariff_check import tariff_faults

    for tariff in tariffs:
        as_sent = loads(dumps(tariff, default=_number))
        for fault in tariff_faults(as_sent):
            sentence = f"{fault.excerpt} {fault.problem}".strip()
            yield f"tariff {tariff['id']} would be refused on arrival, {fault.path}: {sentence}"


def _say_which_zone(document: Mapping[str, Any], tariffs: Sequence["Tariff"]) -> None:
    """A CDR has no time zone (OCPI mod_cdrs, CdrLocation): where its tariff has local times, nobody should guess."""
    from domain.rating.partner_cdr import stated_time_zone

    menus = [menu for tariff in tariffs for menu in (tariff.charging, tariff.reserved, tariff.expired)]
    if stated_time_zone(document) is None and any(menu.edges.clock_minutes for menu in menus):
        say(
            "the tariff has local times and a CDR no time zone; they are taken as UTC: "
            "give the location's as --time-zone",
            level=logging.WARNING,
            prefix="wattledger: ",
        )


def _number(value: Decimal) -> int | float:
    """An OCPI number as JSON writes it, however large: whole where it is, else by its shortest text."""
    return int(value) if value == value.to_integral_value() else float(value)


def _json_object(path: Path) -> dict[str, Any]:
    """The JSON object in a file, its numbers as decimals; raises ApplicationError when there is none."""
    try:
        document = loads(read_given(path), parse_float=Decimal, parse_int=_whole, parse_constant=_no_number)
    except (ValueError, ArithmeticError, RecursionError) as error:
        raise ApplicationError(f"{path}: not JSON ({_why(error)}); name a file that holds one OCPI object") from error
    if not isinstance(document, dict):
        raise ApplicationError(f"{path}: not a JSON object; name a file that holds one OCPI object")
    return document


def _why(error: Exception) -> str:
    """What is wrong with a text that is no JSON, in words of ours where Python's are about itself."""
    if isinstance(error, RecursionError):
        return "it nests too deeply"
    if isinstance(error, UnicodeDecodeError):
        return f"it is not UTF-8 at byte {error.start}"
    return str(error)


def _whole(digits: str) -> int:
    """A whole number; raises ValueError for one that no amount, energy or time can be."""
    if len(digits) > _DIGITS_MAX:
        raise ValueError(f"a number has {len(digits)} digits")
    return int(digits)


def _no_number(name: str) -> None:
    raise ValueError(f"{name} is no JSON number")


def _given_zone(name: str) -> ZoneInfo:
    """The time zone of `--time-zone`; raises typer.BadParameter when there is none of that name."""
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
