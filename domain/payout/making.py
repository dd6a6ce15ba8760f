"""Payouts as the runs of one operator make them, of lines or again, and reserves that come back to it."""

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import date, datetime
from uuid import UUID

from domain.book.posting import entry_id
from domain.calendar import next_open
from domain.catalogue.parties import Operator
from domain.catalogue.versions import Versions
from domain.payout.amounts import Doubt, PayoutSum
from domain.payout.booked import RESERVE_RELEASE_KEY, RETAINED_RELEASE_KEY, own_entries
from domain.payout.circumstances import Circumstances
from domain.payout.deciding import take_votes
from domain.payout.desk import OperatorDesk, created_of
from domain.payout.events import PayoutCreated, PayoutDecision, PayoutKey, PayoutStatus, payout_stream
from domain.payout.lines import Line
from domain.payout.payee import with_payee
from domain.payout.payout import Payout
from domain.payout.releases import release_day, reserve_released_at, retained_release
from domain.payout.steps import create, release_reserve, supersede


class Making:
    """What one operator's runs have made so far, and what is left: lines, reserves that are held, failed payouts."""

    def __init__(
        self,
        desk: OperatorDesk,
        versions: Versions[Operator],
        known: Callable[[str], Payout],
        around: Circumstances,
    ) -> None:
        self.desk, self.versions, self.known, self.around = desk, versions, known, around
        self._asked_by: dict[tuple[str, ...], str] = {(each.source, each.id): each.by for each in desk.requests}
        # Payouts that people rejected, with when, and their lines.
        self._rejected: list[tuple[datetime, Sequence[Line]]] = []
        self.lines = sorted(desk.lines, key=lambda line: (line.available_on, line.entry_id))
        self.held, self.failed = list(desk.held), list(desk.failed)
        self.decisions: dict[str, tuple[Payout, list[PayoutDecision]]] = {}
        self.paid_lines: dict[str, list[UUID]] = {}
        self.handed_off: dict[str, int] = defaultdict(int)
        self._payouts: dict[str, Payout] = {}
        # What is set aside for payouts that wait for approval.
        self.awaiting: list[tuple[Payout, Sequence[Line]]] = []

    def count_rejected(self, at: datetime) -> None:
        """What people rejected before a moment is as if it had not been made."""
        for _, lines in (each for each in self._rejected if each[0] < at):
            self.desk.advances.take_back(lines)
        self._rejected = [each for each in self._rejected if each[0] >= at]

    def payout(self, payout_id: str) -> Payout:
        """A payout that is about to be made, or was."""
        if payout_id not in self._payouts:
            self._payouts[payout_id] = self.known(payout_id)
        return self._payouts[payout_id]

    def was_paid(self, currency: str, day: date) -> bool:
        """Whether a date that was opened again has its payout already: what it lacks goes into the next run."""
        return self.payout(PayoutKey(self.desk.operator_id, currency, day, 1).payout_id).created is not None

    def note(self, payout: Payout, made: list[PayoutDecision]) -> None:
        """Keep what was decided about a payout."""
        self.decisions.setdefault(payout.payout_id, (payout, []))[1].extend(made)

    def release_reserves(self, at: datetime) -> None:
        """Reserves whose day has opened by now become lines again (J32)."""
        for payout in list(self.held):
            created = created_of(payout)
            release_on = release_day(created, self.versions)
            moment = reserve_released_at(created, self.versions, release_on)
            if moment > at:
                continue
            self.held.remove(payout)
            self.note(payout, release_reserve(payout, moment))
            released = entry_id(payout_stream(payout.payout_id), RESERVE_RELEASE_KEY, 1, 0)
            self.lines.append(_given_back(released, created.currency, created.held_back, moment, release_on))

    def going_again(self, at: datetime, operator: Operator) -> list[Payout]:
        """The payouts that a run which is due at a moment pays again."""
        return [payout for payout in self.failed if payout.goes_again(at, operator.bank_account)]

    def pay_again(self, payout: Payout, at: datetime, operator: Operator) -> None:
        """Repeat a payout that came to nothing, at the first run after what it waits for (P18)."""
        created = created_of(payout)
        self.failed.remove(payout)
        key = PayoutKey(created.operator_id, created.currency, created.business_date, created.attempt + 1)
        self.note(payout, supersede(payout, key.payout_id, at))
        doubts = (Doubt.TERMS,) if operator.asks_for_approval else ()
        again = with_payee(PayoutSum(created.currency, (), created.amount, doubts=doubts), operator, at, self.around)
        by = payout.retried_by(at) or created.asked_by
        self._create(key, again, at, operator, created.entry_ids, reissue_of=created.payout_id, asked_by=by)

    def pay(
        self,
        sum_: PayoutSum,
        day: date,
        at: datetime,
        operator: Operator,
        attempt: int = 1,
        requested: tuple[str, ...] = (),
    ) -> str:
        """Make the payout of a sum; its id."""
        key = PayoutKey(self.desk.operator_id, sum_.currency, day, attempt)
        paid = [line.entry_id for line in sum_.lines]
        self.paid_lines[key.payout_id] = paid
        self.desk.advances.pay(sum_.lines)
        gone = set(paid)
        self.lines = [line for line in self.lines if line.entry_id not in gone]
        entry_ids = tuple(sorted(map(str, paid)))
        payout = self._create(key, sum_, at, operator, entry_ids, reissue_of=None, requested=requested)
        created = created_of(payout)
        if payout.status is PayoutStatus.REJECTED and payout.status_at is not None:
            del self.paid_lines[key.payout_id]
            self.lines += [replace(line, free_from=payout.status_at) for line in sum_.lines]
            self._rejected.append((payout.status_at, sum_.lines))
        elif sum_.awaits_approval:
            self.awaiting.append((payout, sum_.lines))
        if created.retained and created.is_handed_off:
            self._retain(created)
        return key.payout_id

    def _retain(self, created: PayoutCreated) -> None:
        """What a payout leaves is a line of the next run."""
        released = entry_id(payout_stream(created.payout_id), RETAINED_RELEASE_KEY, 1, 0)
        release = retained_release(created, created.fired_at)
        line = _given_back(released, created.currency, created.retained, created.fired_at, release.available_on)
        self.lines.append(replace(line, retained=True))

    def _create(
        self,
        key: PayoutKey,
        sum_: PayoutSum,
        at: datetime,
        operator: Operator,
        entry_ids: tuple[str, ...],
        reissue_of: str | None,
        requested: tuple[str, ...] = (),
        asked_by: str = "",
    ) -> Payout:
        calendars = operator.bank_calendars(key.currency)
        created = PayoutCreated(
            payout_id=key.payout_id,
            batch_id=key.batch_id,
            operator_id=key.operator_id,
            currency=key.currency,
            business_date=key.business_date,
            attempt=key.attempt,
            amount=sum_.amount,
            reserve=sum_.reserve,
            status=PayoutStatus.AWAITING_APPROVAL if sum_.awaits_approval else PayoutStatus.IN_TRANSIT,
            fired_at=at,
            bank_account=operator.bank_account,
            holder_name=operator.name,
            country_code=operator.country_code,
            entry_ids=entry_ids,
            reissue_of=reissue_of,
            execution_date=next_open(at.astimezone(operator.time_zone).date(), *calendars),
            time_zone=operator.time_zone.key,
            calendars=tuple(calendar.name for calendar in calendars),
            calendar_versions=tuple(calendar.version for calendar in calendars),
            approvals=self.around.needed(operator, key.currency, sum_.amount, at) if sum_.awaits_approval else 0,
            retained=sum_.retained,
            withheld=sum_.withheld,
            tax_bases=sum_.bases,
            tax_percents=sum_.percents,
            fee=sum_.fee,
            fee_vat=sum_.fee_vat,
            doubts=sum_.doubts,
            requested=requested,
            bank_profile=self.around.bank_profile(operator, key.currency),
            asked_by=asked_by or self._asked_by.get(requested, ""),
        )
        if created.is_handed_off:
            created = replace(created, entry_ids=tuple(sorted({*entry_ids, *own_entries(created)})))
            self.handed_off[key.currency] += created.amount
        payout = self.payout(key.payout_id)
        self.note(payout, [*create(payout, created), *take_votes(payout, self.around)])
        self.desk.past.take(payout)
        if payout.failed:
            self.failed.append(payout)
        if payout.holds_reserve:
            self.held.append(payout)
        return payout


def _given_back(released: UUID, currency: str, amount: int, at: datetime, day: date) -> Line:
    """The line of an entry that gives something back (J32), which the run of a business date may pay."""
    return Line(released, currency, amount, at, day, reserve_release=True, kind="J32")
