"""Objects of roaming partners, followed once more from the first event on."""

from ledger.database import Role, connect

_BACK = "UPDATE roaming.position SET position = 0"


def make_anew(dsn: str) -> None:
    """Have whoever follows next make all objects again, as if it had seen nothing."""
    with connect(dsn, Role.PROJECTOR) as connection:
        connection.execute(_BACK)
