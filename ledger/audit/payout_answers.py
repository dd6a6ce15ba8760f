"""What the bank said of payouts, as the audit reads it: the book of each, what was tried again, what came twice."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from ledger.audit.amounts import Money, instant, minor_of
from ledger.audit.report import Tally
from ledger.audit.snapshot import Snapshot
from ledger.audit.streams import Body, Fact, Stream, read_stream, stream_id_of

_AWAITING = "AWAITING_APPROVAL"
# The order at one moment, as the contract of `payout.results` has it.
_ORDER = ("payout.accepted", "payout.paid", "payout.failed", "payout.returned")
# ISO 20022 external reason codes for which another account is asked for.
_ANOTHER_ACCOUNT = {"AC01", "AC03", "AC04", "AC06", "AC13", "AC14", "AG01", "BE04", "BE05", "MD07", "RC01"}
_TRIES, _CODE_LENGTH = 3, 4

# Attempts that repeat another, with whether both go to one account.
_AGAIN = """
WITH made AS (
    SELECT convert_from(state, 'UTF8')::jsonb - 'entry_ids' AS body FROM event_store.stored_events
    WHERE topic = 'PayoutCreated'
)
SELECT again.body ->> 'payout_id', first.body ->> 'payout_id', mod((first.body ->> 'attempt')::int - 1, 1000) + 1,
       first.body ->> 'fired_at', again.body ->> 'fired_at',
       again.body -> 'bank_account' = first.body -> 'bank_account'
FROM made AS again JOIN made AS first ON first.body ->> 'payout_id' = again.body ->> 'reissue_of'
ORDER BY 1
"""
# Of each payout with several attempts: how many of them are out, on their way (2050) or paid and not returned (J36,
# J39), and what its operator owes because of it (J40x). Each that somebody asked for has a thousand of its own.
_OUT = """
WITH made AS (
    SELECT convert_from(state, 'UTF8')::jsonb - 'entry_ids' AS body FROM event_store.stored_events
    WHERE topic = 'PayoutCreated'
), payout AS (
    SELECT body ->> 'payout_id' AS payout_id, body ->> 'operator_id' AS operator_id, body ->> 'currency' AS currency,
           body ->> 'business_date' AS business_date, (body ->> 'amount')::bigint AS amount,
           ((body ->> 'attempt')::int - 1) / 1000 AS request
    FROM made
), moved AS (
    SELECT payout_id,
           coalesce(sum(amount_minor) FILTER (WHERE account LIKE '2050/%%'), 0) AS on_its_way,
           coalesce(sum(amount_minor) FILTER (WHERE account = '1010' AND kind IN ('J36', 'J39')), 0) AS at_bank,
           coalesce(-sum(amount_minor) FILTER (WHERE account LIKE '2060/%%' AND kind = %s), 0) AS owed
    FROM book.entry JOIN book.posting USING (entry_id) WHERE payout_id IS NOT NULL GROUP BY payout_id
)
SELECT operator_id, currency, business_date, min(amount),
       count(*) FILTER (WHERE on_its_way = -amount OR at_bank = -amount), coalesce(sum(owed), 0)::bigint
FROM payout LEFT JOIN moved USING (payout_id)
GROUP BY operator_id, currency, business_date, request HAVING count(*) > 1 OR sum(owed) <> 0
ORDER BY operator_id, currency, business_date, request
"""


@dataclass(frozen=True, slots=True)
class _Said:
    """The bank's last word of a payout and when; when the money left, and what came back where it said so."""

    status: str = ""
    at: datetime | None = None
    reason: str = ""
    left_at: datetime | None = None
    back: Body | None = None


def _listen(answers: Iterable[tuple[str, Fact]], made_at: datetime) -> _Said:
    """What answers come to: a failure that a payment follows was none; money that left and comes back is a return."""
    told = sorted(answers, key=lambda answer: (answer[1].at, _ORDER.index(answer[0]), *answer[1].sort_key[1:]))
    heard: list[tuple[str, Fact]] = []
    for topic, fact in reversed(told):
        if topic == "payout.failed" and any(later == "payout.paid" for later, _ in heard):
            continue
        heard.insert(0, (topic, fact))
    left = next((fact for topic, fact in heard if topic in ("payout.paid", "payout.returned")), None)
    if left is None:
        refused = [fact for topic, fact in heard if topic == "payout.failed"]
        if not refused:
            return _Said()
        return _Said("FAILED", max(refused[0].at, made_at), _named(refused))
    since = [(topic, fact) for topic, fact in heard if topic != "payout.accepted"]
    since = since[[fact for _, fact in since].index(left) :]
    backs = [fact for topic, fact in since if topic in ("payout.failed", "payout.returned")]
    left_at = max(left.at, made_at)
    if not backs:
        return _Said("PAID", left_at, left_at=left_at)
    amounts = [fact.data["amount"] for fact in backs if fact.data.get("amount")]
    back = amounts[0] if amounts else None
    return _Said("RETURNED", max(backs[0].at, made_at), _named(backs), left_at, back)


def _named(facts: Iterable[Fact]) -> str:
    """The reason: four letters or digits if any of the answers has them, else what the first says."""
    reasons: list[str] = [fact.data["reason"] for fact in facts]
    told = [(reason, reason.strip()) for reason in reasons]
    codes = [reason for reason, text in told if len(text) == _CODE_LENGTH and text.isascii() and text.isalnum()]
    return (codes or reasons)[0]


