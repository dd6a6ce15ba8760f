"""Commands about statements: issue them, list them, show one, and say one anew."""

import sys
from datetime import date
from typing import Annotated, Any

import typer

from wattledger.commands.acting import login_name
from wattledger.commands.common import read, the_store
from wattledger.commands.options import Csv, DataDir, Debug, Json, OneOperators, form_of
from wattledger.errors import ApplicationError
from wattledger.views.forms import Form
from wattledger.views.tables import show_rows
from wattledger.views.terminal import print_json

app = typer.Typer(
    name="statements", help="Statements of operators by month: issue them, list them, show one.", no_args_is_help=True
)

Number = Annotated[str, typer.Argument(metavar="NUMBER", help="A statement's number, such as OP-NL-000012.")]
By = Annotated[str | None, typer.Option("--by", metavar="NAME", help="Who issues it; your login name by default.")]
# More entries that came to be known since a statement was issued than anybody reads.
_LINES_MAX = 20_000


@app.command()
def issue(
    month: Annotated[str, typer.Option("--month", metavar="YYYY-MM", help="Through which month.")],
    operator: OneOperators = None,
    by: By = None,
    data_dir: DataDir = None,
    json: Json = False,
    csv: Csv = False,
    debug: Debug = False,
) -> None:
    """Issue the statements through a month that were not issued yet, each once, and keep them as they are."""
    form, last = form_of(json=json, csv=csv), _first_day(month)
    with the_store(data_dir, debug=debug, needs_kafka=False) as store:
        from projections.documents.issued_statements import ISSUED, issued_row
        from projections.statement_issuing import issue_statements

        read(store, lambda _: None, operator)
        sets = [*issue_statements(store.dsn, last, by or login_name(), operator)]
    waiting = [id_ for each in sets for id_ in each.not_over]
    rows = [issued_row(draft) for each in sets for draft in each.issued]
    show_rows("Statements issued", rows, ISSUED, ("opening", "closing"), form=form)
    if waiting:
        some = ", ".join(waiting[:3]) + (f" and {len(waiting) - 3} more" if waiting[3:] else "")
        sentence = f"{month} is not over for {some}: its last payout run has not been made"
        if operator is not None or not rows:
            raise ApplicationError(f"{sentence}; issue it again when it has")
        sys.stderr.write(f"wattledger: {sentence}\n")


@app.command("list")
def list_statements(
    operator: OneOperators = None,
    month: Annotated[str | None, typer.Option("--month", metavar="YYYY-MM", help="Of this month.")] = None,
    data_dir: DataDir = None,
    json: Json = False,
    csv: Csv = False,
    debug: Debug = False,
) -> None:
    """List the statements that were issued, by operator and number."""
    from projections.documents.issued_statements import LISTED, listed_statement
    from projections.issued_statements import all_issued

    form, of = form_of(json=json, csv=csv), _first_day(month) if month else None
    with the_store(data_dir, debug=debug, needs_kafka=False) as store:
        found = read(store, lambda cursor: all_issued(cursor, of, operator), operator)
    rows = [listed_statement(each) for each in found]
    shown = [name for name in LISTED if name not in ("issued_by", "content_sha256")]
    show_rows("Statements", rows, shown, ("opening", "closing"), form=form)


@app.command()
def show(
    number: Number,
    pdf: Annotated[bool, typer.Option("--pdf", help="Write the PDF (PDF/UA-1) to standard output.")] = False,
    difference: Annotated[
        bool, typer.Option("--difference", help="What its month would say now, line by line.")
    ] = False,
    data_dir: DataDir = None,
    json: Json = False,
    csv: Csv = False,
    debug: Debug = False,
) -> None:
    """Show a statement as it was issued; with --json the very bytes that are kept."""
    from api.statement import StatementForm, statement_bytes
    from projections.as_of import position_at
    from projections.documents.issued_statements import STATEMENT_COLUMNS, statement_rows
    from projections.issued_statements import issued_statement, restatement

    form = form_of(json=json, csv=csv)
    if pdf and (difference or form is not Form.TABLE):
        raise typer.BadParameter("--pdf stands alone", param_hint="--pdf")

    def ask(cursor: Any) -> Any:
        found = issued_statement(cursor, number)
        if found is None or not difference:
            return found, None
        return found, restatement(cursor, found, position_at(cursor), lines_max=_LINES_MAX)

    with the_store(data_dir, debug=debug, needs_kafka=False) as store:
        found, now = read(store, ask)
        platform = store.settings.platform_name
    if found is None:
        raise ApplicationError(f"no statement {number!r} was issued; wattledger statements list tells all numbers")
    if now is not None:
        _show_difference(now, form)
    elif pdf or form is not Form.TABLE:
        written = StatementForm.PDF if pdf else StatementForm.JSON if form is Form.JSON else StatementForm.CSV
        sys.stdout.buffer.write(statement_bytes(found, written, platform))
    else:
        rows = [*statement_rows(found)]
        show_rows(f"Statement {number}", rows, STATEMENT_COLUMNS, ("entries", "amount"), form=form)


@app.command()
def restate(
    number: Number, by: By = None, data_dir: DataDir = None, json: Json = False, debug: Debug = False
) -> None:
    """Issue a statement anew, as its month says now, under a number of its own that names the old one."""
    with the_store(data_dir, debug=debug, needs_kafka=False) as store:
        from projections.documents.issued_statements import issued_row
        from projections.statement_issuing import restate as issue_anew

        row = issued_row(issue_anew(store.dsn, number, by or login_name()))
    if json:
        print_json(row)
    else:
        sys.stdout.write(f"{row['number']} says {number} anew: {row['closing']} {row['currency']} at the end\n")


def _show_difference(now: Any, form: Form) -> None:
    from projections.documents.issued_statements import CHANGED, changed_rows, restatement_document

    if form is Form.JSON:
        print_json(restatement_document(now))
        return
    title = f"What the month of {now.issued.number} would say now"
    show_rows(title, changed_rows(now), CHANGED, ("amount", "balance"), form=form)


def _first_day(month: str) -> date:
    from projections.statement_content import month_from

    try:
        return month_from(month)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--month") from None
