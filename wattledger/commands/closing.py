"""What people decide of the book: close a period and open it again, sweep own money out, file and pay VAT."""

import sys
from typing import Annotated, Any

import typer

from wattledger.commands.acting import Amount, Because, Currency, Given, act, deciding, money_of, now_text, stated
from wattledger.commands.common import read, the_store
from wattledger.commands.options import Csv, DataDir, Debug, Json, form_of
from wattledger.errors import ApplicationError
from wattledger.views.forms import Form
from wattledger.views.tables import show_rows
from wattledger.views.terminal import print_json

period = typer.Typer(
    name="period", help="Periods of the book: close a month, open it again, what came late.", no_args_is_help=True
)
sweep = typer.Typer(name="sweep", help="Take own money out of the account of client money.", no_args_is_help=True)
vat = typer.Typer(name="vat", help="VAT returns: file one by the issued figures, and pay it.", no_args_is_help=True)
apps = (period, sweep, vat)

Period = Annotated[str, typer.Argument(metavar="PERIOD", help="A month, such as 2026-03.")]
Hash = Annotated[str, typer.Option("--hash", metavar="SHA256", help="The statement_hash that `period status` shows.")]
SweepId = Annotated[str, typer.Argument(metavar="ID", help="Its id, as it was proposed.")]
ReturnId = Annotated[str, typer.Argument(metavar="ID", help="The id of the return.")]


def checked(named: str) -> str:
    """A month; raises typer.BadParameter for anything else."""
    from re import fullmatch

    if fullmatch(r"(?!0000)\d{4}-(0[1-9]|1[0-2])", named) is None:
        raise typer.BadParameter(f"{named!r} is no month, such as 2026-03", param_hint="PERIOD")
    return named


@period.command()
def status(
    named: Period, data_dir: DataDir = None, json: Json = False, csv: Csv = False, debug: Debug = False
) -> None:
    """Show where a period stands: its hash, and the checklist of its close with figures."""
    form, named = form_of(json=json, csv=csv), checked(named)
    with the_store(data_dir, debug=debug, needs_kafka=False) as store:
        from projections.documents.periods import CHECKED, status_document
        from projections.periods import period_status

        zone = store.settings.book_zone
        found = status_document(read(store, lambda cursor: period_status(cursor, named, zone)))
    if form is Form.JSON:
        print_json(found)
        return
    if form is Form.TABLE:
        sys.stdout.write(
            f"{named} is {found['state']}, version {found['version']}, in {found['zone']}: {found['from']} to "
            f"{found['until']}\nstatement_hash {found['statement_hash']}\n"
        )
    show_rows("Checklist", found["checklist"], CHECKED, ("figure",), form=form)


@period.command("list")
def list_periods(data_dir: DataDir = None, json: Json = False, csv: Csv = False, debug: Debug = False) -> None:
    """List every close and every reopening, in their order."""
    form = form_of(json=json, csv=csv)
    with the_store(data_dir, debug=debug, needs_kafka=False) as store:
        from ledger.book.periods import turns
        from projections.documents.periods import LISTED, turn_document

        rows = [turn_document(each) for each in read(store, turns)]
    show_rows("Periods", rows, LISTED, (), form=form)


@period.command()
def report(
    named: Period, data_dir: DataDir = None, json: Json = False, csv: Csv = False, debug: Debug = False
) -> None:
    """Report a closed period, account by account: issued, what came late, and restated, which is their sum."""
    form, named = form_of(json=json, csv=csv), checked(named)

    def ask(cursor: Any) -> Any:
        from projections.periods import issued_of, period_report

        turn = issued_of(cursor, named)
        return turn, None if turn is None else period_report(cursor, turn)

    with the_store(data_dir, debug=debug, needs_kafka=False) as store:
        from projections.documents.periods import REPORTED, report_rows, restated_document

        turn, found = read(store, ask)
    if turn is None:
        raise ApplicationError(f"period {named} is not closed: `wattledger period list` tells those that are")
    if form is Form.JSON:
        print_json(restated_document(turn, found))
    else:
        show_rows(f"Period {named}", report_rows(found), REPORTED, ("issued", "late", "restated"), form=form)


