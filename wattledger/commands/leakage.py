"""Commands about energy: what was metered and not billed, and why."""

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from wattledger.commands.common import show_rows, the_store

_NUMBERS = ("sessions", "metered_wh", "billed_wh", "leaked_wh")


def leakage(
    data_dir: Path | None,
    operator: str | None,
    since: datetime | None,
    before: datetime | None,
    *,
    sessions: bool,
    json: bool,
    debug: bool,
) -> None:
    """`wattledger leakage`: by operator and cause, or session by session where the two differ."""
    from ledger.database import Role, connect
    from projections.energy import leakage as by_cause
    from projections.energy import leaking_sessions
    from projections.runner import catch_up

    with the_store(data_dir, debug=debug, needs_kafka=False) as store:
        catch_up(store.dsn)
        with connect(store.dsn, Role.AUDITOR) as connection:
            find = leaking_sessions if sessions else by_cause
            rows = _rows(list(find(connection, operator, since, before)))
    show_rows("Energy metered and billed, in Wh", rows, _NUMBERS, json=json, whole=("cause",))


def _rows(found: Sequence[Any]) -> list[dict[str, Any]]:
    from domain.money import plain

    return [
        {"operator_id": each.operator_id, "cause": each.cause}
        | ({"session_id": each.session_id} if each.session_id else {"sessions": each.sessions})
        | {name: plain(getattr(each, name)) for name in ("metered_wh", "billed_wh", "leaked_wh")}
        for each in found
    ]
