"""Chooses loopback ports that stay a service's own across its restarts."""

import random
import socket
from collections.abc import Collection

from ledger.patience import until

LOOPBACK = "127.0.0.1"

# Below the range that Linux hands out to outgoing connections: a client that keeps reconnecting to a port inside it
# can by chance be given that very port as its own, connect to itself, and keep the service from returning to it.
_PORTS = range(20_000, 32_000)
_TRIES_MAX = 200


def free(port: int) -> bool:
    """Whether a service may listen on this loopback port now."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return False
        return True


def listening(port: int) -> bool:
    """Whether somebody accepts connections on this loopback port."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.settimeout(1.0)
        return probe.connect_ex((LOOPBACK, port)) == 0


def take(wanted: int | None, taken: Collection[int] = ()) -> tuple[int, socket.socket]:
    """Chooses a port and keeps it from everybody else who takes one, also before a service listens there.

    A service listens seconds after its port was chosen, and others start meanwhile. The claim is the socket's name,
    which the kernel gives once among those who share the loopback ports. It ends with the socket, or its process.

    Raises:
        OSError: no port was found that is free and nobody's.
    """
    for _ in range(_TRIES_MAX):
        port = choose(wanted, taken)
        claim = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            claim.bind(f"\0wattledger-port-{port}")
            return port, claim
        except OSError:
            claim.close()
            wanted = None
    raise OSError(f"none of {_TRIES_MAX} free ports on {LOOPBACK} could be taken: others who start have them")


def choose(wanted: int | None, taken: Collection[int] = (), patience_seconds: float = 1.0) -> int:
    """Returns the wanted port if it gets free within the patience, otherwise another free one.

    Raises:
        OSError: no free port was found in 200 tries.
    """
    if wanted is not None and wanted not in taken and until(lambda: free(wanted), 0.05, patience_seconds):
        return wanted
    for candidate in random.sample(_PORTS, _TRIES_MAX):
        if candidate not in taken and free(candidate):
            return candidate
    raise OSError(f"no free port among {_TRIES_MAX} tried between {_PORTS.start} and {_PORTS.stop} on {LOOPBACK}")