@period.command()
@deciding
def close(
    named: Period,
    hash_: Hash,
    reason: Annotated[
        str | None, typer.Option("--reason", metavar="TEXT", help="The note that waives what is open.")
    ] = None,
    *,
    given: Given,
) -> None:
    """Close a period by its figures; it is closed once a second person did so by the same hash."""
    from api.access.roles import Right

    data = {"period": checked(named), "statement_hash": hash_, "at": now_text()}
    data |= {"reason": stated(reason)} if reason is not None else {}
    sentence = f"the close of {named} by {hash_[:12]} counts; it is closed once two people did so"
    act("period.closed", data, Right.DECIDE, sentence, given, by_people=True)


@period.command()
@deciding
def reopen(named: Period, hash_: Hash, reason: Because, given: Given) -> None:
    """Open the period again that was closed last; it is open once a second person did so."""
    from api.access.roles import Right

    data = {"period": checked(named), "statement_hash": hash_, "at": now_text(), "reason": stated(reason)}
    sentence = f"the reopening of {named} counts; it is open once two people did so"
    act("period.reopened", data, Right.DECIDE, sentence, given, by_people=True)


@sweep.command()
@deciding
def propose(sweep_id: SweepId, amount: Amount, currency: Currency, given: Given) -> None:
    """Propose to take own money out of the account of client money."""
    from api.access.roles import Right

    _sweep("proposed", sweep_id, (amount, currency), Right.PROPOSE, given)


@sweep.command()
@deciding
def approve(sweep_id: SweepId, amount: Amount, currency: Currency, given: Given) -> None:
    """Approve a sweep that somebody else proposed: its amount is reserved, or refused above the cover."""
    from api.access.roles import Right

    _sweep("approved", sweep_id, (amount, currency), Right.DECIDE, given)


@sweep.command()
@deciding
def execute(sweep_id: SweepId, amount: Amount, currency: Currency, given: Given) -> None:
    """Tell that an approved sweep was carried out at the bank: it is booked (J57)."""
    from api.access.roles import Right

    _sweep("executed", sweep_id, (amount, currency), Right.PROPOSE, given)


def _sweep(what: str, sweep_id: str, much: tuple[str, str], right: Any, given: Given) -> None:
    amount, currency = much[0], much[1].upper()
    data = {"sweep_id": sweep_id, "currency": currency, "amount": amount, "at": now_text()}
    act(f"sweep.{what}", data, right, f"sweep {sweep_id} of {amount} {currency} is {what}", given, by_people=True)


@vat.command("file")
@deciding
def file_return(
    return_id: ReturnId,
    jurisdiction: Annotated[str, typer.Option("--jurisdiction", metavar="CODE", help="Such as DE.")],
    output: Annotated[str, typer.Option("--output", metavar="AMOUNT", help="VAT that is owed.")],
    input_: Annotated[str, typer.Option("--input", metavar="AMOUNT", help="VAT that is deducted.")],
    currency: Currency,
    first: Annotated[str, typer.Option("--from", metavar="YYYY-MM-DD", help="The first day of its first month.")],
    last: Annotated[str, typer.Option("--to", metavar="YYYY-MM-DD", help="The last day of its last month.")],
    given: Given,
) -> None:
    """Tell that a return was filed; it has to say what was issued."""
    from api.access.roles import Right

    data = {
        "return_id": return_id,
        "jurisdiction": jurisdiction.upper(),
        "from": first,
        "to": last,
        "output": money_of(output, currency),
        "input": money_of(input_, currency),
        "filed_at": now_text(),
    }
    act("vat.filed", data, Right.PROPOSE, f"VAT return {return_id} is filed", given)


@vat.command()
@deciding
def pay(return_id: ReturnId, amount: Amount, currency: Currency, given: Given) -> None:
    """Tell that a return was paid (J58); a negative amount came back from the tax office."""
    from api.access.roles import Right

    data = {"return_id": return_id, "amount": money_of(amount, currency), "paid_at": now_text()}
    act("vat.paid", data, Right.PROPOSE, f"VAT return {return_id} is paid", given)
