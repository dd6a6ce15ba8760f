"""The state of the system as a document."""

from datetime import datetime
from typing import Any

from domain.calendar import utc_seconds
from ledger.heartbeat import SILENT_S, Piece
from projections.system_state import OperatorRuns, PartitionState, ProjectionLag, SystemState, Waiting


def state_document(state: SystemState) -> dict[str, Any]:
    """All that one snapshot says; times in UTC, spans in seconds."""
    return {
        "at": _time(state.at),
        "pieces": [_piece(each, state.at) for each in state.pieces],
        "events": state.events,
        "entries": state.entries,
        "rates": _rates(state),
        "intake": {
            "accepted": state.tally.accepted,
            "duplicates": state.tally.duplicates,
            "conflicts": state.tally.conflicts,
            "dead_lettered": state.tally.dead_lettered,
            "partitions": [_partition(each) for each in state.partitions],
        },
        "projections": [_projection(each) for each in state.projections],
        "outbox": _waiting(state.outbox, state.at, "oldest"),
        "dead_letters": _waiting(state.dead_letters, state.at, "newest"),
        "findings": dict(state.findings),
        "open_items": dict(state.open_items),
        "sessions": dict(state.sessions),
        "payouts": dict(state.payouts),
        "runs": [_runs(each, state.at) for each in state.runs],
        "verified": None
        if state.verified is None
        else {
            "at": _time(state.verified.verified_at),
            "age_s": _span(state.at, state.verified.verified_at),
            "seconds": round(state.verified.seconds, 1),
            "passed": state.verified.passed,
            "findings": state.verified.findings,
            "checks": [dict(each) for each in state.verified.checks],
        },
    }


def _piece(piece: Piece, now: datetime) -> dict[str, Any]:
    silent_s = _span(now, piece.beat_at)
    return {
        "piece": piece.piece,
        "host": piece.host,
        "pid": piece.pid,
        "state": "alive" if silent_s is not None and silent_s <= SILENT_S else "silent",
        "started_at": _time(piece.started_at),
        "age_s": _span(now, piece.started_at),
        "last_sign_at": _time(piece.beat_at),
        "last_sign_s": silent_s,
    }


def _rates(state: SystemState) -> dict[str, Any] | None:
    rates = state.rates
    if rates is None or rates.seconds <= 0:
        return None
    return {
        "seconds": round(rates.seconds, 1),
        "records_per_s": round(rates.taken / rates.seconds, 2),
        "entries_per_s": round(rates.entries / rates.seconds, 2),
    }


def _partition(each: PartitionState) -> dict[str, Any]:
    return {
        "topic": each.topic,
        "partition": each.partition,
        "next_offset": each.next_offset,
        "event_time": _time(each.event_time),
        "accepted": each.tally.accepted,
        "duplicates": each.tally.duplicates,
        "conflicts": each.tally.conflicts,
        "dead_lettered": each.tally.dead_lettered,
    }


def _projection(each: ProjectionLag) -> dict[str, Any]:
    seconds = None if each.seconds is None else round(each.seconds, 1)
    return {
        "name": each.name,
        "position": each.position,
        "events_behind": each.events,
        "seconds_behind": seconds,
    }


def _waiting(waiting: Waiting, now: datetime, which: str) -> dict[str, Any]:
    return {"waiting": waiting.count, f"{which}_at": _time(waiting.at), f"{which}_s": _span(now, waiting.at)}


def _runs(runs: OperatorRuns, now: datetime) -> dict[str, Any]:
    return {
        "operator_id": runs.operator_id,
        "last_date": None if runs.last_date is None else runs.last_date.isoformat(),
        "last_at": _time(runs.last_at),
        "next_at": _time(runs.next_at),
        "due": runs.next_at is not None and runs.next_at <= now,
    }


def _time(moment: datetime | None) -> str | None:
    return None if moment is None else f"{utc_seconds(moment)}Z"


def _span(now: datetime, moment: datetime | None) -> float | None:
    return None if moment is None else round(max(0.0, (now - moment).total_seconds()), 1)
