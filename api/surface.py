"""What the application works with, put together by who starts it."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeAlias

from starlette.requests import Request

from api.access.gate import Gate
from api.access.principal import Principal
from projections.reading import Readers

if TYPE_CHECKING:
    from api.actions.desk import Desk
    from engine.working_set import WorkingSet

# Whether all is well, and a sentence.
Probe: TypeAlias = Callable[[], tuple[bool, str]]
# The text that Prometheus reads, with its media type.
Metrics: TypeAlias = Callable[[], tuple[bytes, str]]

# The ids of the keys whose signatures count on decisions, each with whether it signs here.
DecisionKeys: TypeAlias = Callable[[], Sequence[tuple[str, bool]]]


def _alive() -> tuple[bool, str]:
    return True, "alive"


def _no_metrics() -> tuple[bytes, str]:
    return b"", "text/plain; version=0.0.4"


def _unset() -> "WorkingSet":
    """What runs are decided by where nothing is set."""
    from engine.working_set import WorkingSet

    return WorkingSet.of("")


@dataclass(frozen=True, slots=True)
class Surface:
    """The readers of the store, who asks, and what machines are told of the process.

    `authenticate` gives the principal of a request, or raises Problem 401: that of the `gate`, where there is
    one, which people sign in by and which notes what was read and done. `public_url` is how people reach the pages,
    `platform_name` whose they are. `desk` is where actions are done; without it there are none.
    `working_set` makes what dry runs are decided by: what the platform has set, and nothing published yet; its way to
    the database is not taken, since they are decided in the snapshot of a reader.
    `decision_keys` are looked up for each who asks, since they change while a server runs.
    """

    readers: Readers
    authenticate: Callable[[Request], Awaitable[Principal]]
    gate: Gate | None = None
    livez: Probe = field(default=_alive)
    readyz: Probe = field(default=_alive)
    metrics: Metrics = field(default=_no_metrics)
    public_url: str = "http://127.0.0.1:8080"
    platform_name: str = "WattLedger"
    desk: "Desk | None" = None
    working_set: "Callable[[], WorkingSet]" = field(default=_unset)
    decision_keys: DecisionKeys = field(default=tuple)
