"""Commands that settle: files, the demo network, and publishing alone."""

import sys
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

import orjson

from wattledger.commands.common import make_folder, settings_for, show_summary, tell_faults, the_store
from wattledger.verbs import open_store, publish_files
from wattledger.verbs import settle as engine_settle
from wattledger.views.terminal import print_json, progress_report


def settle(
    files: Sequence[str], out: Path, data_dir: Path | None, until: datetime | None, *, json: bool, debug: bool
) -> None:
    """`wattledger settle`."""
    from consumers.files import check_readable

    check_readable(files)
    make_folder(out)
    with the_store(data_dir, debug=debug) as store, progress_report() as progress:
        engine_settle(store, files, out, until, progress)
        status = tell_faults(store)
    summary = orjson.loads((out / "summary.json").read_bytes())
    show_summary(summary, out, json=json)
    if status:
        sys.exit(status)


def demo(out: Path, data_dir: Path | None, sessions: int, seed: int, *, json: bool, debug: bool) -> None:
    """`wattledger demo`."""
    from wattledger.demo.network import network
    from wattledger.demo.show import demo_document, show_demo

    settings = settings_for(data_dir or Path(".wattledger/demo"), debug=debug)
    make_folder(out)
    events = out / "events.jsonl"
    with events.open("wb") as file:
        file.writelines(line.rstrip(b"\n") + b"\n" for line in network(seed=seed, sessions=sessions))
    with open_store(settings) as store:
        with progress_report() as progress:
            engine_settle(store, [str(events)], out, None, progress)
        summary = orjson.loads((out / "summary.json").read_bytes())
        if json:
            print_json(demo_document(store.dsn, summary))
        else:
            show_demo(store.dsn, summary, out)


def publish(files: Sequence[str], data_dir: Path | None, *, json: bool, debug: bool) -> None:
    """`wattledger publish`."""
    from consumers.files import check_readable

    check_readable(files)
    with the_store(data_dir, debug=debug) as store, progress_report() as progress:
        published = publish_files(store, files, progress)
    if json:
        print_json({"published": published})
    else:
        sys.stdout.write(f"published {published} records\n")
