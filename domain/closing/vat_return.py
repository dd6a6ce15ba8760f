"""A VAT return: filed as the figures of its months were issued, or refused with both; then paid (J58)."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from domain.book.closing_bookings import VatPaid
from domain.book.standing import Booked
from domain.book.words import code_of
from domain.closing.affair import Affair, Decision
from domain.closing.events import BookDecided, VatReturnFiled
from domain.matter.told import Told
from domain.money import format_minor
from domain.values import value

FILED, PAID = "vat.filed", "vat.paid"
KEY = "vat"
OUTPUT, INPUT = "2110", "1310"


@value
class VatAround:
    """What a return is judged in: the first month that is not closed, other returns of its months, and the figures.

    `accounts` are what was issued of the VAT accounts of its jurisdiction and months: minor units, debit positive.
    """

    first_open: str | None
    overlaps: str | None
    accounts: Callable[[], Sequence[tuple[str, int]]]


@dataclass(slots=True)
class VatAffair(Affair):
    """What people said of one VAT return."""

    filed: VatReturnFiled | None = None
    jurisdiction: str = ""

    def waits_for(self, told: Told) -> str | None:
        """A payment waits for its return."""
        if told.type == PAID and self.filed is None:
            return f"VAT return {self.subject} was not filed: it counts once it is"
        return None

    def why_not(self, told: Told, around: VatAround) -> str | None:
        """Why somebody's word does not count."""
        if told.type == PAID:
            return self._not_paid(told)
        name, last = f"VAT return {self.subject}", str(told.data["to"])[:7]
        if self.filed is not None:
            return f"{name} was filed before: late entries go into the next return"
        if around.first_open is None or last >= around.first_open:
            closed = f"the first open one is {around.first_open}" if around.first_open else "none is closed"
            return f"{name} is of period {last}, which is not closed ({closed}): close it first"
        if around.overlaps is not None:
            return f"{name} has months of VAT return {around.overlaps}: late entries go into the next return"
        return self._differs(told, around.accounts())

    def _differs(self, told: Told, accounts: Sequence[tuple[str, int]]) -> str | None:
        currency = told.data["output"]["currency"]
        issued = (-_sum(accounts, OUTPUT), _sum(accounts, INPUT))
        if (told.minor("output"), told.minor("input")) == issued:
            return None
        output, input_ = (format_minor(each, currency) for each in issued)
        said_output, said_input = (format_minor(told.minor(name), currency) for name in ("output", "input"))
        return (
            f"VAT_DIFFERS: VAT return {self.subject} says output {said_output} and input {said_input} {currency}, "
            f"and issued are output {output} and input {input_} {currency}: file what was issued"
        )

    def _not_paid(self, told: Told) -> str | None:
        name, filed = f"VAT return {self.subject}", self.filed
        if filed is None:
            return None
        due = -sum(amount for _, amount in filed.accounts)
        if len(self.standing):
            return f"{name} was paid before"
        if (told.data["amount"]["currency"], told.minor()) != (filed.currency, due):
            return f"{name} comes to {format_minor(due, filed.currency)} {filed.currency}: pay that amount"
        return None

    def follow(self, told: Told, around: VatAround) -> Iterator[Decision]:
        """What was issued is kept with the return; its payment closes the accounts."""
        if told.type == FILED:
            first, last = (str(told.data[name])[:7] for name in ("from", "to"))
            accounts = tuple((account, amount) for account, amount in around.accounts() if amount)
            yield VatReturnFiled(told.source, told.id, told.data["output"]["currency"], first, last, accounts)
            return
        yield BookDecided(told.source, told.id)
        if self.filed is not None:
            yield Booked(_paid(told, self.filed), 1)

    def take(self, told: Told, decision: Decision) -> None:
        """Keep what was filed."""
        if isinstance(decision, VatReturnFiled):
            self.filed, self.jurisdiction = decision, told.data["jurisdiction"]


def _paid(told: Told, filed: VatReturnFiled) -> VatPaid:
    accounts: list[list[str | int]] = [[account, amount] for account, amount in filed.accounts]
    return VatPaid(key=KEY, effective_at=told.at, currency=filed.currency, accounts=accounts, amount=told.minor())


def _sum(accounts: Sequence[tuple[str, int]], code: str) -> int:
    return sum(amount for account, amount in accounts if code_of(account) == code)
