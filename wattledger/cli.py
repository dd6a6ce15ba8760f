"""The command `wattledger`: options and words here, the work in modules that are loaded when they are needed."""

import contextlib
import sys
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Annotated, Any, Literal

import typer
from typer.exceptions import TyperException

app = typer.Typer(
    name="wattledger",
    help="Turns what chargers report into money that operators have in hand the next day.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
payouts_app = typer.Typer(help="Payout runs and payouts.", no_args_is_help=True)
deadletter_app = typer.Typer(help="Records that were refused: list, show, replay after a fix.", no_args_is_help=True)
app.add_typer(payouts_app, name="payouts")
app.add_typer(deadletter_app, name="deadletter")
tariff_app = typer.Typer(help="Tariffs: check them before they are published, list what was.", no_args_is_help=True)
app.add_typer(tariff_app, name="tariff")

DataDir = Annotated[Path | None, typer.Option("--data-dir", help="Where embedded services keep their data.")]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON document on standard output.")]
Debug = Annotated[bool, typer.Option("--debug", help="Show tracebacks and debug logs.")]
Files = Annotated[
    list[str], typer.Argument(metavar="FILE...", help="JSON Lines of CloudEvents; - for standard input.")
]
Until = Annotated[str | None, typer.Option("--until", metavar="TIME", help="RFC 3339 with an offset; inclusive.")]


def moment(text: str | None, option: str = "--until") -> datetime | None:
    """A UTC instant from an option; raises typer.BadParameter when it is no RFC 3339 time with an offset."""
    if text is None:
        return None
    try:
        parsed = datetime.fromisoformat(text)
    except ValueError:
        parsed = None
    if parsed is None or parsed.tzinfo is None:
        raise typer.BadParameter(f"{text!r} is not a time such as 2026-03-01T00:00:00Z", param_hint=option)
    return parsed.astimezone(UTC)


def day_or_moment(text: str, option: str) -> date | datetime:
    """A day as YYYY-MM-DD, or else a UTC instant; raises typer.BadParameter."""
    try:
        return date.fromisoformat(text)
    except ValueError:
        found = None
    with contextlib.suppress(typer.BadParameter):
        found = moment(text, option)
    if found is None:
        raise typer.BadParameter(f"{text!r} is not a day such as 2026-03-01, nor a time", param_hint=option)
    return found


@app.command()
def settle(
    files: Files,
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="Where the files are written.")],
    data_dir: DataDir = None,
    until: Until = None,
    json: Json = False,
    debug: Debug = False,
) -> None:
    """Settle the events of files: publish, consume, rate, post, pay out, and write the result to DIR."""
    from wattledger.commands import settling

    settling.settle(files, out, data_dir, moment(until), json=json, debug=debug)


@app.command()
def demo(
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="Where the files are written.")] = Path(
        "demo-out"
    ),
    data_dir: DataDir = None,
    sessions: Annotated[int, typer.Option(min=1, help="Sessions to generate.")] = 600,
    seed: Annotated[int, typer.Option(help="The same seed gives the same network.")] = 1,
    json: Json = False,
    debug: Debug = False,
) -> None:
    """Generate a charging network, settle it, and show who is paid what and why."""
    from wattledger.commands import settling

    settling.demo(out, data_dir, sessions, seed, json=json, debug=debug)


@app.command()
def publish(files: Files, data_dir: DataDir = None, json: Json = False, debug: Debug = False) -> None:
    """Publish the events of files to Kafka, and nothing else."""
    from wattledger.commands import settling

    settling.publish(files, data_dir, json=json, debug=debug)


@app.command()
def consume(data_dir: DataDir = None, debug: Debug = False) -> None:
    """Take in what gateways publish, as one member of the consumer group, until stopped."""
    from wattledger.commands import live

    live.consume(data_dir, debug=debug)


@app.command()
def project(data_dir: DataDir = None, debug: Debug = False) -> None:
    """Keep the read models up with the event store and send what leaves, until stopped."""
    from wattledger.commands import live

    live.project(data_dir, debug=debug)


@app.command()
def up(data_dir: DataDir = None, debug: Debug = False) -> None:
    """Run a whole live system: services, intake, clock, projections and relay, until stopped."""
    from wattledger.commands import live

    live.up(data_dir, debug=debug)


