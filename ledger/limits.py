"""How long a session of the database may keep others waiting: every limit in one table, each with its reason.

Whoever is frozen (a stopped process, a host that vanished, a cable that was pulled) has said nothing by then, and
loses its transaction to the next one; what it wrote is rolled back. Long work is not cut: a statement may take as
long as it needs, and who computes between two statements is kept alive by `ledger.vigil`. What a DSN says itself, by
its `options` or parameters, goes before what stands here.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple


class Limit(NamedTuple):
    """A setting of PostgreSQL or a parameter of libpq, its value there, and why it is so."""

    name: str
    value: str
    reason: str


# So long a session may say nothing in a transaction. Whoever waits for it goes on within 15 s of the freeze.
SILENT_S = 10
# So long a statement waits for a lock; longer than SILENT_S, so that who is frozen is ended before anybody gives up.
LOCK_WAIT_S = 60

# A server that does not answer a new connection within this time is away.
CONNECT_TIMEOUT_S = 10

# Of the session, at the server.
OF_SESSION = (
    Limit(
        "idle_in_transaction_session_timeout",
        f"{SILENT_S}s",
        "who is frozen between two statements of a transaction lets go of its locks",
    ),
    Limit("lock_timeout", f"{LOCK_WAIT_S}s", "no wait for a lock is without limit; the same work is tried again"),
    Limit("tcp_user_timeout", f"{SILENT_S}s", "who takes nothing of a large answer is gone"),
    Limit("tcp_keepalives_idle", "4", "a host that vanished is asked for after these seconds, not after two hours"),
    Limit("tcp_keepalives_interval", "2", "and again"),
    Limit("tcp_keepalives_count", "3", "three times, so that its locks are free after ten seconds"),
    Limit(
        "client_connection_check_interval",
        "2s",
        "a long statement of a client that was killed ends with it, and so do its locks",
    ),
)

# Of the client's end of the connection, given in the form of libpq's parameters.
OF_CLIENT = (
    Limit("tcp_user_timeout", f"{SILENT_S * 1000}", "a server whose host vanished is given up, and looked for anew"),
    Limit("keepalives_idle", "4", "the same where we only wait for its answer"),
    Limit("keepalives_interval", "2", "and again"),
    Limit("keepalives_count", "3", "three times"),
)


def session_options(given: str = "") -> str:
    """The `options` of a connection with the limits of the session; those that were given go before them."""
    return " ".join([*(f"-c {limit.name}={limit.value}" for limit in OF_SESSION), given]).strip()


def client_parameters(given: Mapping[str, object]) -> dict[str, Any]:
    """The parameters of a connection with the limits of the client's end, but for those that were given."""
    return {limit.name: limit.value for limit in OF_CLIENT if given.get(limit.name) is None}
