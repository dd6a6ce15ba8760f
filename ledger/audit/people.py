"""What people published and decided of operators, as the audit reads it: accounts, tiers, holds, stops, editors.

Each is asked for at a moment, by what was stored before a position: a payout is judged by what its run could know.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, NamedTuple
from unicodedata import category, normalize

import orjson

from ledger.audit.amounts import instant, minor
from ledger.audit.report import Tally
from ledger.audit.snapshot import Snapshot

_TOLD = """
SELECT notification_id, topic, state FROM event_store.stored_events
WHERE topic IN ('operator.registered', 'operator.changed', 'bank_account.proposed', 'bank_account.confirmed',
                'operator.payouts_held', 'operator.payouts_released', 'payouts.stopped', 'payouts.resumed',
                'payee.verified')
ORDER BY notification_id
"""
_OF_ALL = "*"
_CONTRACTS = ("operator.registered", "operator.changed")
_WEEK = timedelta(days=7)


class _Told(NamedTuple):
    """Something published or decided; `at` is when it acts, and `position` where it is stored."""

    at: datetime
    source: str
    id: str
    position: int
    topic: str
    data: Mapping[str, Any]


@dataclass
class Rule:
    """From when on an account or a contract is in effect."""

    since: datetime
    account: Mapping[str, str]
    data: Mapping[str, Any]


@dataclass(slots=True)
class People:
    """All of it, by operator; decisions of all operators' payouts under `*`."""

    cooling_off: timedelta
    told: defaultdict[str, list[_Told]] = field(default_factory=lambda: defaultdict(list))
    rules: dict[tuple[str, int], list[Rule]] = field(default_factory=dict)

    def rule(self, operator_id: str, moment: datetime, position: int) -> Rule | None:
        """The contract and the account in effect at a moment."""
        return next((each for each in reversed(self._rules(operator_id, position)) if each.since <= moment), None)

    def accounts_between(
        self, operator_id: str, since: datetime, until: datetime, position: int
    ) -> list[Mapping[str, str]]:
        """The accounts that were in effect at any moment of a span."""
        rules = self._rules(operator_id, position)
        ends = [*(each.since for each in rules[1:]), datetime.max.replace(tzinfo=since.tzinfo)]
        return [each.account for each, end in zip(rules, ends, strict=True) if each.since <= until and end > since]

    def contracts_counting(self, operator_id: str, moment: datetime, position: int) -> list[Mapping[str, Any]]:
        """The contract in effect at a moment, and those that were within the cooling-off before."""
        rules, since = self._rules(operator_id, position), moment - self.cooling_off
        ends = [*(each.since for each in rules[1:]), datetime.max.replace(tzinfo=moment.tzinfo)]
        return [each.data for each, end in zip(rules, ends, strict=True) if each.since <= moment and end > since]

    def paused(self, whose: str, moment: datetime, position: int, *, on: str) -> datetime | None:
        """Since when an operator's payouts are held at a moment, or all are stopped; None where they are not."""
        since = None
        for each in self._in_time(whose, position):
            if each.at > moment:
                break
            if each.topic == on:
                since = since or each.at
            elif each.topic in ("operator.payouts_released", "payouts.resumed"):
                since = None
        return since

    def payee_differs(self, operator_id: str, account: Mapping[str, Any], moment: datetime, position: int) -> bool:
        """Whether the last answer about an account by a moment says that it is somebody else's."""
        results = [
            each.data["result"]
            for each in self._in_time(operator_id, position)
            if each.topic == "payee.verified"
            and each.at <= moment
            and one_account(each.data["bank_account"], account)
        ]
        return results[-1:] == ["NO_MATCH"]

    def ends_pause(self, moment: datetime, position: int) -> bool:
        """Whether all payouts were resumed at just that moment."""
        return any(each.at == moment and each.topic == "payouts.resumed" for each in self._in_time(_OF_ALL, position))

    def editors(self, operator_id: str, moment: datetime, position: int) -> set[str]:
        """Who changed an operator's contract or account in the week before a moment, by their folded names."""
        found = set()
        for each in self._in_time(operator_id, position):
            by, at = each.data.get("by"), each.at
            if each.topic in _CONTRACTS:
                at = max(at, instant(each.data["effective_from"]))
            is_edit = not each.topic.startswith(("operator.payouts_", "payee."))
            if by and is_edit and any(moment - _WEEK < when <= moment for when in (at, each.at)):
                found.add(folded(by))
        return found

    def _in_time(self, whose: str, position: int) -> list[_Told]:
        return sorted(each for each in self.told.get(whose, ()) if each.position < position)

    def _rules(self, operator_id: str, position: int) -> list[Rule]:
        known = self._in_time(operator_id, position)
        key = (operator_id, max((each.position for each in known), default=0))
        if key not in self.rules:
            self.rules[key] = list(_rules_of(known, self.cooling_off))
        return self.rules[key]