@app.command()
def migrate(data_dir: DataDir = None, debug: Debug = False) -> None:
    """Bring the database schema and the topics up to date; safe to repeat."""
    from wattledger.commands import live

    live.migrate(data_dir, debug=debug)


@payouts_app.command("run")
def payouts_run(
    until: Until = None,
    watch: Annotated[bool, typer.Option("--watch", help="Go on with the wall clock until stopped.")] = False,
    data_dir: DataDir = None,
    json: Json = False,
    debug: Debug = False,
) -> None:
    """Do what the clock drives up to now (or TIME): issue CDRs, mature funds, fire every payout run that is due."""
    from wattledger.commands import live

    live.payouts_run(data_dir, moment(until), watch=watch, json=json, debug=debug)


@payouts_app.command("list")
def payouts_list(
    operator: Annotated[str | None, typer.Option("--operator", help="Only this operator's.")] = None,
    data_dir: DataDir = None,
    json: Json = False,
    debug: Debug = False,
) -> None:
    """List payouts with their status."""
    from wattledger.commands import reading

    reading.payouts_list(data_dir, operator, json=json, debug=debug)


@app.command()
def balances(data_dir: DataDir = None, json: Json = False, debug: Debug = False) -> None:
    """Show what each operator is owed, by where it stands."""
    from wattledger.commands import reading

    reading.balances(data_dir, json=json, debug=debug)


@app.command()
def balance(
    account: Annotated[
        str, typer.Argument(metavar="ACCOUNT", help="2010/OP-1, or 2010 for all accounts of the code.")
    ],
    currency: Annotated[str | None, typer.Option("--currency", help="Only this currency.")] = None,
    at: Annotated[
        str | None, typer.Option("--at", metavar="TIME", help="As of then: RFC 3339 with an offset; inclusive.")
    ] = None,
    data_dir: DataDir = None,
    json: Json = False,
    debug: Debug = False,
) -> None:
    """Show what was posted to an account of the book, now or by the effective time TIME."""
    from wattledger.commands import book

    book.balance(data_dir, account, currency, moment(at, "--at"), json=json, debug=debug)


@app.command()
def session(session_id: str, data_dir: DataDir = None, json: Json = False, debug: Debug = False) -> None:
    """Follow one session: its facts, its outcome, its entries and the payouts that paid it."""
    from wattledger.commands import reading

    reading.session(data_dir, session_id, json=json, debug=debug)


@app.command()
def cdrs(
    session_id: Annotated[str | None, typer.Option("--session", help="Only this session's.")] = None,
    operator: Annotated[str | None, typer.Option("--operator", help="Only this operator's.")] = None,
    since: Annotated[
        str | None, typer.Option("--from", metavar="D", help="Issued on this UTC day, or at this time, or later.")
    ] = None,
    until: Annotated[
        str | None, typer.Option("--to", metavar="D", help="Issued on this UTC day, or at this time, or earlier.")
    ] = None,
    ocpi: Annotated[str, typer.Option("--ocpi", metavar="2.2.1|2.3.0", help="The version to write.")] = "2.2.1",
    out: Annotated[Path | None, typer.Option("--out", metavar="FILE", help="Instead of standard output.")] = None,
    data_dir: DataDir = None,
    debug: Debug = False,
) -> None:
    """Write the CDRs and credit CDRs that went out, one JSON document a line, by session."""
    from wattledger.commands import cdrs

    begin = None if since is None else day_or_moment(since, "--from")
    end = None if until is None else day_or_moment(until, "--to")
    cdrs.cdrs(data_dir, session_id, operator, begin, end, ocpi, out, debug=debug)


@app.command()
def verify(data_dir: DataDir = None, json: Json = False, debug: Debug = False) -> None:
    """Recompute the book from the events, check every invariant and print what differs; exit 1 if anything does."""
    from wattledger.commands import reading

    reading.verify(data_dir, json=json, debug=debug)


@app.command()
def rebuild(
    projections: Annotated[list[str] | None, typer.Argument(metavar="[PROJECTION...]", help="All when none.")] = None,
    data_dir: DataDir = None,
    json: Json = False,
    debug: Debug = False,
) -> None:
    """Rebuild read models from the event store while the system runs."""
    from wattledger.commands import reading

    reading.rebuild(data_dir, projections or [], json=json, debug=debug)


