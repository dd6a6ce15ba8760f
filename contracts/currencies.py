"""ISO 4217 currencies and their decimals: which codes money on the wire may have."""

from collections.abc import Mapping
from types import MappingProxyType

from iso4217 import Currency

# Precious metals, test and accounting codes have no minor unit in ISO 4217: nobody can be paid in them.
EXPONENT_OF: Mapping[str, int] = MappingProxyType(
    {currency.code: currency.exponent for currency in Currency if currency.exponent is not None}
)
