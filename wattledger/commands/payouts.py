"""Commands about payouts: what the clock drives, up to their runs, a list of them, and one of them.

What people decide of them: `payout_decisions`.
"""

import sys
from datetime import UTC, datetime
from typing import Annotated, Any

import typer

from wattledger.commands.common import live_store, read, tell_faults, the_store
from wattledger.commands.live import watch_clock
from wattledger.commands.options import (
    Ahead,
    Csv,
    DataDir,
    Debug,
    Json,
    OneOperators,
    Until,
    clock_moment,
    day,
    form_of,
)
from wattledger.errors import ApplicationError
from wattledger.views.forms import Form
from wattledger.views.progress import progress_report
from wattledger.views.tables import show_rows
from wattledger.views.terminal import print_error, print_json

app = typer.Typer(
    name="payouts", help="Payouts: do what is due, decide about them, list them, show one.", no_args_is_help=True
)


@app.command()
def run(
    until: Until = None,
    ahead: Ahead = False,
    watch: Annotated[bool, typer.Option("--watch", help="Go on with the wall clock until stopped.")] = False,
    data_dir: DataDir = None,
    json: Json = False,
    debug: Debug = False,
) -> None:
    """Do what the clock drives up to now (or TIME): issue CDRs, mature funds, fire every payout run that is due."""
    end = clock_moment(until, ahead=ahead)
    if watch and end is not None:
        raise ApplicationError("--watch follows the wall clock: leave --until out, or leave --watch out")
    if watch:
        from wattledger.monitoring.monitor import CLOCK

        with live_store(data_dir, CLOCK, debug=debug, needs_kafka=False) as (store, signs):
            watch_clock(store, signs)
        return
    with the_store(data_dir, debug=debug, needs_kafka=False) as store:
        from domain.calendar import utc_text
        from wattledger.crew import Crew
        from wattledger.verbs import advance_clock

        end = end or datetime.now(UTC)
        with Crew(store) as crew, progress_report() as progress:
            advance_clock(crew, end, progress)
        status = tell_faults(store)
    if json:
        print_json({"until": utc_text(end)})
    else:
        sys.stdout.write(f"everything that was due by {utc_text(end)} is done\n")
    if status:
        sys.exit(status)


@app.command()
def preview(
    through: Annotated[
        str | None,
        typer.Option("--date", metavar="DATE", help="All runs through this business date; the next one by default."),
    ] = None,
    operator: OneOperators = None,
    data_dir: DataDir = None,
    json: Json = False,
    debug: Debug = False,
) -> None:
    """Make the runs to come dry, by what is known now: what each pays, and every amount it leaves out, and why."""
    from engine.preview_documents import preview_document
    from wattledger.views.preview import show_preview

    last, now = day(through, "--date") if through is not None else None, datetime.now(UTC)
    with the_store(data_dir, debug=debug, needs_kafka=False) as store:
        from engine.preview import preview_runs

        read(store, lambda _: None, operator)
        working_set = store.working_set()
        try:
            found = list(preview_runs(working_set, now, last, operator))
        finally:
            working_set.close()
    if not found and last is not None and last < now.date():
        raise ApplicationError(
            f"no run of a business date up to {last} is to come: they were made; leave --date out for the next ones, "
            "and see wattledger payouts list for what was paid"
        )
    if json:
        print_json([preview_document(run) for run in found])
    else:
        show_preview(found)


@app.command("file")
def print_file(
    payout_id: Annotated[str, typer.Argument(metavar="ID", help="A payout's id, with or without hyphens.")],
    data_dir: DataDir = None,
    debug: Debug = False,
) -> None:
    """Print the bank file that a payout stands in, as it was made."""
    from projections.handoff import file_of

    with the_store(data_dir, debug=debug, needs_kafka=False) as store:
        found = read(store, lambda cursor: file_of(cursor, payout_id))
    if found is None:
        raise ApplicationError(
            f"payout {payout_id} stands in no bank file: it is not known, or was not handed off yet; wattledger "
            "payouts list tells, and wattledger export makes the files of those that were"
        )
    sys.stdout.buffer.write(found.content)


@app.command()
def advice(
    payout_id: Annotated[str, typer.Argument(metavar="ID", help="A payout's id, with or without hyphens.")],
    form: Annotated[
        str, typer.Option("--format", metavar="FORM", help="pdf, csv, json, or camt054 for the payee's accounting.")
    ] = "json",
    data_dir: DataDir = None,
    debug: Debug = False,
) -> None:
    """Print the remittance advice of a payout: from gross to net, its reference, and what became of it."""
    from api.advice_forms import AdviceForm, advice_bytes
    from projections.remittance import remittance

    if form not in set(AdviceForm):
        raise ApplicationError(f"--format {form} is none: it is one of {', '.join(AdviceForm)}")
    with the_store(data_dir, debug=debug, needs_kafka=False) as store:
        found = read(store, lambda cursor: remittance(cursor, payout_id))
        platform = store.settings.platform_name
    if found is None:
        raise ApplicationError(f"no payout {payout_id!r} is known; wattledger payouts list tells all ids")
    sys.stdout.buffer.write(advice_bytes(found, AdviceForm(form), platform))


