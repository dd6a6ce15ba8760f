"""What the commands share: the store for as long as they run, and how they show what they found."""

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from wattledger.errors import ApplicationError
from wattledger.settings import Settings, load_settings
from wattledger.store import Store
from wattledger.verbs import open_store
from wattledger.views.terminal import print_error, print_json, print_table, set_up_logging


def settings_for(data_dir: Path | None, *, debug: bool, live: bool = False) -> Settings:
    """The settings; a live process logs what it does, a command that ends only what is wrong."""
    settings = load_settings(data_dir=data_dir)
    level = settings.log_level if live or settings.log_level != "INFO" else "WARNING"
    set_up_logging("DEBUG" if debug else level)
    return settings


@contextmanager
def the_store(data_dir: Path | None, *, debug: bool, needs_kafka: bool = True, live: bool = False) -> Iterator[Store]:
    with open_store(settings_for(data_dir, debug=debug, live=live), needs_kafka=needs_kafka) as store:
        yield store


def read(store: Store, query: Callable[[Any], Any]) -> Any:
    from ledger.database import Role, connect
    from projections.runner import catch_up

    catch_up(store.dsn)
    with connect(store.dsn, Role.AUDITOR) as connection, connection.cursor() as cursor:
        return query(cursor)


def show_rows(
    title: str, rows: list[dict[str, Any]], right: Sequence[str], *, json: bool, whole: Sequence[str] = ()
) -> None:
    """Rows as JSON or as a table; columns in `right` are numbers, those in `whole` are never folded."""
    if json:
        print_json(rows)
    elif not rows:
        sys.stdout.write(f"{title}: none\n")
    else:
        print_table(title, list(rows[0]), [list(row.values()) for row in rows], right, whole)


def make_folder(path: Path) -> Path:
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ApplicationError(f"{path}: {(error.strerror or str(error)).lower()}; name another folder") from error
    return path


def tell_faults(store: Store) -> int:
    """Say which sessions could not be judged; the exit status."""
    from ledger.events.heads import faults

    found = read(store, faults)
    for session_id, fault in found:
        print_error(f"session {session_id} could not be judged ({fault}): report it, then settle again to retry")
    return int(bool(found))


def show_summary(summary: dict[str, Any], out: Path, *, json: bool) -> None:
    if json:
        print_json(summary)
    else:
        rows = [(name.replace("_", " "), value) for name, value in summary.items()]
        print_table(f"Settled; the files are in {out}", ("what", "value"), rows, right=("value",))