@app.command()
def export(
    directory: Annotated[Path, typer.Argument(metavar="DIR")],
    data_dir: DataDir = None,
    json: Json = False,
    debug: Debug = False,
) -> None:
    """Write the files of a settlement from the store as it stands."""
    from wattledger.commands import reading

    reading.export(data_dir, directory, json=json, debug=debug)


@app.command()
def leakage(
    operator: Annotated[str | None, typer.Option("--operator", help="Only this operator.")] = None,
    since: Annotated[
        str | None, typer.Option("--from", metavar="TIME", help="Sessions that ended then or later.")
    ] = None,
    before: Annotated[str | None, typer.Option("--to", metavar="TIME", help="Sessions that ended before.")] = None,
    sessions: Annotated[bool, typer.Option("--sessions", help="Each session that leaks, instead of sums.")] = False,
    data_dir: DataDir = None,
    json: Json = False,
    debug: Debug = False,
) -> None:
    """Show energy that was metered and not billed, by operator and cause."""
    from wattledger.commands import energy

    span = moment(since, "--from"), moment(before, "--to")
    energy.leakage(data_dir, operator, *span, sessions=sessions, json=json, debug=debug)


@app.command()
def schemas(
    directory: Annotated[Path, typer.Argument(metavar="DIR")], json: Json = False, debug: Debug = False
) -> None:
    """Write the JSON Schemas of every event and of OCPI's CDRs and tariffs, and the AsyncAPI document."""
    from wattledger.commands import reading

    reading.schemas(directory, json=json, debug=debug)


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
    explain: Annotated[bool, typer.Option("--explain", help="Add every line and every rounding.")] = False,
    debug: Debug = False,
) -> None:
    """Price the charging periods of an OCPI CDR and print the OCPI totals as JSON."""
    from wattledger.commands import pricing

    pricing.price(pricing.PriceWish(cdr, tariff, time_zone, tax or [], ocpi, explain), debug=debug)


@app.command()
def rerate(
    operator: Annotated[str, typer.Option("--operator", metavar="ID", help="Whose sessions.")],
    since: Annotated[
        str, typer.Option("--from", metavar="DAY", help="Started on or after this day, local, or this time.")
    ],
    until: Annotated[str, typer.Option("--to", metavar="DAY", help="Started on or before this day, or time.")],
    tariff: Annotated[
        str, typer.Option("--tariff", metavar="T", help="A file with an OCPI tariff, or the id of a published one.")
    ],
    sessions_of: Annotated[
        str | None, typer.Option("--sessions-of", metavar="TARIFF", help="Only sessions that name this tariff.")
    ] = None,
    apply: Annotated[bool, typer.Option("--apply", help="Order it: rate these sessions so from now on.")] = False,
    reason: Annotated[str | None, typer.Option("--reason", help="Why it is ordered; with --apply.")] = None,
    at: Annotated[
        str | None, typer.Option("--at", metavar="TIME", help="When the order takes effect; now by default.")
    ] = None,
    data_dir: DataDir = None,
    json: Json = False,
    debug: Debug = False,
) -> None:
    """Show what past sessions would have earned by another tariff; with --apply, rate them by it."""
    from wattledger.commands import rerate
    from wattledger.rerating import Wish

    if apply and not (reason and reason.strip()):
        raise typer.BadParameter("an order needs one: who reads the book later asks why", param_hint="--reason")
    now = datetime.now(UTC)
    ordered_at = moment(at, "--at") or now
    if ordered_at > now:
        # The order's time would be the store's latest, and whatever follows event time would run ahead of the day.
        raise typer.BadParameter("an order cannot take effect later than now", param_hint="--at")
    days = (day_or_moment(since, "--from"), day_or_moment(until, "--to"))
    wish = Wish(operator, *days, tariff, sessions_of, ordered_at, reason if apply else None)
    rerate.rerate(data_dir, wish, apply=apply, json=json, debug=debug)