def _answers(stream: Stream, before: float = float("inf")) -> list[tuple[str, Fact]]:
    """The answers in a stream that were stored before one of its versions."""
    return [(topic, fact) for topic in _ORDER for fact in stream.facts.get(topic, ()) if fact.version < before]


def gone_at(stream: Stream, body: Body) -> datetime:
    """When a payout went to the bank: with its run, or when people let it go."""
    let_go = stream.decided("PayoutHandedOff")
    return instant(let_go[-1]["at"] if let_go else body["fired_at"])


def last_word(stream: Stream, body: Body) -> str:
    """The status that the bank's answers give a payout, made as its `PayoutCreated` says."""
    return _listen(_answers(stream), gone_at(stream, body)).status


def check_answers(stream: Stream, where: str, body: Body, tally: Tally) -> None:
    """The book and the status of a payout are what the bank's answers come to."""
    handed_off = body["status"] != _AWAITING or bool(stream.bookings("PayoutInitiated", "PayoutReissued"))
    said = _listen(_answers(stream), gone_at(stream, body)) if handed_off else _Said()
    currency, whole = body["currency"], body["amount"]
    account = f"2050/{body['payout_id']}"
    sums = (
        stream.sum("J36", account),
        stream.sum("J38", account),
        stream.sum("J39", "1010"),
        stream.sum("J37b", "5090"),
    )
    asked = (
        whole if said.left_at else 0,
        whole if said.status == "FAILED" else 0,
        whole if said.status == "RETURNED" else 0,
        _kept(body, said),
    )
    told = f"settled, rejected, returned and charged (J36, J38, J39, J37b), {said.status or 'without answer'},"
    wanted, found = (tuple(Money(amount, currency) for amount in amounts) for amounts in (asked, sums))
    tally.compare(where, wanted, found, told)
    _check_moments(stream, where, said, tally)
    changes = stream.decided("PayoutStatusChanged")
    if said.status:
        tally.compare(where, said.status, changes[-1]["status"] if changes else body["status"], "its status")


def _kept(body: Body, said: _Said) -> int:
    """What banks kept of a return: what is less than was sent, in the same money."""
    if said.status != "RETURNED" or said.back is None or said.back["currency"] != body["currency"]:
        return 0
    whole: int = body["amount"]
    return max(whole - minor_of(said.back), 0)


def _check_moments(stream: Stream, where: str, said: _Said, tally: Tally) -> None:
    """Each stands at the moment of its answer, and none before the hand-off."""
    moments = {
        "PayoutSettled": said.left_at,
        "PayoutFailed": said.at if said.status == "FAILED" else None,
        "PayoutReturned": said.at if said.status == "RETURNED" else None,
        "ReturnCharged": said.at if said.status == "RETURNED" else None,
    }
    for kind, moment in moments.items():
        for booking in stream.bookings(kind):
            tally.compare(where, moment, instant(booking["effective_at"]), f"the moment of {kind}")


def check_tried_again(snapshot: Snapshot, tally: Tally) -> None:
    """Only what came to nothing was tried again: to another account, three times by itself, or as somebody said."""
    for again, first, attempt, made_at, fired_at, same_account in list(snapshot.rows(_AGAIN)):
        tally.examined += 1
        where = f"payout {again}"
        stream = read_stream(snapshot, stream_id_of(f"payout:{first}"))
        noted = [version for version, topic, body in stream.decisions if topic == "PayoutSuperseded"]
        if not noted:
            tally.note(where, "one that was given up", first, f"{where} repeats {first}, which was not given up")
            continue
        fired = instant(fired_at)
        if _was_rejected(stream, noted[0], fired):
            continue
        let_go = stream.decided("PayoutHandedOff")
        said = _listen(_answers(stream, noted[0]), instant(let_go[-1]["at"] if let_go else made_at))
        if said.at is None or said.status == "PAID" or said.at >= fired:
            known = said.status or "without answer"
            tally.note(where, "what came to nothing", known, f"{where} repeats {first}, which was {known} then")
            continue
        retried = [fact for fact in stream.facts.get("payout.retried", ()) if fact.version < noted[0]]
        if any(said.at <= fact.at < fired for fact in retried):
            continue
        needs_account = said.status == "RETURNED" or said.reason.strip().upper() in _ANOTHER_ACCOUNT
        if needs_account and same_account:
            sentence = f"{where} goes to the account to which {first} was {said.status} ({said.reason})"
            tally.note(where, "another account", "the same account", sentence)
        if not needs_account and attempt >= _TRIES:
            sentence = f"{where} is attempt {attempt + 1} by itself: {first} was {said.status} ({said.reason})"
            tally.note(where, f"{_TRIES} attempts", attempt + 1, sentence)


def _was_rejected(stream: Stream, before: int, fired: datetime) -> bool:
    """Whether people had rejected an attempt that repeats another, before it was given up."""
    changed = [
        body for version, topic, body in stream.decisions if topic == "PayoutStatusChanged" and version < before
    ]
    return bool(changed) and changed[-1]["status"] == "REJECTED" and instant(changed[-1]["at"]) < fired


def check_paid_twice(snapshot: Snapshot, tally: Tally) -> None:
    """Of several attempts one pays; what the others paid or have on their way is owed by the operator (J40x)."""
    for operator_id, currency, business_date, amount, out, owed in snapshot.rows(_OUT, ("J40x",)):
        tally.examined += 1
        where = f"the payout of {operator_id}, {currency}, {business_date}"
        wanted = Money(max(out - 1, 0) * amount, currency)
        tally.compare(where, wanted, Money(owed, currency), f"what was paid twice ({out} attempts are out; J40x)")
