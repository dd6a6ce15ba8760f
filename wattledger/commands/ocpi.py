"""`wattledger ocpi`: roaming partners that are connected over OCPI."""

import sys
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

import typer

from wattledger.commands.common import the_door, the_store
from wattledger.commands.ocpi_gaps import gaps
from wattledger.commands.ocpi_surface import partners_surface
from wattledger.commands.options import Csv, DataDir, Debug, Json, first_moment, form_of
from wattledger.errors import ApplicationError
from wattledger.views.forms import Form
from wattledger.views.tables import show_rows
from wattledger.views.terminal import print_error, print_json

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime


app = typer.Typer(
    name="ocpi",
    help="Roaming partners over OCPI: invite, list, set flags, renew, suspend, resume, send again, part from one.",
    no_args_is_help=True,
)


app.command()(gaps)


class Encoding(StrEnum):
    """How a partner writes tokens into its requests."""

    BASE64 = "base64"
    RAW = "raw"


class Pushable(StrEnum):
    """What can be sent again by order."""

    LOCATIONS = "locations"
    TARIFFS = "tariffs"
    SESSIONS = "sessions"
    CDRS = "cdrs"


Party = Annotated[str, typer.Argument(metavar="PARTNER", help="COUNTRY-PARTY, as DE-ABC.")]
Flags = Annotated[
    list[str] | None,
    typer.Option(
        "--flag",
        metavar="FLAG",
        help="What it needs: explicit_nulls, sessions_without_date_from, behind_hubs; may be repeated.",
    ),
]

_WITHHELD = ("module", "operator_id", "object_id", "partner", "since", "reason")
_STANDARD_INPUT = "-"
_COLUMNS = ("party", "role", "state", "version", "versions_url", "connected_at")


@app.command()
def invite(
    party: Party,
    role: Annotated[str, typer.Option("--role", help="EMSP, HUB, NAP, NSP, SCSP or OTHER.")] = "EMSP",
    versions_url: Annotated[
        str | None, typer.Option("--versions-url", metavar="URL", help="Theirs; the handshake is begun at once then.")
    ] = None,
    their_token: Annotated[
        str | None,
        typer.Option(
            "--their-token",
            metavar="TOKEN",
            help="Token A that they gave us; - reads it from standard input, where no list of processes shows it.",
        ),
    ] = None,
    token_encoding: Annotated[
        Encoding, typer.Option(help="How tokens are written; raw for partners that send them as they are.")
    ] = Encoding.BASE64,
    flag: Flags = None,
    data_dir: DataDir = None,
    json: Json = False,
    debug: Debug = False,
) -> None:
    """Let a partner connect: prints our versions URL and token A this once, or begins the handshake."""
    if (versions_url is None) != (their_token is None):
        raise ApplicationError(
            "--versions-url and --their-token go together: where they are, and the token they gave us"
        )
    with partners_surface(data_dir, debug=debug) as surface:
        from api.ocpi.connecting import connect
        from api.ocpi.connecting import invite as invited

        if versions_url is None or their_token is None:
            made = invited(surface, party, role, token_encoding, flag or ())
            shown: dict[str, Any] = {"versions_url": made.versions_url, "token_a": made.token_a}
            said = f"versions URL: {made.versions_url}\ntoken A: {made.token_a}\n"
        else:
            token = sys.stdin.readline().strip() if their_token == _STANDARD_INPUT else their_token
            found = connect(surface, party, role, token_encoding, versions_url, token, flag or ())
            shown, said = _document(found), f"{found.party} is connected by OCPI {found.version}\n"
    if json:
        print_json(shown)
    else:
        sys.stdout.write(said)
        if versions_url is None:
            print_error(f"give both to {party.upper()}; the token is not shown again")


@app.command("partners")
def list_partners(data_dir: DataDir = None, json: Json = False, csv: Csv = False, debug: Debug = False) -> None:
    """List partners and where each connection stands; their tokens are nowhere."""
    from ledger.access import ocpi_partners

    form = form_of(json=json, csv=csv)
    with the_door(data_dir, debug=debug) as cursor:
        rows = [_document(each) for each in ocpi_partners.partners(cursor)]
    if form is not Form.JSON:
        rows = [{name: row[name] for name in _COLUMNS} for row in rows]
    show_rows("Partners", rows, _COLUMNS, form=form)


