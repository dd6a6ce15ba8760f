"""Hubs: who brings the CDRs of a partner, and what it asks for each."""

from collections.abc import Mapping
from fractions import Fraction
from typing import Any

from domain.money import parse_minor, percent_of, plain
from domain.values import value


@value
class Hub:
    """The hub of a partner, and its fee of each accepted CDR; `per_session_minor` in the partner's currency."""

    hub_id: str
    percent: Fraction
    per_session_minor: int
    vat_percent: Fraction
    jurisdiction: str

    @classmethod
    def from_data(cls, data: Mapping[str, Any], currency: str) -> "Hub":
        """From the term `hub` of a partner, which is paid for in `currency`."""
        return cls(
            data["hub_id"],
            Fraction(str(data["percent"])),
            parse_minor(str(data["per_session"]), currency),
            Fraction(str(data["vat_percent"])),
            data["jurisdiction"],
        )

    @property
    def vat_code(self) -> str:
        """Its input VAT as accounts name it: `DE-19`."""
        return f"{self.jurisdiction}-{plain(self.vat_percent)}"

    def fee_of(self, net: int) -> tuple[int, int]:
        """The fee of a CDR and its VAT, by the CDR's net in minor units: half-up, each once (J15)."""
        fee = percent_of(net, self.percent) + self.per_session_minor
        return fee, percent_of(fee, self.vat_percent)
