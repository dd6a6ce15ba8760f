"""What the commands share: the store for as long as they run, what they read of it, and folders to write to."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wattledger.errors import ApplicationError
from wattledger.logs import set_up_logging
from wattledger.views.terminal import print_error

if TYPE_CHECKING:
    from wattledger.settings import Settings
    from wattledger.store import Store


def settings_for(data_dir: Path | None, *, debug: bool, live: bool = False) -> "Settings":
    """The settings; a live process logs what it does, a command that ends only what is wrong."""
    from wattledger.settings import load_settings

    settings = load_settings(data_dir=data_dir)
    level = settings.log_level if live or settings.log_level != "INFO" else "WARNING"
    set_up_logging("DEBUG" if debug else level, debug=debug, piece=settings.piece)
    return settings


def log_without_settings(*, debug: bool) -> None:
    """Logging of a command that needs no store and no settings."""
    set_up_logging("DEBUG" if debug else "WARNING", debug=debug)


@contextmanager
def the_store(
    data_dir: Path | None, *, debug: bool, needs_kafka: bool = True, live: bool = False, creates: bool = False
) -> Iterator["Store"]:
    """The store, with its services running, while the block runs; NoStore unless there is one or it `creates` one."""
    settings = settings_for(data_dir, debug=debug, live=live)
    from wattledger.opening import open_store

    with open_store(settings, needs_kafka=needs_kafka, creates=creates) as store:
        yield store


def read(store: "Store", query: Callable[[Any], Any]) -> Any:
    """What a query finds with a cursor that may read everything, once the read models are up to date."""
    from projections.freshness import up_to_date

    with up_to_date(store.dsn) as connection, connection.cursor() as cursor:
        return query(cursor)


def make_folder(path: Path) -> Path:
    """A folder that is there; raises ApplicationError where it cannot be made."""
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ApplicationError(f"{path}: {(error.strerror or str(error)).lower()}; name another folder") from error
    return path


def tell_faults(store: "Store") -> int:
    """Say which sessions could not be judged; the exit status."""
    from ledger.events.heads import faults

    found = read(store, faults)
    for session_id, fault in found:
        print_error(f"session {session_id} could not be judged ({fault}): report it, then settle again to retry")
    return int(bool(found))
