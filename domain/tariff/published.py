"""One published version of a tariff: its document, the hash that pins it, and the tariff that rates."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from fractions import Fraction
from functools import cached_property
from hashlib import sha256
from typing import Any

from domain.document import utc_instant
from domain.errors import AmountError, UnsupportedTariff
from domain.money import plain
from domain.tariff.tariff import Tariff
from domain.tariff.taxes import Tax


@dataclass(frozen=True)
class PublishedTariff:
    """One version of a tariff: the OCPI document as it was sent, parsed once when first used.

    `published_at` is the time of the event that brought it, `partner` the roaming partner it was given to (`DE-ABC`;
    None: everybody), `taxes` the configured ones of components without a `vat` of their own.
    """

    operator_id: str
    document: Mapping[str, Any]
    published_at: datetime
    partner: str | None = None
    taxes: tuple[Tax, ...] = ()

    @cached_property
    def tariff(self) -> Tariff:
        """The tariff ready for rating; raises UnsupportedTariff when the engine cannot price it."""
        if isinstance(self._parsed, UnsupportedTariff):
            raise self._parsed
        return self._parsed

    @property
    def is_priceable(self) -> bool:
        """Whether the engine can price it."""
        return isinstance(self._parsed, Tariff)

    @cached_property
    def _parsed(self) -> Tariff | UnsupportedTariff:
        try:
            return Tariff.from_ocpi(self.document, self.taxes)
        except UnsupportedTariff as refusal:
            return refusal

    def is_valid_at(self, moment: datetime) -> bool:
        """Whether its own dates include a moment (OCPI mod_tariffs, Tariff start_date_time and end_date_time)."""
        begins, ends = self._dates
        return (begins is None or moment >= begins) and (ends is None or moment < ends)

    @cached_property
    def _dates(self) -> tuple[datetime | None, datetime | None]:
        """Read by themselves, so that they are known of a tariff that the engine cannot price, too."""
        return self._date("start_date_time"), self._date("end_date_time")

    def _date(self, name: str) -> datetime | None:
        text = self.document.get(name)
        try:
            return None if text is None else utc_instant(text)
        except AmountError:
            # What is no date limits nothing; the engine refuses such a tariff and says why.
            return None

    @property
    def tariff_id(self) -> str:
        """The id as it is written in the document."""
        return str(self.document["id"])

    @property
    def currency(self) -> str:
        """The ISO 4217 code the tariff is in."""
        return str(self.document["currency"])

    @cached_property
    def hash(self) -> str:
        """What pins this version: the same for the same document and configured taxes, wherever they come from."""
        return tariff_hash(self.document, self.taxes)


def taxes_of(configured: Sequence[Mapping[str, Any]] | None) -> tuple[Tax, ...]:
    """The configured taxes in a message's data (`name`, `percent`, `account_number`?)."""
    return tuple(
        Tax(each["name"], Fraction(str(each["percent"])), each.get("account_number")) for each in configured or ()
    )


def told_taxes(taxes: Sequence[Tax]) -> list[dict[str, str | None]]:
    """Configured taxes as a message tells them, the percentage as its shortest decimal text."""
    return [{"name": t.name, "percent": plain(t.percent), "account_number": t.account_number} for t in taxes]


def tariff_hash(document: Mapping[str, Any], taxes: Sequence[Tax] = ()) -> str:
    """SHA-256, in hexadecimal, of the canonical JSON of a tariff: UTF-8, keys sorted, no spaces, shortest numbers.

    With configured taxes it is that of `{"tariff": ..., "taxes": [...]}`. A number is written as its shortest decimal
    text without an exponent, so 25, 25.0 and 2.5E+1 are one.
    """
    content: Any = document
    if taxes:
        content = {"tariff": document, "taxes": told_taxes(taxes)}
    return sha256(_canonical(content).encode()).hexdigest()


def _canonical(value: Any) -> str:
    if isinstance(value, Mapping):
        members = (f"{_canonical(str(name))}:{_canonical(value[name])}" for name in sorted(value))
        return f"{{{','.join(members)}}}"
    if isinstance(value, list | tuple):
        return f"[{','.join(map(_canonical, value))}]"
    if isinstance(value, int | float | Decimal) and not isinstance(value, bool):
        number = Decimal(str(value))
        return plain(number) if number else "0"
    return json.dumps(value, ensure_ascii=False)
