"""What banks answered about accounts, as documents."""

from typing import Any

from domain.calendar import utc_text
from projections.payee_checks import OptOut, PayeeCheck


def payee_document(check: PayeeCheck) -> dict[str, Any]:
    """`result`, the name that the bank suggests, who was asked, and when."""
    return {
        "result": check.result,
        "suggested_name": check.suggested_name,
        "provider": check.provider,
        "at": utc_text(check.at),
    }


def checked_account_document(check: PayeeCheck) -> dict[str, Any]:
    """The same with the masked account."""
    return {"holder": check.holder, "account": check.account, **payee_document(check)}


def opt_out_document(found: OptOut | None) -> dict[str, Any]:
    """Whether payees of payments in files are not checked, since when, by whose decision and why."""
    since, by, reason = (utc_text(found.at), found.by, found.reason) if found else (None, None, None)
    return {"opted_out": found is not None, "since": since, "by": by, "reason": reason}