@app.command("list")
def list_payouts(
    operator: OneOperators = None,
    data_dir: DataDir = None,
    json: Json = False,
    csv: Csv = False,
    debug: Debug = False,
) -> None:
    """List payouts with their status."""
    from projections import queries
    from projections.documents.payouts import LISTED, listed_payout

    form = form_of(json=json, csv=csv)
    with the_store(data_dir, debug=debug, needs_kafka=False) as store:
        found = read(store, lambda cursor: queries.payouts(cursor, operator), operator)
    show_rows("Payouts", [listed_payout(row) for row in found], LISTED, ("amount", "attempt"), form=form)


@app.command()
def show(
    payout_id: Annotated[str, typer.Argument(metavar="ID", help="A payout's id, with or without hyphens.")],
    limit: Annotated[int, typer.Option("--limit", min=0, help="How many of the entries that it pays.")] = 100,
    data_dir: DataDir = None,
    json: Json = False,
    csv: Csv = False,
    debug: Debug = False,
) -> None:
    """Show a payout: what it pays, what the bank said of it, its own entries, and the bank file it stands in.

    As CSV the entries that it pays.
    """
    from projections.payout_story import payout_story

    form = form_of(json=json, csv=csv)
    with the_store(data_dir, debug=debug, needs_kafka=False) as store:
        story, changed = read(store, lambda cursor: (payout_story(cursor, payout_id, limit), _why(cursor, payout_id)))
    if story is None or changed is None:
        raise ApplicationError(_unknown(payout_id))
    if form is Form.JSON:
        from projections.documents.payout_story import payout_story_document

        print_json(payout_story_document(story) | {"changed": changed["sentences"]})
        return
    from wattledger.views.payout_story import show_payout, write_lines

    if form is Form.CSV:
        write_lines(story)
    else:
        show_payout(story, changed["sentences"])


@app.command("forecast")
def tell_forecast(
    operator: OneOperators = None,
    days: Annotated[int, typer.Option("--days", min=1, max=28, help="How many business dates.")] = 14,
    data_dir: DataDir = None,
    json: Json = False,
    csv: Csv = False,
    debug: Debug = False,
) -> None:
    """Say what the payouts of the next days may come to, with a 90 % band, and what of it is released already.

    By what runs paid: a weekday is told once it was closed four times, so nothing is before four weeks of payouts.
    """
    from domain.payout.forecast import WEEKDAYS_MIN
    from projections.documents.forecast import FORECAST, expected_document
    from projections.forecast import expected_days

    form = form_of(json=json, csv=csv)
    with the_store(data_dir, debug=debug, needs_kafka=False) as store:
        found = read(store, lambda cursor: expected_days(cursor, operator, days), operator)
    rows = [expected_document(each) for each in found]
    show_rows("Expected payouts", rows, FORECAST, ("expected", "low", "high", "released"), form=form)
    if not rows:
        whose = f"operator {operator}" if operator is not None else "any operator"
        print_error(
            f"a forecast takes {WEEKDAYS_MIN} weeks of history since a first payout; no currency of {whose} has it"
        )


@app.command("why")
def tell_why(
    payout_id: Annotated[
        str | None, typer.Argument(metavar="[ID]", help="A payout's id, with or without hyphens.")
    ] = None,
    operator: Annotated[str | None, typer.Option("--operator", help="With --date, in place of ID.")] = None,
    date: Annotated[str | None, typer.Option("--date", metavar="DATE", help="A business date.")] = None,
    currency: Annotated[str | None, typer.Option("--currency", metavar="CODE", help="Only this one.")] = None,
    data_dir: DataDir = None,
    json: Json = False,
    debug: Debug = False,
) -> None:
    """Say why a payout is not what the one before was, or why an operator was paid nothing on a day; to the cent."""
    if (payout_id is None) == (operator is None) or (operator is None) != (date is None):
        raise ApplicationError("say which: either a payout's ID, or --operator and --date")
    if payout_id is not None and currency is not None:
        raise ApplicationError("--currency is of --operator and --date: a payout has one currency")
    with the_store(data_dir, debug=debug, needs_kafka=False) as store:
        if operator is not None and date is not None:
            asked = operator, day(date, "--date"), currency
            told = read(store, lambda cursor: _why_of_day(cursor, *asked), operator)
        else:
            told = read(store, lambda cursor: _why(cursor, payout_id or ""))
    if told is None:
        raise ApplicationError(
            _unknown(payout_id) if payout_id else f"nothing was published of operator {operator!r}"
        )
    if json:
        print_json(told)
    else:
        first, *rest = told["sentences"]
        sys.stdout.write("".join(f"{line}\n" for line in [first, *(f"  {each}" for each in rest)]))


def _why_of_day(cursor: Any, operator_id: str, date: Any, currency: str | None) -> dict[str, Any] | None:
    """A business date of an operator, with what its run left out; None where nothing was published of it."""
    from projections.documents.payout_day import day_document
    from projections.payout_day import day_of_operator

    found = day_of_operator(cursor, operator_id, date, currency)
    return day_document(found) if found else None


def _why(cursor: Any, payout_id: str) -> dict[str, Any] | None:
    """What changed against the payout before, in words; None where no such payout is known."""
    from projections.documents.payout_why import why_document
    from projections.payout_change import change
    from projections.payout_explained import explained_payout
    from projections.payout_why import why
    from projections.queries import payout_id_as_written

    found = explained_payout(cursor, payout_id_as_written(payout_id))
    return why_document(why(cursor, change(cursor, found))) if found else None


def _unknown(payout_id: str) -> str:
    return f"no payout {payout_id!r} is known; wattledger payouts list tells all ids"
