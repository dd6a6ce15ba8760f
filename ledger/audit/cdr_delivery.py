"""CDRs on their way to roaming partners: each is delivered, refused, waiting, or withheld for a reason that stands.

Withheld is what has no token, since its driver pays, and whatever nobody follows: while no partner was ever invited
nothing is made for any. An answer that partners gave us is on its way to the book until the intake has read past it.
"""

from typing import NamedTuple

from ledger.audit.report import Tally
from ledger.audit.snapshot import Snapshot

_COUNT = "SELECT count(*) FROM event_store.stored_events WHERE topic IN ('CdrIssued', 'CdrCredited')"
_POSITIONS = "SELECT module, position FROM roaming.position WHERE module IN ('answers', 'cdrs')"
# Every CDR and credit CDR with its object, its row, and what was said of it; and what is there without any event.
_ROWS = """
WITH said AS MATERIALIZED (
    SELECT upper(data ->> 'partner') AS partner, lower(data ->> 'cdr_id') AS object_id,
           min(notification_id) FILTER (WHERE topic = 'roaming.cdr_accepted') AS accepted,
           min(notification_id) FILTER (WHERE topic = 'roaming.cdr_rejected') AS rejected
    FROM event_store.stored_events,
         LATERAL (SELECT convert_from(state, 'UTF8')::jsonb -> 'data' AS data) AS parsed
    WHERE topic IN ('roaming.cdr_accepted', 'roaming.cdr_rejected')
    GROUP BY 1, 2
), parked AS MATERIALIZED (
    SELECT upper(body ->> 'partner') AS partner, lower(ref) AS object_id,
           bool_or(type = 'roaming.cdr_accepted') AS accepted, bool_or(type = 'roaming.cdr_rejected') AS rejected
    FROM intake.parked, LATERAL (SELECT convert_from(data, 'UTF8')::jsonb AS body) AS parsed
    WHERE kind = 'cdr' AND type IN ('roaming.cdr_accepted', 'roaming.cdr_rejected')
    GROUP BY 1, 2
), issued AS MATERIALIZED (
    SELECT notification_id, body ->> 'operator_id' AS operator_id, cdr ->> 'id' AS cdr_id,
           lower(cdr ->> 'id') AS object_id, cdr #>> '{cdr_token,uid}' AS uid,
           upper((cdr #>> '{cdr_token,country_code}') || '-' || (cdr #>> '{cdr_token,party_id}')) AS partner
    FROM event_store.stored_events,
         LATERAL (SELECT convert_from(state, 'UTF8')::jsonb AS body) AS parsed,
         LATERAL (SELECT body -> 'document' AS cdr) AS document
    WHERE topic IN ('CdrIssued', 'CdrCredited')
), kept AS (
    SELECT coalesce(object.partner, row.partner) AS partner, coalesce(object.object_id, row.object_id) AS object_id,
           coalesce(object.operator_id, row.operator_id) AS operator_id, object.module IS NOT NULL AS has_object,
           row.state IS NOT NULL AS has_row, row.state, row.orders, row.reason, row.told, row.told_partition,
           row.told_offset, row.answered_at
    FROM (SELECT * FROM roaming.object WHERE module = 'cdrs') AS object
    FULL JOIN roaming.delivery AS row
        ON row.partner = object.partner AND row.object_id = object.object_id AND row.operator_id = object.operator_id
)
SELECT issued.notification_id, coalesce(issued.cdr_id, kept.object_id), coalesce(issued.partner, kept.partner),
       issued.uid, coalesce(kept.has_object, false), coalesce(kept.has_row, false), kept.state, kept.orders,
       kept.reason, kept.told IS NOT NULL,
       -- Whether the intake has not come to where the book was told; whether it has refused it there.
       kept.told_offset IS NOT NULL AND coalesce(position.next_offset, -1) <= kept.told_offset,
       letter.deadletter_id IS NOT NULL, kept.told IS NULL AND kept.answered_at < now() - interval '1 day',
       said.accepted, said.rejected, coalesce(parked.accepted, false), coalesce(parked.rejected, false)
FROM issued
FULL JOIN kept ON kept.partner = issued.partner AND kept.object_id = issued.object_id
    AND kept.operator_id = issued.operator_id
LEFT JOIN said ON said.partner = coalesce(issued.partner, kept.partner)
    AND said.object_id = coalesce(issued.object_id, kept.object_id)
LEFT JOIN parked ON parked.partner = coalesce(issued.partner, kept.partner)
    AND parked.object_id = coalesce(issued.object_id, kept.object_id)
LEFT JOIN intake.position ON position.topic = 'roaming' AND position.partition = kept.told_partition
LEFT JOIN intake.deadletter AS letter ON letter.topic = 'roaming' AND letter.partition = kept.told_partition
    AND letter.record_offset = kept.told_offset
ORDER BY issued.notification_id, 2
"""
_DRIVER_PAYS = "#NA"
_ANSWERED = {"ACCEPTED": "roaming.cdr_accepted", "REFUSED": "roaming.cdr_rejected"}


