"""Commands that settle: files, the demo network, and publishing alone."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from wattledger.commands.common import make_folder, settings_for, tell_faults, the_store
from wattledger.commands.options import (
    Ahead,
    BankFiles,
    BankFilesOption,
    Csv,
    DataDir,
    Debug,
    Files,
    Json,
    Out,
    Until,
    clock_moment,
    form_of,
)
from wattledger.views.progress import progress_report
from wattledger.views.summary import read_summary, show_summary
from wattledger.views.terminal import print_error, print_json

if TYPE_CHECKING:
    from wattledger.settings import Settings

app = typer.Typer()


@app.command()
def settle(
    files: Files,
    out: Out,
    data_dir: DataDir = None,
    until: Until = None,
    ahead: Ahead = False,
    bank_files: BankFilesOption = BankFiles.NEW,
    json: Json = False,
    csv: Csv = False,
    debug: Debug = False,
) -> None:
    """Settle the events of files: publish, consume, rate, post, pay out, and write the result to DIR.

    Ends with 1 where there were events and all of them were refused.
    """
    from consumers.files import check_readable
    from wattledger import verbs

    form = form_of(json=json, csv=csv)
    end = clock_moment(until, ahead=ahead)
    check_readable(files)
    make_folder(out)
    with the_store(data_dir, debug=debug, creates=True) as store, progress_report() as progress:
        verbs.settle(store, files, out, end, progress, every_bank_file=bank_files is BankFiles.ALL)
        status = tell_faults(store)
    summary = read_summary(out)
    show_summary(summary, out, form)
    if 0 < summary["events_in"] == summary["dead_lettered"]:
        print_error(
            f"none of the {summary['events_in']} events of {', '.join(files)} was accepted; "
            "wattledger deadletter list tells why"
        )
        status = 1
    if status:
        sys.exit(status)


@app.command()
def demo(
    out: Out = Path("demo-out"),
    data_dir: DataDir = None,
    sessions: Annotated[int, typer.Option(min=1, help="Sessions to generate.")] = 600,
    seed: Annotated[int, typer.Option(help="The same seed gives the same network.")] = 1,
    json: Json = False,
    debug: Debug = False,
) -> None:
    """Generate a charging network, settle it, and show who is paid what and why."""
    from wattledger import verbs
    from wattledger.demo.network import network
    from wattledger.demo.show import demo_document, show_demo
    from wattledger.opening import open_store

    settings = settings_for(data_dir or Path(".wattledger/demo"), debug=debug)
    make_folder(out)
    events = out / "events.jsonl"
    with events.open("wb") as file:
        file.writelines(line.rstrip(b"\n") + b"\n" for line in network(seed=seed, sessions=sessions))
    with open_store(settings, creates=True) as store:
        with progress_report() as progress:
            verbs.settle(store, [str(events)], out, None, progress)
        if json:
            print_json(demo_document(store.dsn, read_summary(out)))
        else:
            show_demo(store.dsn, read_summary(out), out, look=_how_to_look(settings))


def _how_to_look(settings: "Settings") -> str:
    """The line that starts the pages on this store, as it can be pasted here, and the URL to open then."""
    program = Path(sys.argv[0])
    here = program.is_absolute() and program.is_relative_to(Path.cwd())
    command = program.relative_to(Path.cwd()) if here else program if program.name == "wattledger" else "wattledger"
    port = settings.port or 8080
    return (
        "Look at it in a browser:\n"
        f"  {command} serve --data-dir {settings.data_dir} --port {port} --dev-login\n"
        f"then open http://127.0.0.1:{port} and sign in as finance."
    )


@app.command()
def publish(files: Files, data_dir: DataDir = None, json: Json = False, debug: Debug = False) -> None:
    """Publish the events of files to Kafka, and nothing else."""
    from consumers.files import check_readable
    from wattledger.verbs import publish_files

    check_readable(files)
    with the_store(data_dir, debug=debug, creates=True) as store, progress_report() as progress:
        published = publish_files(store, files, progress)
    if json:
        print_json({"published": published})
    else:
        sys.stdout.write(f"published {published} records\n")
