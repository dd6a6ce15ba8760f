"""What operators declare: their costs, what is on their bank account, and of what they are told and how."""

from collections.abc import Iterator
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import ConfigDict, Field, StringConstraints, model_validator

from contracts.amounts import Money, Price, UnsignedMoney, UnsignedNumber
from contracts.envelope import Event
from contracts.values import (
    AtLeastOne,
    ClockTime,
    Identifier,
    Problem,
    Time,
    Wire,
    bad_value,
    missing_field,
    refuse_all,
)

CostKind = Literal["ENERGY", "DEMAND", "LEASE", "SERVICE", "SOFTWARE", "OTHER"]
# What is bought by the unit: kWh, and kW of a month's peak.
_PRICED = ("ENERGY", "DEMAND")
_OF_PRICES, _OF_PEAKS, _OF_AMOUNTS, _DATED = (
    ("price",),
    ("minimum_kw", "average_months"),
    ("amount", "every"),
    ("due_day",),
)
# The seventh day of a week is Sunday (ISO 8601).
_DAYS_IN_A_WEEK = 7


class CostDeclaredData(Wire):
    """A cost of an operator, of one of its locations or of all, in effect from `effective_from` on.

    ENERGY has a `price` a kWh, DEMAND one a kW of the month's peak: of `minimum_kw` at least, and of the mean of
    the peaks of `average_months` months. The others have an `amount`, ONCE or `every` DAY, WEEK or MONTH on its
    `due_day`: of the month from 1 to 31, or of the week from 1, Monday, to 7; where it has none, on that of
    `effective_from`. Both are in the operator's currency.
    """

    operator_id: Identifier
    cost_id: Identifier
    effective_from: Time
    effective_to: Time | None = None
    location_id: Identifier | None = None
    kind: CostKind
    price: Price | None = None
    minimum_kw: UnsignedNumber | None = None
    average_months: Annotated[int, Field(ge=1, le=36)] | None = None
    amount: UnsignedMoney | None = None
    every: Literal["DAY", "WEEK", "MONTH", "ONCE"] | None = None
    due_day: Annotated[int, Field(ge=1, le=31)] | None = None

    @model_validator(mode="after")
    def _says_what_its_kind_needs(self) -> "CostDeclaredData":
        if self.effective_to is not None and self.effective_to < self.effective_from:
            raise bad_value("is before effective_from; a cost cannot end before it begins", "effective_to")
        is_priced = self.kind in _PRICED
        for name in _OF_PRICES if is_priced else _OF_AMOUNTS:
            if getattr(self, name) is None:
                raise missing_field(name)
        refuse_all(self._faults(is_priced))
        return self

    def _faults(self, is_priced: bool) -> Iterator[Problem]:
        strange = (*_OF_AMOUNTS, *_DATED) if is_priced else (*_OF_PRICES, *_OF_PEAKS)
        for name in strange + (_OF_PEAKS if self.kind == "ENERGY" else ()):
            if (found := getattr(self, name)) is not None:
                sentence = f"is no part of a cost of the kind {self.kind}; leave it out, or name another kind"
                yield Problem((name,), str(found), sentence)
        if self.every == "WEEK" and self.due_day is not None and self.due_day > _DAYS_IN_A_WEEK:
            yield Problem(("due_day",), self.due_day, "must be a day of the week from 1 (Monday) to 7 (Sunday)")


class CashDeclaredData(Wire):
    """What was on an operator's bank account at a moment; below 0 where it was overdrawn."""

    operator_id: Identifier
    at: Time
    amount: Money


# Names of types of notifications, with * for any part of one: payout.*, charger.down.
EventPattern = Annotated[str, StringConstraints(pattern=r"^[a-z0-9_*]+(\.[a-z0-9_*]+)*$", max_length=64)]
Target = Annotated[str, StringConstraints(min_length=3, max_length=2000)]


class QuietHours(Wire):
    """Hours of the operator's clock in which nothing but what is critical is told; from 22:00 to 06:00 is a night."""

    model_config = ConfigDict(serialize_by_alias=True)

    from_: Annotated[ClockTime, Field(alias="from")]
    to: ClockTime

    @model_validator(mode="after")
    def _lasts(self) -> "QuietHours":
        if self.from_ == self.to:
            raise bad_value("is from; quiet hours of no length, or of the whole day, say nothing: set enabled", "to")
        return self


# What separates addresses, or hides parts of one.
_NOT_IN_MAIL = {*' ,;<>()"'}


class NotifySetData(Wire):
    """Of which events an operator is told, where, how bundled, and when not; the latest version counts.

    `language` is that of the fixed phrases of mail; where it is not said, that of the operator's country if mail has
    it, else English.
    """

    operator_id: Identifier
    subscription_id: Identifier
    events: AtLeastOne[EventPattern]
    channel: Literal["WEBHOOK", "MAIL"]
    target: Target
    digest: Literal["NONE", "HOURLY", "DAILY"] | None = None
    quiet: QuietHours | None = None
    min_severity: Literal["INFO", "WARNING", "CRITICAL"] | None = None
    language: Literal["de", "en", "fr", "nl"] | None = None
    enabled: bool

    @model_validator(mode="after")
    def _can_be_reached(self) -> "NotifySetData":
        if self.channel == "MAIL" and not _is_mail(self.target):
            raise bad_value("must be a mail address, such as desk@example.org", "target")
        if self.channel == "WEBHOOK" and not _is_url(self.target):
            raise bad_value("must be the URL of a webhook, such as https://example.org/hook", "target")
        return self


def _is_mail(target: str) -> bool:
    local, at, host = target.rpartition("@")
    return bool(local and at and host) and target.isprintable() and not _NOT_IN_MAIL & {*target}


def _is_url(target: str) -> bool:
    try:
        parts = urlsplit(target)
        is_whole = parts.scheme in ("https", "http") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False
    return is_whole and target.isascii() and target.isprintable() and " " not in target


class CostDeclared(Event):
    """`operator.cost_declared`."""

    type: Literal["operator.cost_declared"]
    data: CostDeclaredData


class CashDeclared(Event):
    """`operator.cash_declared`."""

    type: Literal["operator.cash_declared"]
    data: CashDeclaredData


class NotifySet(Event):
    """`operator.notify_set`."""

    type: Literal["operator.notify_set"]
    data: NotifySetData