class _Cdr(NamedTuple):
    """A CDR as it was issued, and what became of it; positions of events, None where there are none."""

    issued: int | None
    cdr_id: str
    partner: str
    uid: str | None
    has_object: bool
    has_row: bool
    state: str | None
    orders: int | None
    reason: str | None
    is_told: bool
    is_under_way: bool
    is_refused: bool
    is_forgotten: bool
    accepted: int | None
    rejected: int | None
    accepted_waits: bool
    rejected_waits: bool


def check_cdr_delivery(snapshot: Snapshot, tally: Tally) -> None:
    """Every CDR that is followed has an object and a row, and every answer is in the book or on its way to it."""
    followed: dict[str, int] = dict(snapshot.rows(_POSITIONS))
    if not any(followed.values()):
        tally.examined += next(iter(snapshot.rows(_COUNT)))[0]
        return
    for row in snapshot.rows(_ROWS):
        cdr = _Cdr(*row)
        tally.examined += 1
        where = f"CDR {cdr.cdr_id} for {cdr.partner}"
        if cdr.issued is None:
            tally.note(where, "an issued CDR", "none", f"{where} is there for a partner and was never issued")
        elif cdr.uid == _DRIVER_PAYS:
            if cdr.has_object or cdr.has_row:
                tally.note(where, "nobody", cdr.partner, f"{where} is paid by its driver, and no partner's")
        elif cdr.issued <= followed["cdrs"]:
            _check_kept(cdr, where, followed["answers"], tally)


def _check_kept(cdr: _Cdr, where: str, answers_followed: int, tally: Tally) -> None:
    if not cdr.has_object:
        tally.note(where, "an object", "none", f"{where} was issued, and its partner cannot see it")
    if not cdr.has_row or cdr.state is None:
        sentence = f"{where} is neither delivered, refused, waiting nor withheld"
        tally.note(where, "a delivery", "none", sentence)
        return
    _check_answer(cdr, where, cdr.state, answers_followed, tally)


def _check_answer(cdr: _Cdr, where: str, state: str, answers_followed: int, tally: Tally) -> None:
    if state in _ANSWERED:
        in_book, waits = (
            (cdr.accepted, cdr.accepted_waits) if state == "ACCEPTED" else (cdr.rejected, cdr.rejected_waits)
        )
        wanted = _ANSWERED[state]
        if cdr.is_told and in_book is None and not waits and not cdr.is_under_way:
            why = "its record is a dead letter" if cdr.is_refused else f"the book has no {wanted} of it"
            tally.note(where, wanted, "none", f"{where} is {state}, and {why}")
        if cdr.is_forgotten:
            tally.note(where, wanted, "none", f"{where} is {state} for more than a day, and the book was not told")
        return
    if state == "EXPIRED" and not cdr.reason:
        tally.note(where, "a reason", "none", f"{where} is tried no more, and nothing says why")
    said = [position for position in (cdr.accepted, cdr.rejected) if position is not None]
    if not cdr.orders and said and min(said) <= answers_followed:
        tally.note(where, "an answered CDR", state, f"{where} was answered, and is {state}")
