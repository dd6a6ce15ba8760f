"""Payouts against what people decided: what waits leaves only as they let it, and nothing while it is paused."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from hashlib import sha256
from itertools import groupby
from operator import itemgetter
from typing import Any
from zoneinfo import ZoneInfo

import orjson

from ledger.audit.amounts import instant, minor_units
from ledger.audit.people import People, folded, read_people, tier
from ledger.audit.report import Tally
from ledger.audit.retries import read_retries
from ledger.audit.snapshot import Snapshot

# What reading an event raises that is not as the engine wrote it.
_UNREADABLE = (LookupError, TypeError, ValueError, AttributeError)
_LASTS, _LONGEST_CLOSURE = timedelta(hours=72), timedelta(days=14)
# Everything in the streams of payouts that has to do with it, stream by stream.
_STREAMS = """
SELECT originator_id, notification_id, topic, state FROM event_store.stored_events
WHERE topic IN ('PayoutCreated', 'PayoutHandedOff', 'payout.approved', 'payout.rejected')
   OR topic = 'PayoutStatusChanged' OR topic LIKE 'Booked.Payout%%'
   OR topic = 'FindingOpened' AND position('"cover-wait"'::bytea IN state) > 0
   OR topic IN ('DecisionRefused', 'DecisionCounts') AND originator_id IN (
       SELECT originator_id FROM event_store.stored_events WHERE topic IN ('payout.approved', 'payout.rejected'))
ORDER BY originator_id, originator_version
"""
# Payouts that people let go whose own entries (what they keep of what they pay) are others than the hand-off says.
_OWN_ENTRIES = """
WITH gone AS MATERIALIZED (
    SELECT body ->> 'payout_id' AS payout_id, body -> 'own_entries' AS told
    FROM event_store.stored_events, LATERAL (SELECT convert_from(state, 'UTF8')::jsonb AS body) AS parsed
    WHERE topic = 'PayoutHandedOff'
), told AS (
    SELECT payout_id, array_agg(id ORDER BY id COLLATE "C") AS ids
    FROM gone CROSS JOIN jsonb_array_elements_text(told) AS id GROUP BY payout_id
), there AS (
    SELECT payout_id, array_agg(entry_id::text ORDER BY entry_id::text COLLATE "C") AS ids
    FROM gone JOIN book.entry USING (payout_id)
    WHERE kind IN ('J31', 'J34', 'J41') AND reverses IS NULL GROUP BY payout_id
)
SELECT payout_id, coalesce(cardinality(there.ids), 0), coalesce(cardinality(told.ids), 0)
FROM told FULL JOIN there USING (payout_id) WHERE told.ids IS DISTINCT FROM there.ids ORDER BY payout_id
"""
# Payouts that the clock has yet to look at, since something was decided about them, or as client money comes.
_TO_LOOK_AT = "SELECT payout_id FROM intake.open_payout WHERE look OR awaits AND ready_at IS NOT NULL"
# When the clock looks at payouts that wait: what is decided for then or later does not act yet.
_LOOKS_AGAIN = "SELECT payout_id, due_at FROM intake.open_payout WHERE awaits AND due_at IS NOT NULL"


@dataclass(slots=True)
class _Payout:
    """A payout's stream: how it was made and where, what was decided, how it left, and what is refused."""

    made: Mapping[str, Any] = field(default_factory=dict)
    position: int = 0
    gone: list[tuple[int, Mapping[str, Any]]] = field(default_factory=list)
    votes: list[tuple[str, Mapping[str, Any]]] = field(default_factory=list)
    status: Mapping[str, Any] = field(default_factory=dict)
    initiated: list[str] = field(default_factory=list)
    refused: set[tuple[str, str]] = field(default_factory=set)
    makers: set[str] = field(default_factory=set)
    short: list[datetime] = field(default_factory=list)
    # What is decided for then or later does not act yet.
    comes_to_act: datetime | None = None

    def take(self, position: int, topic: str, body: Mapping[str, Any]) -> None:
        """Take in an event of the stream."""
        if topic == "PayoutCreated":
            self.made, self.position = body, position
        elif topic == "PayoutHandedOff":
            self.gone.append((position, body))
        elif topic == "PayoutStatusChanged":
            self.status = body
        elif topic in ("Booked.PayoutInitiated", "Booked.PayoutReissued"):
            self.initiated.append(body["booking"]["effective_at"])
        elif topic == "FindingOpened":
            self.short.append(instant(body["finding"]["since"]))
        elif topic == "DecisionRefused":
            self.refused.add((body["source"], body["id"]))
        elif topic == "DecisionCounts":
            self.refused.discard((body["source"], body["id"]))
        elif topic in ("payout.approved", "payout.rejected"):
            self.votes.append((topic, body))

    @property
    def where(self) -> str:
        """What a person looks for."""
        return f"payout {self.made['payout_id']}"

    @property
    def awaited(self) -> bool:
        """Whether it was made to wait for approval."""
        return bool(self.made["status"] == "AWAITING_APPROVAL")

    def counting(self, topic: str, moment: str) -> list[tuple[datetime, str, str]]:
        """The votes of a type that are not refused: when, by whom, and of which content."""
        return sorted(
            (instant(body["data"][moment]), folded(body["data"]["by"]), body["data"]["content_hash"])
            for found, body in self.votes
            if found == topic and (body["source"], body["id"]) not in self.refused
        )

    def acting(self, topic: str, moment: str) -> list[tuple[datetime, str, str]]:
        """Those of them that act by now."""
        found = self.counting(topic, moment)
        return [each for each in found if self.comes_to_act is None or each[0] < self.comes_to_act]


