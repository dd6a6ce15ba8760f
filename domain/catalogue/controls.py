"""Terms by which people look at what is paid before it leaves, and how it shows that somebody lowered them.

Nobody has to sign an operator's terms. So what is lowered still counts for the length of the cooling-off, beside
what is published in its place: people are told at once, and have that time to hold the operator's payouts.
"""

from collections.abc import Collection, Iterable, Iterator
from datetime import datetime
from fractions import Fraction

from domain.book.findings import Finding, FindingKind, OpenFindings
from domain.calendar import utc_text
from domain.catalogue.parties import Operator
from domain.catalogue.tiers import Tiers, approvals_needed
from domain.money import format_minor, plain
from domain.values import value


@value
class Lowered:
    """A version, by source and id, asks for less than the one before it: from when on, by whom, and of what.

    `until` that the terms before it count as well; `by` is "" where nobody says who published it.
    """

    at: datetime
    source: str
    id: str
    by: str
    until: datetime
    what: tuple[str, ...]


def lowered(before: Operator, after: Operator) -> tuple[str, ...]:
    """What terms ask for less than those before them, each as it was and as it is; nothing where they do not."""
    return tuple(_lowered(before, after))


def _lowered(before: Operator, after: Operator) -> Iterator[str]:
    if before.payout.requires_approval and not after.payout.requires_approval:
        yield "requires_approval is lifted"
    if before.confirms_account and not after.confirms_account:
        yield "account_change is CONFIRM no more"
    for currency in sorted(before.approvals):
        if _asks_for_fewer(before.approvals, after.approvals, currency):
            yield f"approvals in {currency} are fewer"
    for name in ("payout", "day", "instant"):
        was, is_ = (getattr(each.runs.limits, name) for each in (before, after))
        if was is not None and (before.currency != after.currency or is_ is None or is_ > was):
            yield f"limits.{name} is {_amount(is_, after)}, {_amount(was, before)} before"
    factor, now = before.runs.anomaly_factor, after.runs.anomaly_factor
    if factor is not None and (before.currency != after.currency or now is None or now > factor):
        yield f"anomaly_factor is {_factor(now)}, {_factor(factor)} before"


def _asks_for_fewer(before: Tiers, after: Tiers, currency: str) -> bool:
    """Whether any amount needs fewer people; where terms have no tiers the platform's own may be one for all."""
    steps = {start for tiers in (before, after) for start, _ in tiers.get(currency, ())}
    return any(
        approvals_needed(after, {}, currency, amount) < approvals_needed(before, {}, currency, amount)
        for amount in steps
    )


def _amount(minor: int | None, operator: Operator) -> str:
    return "none" if minor is None else f"{format_minor(minor, operator.currency)} {operator.currency}"


def _factor(factor: Fraction | None) -> str:
    return "none" if factor is None else plain(factor)


def lowered_findings(operator_id: str, found: Iterable[Lowered], known: OpenFindings) -> list[Finding]:
    """That terms were lowered, to be open until those before them count no more; what is over is not told again."""
    wanted = (_finding(operator_id, each) for each in found)
    open_now = {each.key for each in known}
    return [each for each in wanted if each.key in open_now or not known.was_told(each.key)]


def still_lowered(known: Iterable[Finding], found: Iterable[Lowered], until: datetime) -> list[Finding]:
    """What of it is open still as of a moment."""
    ends = {_key(each): each.until for each in found}
    return [each for each in known if each.kind is FindingKind.CONTROLS_LOWERED and ends.get(each.key, until) > until]


def over_at(found: Iterable[Lowered], keys: Collection[str]) -> dict[str, datetime]:
    """When findings of these keys are over."""
    return {_key(each): each.until for each in found if _key(each) in keys}


def _key(found: Lowered) -> str:
    return f"controls-lowered:{found.source}:{found.id}"


def _finding(operator_id: str, found: Lowered) -> Finding:
    who = f"{found.by}, by {found.source}," if found.by else f"{found.source}, which names nobody,"
    return Finding(
        FindingKind.CONTROLS_LOWERED,
        key=_key(found),
        subject=operator_id,
        operator_id=operator_id,
        since=found.at,
        sentence=(
            f"{who} lowered the terms of {operator_id} from {utc_text(found.at)} on: {'; '.join(found.what)}. The "
            f"terms before count as well until {utc_text(found.until)}"
        ),
    )