def _rules_of(known: list[_Told], cooling_off: timedelta) -> Iterator[Rule]:
    """Contracts with the account in effect: another one waits for a second person and for its time, where asked."""
    contracts = [each for each in known if each.topic in _CONTRACTS]
    steps: list[tuple[datetime, int, str, str, _Told]] = []
    for rank, each in enumerate(contracts):
        start = instant(each.data["effective_from"])
        steps.append((start if rank == 0 else max(start, each.at), 0, each.source, each.id, each))
    steps += [(each.at, 1, each.source, each.id, each) for each in known if each.topic.startswith("bank_account.")]
    told = _Accounts(cooling_off)
    for at, kind, _, _, step in sorted(steps, key=lambda each: each[:4]):
        yield from told.cool_off(at)
        account = {name: text for name, text in step.data["bank_account"].items() if text is not None}
        if kind:
            told.decide(at, step, account)
        else:
            yield told.publish(at, step, account)
    yield from told.cool_off(None)


@dataclass(slots=True)
class _Accounts:
    """The account in effect as versions and decisions go by; one proposed with by whom, one agreed on with when."""

    cooling_off: timedelta
    account: Mapping[str, str] = field(default_factory=dict)
    contract: Mapping[str, Any] = field(default_factory=dict)
    proposed: tuple[Mapping[str, str], str] | None = None
    agreed: tuple[datetime, Mapping[str, str]] | None = None
    guarded_until: datetime | None = None

    def cool_off(self, moment: datetime | None) -> Iterator[Rule]:
        """What two people agreed on takes effect once its time has come."""
        if self.agreed is not None and self.account and (moment is None or self.agreed[0] <= moment):
            since, self.account = self.agreed
            self.agreed = None
            yield Rule(since, self.account, self.contract)

    def is_under_way(self, account: Mapping[str, str]) -> bool:
        """Whether an account is proposed or agreed on."""
        return (self.proposed is not None and self.proposed[0] == account) or (
            self.agreed is not None and self.agreed[1] == account
        )

    def publish(self, at: datetime, step: _Told, account: Mapping[str, str]) -> Rule:
        """A version of the contract."""
        asks = _term(step.data, "account_change") == "CONFIRM"
        if asks or _term(self.contract, "account_change") == "CONFIRM":
            self.guarded_until = at + self.cooling_off
        guarded = self.guarded_until is not None and at <= self.guarded_until
        if not self.account or (account != self.account and not guarded):
            self.account, self.proposed, self.agreed = account, None, None
        elif account != self.account and not self.is_under_way(account):
            self.proposed = (account, step.data.get("by") or "")
        self.contract = step.data
        return Rule(at, self.account, self.contract)

    def decide(self, at: datetime, step: _Told, account: Mapping[str, str]) -> None:
        """Somebody proposes an account or confirms it."""
        if not self.account:
            return
        if step.topic == "bank_account.proposed":
            if account == self.account:
                self.proposed = self.agreed = None
            elif not self.is_under_way(account):
                self.proposed = (account, step.data["by"])
        elif self.proposed is not None and self.proposed[0] == account and self._is_other(step):
            self.proposed, self.agreed = None, (at + self.cooling_off, account)

    def _is_other(self, step: _Told) -> bool:
        by: str = step.data["by"]
        return self.proposed is None or folded(self.proposed[1]) != folded(by)


def folded(name: str) -> str:
    """The name of a person without what two spellings of it may differ in: capitals, spaces, forms of letters."""
    text = normalize("NFKC", normalize("NFKC", name).casefold())
    return " ".join(text.translate({ord(each): None for each in text if category(each) == "Cf"}).split())


def one_account(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Whether two are one account, whoever holds it."""
    if one.get("iban") or other.get("iban"):
        return one.get("iban") == other.get("iban")
    return all(
        "".join(one[part].split()).upper() == "".join(other[part].split()).upper()
        for part in ("routing_code", "account_number")
    )


def _term(data: Mapping[str, Any], name: str) -> Any:
    return data[name] if data.get(name) is not None else (data.get("payout") or {}).get(name)


def tier(data: Mapping[str, Any], currency: str, amount: int) -> int | None:
    """By how many people the contract has a payout approved; None where it says nothing of its currency."""
    told = _term(data, "approvals")
    if isinstance(told, list):
        told = {data["currency"]: told}
    steps = (told or {}).get(currency)
    if not steps:
        return None
    reached = [each["approvals"] for each in steps if minor(each["from"], currency) <= amount]
    return max(reached, default=1)


def read_people(snapshot: Snapshot, cooling_off_hours: int, tally: Tally) -> People:
    """All that is stored of it; what cannot be read is noted and left out."""
    people = People(timedelta(hours=cooling_off_hours))
    for position, topic, state in snapshot.rows(_TOLD):
        try:
            body = orjson.loads(state)
            data = body["data"]
            at = instant(data["at"] if "at" in data else body["time"])
            whose = data.get("operator_id") or _OF_ALL
            people.told[whose].append(_Told(at, body["source"], body["id"], position, topic, data))
        except (LookupError, TypeError, ValueError, AttributeError) as fault:
            sentence = f"the {topic} at position {position} cannot be read: {type(fault).__name__}: {fault}"
            tally.note(f"position {position}", "a readable event", fault, sentence)
    return people
