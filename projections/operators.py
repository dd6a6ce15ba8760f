"""Operators as they are shown outside: their terms in effect, and all versions that were published of them."""

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from psycopg import Cursor
from psycopg.rows import TupleRow

from domain.calendar import instant
from domain.catalogue.account_changes import ACCOUNT_TYPES, COOLING_OFF, AccountDecided, OperatorHistory
from domain.catalogue.parties import Operator
from domain.catalogue.versions import Version, Versions

# Ids of operators behind one, in order.
_IDS = """
SELECT DISTINCT operator_id FROM surface.operator_terms
WHERE %(after)s::text IS NULL OR operator_id > %(after)s
ORDER BY operator_id LIMIT %(limit)s
"""
# All that was published of these operators, in the order of arrival.
_TERMS = """
SELECT operator_id, source, id, event_time, terms, bank_account FROM surface.operator_terms
WHERE operator_id = ANY(%s) ORDER BY operator_id, seq
"""

# What was said of the accounts of these operators, in the order of arrival; one account or person has one number.
_STEPS = """
SELECT operator_id, type, source, id, said_at, account_number, person_number, is_told_by, bank_account
FROM surface.account_steps WHERE operator_id = ANY(%s) ORDER BY operator_id, seq
"""

# Messages that name an account which no bank can know.
_UNSOUND = "SELECT source, id FROM surface.unsound_accounts WHERE operator_id = ANY(%s)"

# Whose payouts are held, and why: the decision that acted last says so.
_HELD = """
SELECT operator_id, reason FROM (
    SELECT DISTINCT ON (operator_id) operator_id, type, reason FROM projection.decisions
    WHERE operator_id = ANY(%s) AND type IN ('operator.payouts_held', 'operator.payouts_released')
      AND state = 'TAKEN' AND acts_at <= clock_timestamp()
    ORDER BY operator_id, acts_at DESC, source DESC, id DESC
) AS latest
WHERE type = 'operator.payouts_held'
"""


@dataclass(slots=True)
class _CoolingOff:
    """How long another account waits that two people agreed on, in this process."""

    time: timedelta = COOLING_OFF


_cooling_off = _CoolingOff()


def use_cooling_off(time: timedelta) -> None:
    """Have accounts that two people agreed on wait for so long, in all that this process shows of operators."""
    _cooling_off.time = time


@dataclass(frozen=True, slots=True)
class Terms:
    """What one version says: its data as published, but for the bank account, which is masked.

    `is_sound` says whether a bank could know that account.
    """

    terms: Mapping[str, Any]
    bank_account: Mapping[str, Any]

    def contract(self) -> Operator:
        """The same as the domain reads it, without the bank account, which is masked here."""
        return Operator.from_data({**self.terms, "bank_account": {}})

    is_sound: bool = True


@dataclass(frozen=True, slots=True)
class OperatorTerms:
    """An operator with all its versions, by the moment from which each is in effect.

    Where somebody holds its payouts now, `held_because` says why. `accounts` are its masked bank accounts, each from
    the moment on at which it took effect, with whether a bank could know it, where that is not always the one of the
    version.
    """

    operator_id: str
    versions: Versions[Terms]
    held_because: str | None = None
    accounts: Sequence[tuple[datetime, Mapping[str, Any], bool]] = ()

    def in_effect(self, at: datetime | None = None) -> Terms:
        """The version in effect now or at a moment; before the first one that one, since no other is known."""
        moment = at or datetime.now(UTC)
        return self.versions.at(moment) or self.versions.timeline[0][1].value

    def contract(self) -> Versions[Operator]:
        """The versions as the domain reads them."""
        found: Versions[Operator] = Versions()
        for _, each in self.versions.timeline:
            found.add(Version(each.time, each.source, each.id, each.effective_from, each.value.contract()))
        return found

    def account(self, at: datetime | None = None) -> Mapping[str, Any]:
        """The masked account to which it is paid now or at a moment; one that waits for somebody is not in effect."""
        return self._account(at)[0]

    def has_sound_account(self, at: datetime | None = None) -> bool:
        """Whether a bank could know the account to which it is paid now or at a moment."""
        return self._account(at)[1]

    def _account(self, at: datetime | None) -> tuple[Mapping[str, Any], bool]:
        if not self.accounts:
            terms = self.in_effect(at)
            return terms.bank_account, terms.is_sound
        place = bisect_right(self.accounts, at or datetime.now(UTC), key=lambda each: each[0])
        _, account, is_sound = self.accounts[max(place, 1) - 1]
        return account, is_sound


