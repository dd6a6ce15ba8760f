"""Whether a VAT id has the form and the check digits of its country, by python-stdnum."""

from functools import lru_cache
from importlib import import_module

# How the European Union writes a country in VAT ids where that is not its ISO code.
_PREFIX = {"GR": "EL"}


@lru_cache(maxsize=4096)
def is_vat_id(country: str, vat_id: str) -> bool:
    """Whether `vat_id` can be one of `country` (ISO 3166, two letters): form and check digits, and nobody is asked.

    In the European Union it has to begin with its country; elsewhere it may. Of a country whose ids are not known to
    the library, none is valid.
    """
    # Here: most stores have no terms of taxes, and need not load what knows them.
    eu_vat = import_module("stdnum.eu.vat")
    prefix = _PREFIX.get(country, country)
    if prefix.lower() in eu_vat.MEMBER_STATES:
        return vat_id.upper().startswith(prefix) and bool(eu_vat.is_valid(vat_id))
    module = import_module("stdnum").get_cc_module(country.lower(), "vat")
    return module is not None and bool(module.is_valid(vat_id))
