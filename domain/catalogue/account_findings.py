"""What is found about the accounts of operators as they are published: no bank can know one, or two share one."""

from collections.abc import Iterable, Mapping

from domain.book.findings import Finding, FindingKind
from domain.catalogue.accounts import account_name, is_sound
from domain.catalogue.catalogue import Catalogue
from domain.catalogue.parties import Operator
from domain.catalogue.versions import Versions
from domain.money import format_minor

ACCOUNT_KINDS = (FindingKind.BAD_ACCOUNT, FindingKind.SHARED_ACCOUNT)


def account_findings(catalogue: Catalogue, operator_id: str, known: Iterable[Finding]) -> list[Finding]:
    """What is to be open about the account that an operator has in the end, by all that was published of it.

    `known` is what is open: amounts that runs found are kept as long as the account is the same.
    """
    found = shared_account(catalogue, operator_id)
    return [*bad_accounts(catalogue.operators[operator_id], known), *([found] if found else [])]


def bad_accounts(versions: Versions[Operator], known: Iterable[Finding]) -> list[Finding]:
    """The findings about the account that an operator has in the end: none where a bank could know it."""
    account = versions.timeline[-1][1].value.bank_account
    if is_sound(account):
        return []
    head = f"bad-account:{account_name(account)}:"
    withheld = {
        each.currency: each.amount
        for each in known
        if each.key.startswith(head) and each.currency is not None and each.amount is not None
    }
    return bad_account(versions, account, withheld)


def bad_account(
    versions: Versions[Operator], account: Mapping[str, str], withheld: Mapping[str, int]
) -> list[Finding]:
    """One finding for each currency in which something is withheld (minor units), or one without an amount."""
    since, operator = next(
        (start, version.value) for start, version in versions.timeline if version.value.bank_account == account
    )
    name = account_name(account)
    amounts: Mapping[str, int | None] = withheld or {operator.currency: None}
    return [
        Finding(
            FindingKind.BAD_ACCOUNT,
            key=f"bad-account:{name}:{currency}",
            subject=operator.operator_id,
            operator_id=operator.operator_id,
            since=since,
            sentence=_sentence(operator.operator_id, name, currency, amount),
            currency=currency if amount is not None else None,
            amount=amount,
        )
        for currency, amount in amounts.items()
    ]


def _sentence(operator_id: str, account: str, currency: str, amount: int | None) -> str:
    carried = f"; {format_minor(amount, currency)} {currency} wait" if amount is not None else ""
    return f"the check digits of {account} are wrong: {operator_id} is not paid{carried}"


def shared_account(catalogue: Catalogue, operator_id: str) -> Finding | None:
    """That an operator is paid to the account of another, told of each but the first by id; None for the others."""
    since, version = catalogue.operators[operator_id].timeline[-1]
    name = account_name(version.value.bank_account)
    first = min(catalogue.paid_to[name])
    if first == operator_id:
        return None
    other_since, _ = catalogue.operators[first].timeline[-1]
    return Finding(
        FindingKind.SHARED_ACCOUNT,
        key=f"shared-account:{name}",
        subject=operator_id,
        operator_id=operator_id,
        since=max(since, other_since),
        sentence=f"{operator_id} is paid to {name}, which is the account of {first} too",
    )
