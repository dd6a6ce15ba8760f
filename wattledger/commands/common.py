"""What the commands share: the store for as long as they run, what they read of it, and folders to write to."""

from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wattledger.errors import ApplicationError
from wattledger.logs import set_up_logging
from wattledger.views.terminal import print_error

if TYPE_CHECKING:
    from wattledger.monitoring.monitor import Piece
    from wattledger.monitoring.signs import Signs
    from wattledger.settings import Settings
    from wattledger.store import Store

# Of ids that might have been meant, more than this are no help.
_NAMED_MAX = 3


def settings_for(data_dir: Path | None, *, debug: bool, live: bool = False) -> "Settings":
    """The settings; a live process logs what it does, a command that ends only what is wrong."""
    from wattledger.settings import load_settings

    settings = load_settings(data_dir=data_dir)
    level = settings.log_level if live or settings.log_level != "INFO" else "WARNING"
    set_up_logging("DEBUG" if debug else level, debug=debug, piece=settings.piece)
    return settings


def settings_of_store(data_dir: Path | None, *, debug: bool) -> "Settings":
    """The settings of a store that is there, without its services; NoStore where there is none."""
    settings = settings_for(data_dir, debug=debug)
    from wattledger.opening import check_store

    check_store(settings)
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


@contextmanager
def the_door(data_dir: Path | None, *, debug: bool) -> Iterator[Any]:
    """A cursor of the store's people, keys and audit log, in one transaction; NoStore unless there is a store."""
    with the_store(data_dir, debug=debug, needs_kafka=False) as store:
        from ledger.access.seals import door_cursor
        from ledger.database import Role, connect
        from wattledger.secret_key import seals_or_none

        seals = seals_or_none(store.settings)
        with connect(store.dsn, Role.DOOR) as connection, door_cursor(connection, seals) as cursor:
            yield cursor


@contextmanager
def the_brokers(settings: "Settings", bootstrap: str | None) -> Iterator[dict[str, Any]]:
    """How clients reach the brokers: named, configured, or the embedded one of the data directory."""
    from ledger.errors import NoStore
    from wattledger.embedded import services

    if bootstrap or settings.kafka_bootstrap:
        yield {"bootstrap_servers": bootstrap or settings.kafka_bootstrap, **settings.kafka_client_options()}
        return
    if not (settings.data_dir / "kafka").is_dir():
        raise NoStore(
            f"no store at {settings.data_dir}; `wattledger up` makes one, --data-dir names another, and --bootstrap "
            "a broker"
        )
    with services(settings, settings.data_dir, with_postgres=False) as running:
        yield {"bootstrap_servers": running.bootstrap, **running.settings.kafka_client_options()}


@contextmanager
def live_store(
    data_dir: Path | None, piece: "Piece", *, debug: bool, needs_kafka: bool = True, creates: bool = True
) -> Iterator[tuple["Store", "Signs"]]:
    """The store of a long-running piece, and the signs that it tells of its work; where a port is set, both answer.

    Raises ApplicationError where the port cannot be had, before any service is started, and NoStore where there is
    none and it `creates` none.
    """
    from wattledger.monitoring.monitor import monitored

    settings = settings_for(data_dir, debug=debug, live=True)
    from wattledger.opening import open_store

    with monitored(settings, piece) as begin, open_store(settings, needs_kafka=needs_kafka, creates=creates) as store:
        yield store, begin(store)


def read(
    store: "Store",
    query: Callable[[Any], Any],
    operator_id: str | None = None,
    *,
    on_demand: Collection[str] = (),
    known_at: datetime | None = None,
) -> Any:
    """What a query finds with a cursor that may read everything, once the read models are up to date.

    Those of `on_demand` too, which are brought up to date for who asks for them alone; with `known_at` all is there
    that was known by then.
    Raises ApplicationError where an operator is named, as of whom is asked, and nobody knows it.
    """
    from projections.freshness import up_to_date

    with up_to_date(store.dsn, on_demand=on_demand, known_at=known_at) as connection, connection.cursor() as cursor:
        check_operator(cursor, operator_id)
        return query(cursor)


def check_operator(cursor: Any, operator_id: str | None) -> None:
    """Nothing where there is such an operator, or none is named; raises ApplicationError where nobody knows it."""
    if operator_id is None:
        return
    from ledger.intake.operators import is_named_by_sessions, known_operators

    known = known_operators(cursor)
    if operator_id not in known and not is_named_by_sessions(cursor, operator_id):
        raise ApplicationError(unknown("operator", operator_id, known, "operator.registered"))


def unknown(what: str, id_: str, known: Collection[str], said_by: str) -> str:
    """The sentence for an id that nobody knows: with those that resemble it, or that there are where they are few."""
    from difflib import get_close_matches

    near = get_close_matches(id_, known, n=_NAMED_MAX) or (sorted(known) if len(known) <= _NAMED_MAX else [])
    hint = f"did you mean {' or '.join(near)}?" if near else f"ids are those of {said_by}"
    return f"no {what} {id_!r} is known; {hint}"


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
