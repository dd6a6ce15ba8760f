"""What commands ask roaming partners by."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from wattledger.commands.common import the_store
from wattledger.errors import ApplicationError

if TYPE_CHECKING:
    from api.ocpi.connecting import ConnectionFailed
    from api.ocpi.surface import OcpiSurface


@contextmanager
def partners_surface(data_dir: Path | None, *, debug: bool) -> "Iterator[OcpiSurface]":
    """What partners are asked by, while the block runs.

    Raises ApplicationError without `WATTLEDGER_PUBLIC_URL`, and for a handshake that failed.
    """
    with the_store(data_dir, debug=debug, needs_kafka=False) as store:
        from api.ocpi.connecting import ConnectionFailed
        from wattledger.serving import ocpi_surface

        if store.settings.public_url is None:
            raise ApplicationError(
                "WATTLEDGER_PUBLIC_URL is not set: set it to where partners reach `wattledger serve`, as "
                "https://charge.example"
            )
        with ocpi_surface(store, store.dsn, store.settings.public_url) as surface:
            try:
                yield surface
            except ConnectionFailed as failed:
                raise ApplicationError(f"{failed}; {_what_stands(failed)}") from failed


def _what_stands(failed: "ConnectionFailed") -> str:
    if failed.may_have_taken:
        return (
            "the partner may have taken our credentials all the same: it is invited by them; where it has not, ask "
            "it to delete them and begin again"
        )
    return "nothing has changed"