@tariff_app.command("orders")
def tariff_orders(
    operator: Annotated[str | None, typer.Option("--operator", help="Only this operator's.")] = None,
    data_dir: DataDir = None,
    json: Json = False,
    debug: Debug = False,
) -> None:
    """List the orders to rate sessions by another tariff, and why one is not followed."""
    from wattledger.commands import rerate

    rerate.tariff_orders(data_dir, operator, json=json, debug=debug)


@deadletter_app.command("list")
def deadletter_list(
    code: Annotated[str | None, typer.Option("--code", help="Only this error code.")] = None,
    replayed: Annotated[bool, typer.Option("--replayed", help="Also those that were replayed.")] = False,
    data_dir: DataDir = None,
    json: Json = False,
    debug: Debug = False,
) -> None:
    """List refused records, the oldest first."""
    from wattledger.commands import deadletters

    deadletters.deadletter_list(data_dir, code, replayed=replayed, json=json, debug=debug)


@deadletter_app.command("show")
def deadletter_show(
    deadletter_id: Annotated[str, typer.Argument(metavar="ID", help="An id, or how it begins.")],
    data_dir: DataDir = None,
    json: Json = False,
    debug: Debug = False,
) -> None:
    """Show a refused record: where it came from, why it was refused, and its bytes."""
    from wattledger.commands import deadletters

    deadletters.deadletter_show(data_dir, deadletter_id, json=json, debug=debug)


@deadletter_app.command("replay")
def deadletter_replay(
    ids: Annotated[list[str] | None, typer.Argument(metavar="[ID...]", help="Ids, or how they begin.")] = None,
    code: Annotated[str | None, typer.Option("--code", help="All with this error code.")] = None,
    data_dir: DataDir = None,
    json: Json = False,
    debug: Debug = False,
) -> None:
    """Publish refused records again, after what was wrong was fixed."""
    from wattledger.commands import deadletters

    deadletters.deadletter_replay(data_dir, ids or [], code, json=json, debug=debug)


@tariff_app.command("lint")
def tariff_lint(
    files: Annotated[
        list[str],
        typer.Argument(metavar="FILE...", help="One OCPI tariff, a list of them, or events a line; - for input."),
    ],
    json: Json = False,
    debug: Debug = False,
) -> None:
    """Check OCPI tariffs as they are checked on arrival; exit 1 if any has an error, 0 with warnings only."""
    from wattledger.commands import tariffs

    tariffs.tariff_lint(files, json=json, debug=debug)


@tariff_app.command("list")
def tariff_list(
    operator: Annotated[str | None, typer.Option("--operator", help="Only this operator's.")] = None,
    data_dir: DataDir = None,
    json: Json = False,
    debug: Debug = False,
) -> None:
    """List every version of every tariff, with the hash that CDRs name and the warnings it was accepted with."""
    from wattledger.commands import tariffs

    tariffs.tariff_list(data_dir, operator, json=json, debug=debug)


def main(arguments: list[str] | None = None) -> int:
    """Run the command; the exit status: 0 done, 1 refused or a discrepancy found, 2 wrong usage."""
    given = sys.argv[1:] if arguments is None else arguments
    try:
        return _status(app(args=given, prog_name="wattledger", standalone_mode=False))
    except SystemExit as leaving:
        return _status(leaving.code)
    except (KeyboardInterrupt, typer.Abort):
        return 130
    except TyperException as misuse:
        return _misuse(misuse)
    except Exception as error:
        from wattledger.failures import report

        return report(error, debug="--debug" in given)


def _misuse(error: TyperException) -> int:
    """Wrong usage in one line; without any argument at all, the help."""
    context: Any = getattr(error, "ctx", None)
    if type(error).__name__ == "NoArgsIsHelpError":
        sys.stderr.write(f"{error.format_message()}\n" if hasattr(error, "format_message") else f"{error}\n")
        return 2
    sentence = error.format_message() if hasattr(error, "format_message") else str(error)
    path = context.command_path if context is not None else "wattledger"
    sys.stderr.write(f"wattledger: {' '.join(sentence.split()).rstrip('.')}; see '{path} --help'\n")
    return 2


def _status(code: Any) -> int:
    return code if isinstance(code, int) else int(code is not None)


if __name__ == "__main__":
    sys.exit(main())