def check_decided(snapshot: Snapshot, cooling_off_hours: int, tally: Tally) -> None:
    """What waits for approval is handed off as enough people let it, and nothing leaves while it is paused."""
    people, retries = read_people(snapshot, cooling_off_hours, tally), read_retries(snapshot)
    to_look_at = {payout_id for (payout_id,) in snapshot.rows(_TO_LOOK_AT)}
    looks_again = dict(snapshot.rows(_LOOKS_AGAIN))
    for stream_id, rows in groupby(snapshot.rows(_STREAMS), key=itemgetter(0)):
        try:
            payout = _payout_of(rows)
            if payout.made:
                tally.examined += 1
                payout.comes_to_act = looks_again.get(payout.made["payout_id"])
                payout.makers = retries.maker(payout.made, payout.position)
                _check_payout(payout, payout.made["payout_id"] in to_look_at, people, tally)
            elif payout.gone:
                payout_id = payout.gone[-1][1]["payout_id"]
                tally.note(f"payout {payout_id}", "a payout", "none", f"payout {payout_id} left, and was never made")
        except _UNREADABLE as fault:
            sentence = f"what was decided in stream {stream_id} cannot be read: {type(fault).__name__}: {fault}"
            tally.note(f"stream {stream_id}", "readable events", fault, sentence)
    for payout_id, booked, told in snapshot.rows(_OWN_ENTRIES):
        where = f"payout {payout_id}"
        sentence = f"{where} was let go with {told} entries of what it keeps, and {booked} others are on the book"
        tally.note(where, booked, told, sentence)


def _check_payout(payout: _Payout, to_look_at: bool, people: People, tally: Tally) -> None:
    """One payout; one that the clock has yet to look at may wait though it was let go."""
    _check_pauses(payout, people, tally)
    _check_account(payout, people, tally)
    if payout.awaited:
        _check_awaited(payout, people, tally)
        if not to_look_at:
            _check_waiting(payout, people, tally)
            _check_votes(payout, tally)
    elif payout.gone:
        tally.note(payout.where, "no hand-off by people", "one", f"{payout.where} did not wait, and was let go")


def _payout_of(rows: Iterable[tuple[Any, ...]]) -> _Payout:
    payout = _Payout()
    for _, position, topic, state in rows:
        payout.take(position, topic, orjson.loads(state))
    return payout


def _check_pauses(payout: _Payout, people: People, tally: Tally) -> None:
    """No run made it while its operator's payouts were held or all were stopped, by what was known when it did."""
    at, operator_id = instant(payout.made["fired_at"]), payout.made["operator_id"]
    held = people.paused(operator_id, at, payout.position, on="operator.payouts_held")
    stopped = people.paused("*", at, payout.position, on="payouts.stopped")
    for since, what in ((held, f"the payouts of {operator_id} were held"), (stopped, "all payouts were stopped")):
        if since is not None:
            sentence = f"{payout.where} was made at {at:%Y-%m-%dT%H:%MZ}, when {what} (since {since:%Y-%m-%dT%H:%MZ})"
            tally.note(payout.where, "no payout meanwhile", at, sentence)


