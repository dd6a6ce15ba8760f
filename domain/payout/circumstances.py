"""What rules an operator's payouts besides its lines: terms and account over time, holds, the stop, who changed it.

All of it is read from what was published and decided, by the times of that and not by when it arrived; only `is_live`
is of the moment: while payouts are stopped, nothing leaves a live system, whenever it would have.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from domain.calendar import utc_text
from domain.catalogue.account_changes import Edit, OperatorHistory
from domain.catalogue.accounts import is_sound
from domain.catalogue.catalogue import Catalogue
from domain.catalogue.parties import Operator
from domain.catalogue.payee_checks import PAYEE_APPROVALS, PayeeChecks, PayeeResult
from domain.catalogue.switches import Switches
from domain.catalogue.tiers import Tiers, approvals_needed
from domain.catalogue.versions import Versions
from domain.payout.bank_profiles import profile_for
from domain.people import folded_name

# Whoever changed terms or account of an operator approves none of its payouts for so long.
FOUR_EYES = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class DecisionRules:
    """What the platform has set: how many people approve where terms say nothing, and how long accounts cool off.

    A hold that is older than `hold_max_age` is told (rule P8: 180 days).
    """

    approvals: Tiers = field(default_factory=dict)
    cooling_off: timedelta = timedelta(hours=24)
    hold_max_age: timedelta = timedelta(days=180)
    # Profiles of bank files by country and currency, where terms say nothing.
    bank_profiles: Mapping[str, str] = field(default_factory=dict)
    # The time zone in which months of the book end, until it is fixed by the first close.
    book_zone: str = "UTC"


@dataclass(frozen=True, slots=True)
class Circumstances:
    """Those of one operator."""

    versions: Versions[Operator] = field(default_factory=Versions)
    holds: Switches = field(default_factory=Switches)
    stops: Switches = field(default_factory=Switches)
    edits: tuple[Edit, ...] = ()
    approvals: Tiers = field(default_factory=dict)
    is_live: bool = False
    bank_profiles: Mapping[str, str] = field(default_factory=dict)
    payees: PayeeChecks = field(default_factory=PayeeChecks)
    # Whether what people let go leaves only as far as client money reaches.
    weighs_cover: bool = False
    # What is dated after it acts when the clock has come there; None: all that is known acts.
    now: datetime | None = None

    @classmethod
    def of(
        cls,
        catalogue: Catalogue,
        operator_id: str,
        rules: DecisionRules,
        *,
        is_live: bool,
        weighs_cover: bool = False,
        now: datetime | None = None,
    ) -> "Circumstances":
        """Those of an operator, by all that is known."""
        history = catalogue.histories.get(operator_id, OperatorHistory())
        return cls(
            history.versions,
            catalogue.holds.get(operator_id, Switches()),
            catalogue.stops,
            tuple(history.edits()),
            rules.approvals,
            is_live,
            rules.bank_profiles,
            catalogue.payees.get(operator_id, PayeeChecks()),
            weighs_cover,
            now,
        )

    def is_stopped(self, until: datetime | None = None) -> bool:
        """Whether nothing at all may leave for now, also because payouts were stopped after the clock's `until`."""
        stopped = self.stops.standing
        return stopped is not None and (self.is_live or (until is not None and stopped.at > until))

    def leaves_at(self, moment: datetime) -> datetime | None:
        """When what could leave at a moment does: once payouts are resumed; None while that is open."""
        if self.is_stopped():
            return None
        interval = self.stops.on_at(moment)
        if interval is None:
            return moment
        return interval.ended.at if interval.ended else None

    def has_come(self, moment: datetime) -> bool:
        """Whether what is decided for a moment acts by now."""
        return self.now is None or moment <= self.now

    def is_held(self, moment: datetime) -> bool:
        """Whether somebody holds the operator's payouts at a moment."""
        return self.holds.on_at(moment) is not None

    def barred(self, moment: datetime) -> frozenset[str]:
        """Who changed the operator lately, by their folded names: none of them approves its payouts."""
        return frozenset(
            folded_name(each.by) for each in self.edits if moment - FOUR_EYES < each.at <= moment and each.by
        )

    def is_another_payee(self, operator: Operator, moment: datetime) -> bool:
        """Whether the bank of its account said last, by a moment, that it is somebody else's."""
        return self.payees.last(operator.bank_account, moment) is PayeeResult.NO_MATCH

    def needed(self, operator: Operator, currency: str, amount: int, moment: datetime) -> int:
        """By how many people a payout that is made at a moment has to be approved."""
        of_terms = (each.approvals for each in (operator, *operator.guards))
        needed = max(approvals_needed(tiers, self.approvals, currency, amount) for tiers in of_terms)
        return max(needed, PAYEE_APPROVALS) if self.is_another_payee(operator, moment) else needed

    def bank_profile(self, operator: Operator, currency: str) -> str:
        """The profile of the bank file that a payout goes out in."""
        term, account = operator.runs.bank_profile, operator.bank_account
        return profile_for(term, self.bank_profiles, operator.country_code, currency, account)

    def why_not(self, account: Mapping[str, str], operator_id: str, moment: datetime) -> str:
        """Why a payout to an account may not be approved at a moment; "" where it may."""
        held = self.holds.on_at(moment)
        if held is not None:
            return (
                f"the payouts of {operator_id} were held, by {held.began.by} at {utc_text(held.began.at)}: approve "
                "it once they are released"
            )
        operator = self.versions.at(moment)
        if operator is not None and operator.bank_account != account:
            return (
                f"{operator_id} had another bank account by then: reject the payout, and the next run pays its lines "
                "to that one"
            )
        if not is_sound(account):
            return f"no bank can know the account that {operator_id} had: reject the payout once it has another"
        return ""


def people(names: Iterable[str]) -> str:
    """Names in a sentence."""
    return ", ".join(sorted(names))
