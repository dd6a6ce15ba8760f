"""The bank file of a run for the US ACH: credits by records of 94 characters, padded to blocks of ten.

Source: NACHA Operating Rules, appendix three (record formats) and four (fields). Entries of a batch are settled on
one day. A balanced file has the debit of the platform's account in each batch, for banks that do not make it
themselves.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from itertools import count, groupby
from uuid import UUID

from contracts.bank.ach_records import RECORD, AchSums
from contracts.bank.names import individual_id
from contracts.routing_numbers import is_routing_number
from domain.payout.bank_profiles import PROFILES, BankProfile
from projections.bank_file import Instruction, Platform
from projections.bank_text import bank_text
from projections.errors import BankFileRefused

BLOCK = 10
# A credit to a checking account, and the debit of one.
_CREDIT, _DEBIT = "22", "27"
_MIXED, _CREDITS_ONLY = "200", "220"
# What ten and twelve digits hold, in cents; entries and addenda of a batch are counted in six.
_ENTRY_MAX, _SUM_MAX = 10**10 - 1, 10**12 - 1
_BATCH_MAX, _ACCOUNT_MAX, _TRACE_MAX = 400_000, 17, 9_999_999
_MODIFIERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"


def nacha_file(file_id: UUID, payouts: Sequence[Instruction], platform: Platform, made_at: datetime) -> bytes:
    """The bytes of the file: ASCII, a record a line, the sums of its controls those of the payouts.

    Each entry has an addendum (05) that names its payout. Raises BankFileRefused where an amount has too many digits.
    """
    first = payouts[0]
    own = platform.account_for(first.currency)
    if not is_routing_number(own.routing_code) or len(own.account_number) > _ACCOUNT_MAX:
        raise BankFileRefused(
            f"the ACH cannot know the platform's account for {first.currency}: set account_number (17 characters at "
            "most) and routing_code of WATTLEDGER_PLATFORM_ACCOUNTS"
        )
    writer = _Writer(PROFILES[first.bank_profile], platform, first.currency)
    records = list(writer.records(file_id, payouts, made_at))
    records += ["9" * RECORD] * (-len(records) % BLOCK)
    return "".join(f"{record}\n" for record in records).encode("ascii")


def _parts(payouts: Sequence[Instruction]) -> Iterator[list[Instruction]]:
    """Payouts of one day as batches, none with more entries or a greater sum than its control can say."""
    part: list[Instruction] = []
    total = 0
    for payout in payouts:
        if payout.amount > _ENTRY_MAX:
            raise BankFileRefused(
                f"payout {payout.payout_id} is above 99,999,999.99, the most that an entry of the ACH can say: "
                f"send operator.changed for {payout.operator_id} with another bank_profile"
            )
        if part and (len(part) == _BATCH_MAX or total + payout.amount > _SUM_MAX):
            yield part
            part, total = [], 0
        part.append(payout)
        total += payout.amount
    yield part


def _first_trace(file_id: UUID, payouts: int) -> int:
    """The number of the first entry of a file: files begin at different ones, since banks return entries by it.

    There are seven digits, and room is left for a debit beside each credit.
    """
    return 1 + file_id.int % max(1, _TRACE_MAX - 2 * payouts)


@dataclass(frozen=True, slots=True)
class _Writer:
    profile: BankProfile
    platform: Platform
    currency: str

    @property
    def _bank(self) -> str:
        """The bank that originates, by the first eight digits of its routing number."""
        return self.platform.account_for(self.currency).routing_code[:8]

    def records(self, file_id: UUID, payouts: Sequence[Instruction], made_at: datetime) -> Iterator[str]:
        """All records but those that fill the last block."""
        yield self._header(file_id, made_at)
        whole, batches, records = AchSums(), 0, 2
        traces = count(_first_trace(file_id, len(payouts)))
        ordered = sorted(payouts, key=lambda payout: payout.execute_on)
        for day, of_day in groupby(ordered, key=lambda payout: payout.execute_on):
            for part in _parts(list(of_day)):
                batches += 1
                sums = AchSums()
                yield self._batch_header(day, made_at, batches)
                yield from self._entries(part, sums, traces)
                yield self._batch_control(sums, batches)
                whole.add(sums)
                records += sums.count + 2
        if whole.credits > _SUM_MAX:
            raise BankFileRefused(
                "payouts of a run come to more than 9,999,999,999.99, the most that a file of the ACH can say: "
                "give some of their operators another bank_profile"
            )
        blocks = -(-records // BLOCK)
        yield f"9{batches:06}{blocks:06}{whole.count:08}{whole.text()}{'':39}"

    def _header(self, file_id: UUID, made_at: datetime) -> str:
        own = self.platform.account_for(self.currency)
        modifier = _MODIFIERS[file_id.int % len(_MODIFIERS)]
        made = made_at.astimezone(UTC)
        name = _text(self.platform.name, 23)
        origin = _text(self.platform.company_id, 10)
        return (
            f"101 {own.routing_code}{origin}{made:%y%m%d%H%M}{modifier}094101{'':23}{name}{file_id.hex[:8].upper()}"
        )

    def _batch_header(self, day: date, made_at: datetime, number: int) -> str:
        service = _MIXED if self.profile.balanced else _CREDITS_ONLY
        name, company = _text(self.platform.name, 16), _text(self.platform.company_id, 10)
        described = f"{made_at.astimezone(UTC):%y%m%d}"
        return (
            f"5{service}{name}{'':20}{company}{self.profile.entry_class}{'PAYOUT':10}{described}{day:%y%m%d}{'':3}1"
            f"{self._bank}{number:07}"
        )

    def _batch_control(self, sums: AchSums, number: int) -> str:
        service = _MIXED if self.profile.balanced else _CREDITS_ONLY
        company = _text(self.platform.company_id, 10)
        return f"8{service}{sums.count:06}{sums.text()}{company}{'':19}{'':6}{self._bank}{number:07}"

    def _entries(self, payouts: Sequence[Instruction], sums: AchSums, traces: Iterator[int]) -> Iterator[str]:
        for payout in payouts:
            number, account = next(traces), payout.bank_account
            holder = account.get("holder") or payout.holder_name
            yield (
                f"6{_CREDIT}{account['routing_code']}{account['account_number']:17}{payout.amount:010}"
                f"{individual_id(payout.payout_id)}{_text(holder, 22)}  1{self._bank}{number:07}"
            )
            told = f"Payout {payout.payout_id} {payout.operator_id} {payout.business_date.isoformat()}"
            yield f"705{_text(told, 80)}0001{number:07}"
            sums.add(AchSums(2, int(account["routing_code"][:8]), 0, payout.amount))
        if self.profile.balanced:
            yield from self._debits(sums.credits, sums, traces)

    def _debits(self, total: int, sums: AchSums, traces: Iterator[int]) -> Iterator[str]:
        """The platform's account pays it all: in as few entries as their digits allow."""
        own = self.platform.account_for(self.currency)
        while total > 0:
            amount = min(total, _ENTRY_MAX)
            total -= amount
            yield (
                f"6{_DEBIT}{own.routing_code}{own.account_number:17}{amount:010}{'OFFSET':15}"
                f"{_text(self.platform.name, 22)}  0{self._bank}{next(traces):07}"
            )
            sums.add(AchSums(1, int(own.routing_code[:8]), amount, 0))


def _text(text: str, length: int) -> str:
    """Text in the characters of the ACH, as long as its field."""
    return f"{bank_text(text, 'US', length):{length}}"