@app.command()
def show(party: Party, data_dir: DataDir = None, json: Json = False, debug: Debug = False) -> None:
    """Show one partner: its roles, its interfaces, the parties behind a hub, and how pushes to it go."""
    from ledger.access import ocpi_hubs, ocpi_partners
    from projections.roaming import deliveries_kept
    from projections.roaming.push_state import push_states

    with the_door(data_dir, debug=debug) as cursor:
        partner = ocpi_partners.present(cursor, party)
        states = push_states(cursor, partner.party)
        found = _document(partner) | {"behind": ocpi_hubs.behind(cursor, partner.party)}
        found["cdrs"] = deliveries_kept.document(cursor, partner.party)
    found["pushes"] = [state.document(module) for (_, module), state in states.items()]
    if json:
        print_json(found)
        return
    for name in _COLUMNS:
        sys.stdout.write(f"{name:14}{found[name] or '-'}\n")
    for flag in found["flags"]:
        sys.stdout.write(f"flag          {flag}\n")
    for role in found["roles"]:
        sys.stdout.write(f"role          {role['role']} {role['country_code']}-{role['party_id']}\n")
    for each in found["endpoints"]:
        sys.stdout.write(f"endpoint      {each['identifier']} {each['role']} {each['url']}\n")
    for each in found["behind"]:
        sys.stdout.write(f"behind        {each['party']} {each['status']}\n")
    for each in found["pushes"]:
        sys.stdout.write(f"pushes        {_pushes(each)}\n")
    for line in _of_cdrs(found["cdrs"]):
        sys.stdout.write(f"cdrs          {line}\n")


def _of_cdrs(cdrs: dict[str, Any]) -> "Iterator[str]":
    for state, number in cdrs["deliveries"].items():
        yield f"{number} {state}"
    if cdrs["untold"]:
        yield f"{cdrs['untold']} answers that the book does not know, the oldest since {cdrs['untold_since']}"
    if cdrs["checked_at"]:
        yield f"read back {cdrs['checked_at']}: {cdrs['found']}"


def _pushes(state: dict[str, Any]) -> str:
    waits = f"{state['waiting']} wait, since {state['oldest']}" if state["waiting"] else "none wait"
    taken = f"{state['taken']} taken, last {state['last_taken_at']}" if state["taken"] else "none taken"
    failed = [
        f"{each['number']} times {each['cause']}, last {each['last_at']}: {each['said']}"
        for each in state["failures"]
    ]
    return f"{state['module']}: {'; '.join([waits, taken, *failed])}"


@app.command()
def push(
    party: Party,
    module: Annotated[Pushable, typer.Option("--module", help="What is sent.")],
    since: Annotated[
        str | None,
        typer.Option(
            "--from",
            metavar="TIME",
            help="Only what changed since then: RFC 3339 with an offset, or a day in UTC from its beginning.",
        ),
    ] = None,
    data_dir: DataDir = None,
    json: Json = False,
    debug: Debug = False,
) -> None:
    """Send a partner again what it sees, as it is now; of CDRs all since --from, whatever it answered.

    `wattledger serve` does it.
    """
    from ledger.access import ocpi_partners
    from projections.roaming.marks import mark_again
    from projections.roaming.objects import OWN_ALONE

    moment = first_moment(since, "--from")
    with the_door(data_dir, debug=debug) as cursor:
        partner = ocpi_partners.receiving(cursor, party, module.value)
        if module is Pushable.CDRS:
            number = _ordered(cursor, partner.party, moment)
        else:
            number = mark_again(cursor, partner.party, module.value, moment, own_alone=module.value in OWN_ALONE)
    if json:
        print_json({"party": partner.party, "module": module.value, "marked": number})
    else:
        sys.stdout.write(f"{number} of {module.value} are sent to {partner.party}\n")


def _ordered(cursor: Any, party: str, since: "datetime | None") -> int:
    """Have CDRs sent again, and say how many; raises ApplicationError where it is not said since when."""
    from projections.roaming.deliveries_kept import order

    if since is None:
        raise ApplicationError("--from is missing: every CDR of that time is sent again, whatever was answered")
    found = order(cursor, party, since)
    return found.again + found.sooner


@app.command()
def renew(party: Party, data_dir: DataDir = None, json: Json = False, debug: Debug = False) -> None:
    """Exchange new tokens with a connected partner, and read its interfaces again."""
    with partners_surface(data_dir, debug=debug) as surface:
        from api.ocpi.connecting import renew as renewed

        found = renewed(surface, party)
    if json:
        print_json(_document(found))
    else:
        sys.stdout.write(f"{found.party} has new tokens, by OCPI {found.version}\n")


