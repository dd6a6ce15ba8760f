"""How messages were taken, as `summary.json` says it."""

from typing import Any

from ledger.intake.positions import Tally


def taken_document(tally: Tally, seconds: float, events_in: int | None = None) -> dict[str, Any]:
    """The counts of records by what became of them; `events_in` were published by this call, None: the whole store.

    `seconds` is what the call took; a speed has only a call that published.
    """
    whole = tally.accepted + tally.duplicates + tally.conflicts + tally.dead_lettered
    return {
        "events_in": whole if events_in is None else events_in,
        "accepted": tally.accepted,
        "duplicates": tally.duplicates,
        "conflicts": tally.conflicts,
        "dead_lettered": tally.dead_lettered,
        "ahead": tally.ahead,
        "wall_seconds": round(seconds, 3),
        "events_per_second": round(events_in / seconds) if events_in and seconds else 0,
    }
