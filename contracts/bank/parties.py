"""Who is on the other side of a transaction: of organisations the name, of people no more than is needed to tell."""

from contracts.bank.xml import Node, find, text

_KEPT_DIGITS = 4


def counterparty(parties: Node | None) -> str:
    """The payer, or else the payee: name and end of the account; initials where it is no organisation by its id."""
    for role in ("Dbtr", "Cdtr"):
        party = find(parties, role)
        inner = find(party, "Pty")
        who = inner if inner is not None else party
        name = text(who, "Nm")
        account = text(parties, f"{role}Acct/Id/IBAN", f"{role}Acct/Id/Othr/Id")
        if name or account:
            shown = name if find(who, "Id/OrgId") is not None else initials(name)
            return " ".join(part for part in (shown, masked(account)) if part)
    return ""


def initials(name: str) -> str:
    """The first letters of a name."""
    return " ".join(f"{part[0]}." for part in name.split()[:4])


def masked(account: str) -> str:
    """An account by its last four characters; "" for none."""
    plain = "".join(account.split())
    return f"...{plain[-_KEPT_DIGITS:]}" if len(plain) > _KEPT_DIGITS else ("..." if plain else "")