@app.command("set")
def set_partner(
    party: Party,
    flag: Flags = None,
    no_flag: Annotated[
        list[str] | None, typer.Option("--no-flag", metavar="FLAG", help="One that it needs no more.")
    ] = None,
    data_dir: DataDir = None,
    json: Json = False,
    debug: Debug = False,
) -> None:
    """Set flags of a partner: what it needs beside what OCPI asks for. They count from its next request on."""
    from ledger.access import ocpi_partners

    if not flag and not no_flag:
        raise ApplicationError("nothing to set: give --flag or --no-flag")
    with the_door(data_dir, debug=debug) as cursor:
        found = _document(ocpi_partners.set_flags(cursor, party, flag or (), no_flag or ()))
    if json:
        print_json(found)
    else:
        sys.stdout.write(f"{found['party']} has {', '.join(found['flags']) or 'no flags'}\n")


@app.command()
def suspend(party: Party, data_dir: DataDir = None, debug: Debug = False) -> None:
    """Refuse a connected partner, and send it nothing, until it is resumed."""
    from ledger.access import ocpi_partners

    with the_door(data_dir, debug=debug) as cursor:
        ocpi_partners.suspend(cursor, party)
    sys.stdout.write(f"{party.upper()} is suspended\n")


@app.command()
def resume(party: Party, data_dir: DataDir = None, debug: Debug = False) -> None:
    """Go on with a partner that was suspended."""
    from ledger.access import ocpi_partners

    with the_door(data_dir, debug=debug) as cursor:
        ocpi_partners.resume(cursor, party)
    sys.stdout.write(f"{party.upper()} is connected again\n")


@app.command()
def leave(
    party: Party,
    here_alone: Annotated[
        bool, typer.Option("--here-alone", help="Without telling the partner, which may be away for good.")
    ] = False,
    data_dir: DataDir = None,
    debug: Debug = False,
) -> None:
    """End a connection: the partner is told, and both its tokens are forgotten."""
    with partners_surface(data_dir, debug=debug) as surface:
        from api.ocpi.connecting import leave as left

        left(surface, party, tell=not here_alone)
    sys.stdout.write(f"{party.upper()} has left\n")


@app.command()
def reseal(data_dir: DataDir = None, debug: Debug = False) -> None:
    """Seal partners' tokens, people and keys with the first of WATTLEDGER_SECRET_KEY, so that others can go."""
    with the_store(data_dir, debug=debug, needs_kafka=False) as store:
        from api.ocpi.vault import VaultClosed, seal_anew
        from ledger.access.seals import seal_people_anew
        from ledger.database import Role, connect
        from wattledger.secret_key import people_seals
        from wattledger.serving import partner_vault

        try:
            with connect(store.dsn, Role.DOOR) as connection, connection.cursor() as cursor:
                number = seal_anew(cursor, partner_vault(store.settings))
                number += seal_people_anew(cursor, people_seals(store.settings))
        except VaultClosed as closed:
            raise ApplicationError(f"{closed}; nothing has changed") from None
    sys.stdout.write(f"{number} sealed anew\n")


@app.command("withheld")
def list_withheld(data_dir: DataDir = None, json: Json = False, csv: Csv = False, debug: Debug = False) -> None:
    """List objects that are not sent to partners, and why: what their operators have to publish."""
    form = form_of(json=json, csv=csv)
    with the_store(data_dir, debug=debug, needs_kafka=False) as store:
        from ledger.database import Role, connect
        from projections.roaming import deliveries_kept
        from projections.roaming.objects import withheld

        with connect(store.dsn, Role.AUDITOR) as connection, connection.cursor() as cursor:
            rows = [*withheld(cursor), *deliveries_kept.given_up(cursor)]
    show_rows("Withheld", rows, _WITHHELD, form=form)


def _document(found: Any) -> dict[str, Any]:
    from domain.calendar import utc_text

    return {
        "party": found.party,
        "role": found.role,
        "state": found.state,
        "token_encoding": found.token_encoding,
        "flags": sorted(name for name, is_set in found.flags.items() if is_set),
        "version": found.version,
        "versions_url": found.versions_url,
        "roles": found.roles,
        "endpoints": found.endpoints,
        "invited_at": utc_text(found.invited_at),
        "connected_at": utc_text(found.connected_at) if found.connected_at else None,
    }