def _check_account(payout: _Payout, people: People, tally: Tally) -> None:
    """It goes to the account in effect when it was due or made, by what was known then."""
    made, at = payout.made, instant(payout.made["fired_at"])
    due = datetime.combine(date.fromisoformat(made["business_date"]), datetime.min.time(), UTC) + timedelta(hours=9)
    known = people.accounts_between(made["operator_id"], min(due, at), at, payout.position)
    if made["status"] != "AWAITING_APPROVAL" and people.payee_differs(
        made["operator_id"], made["bank_account"], at, payout.position
    ):
        sentence = f"{payout.where} waits for nobody, though its account is somebody else's by the bank's last answer"
        tally.note(payout.where, "two approvals", "none", sentence)
    if made["bank_account"] not in known:
        sentence = f"{payout.where} goes to an account that its operator did not have, or that nobody has confirmed"
        tally.note(payout.where, "the account in effect", "another", sentence)


def content_hash(made: Mapping[str, Any]) -> str:
    """The hash of a payout's content, as the contract of decisions has it."""
    units = minor_units(made["currency"])
    digits = len(str(units)) - 1

    def text(amount: int) -> str:
        return f"{amount // units}.{amount % units:0{digits}d}" if digits else str(amount)

    content = {name: made[name] for name in ("payout_id", "operator_id", "currency", "business_date", "bank_account")}
    content |= {"amount": text(made["amount"]), "reserve": text(made["reserve"])}
    content["entry_ids"] = sorted(made["entry_ids"])
    return sha256(orjson.dumps(content, option=orjson.OPT_SORT_KEYS)).hexdigest()


def _needed(payout: _Payout, people: People, tally: Tally) -> int:
    """By how many people, as it was made; at least as many as the contract asks for."""
    made = payout.made
    contracts = people.contracts_counting(made["operator_id"], instant(made["fired_at"]), payout.position)
    tiers = [tier(each, made["currency"], made["amount"]) for each in contracts]
    least = max((each for each in tiers if each is not None), default=1)
    # Where a contract says nothing the number may be that of the platform's setting, which is not stored.
    asked = None if None in tiers else least
    needed = max(1, made.get("approvals") or 1)
    if people.payee_differs(made["operator_id"], made["bank_account"], instant(made["fired_at"]), payout.position):
        # Two are asked for in any case.
        asked = max(asked or needed, 2)
    if asked is not None and made.get("approvals") and asked != needed:
        tally.compare(payout.where, asked, needed, "the number of people who have to approve it")
    return max(needed, asked or 1, least)


def _check_awaited(payout: _Payout, people: People, tally: Tally) -> None:
    where, status = payout.where, payout.status.get("status", "AWAITING_APPROVAL")
    hash_ = content_hash(payout.made)
    if payout.initiated and not payout.gone:
        tally.note(where, "a hand-off by people", "none", f"{where} waited for approval, and left without any")
    if len(payout.gone) > 1:
        tally.note(where, 1, len(payout.gone), f"{where} was handed off {len(payout.gone)} times")
    if status == "REJECTED":
        said = [at for at, _, of in payout.counting("payout.rejected", "rejected_at") if of == hash_]
        if instant(payout.status["at"]) not in said or payout.gone:
            tally.note(where, "a rejection that counts", "none", f"{where} is rejected, and nobody rejected it")
    elif payout.gone:
        _check_hand_off(payout, people, hash_, tally)


