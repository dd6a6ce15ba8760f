"""What banks answered about the accounts that payouts go to, in words."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from markupsafe import Markup

from api.pages.elements import element
from api.pages.view import View
from projections.payee_checks import OptOut

_ANSWERS: Final[Mapping[str, str]] = {
    "MATCH": "known to its bank under this name",
    "CLOSE_MATCH": "known to its bank under a name that is much like this one",
    "NO_MATCH": "known to its bank under another name",
    "NOT_POSSIBLE": "its bank could not say under which name it is known",
}
NOT_ASKED: Final = "nobody has asked its bank whose it is"


def payee_words(view: View, check: Mapping[str, Any] | None, opted_out: OptOut | None) -> Markup | str:
    """What was last answered about an account, by whom and when; or why nobody may have asked."""
    if check is None and opted_out is not None:
        since = view.reader.time(opted_out.at)
        return element("%s: payees of files are not checked since %s, as %s decided", NOT_ASKED, since, opted_out.by)
    if check is None:
        return NOT_ASKED
    name = element(" (%s)", check["suggested_name"]) if check["suggested_name"] else Markup("")
    words = _ANSWERS.get(check["result"], check["result"])
    return element("%s%s, %s, %s", words, name, check["provider"], view.reader.time(check["at"]))


def payee_of(document: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """The last answer about the account in effect of an operator, as its document tells; None where nobody asked."""
    in_effect = document["bank_account"]["account"]
    checks: Sequence[Mapping[str, Any]] = document["payee_checks"]
    return next((each for each in checks if each["account"] == in_effect), None)