def limits_advances(of: OperatorTerms, currency: str, at: datetime) -> bool:
    """Whether the terms in effect at a moment limit what is paid ahead of drivers in a currency."""
    terms = of.in_effect(at).terms
    return terms.get("advance_limit") is not None and terms["currency"] == currency


def operators(cursor: Cursor[TupleRow], limit: int, after: str | None = None) -> list[OperatorTerms]:
    """The next operators by id; who asks as a tenant sees its own."""
    ids = [id_ for (id_,) in cursor.execute(_IDS, {"after": after, "limit": limit})]
    return _read(cursor, ids)


def operator(cursor: Cursor[TupleRow], operator_id: str) -> OperatorTerms | None:
    """One operator; None where it is unknown, or not to be seen by who asks."""
    found = _read(cursor, [operator_id])
    return found[0] if found else None


def operators_of(cursor: Cursor[TupleRow], operator_ids: Sequence[str]) -> Sequence[OperatorTerms]:
    """Operators by their ids; those that are unknown, or not to be seen by who asks, are not among them."""
    return _read(cursor, operator_ids)


def names_of_operators(cursor: Cursor[TupleRow], operator_ids: Sequence[str]) -> dict[str, str]:
    """The names of operators now, by id; an operator that is not registered yet has none."""
    return {each.operator_id: str(each.in_effect().terms["name"]) for each in _read(cursor, operator_ids)}


def zone_name(found: OperatorTerms) -> str:
    """The name of the time zone in which an operator's days are."""
    return str(found.in_effect().terms["time_zone"])


def _read(cursor: Cursor[TupleRow], operator_ids: Sequence[str]) -> list[OperatorTerms]:
    found: dict[str, Versions[Terms]] = {}
    unsound = set(cursor.execute(_UNSOUND, (list(operator_ids),)).fetchall())
    for operator_id, source, id_, time, terms, account in cursor.execute(_TERMS, (list(operator_ids),)):
        told = Terms(terms, account, (source, id_) not in unsound)
        version = Version(time, source, id_, instant(terms["effective_from"]), told)
        found.setdefault(operator_id, Versions()).add(version)
    held: dict[str, str] = dict(cursor.execute(_HELD, (list(found),)).fetchall())
    steps: dict[str, list[tuple[Any, ...]]] = {operator_id: [] for operator_id in found}
    for operator_id, *step in cursor.execute(_STEPS, (list(found),)):
        steps[operator_id].append((*step, (step[1], step[2]) not in unsound))
    return [
        OperatorTerms(id_, versions, held.get(id_), _accounts(id_, versions, steps[id_]))
        for id_, versions in found.items()
    ]


def _accounts(
    operator_id: str, versions: Versions[Terms], steps: Sequence[tuple[Any, ...]]
) -> list[tuple[datetime, Mapping[str, Any], bool]]:
    """The accounts in effect, by the rule that runs pay by; nothing where each version brings its own."""
    published = {(version.source, version.id): version for _, version in versions.timeline}
    if not any(step[0] in ACCOUNT_TYPES for step in steps) and not any(
        "CONFIRM" in (each.value.terms.get("account_change"), each.value.terms["payout"].get("account_change"))
        for each in published.values()
    ):
        return []
    history, masked = OperatorHistory(_cooling_off.time), {}
    for type_, source, id_, said_at, number, person, is_told_by, account, is_sound in steps:
        masked[str(number)] = account, is_sound
        named = {"number": str(number)}
        if type_ in ACCOUNT_TYPES:
            fact = AccountDecided(
                at=said_at,
                source=source,
                id=id_,
                type=type_,
                operator_id=operator_id,
                account=named,
                by=str(person),
            )
            history.decide(fact)
        else:
            each = published[source, id_]
            terms = Operator.from_data({**each.value.terms, "bank_account": named})
            version = Version(each.time, source, id_, each.effective_from, terms)
            history.publish(version, str(person) if is_told_by else None)
    return [(start, *masked[version.value.bank_account["number"]]) for start, version in history.versions.timeline]
