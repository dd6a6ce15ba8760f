"""Commands about payouts: what the clock drives, up to their runs, a list of them, and one of them."""

import getpass
import sys
from datetime import UTC, datetime
from typing import Annotated

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
from wattledger.views.terminal import print_json

app = typer.Typer(
    name="payouts", help="Payouts: do what is due, open days again, list payouts, show one.", no_args_is_help=True
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
def reopen(
    since: Annotated[str, typer.Option("--from", metavar="DATE", help="The first business date that is open again.")],
    reason: Annotated[str, typer.Option("--reason", metavar="TEXT", help="Why, for who reads the book later.")],
    operator: OneOperators = None,
    by: Annotated[
        str | None, typer.Option("--by", metavar="NAME", help="Who decides it; your login name by default.")
    ] = None,
    data_dir: DataDir = None,
    json: Json = False,
    debug: Debug = False,
) -> None:
    """Open payout days that were closed too far: their runs fire when their time comes; what was paid stays."""
    from wattledger.crew import Crew
    from wattledger.reopening import Wish, reopen

    if not reason.strip():
        raise typer.BadParameter("a decision needs one: who reads the book later asks why", param_hint="--reason")
    wish = Wish(day(since, "--from"), operator, reason, by or _login_name(), datetime.now(UTC))
    with (
        the_store(data_dir, debug=debug) as store,
        progress_report() as progress,
        Crew(store) as crew,
    ):
        done = reopen(store, crew, wish, progress)
    closed = [
        {"operator_id": operator_id, "were_closed_through": through.isoformat()}
        for operator_id, through in done.were_closed.items()
    ]
    if json:
        print_json({"decision_id": done.decision_id, "from": wish.opened_from.isoformat(), "operators": closed})
    else:
        sys.stdout.write(f"payout days from {wish.opened_from} on are open again:\n")
        for each in closed:
            sys.stdout.write(f"  {each['operator_id']}, which were closed through {each['were_closed_through']}\n")


def _login_name() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError, ImportError):
        raise ApplicationError("nobody knows who decides this: say so with --by NAME") from None


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
        story = read(store, lambda cursor: payout_story(cursor, payout_id, limit))
    if story is None:
        raise ApplicationError(f"no payout {payout_id!r} is known; wattledger payouts list tells all ids")
    if form is Form.JSON:
        from projections.documents.payout_story import payout_story_document

        print_json(payout_story_document(story))
        return
    from wattledger.views.payout_story import show_payout, write_lines

    (write_lines if form is Form.CSV else show_payout)(story)
