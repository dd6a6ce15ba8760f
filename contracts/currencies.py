"""Currencies and their decimals: which codes money on the wire may have, withdrawn ones of ISO 4217 among them."""

from collections.abc import Mapping
from types import MappingProxyType

from iso4217 import Currency

# ISO 4217, list three: codes that were in use and are no more. Yesterday's messages are read for ever. Units of
# account that nobody paid in are left out; where a code came back (a current one has it), the current one counts.
_WITHDRAWN: Mapping[int, str] = {
    0: "ADP BEF BYB BYR ESP GRD ITL LUF MGF PTE TPE TRL",
    2: (
        "AFA ALK ANG AOK AON AOR ARA ARP ARY ATS AYM AZM BAD BGJ BGK BGL BGN BOP BRB BRC BRE BRN BRR BUK CHC CSD CSJ "
        "CSK CUC CYP DDM DEM ECS EEK FIM FRF GEK GHC GHP GNE GNS GQE GWE GWP HRD HRK IEP ILP ILR ISJ LAJ LSM LTL LTT "
        "LVL LVR MLF MRO MTL MTP MVQ MXP MZE MZM NIC NLG PEH PEI PES PLZ RHD ROK ROL RUR SDD SDP SIT SKK SLL SRG STD "
        "SUR TJR TMM UAK UGS UGW UYN UYP VEB VEF VNC YDD YUD YUM YUN ZMK ZRN ZRZ ZWC ZWD ZWL ZWN ZWR"
    ),
}

# Precious metals, test and accounting codes have no minor unit in ISO 4217: nobody can be paid in them.
EXPONENT_OF: Mapping[str, int] = MappingProxyType(
    {code: exponent for exponent, codes in _WITHDRAWN.items() for code in codes.split()}
    | {currency.code: currency.exponent for currency in Currency if currency.exponent is not None}
)
