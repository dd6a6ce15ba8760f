"""Bank accounts that operators are paid to: whether its digits check out, and by what two are known to be one."""

from collections.abc import Mapping


def is_sound(account: Mapping[str, str]) -> bool:
    """Whether a bank could know an account: the check digits of an IBAN are right (ISO 13616, by ISO 7064 MOD 97-10).

    Of an account without an IBAN nothing is known here; routing numbers of US banks were checked on arrival.
    """
    iban = account.get("iban")
    return iban is None or _mod_97(iban) == 1


def account_name(account: Mapping[str, str]) -> str:
    """What tells accounts apart, whoever holds them: the IBAN, or routing code and number without spaces."""
    if "iban" in account:
        return account["iban"]
    return "/".join("".join(account[part].split()).upper() for part in ("routing_code", "account_number"))


def _mod_97(iban: str) -> int:
    """The remainder of its digits, the first four behind the others, letters as numbers from 10 on."""
    return int("".join(str(int(character, 36)) for character in iban[4:] + iban[:4])) % 97