def _check_hand_off(payout: _Payout, people: People, hash_: str, tally: Tally) -> None:
    """Enough different people let just this content go, in time, and none who had changed the operator lately."""
    where, made, (position, gone) = payout.where, payout.made, payout.gone[-1]
    left = instant(gone["at"])
    voted = [each for each in payout.counting("payout.approved", "approved_at") if each[2] == hash_]
    at = max((when for when, _, _ in voted if when <= left), default=None)
    needed = _needed(payout, people, tally)
    if at is None:
        tally.note(where, needed, 0, f"{where} was handed off, and nobody approved this content before")
        return
    fired, operator_id = instant(made["fired_at"]), made["operator_id"]
    editors = people.editors(operator_id, at, position) | payout.makers | {folded(made.get("asked_by") or "")}
    names = {by for when, by, _ in voted if at - _LASTS < when <= at and when >= fired}
    good = names - editors
    if len(good) < needed:
        sentence = f"{where} was handed off by {len(good)} people who may approve it, and needs {needed}"
        tally.note(where, needed, len(good), sentence)
    elif not {by.casefold() for by in gone["by"]} <= good or len(set(gone["by"])) < needed:
        sentence = (
            f"{where} is said to have been let go by {', '.join(gone['by'])}, who are not those that approved it"
        )
        tally.note(where, sorted(good), gone["by"], sentence)
    waited = any(at <= since < left for since in payout.short)
    if at != left and not waited and not people.ends_pause(left, position):
        tally.note(where, at, left, f"{where} was approved at {at} and left at {left}, when nothing was resumed")
    if people.paused("*", left, position, on="payouts.stopped") is not None:
        tally.note(where, "no hand-off meanwhile", left, f"{where} was handed off while all payouts were stopped")
    if people.paused(operator_id, at, position, on="operator.payouts_held") is not None:
        tally.note(where, "no approval meanwhile", at, f"{where} was approved while its operator's payouts were held")
    if people.paused(operator_id, left, position, on="operator.payouts_held") is not None:
        tally.note(where, "no hand-off meanwhile", left, f"{where} left while its operator's payouts were held")
    rules = [people.rule(operator_id, each, position) for each in (at, left)]
    if any(rule is not None and rule.account != made["bank_account"] for rule in rules):
        tally.note(where, "the account in effect", "another", f"{where} was approved to an account of before")
    if any(instant(each) != left for each in payout.initiated) or not payout.initiated:
        tally.note(where, left, payout.initiated, f"{where} left at {left}, and its entries say another moment")
    _check_day(where, made, gone, left, tally)


def _check_day(where: str, made: Mapping[str, Any], gone: Mapping[str, Any], left: datetime, tally: Tally) -> None:
    """The bank is asked to pay on no day before the local day on which it was let go, and soon."""
    local = left.astimezone(ZoneInfo(made["time_zone"]) if made.get("time_zone") else UTC).date()
    asked = date.fromisoformat(gone["execution_date"])
    if (
        not local
        <= asked
        <= max(local, date.fromisoformat(made["execution_date"] or "0001-01-01")) + _LONGEST_CLOSURE
    ):
        sentence = f"{where} was let go on {local} and asks the bank to pay on {asked}"
        tally.note(where, f"{local} or a few days later", asked, sentence)


def _check_votes(payout: _Payout, tally: Tally) -> None:
    """Every approval that is not refused is of this content, and of a time at which it could count."""
    hash_, fired = content_hash(payout.made), instant(payout.made["fired_at"])
    ends = [instant(gone["at"]) for _, gone in payout.gone[-1:]]
    if payout.status.get("status") == "REJECTED":
        ends.append(instant(payout.status["at"]))
    for at, by, of in payout.counting("payout.approved", "approved_at"):
        if of != hash_ or at < fired or any(at > end for end in ends):
            sentence = (
                f"the approval of {payout.where} by {by} at {at:%Y-%m-%dT%H:%MZ} cannot count, and is not refused"
            )
            tally.note(payout.where, "a refusal", "none", sentence)


def _check_waiting(payout: _Payout, people: People, tally: Tally) -> None:
    """It does not wait when enough people let it go and nothing is stopped."""
    if payout.gone or payout.status.get("status") == "REJECTED":
        return
    rejected = payout.acting("payout.rejected", "rejected_at")
    if rejected:
        tally.note(payout.where, "REJECTED", "waits", f"{payout.where} waits, and {rejected[0][1]} rejected it")
    votes = payout.acting("payout.approved", "approved_at")
    needed, everything = _needed(payout, people, tally), 2**62
    last = payout.comes_to_act - timedelta.resolution if payout.comes_to_act else datetime.max.replace(tzinfo=UTC)
    stands = people.paused("*", last, everything, on="payouts.stopped")
    if stands is None and any(
        len(_together(votes, at) - people.editors(payout.made["operator_id"], at, everything)) >= needed
        for at, _, _ in votes
    ):
        tally.note(payout.where, "handed off", "waits", f"{payout.where} waits, and enough people let it go")


def _together(votes: Iterable[tuple[datetime, str, str]], at: datetime) -> set[str]:
    return {by for when, by, _ in votes if at - _LASTS < when <= at}
