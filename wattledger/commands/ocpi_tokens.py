"""`wattledger ocpi tokens` and `authorize`: what drivers of roaming partners charge by, and whether one may."""

import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from wattledger.commands.common import the_door
from wattledger.commands.ocpi import Party
from wattledger.commands.ocpi_surface import partners_surface
from wattledger.commands.options import DataDir, Debug, Json
from wattledger.errors import ApplicationError
from wattledger.views.terminal import print_json

if TYPE_CHECKING:
    from api.ocpi.charge_tokens.authorizing import Question, Verdict
    from api.ocpi.surface import OcpiSurface

commands = typer.Typer()


@commands.command()
def tokens(
    party: Party,
    pull: Annotated[bool, typer.Option("--pull", help="Pull the partner's list now, all of it.")] = False,
    data_dir: DataDir = None,
    json: Json = False,
    debug: Debug = False,
) -> None:
    """Show how many tokens a partner's drivers have here, and when its list was pulled; with --pull, pull it."""
    if pull:
        with partners_surface(data_dir, debug=debug) as surface:
            _pull(surface, party)
    found = _state(party, data_dir, debug=debug)
    if json:
        print_json(found)
    else:
        for name, value in found.items():
            sys.stdout.write(f"{name:12}{'-' if value is None else value}\n")
    if pull and found["reason"] is not None:
        raise ApplicationError(f"{found['partner']}: {found['reason']}; what came before that is kept")


@commands.command()
def authorize(
    uid: Annotated[str, typer.Argument(metavar="UID", help="Of the token, as its reader reads it.")],
    location: Annotated[str, typer.Option("--location", metavar="ID", help="Where the driver wants to charge.")],
    evse: Annotated[str | None, typer.Option("--evse", metavar="UID", help="At which EVSE there.")] = None,
    type_: Annotated[
        str, typer.Option("--type", metavar="TYPE", help="RFID, APP_USER, AD_HOC_USER or OTHER.")
    ] = "RFID",
    operator: Annotated[
        str | None,
        typer.Option("--operator", metavar="ID", help="Whose location; by default who has one of that id."),
    ] = None,
    partner: Annotated[
        str | None,
        typer.Option("--partner", metavar="COUNTRY-PARTY", help="Who issued the token, where that is known."),
    ] = None,
    data_dir: DataDir = None,
    json: Json = False,
    debug: Debug = False,
) -> None:
    """Ask in real time whether a driver may charge: by our list, or the partner, as the token's whitelist says."""
    if not 0 < len(uid) <= _UID_MAX or not uid.isascii() or not uid.isprintable():
        raise ApplicationError(f"{uid!r} is no uid of a token: it has 1 to {_UID_MAX} printable ASCII characters")
    import asyncio

    with partners_surface(data_dir, debug=debug) as surface:
        from api.ocpi.charge_tokens.authorizing import Question

        question = Question(uid, location, operator, evse, type_, _party(partner))
        began = time.monotonic()
        verdict = asyncio.run(_asked(surface, question))
        took_ms = round(1_000 * (time.monotonic() - began))
    shown = _shown(verdict)
    if json:
        print_json({"uid": uid, "type": type_, **shown, "took_ms": took_ms})
    else:
        sys.stdout.write(f"{verdict.allowed}{f' ({verdict.reason})' if verdict.reason else ''} in {took_ms} ms\n")
        for name in ("partner", "auth_method", "authorization_reference", "info"):
            if shown[name] is not None:
                sys.stdout.write(f"{name:25}{shown[name]}\n")


_UID_MAX = 36


def _pull(surface: "OcpiSurface", party: str) -> None:
    import asyncio

    from api.ocpi.charge_tokens.partners import Partners
    from api.ocpi.charge_tokens.pulling import pull
    from ledger.access import charge_token_pulls, ocpi_partners

    with surface.door.transaction() as cursor:
        found = ocpi_partners.present(cursor, party)
        if found.state != ocpi_partners.PartnerState.CONNECTED:
            raise ApplicationError(f"{found.party} is {found.state}: only from a connected partner tokens are pulled")
        if not charge_token_pulls.take(cursor, found.party, at_once=True):
            raise ApplicationError(f"the tokens of {found.party} are being pulled just now; look again in a moment")

    async def work() -> None:
        async with Partners(surface) as partners:
            await pull(surface, partners, found.party)

    asyncio.run(work())


def _state(party: str, data_dir: Path | None, *, debug: bool) -> dict[str, Any]:
    from domain.calendar import utc_text
    from ledger.access import charge_token_pulls, charge_tokens, ocpi_partners

    with the_door(data_dir, debug=debug) as cursor:
        found = ocpi_partners.present(cursor, party)
        many, last = charge_tokens.count(cursor, found.party), charge_token_pulls.find(cursor, found.party)

    def told(moment: Any) -> str | None:
        return None if moment is None else utc_text(moment)

    return {
        "partner": found.party,
        "tokens": many,
        "begun_at": told(last and last.begun_at),
        "done_at": told(last and last.done_at),
        "next_at": told(last and last.next_at),
        "under_way": bool(last and last.under_way),
        "seen": last.seen if last else 0,
        "refused": last.refused if last else 0,
        "reason": last.reason if last else None,
    }


def _party(given: str | None) -> str | None:
    if given is None:
        return None
    country, _, party = given.upper().partition("-")
    if len(country) != 2 or len(party) != 3:
        raise ApplicationError(f"{given!r} is no partner: write it COUNTRY-PARTY, as DE-ABC")
    return f"{country}-{party}"


async def _asked(surface: "OcpiSurface", question: "Question") -> "Verdict":
    from api.ocpi.answers import OcpiFault
    from api.ocpi.charge_tokens.authorizing import authorize as asked
    from api.ocpi.charge_tokens.partners import Partners

    async with Partners(surface) as partners:
        try:
            return await asked(surface, partners, question)
        except OcpiFault as fault:
            raise ApplicationError("the database does not answer; try again in a moment") from fault


def _shown(verdict: "Verdict") -> dict[str, Any]:
    from json import loads

    return {
        "allowed": verdict.allowed,
        "reason": verdict.reason,
        "auth_method": verdict.auth_method,
        "partner": verdict.partner,
        "token": loads(verdict.token.document) if verdict.token is not None else None,
        "authorization_reference": verdict.authorization_reference,
        "info": verdict.info,
    }
