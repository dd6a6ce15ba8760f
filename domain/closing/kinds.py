"""What each decision about the book is about."""

from collections.abc import Mapping
from types import MappingProxyType

from domain.closing.affair import Affair
from domain.closing.period import CLOSED, REOPENED, PeriodAffair
from domain.closing.sweep import APPROVED, EXECUTED, PROPOSED, SweepAffair
from domain.closing.vat_return import FILED, PAID, VatAffair

AFFAIRS: Mapping[str, type[Affair]] = MappingProxyType(
    {
        CLOSED: PeriodAffair,
        REOPENED: PeriodAffair,
        PROPOSED: SweepAffair,
        APPROVED: SweepAffair,
        EXECUTED: SweepAffair,
        FILED: VatAffair,
        PAID: VatAffair,
    }
)
