"""Which aggregate takes in which message of a bank, or what people decide about one."""

from collections.abc import Mapping

from domain.bank.entry import ALLOCATED, BOOKED, BankEntry
from domain.bank.statement import NOTICE, STATEMENT, BankSaying

BANK_FACTS: Mapping[str, type[BankEntry] | type[BankSaying]] = {
    BOOKED: BankEntry,
    ALLOCATED: BankEntry,
    STATEMENT: BankSaying,
    NOTICE: BankSaying,
}
