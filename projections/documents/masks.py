"""What nobody who looks needs to read whole: bank accounts inside of documents."""

import re
from collections.abc import Mapping
from typing import Any

_ACCOUNT = "bank_account"
_SPACES = re.compile(r"\s+")
_IBAN = re.compile(r"[A-Z]{2}[0-9]{2}[A-Z0-9]{11,30}")
# A routing code and a number of which more is hidden than the last two characters that are shown.
_NUMBER = re.compile(r".*/[^/]{5,}", re.DOTALL)
# What the database has masked already: it shows two characters at most, whatever it stands for.
_MASKED = re.compile(r"(?:[A-Z]{2}\*\* \*{4}|\*{4}) \*{4} \.\.(?:[A-Z0-9]{2}|\*\*)")


def without_accounts(found: Mapping[str, Any]) -> dict[str, Any]:
    """An object whose member `bank_account`, at the top or in its `data`, is masked; all else is as it was."""
    shown = dict(found)
    if isinstance(shown.get(_ACCOUNT), Mapping):
        account = shown[_ACCOUNT]
        shown[_ACCOUNT] = {"holder": account.get("holder"), "account": masked_number(account)}
    if isinstance(shown.get("data"), Mapping):
        shown["data"] = without_accounts(shown["data"])
    return shown


def masked_number(account: Mapping[str, Any]) -> str:
    """As `masked.account` of the database: of an IBAN the country and the last two, else the last two."""
    return masked_name(
        str(account.get("iban") or f"{account.get('routing_code') or ''}/{account.get('account_number') or ''}")
    )


def masked_name(name: str) -> str:
    """The same of an IBAN, or of `ROUTING/NUMBER`; of a number of four characters at most, nothing is shown."""
    if _MASKED.fullmatch(name):
        return name
    written = _SPACES.sub("", name).upper()
    if _IBAN.fullmatch(written):
        return f"{written[:2]}** **** **** ..{written[-2:]}"
    return f"**** **** ..{written[-2:] if _NUMBER.fullmatch(written) else '**'}"
