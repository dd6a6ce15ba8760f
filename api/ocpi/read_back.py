"""CDRs read back from the partner that took them: by the URL that it gave, compared by what it is asked to pay.

Partners write CDRs anew: ids change their case, optional fields get lost, and some wrap the object in a list (OCPI
2.2.1, mod_cdrs § GET Method asks for the object). Only currency, total cost and energy are compared of the CDR of an
id; an answer that is no CDR of it says nothing, since it may be of another interface.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from enum import StrEnum
from typing import Any
from urllib.parse import urljoin, urlsplit

from api.ocpi.client import PartnerClient, PartnerFault, one_object

_URL_MAX = 2_000
_NET, _GROSS = ("excl_vat", "before_taxes"), ("incl_vat",)


class Found(StrEnum):
    """What became of a read-back."""

    SAME = "SAME"
    DIFFERENT = "DIFFERENT"
    MISSING = "MISSING"
    UNREADABLE = "UNREADABLE"
    UNANSWERED = "UNANSWERED"


@dataclass(frozen=True, slots=True)
class ReadBack:
    """What was found, in words where it is not the same, and the URL by which it was."""

    found: Found
    said: str
    url: str


def location_of(answer: Mapping[str, str], asked: str) -> str | None:
    """The absolute URL of a `Location` header, against the URL that was asked; None where there is none to use."""
    given = answer.get("location", "").strip()
    if not given or len(given) > _URL_MAX or not given.isascii() or not given.isprintable() or " " in given:
        return None
    try:
        made = urlsplit(urljoin(asked, given))
        return made.geturl() if made.scheme in ("http", "https") and made.hostname else None
    except ValueError:
        return None


async def read_back(
    client: PartnerClient, url: str, endpoint: str, ours: Mapping[str, Any], headers: Mapping[str, str]
) -> ReadBack:
    """Read a CDR at a URL and compare it with ours; `endpoint` is where the partner takes CDRs.

    Our token goes to the host of the endpoint alone. One that takes CDRs over http and gives a URL of https, as
    behind a proxy, is asked by http where https does not answer. Raises PartnerFault where the partner does not
    answer at all, or does not let us in.
    """
    if _place(url) != _place(endpoint):
        return ReadBack(Found.UNREADABLE, f"{url} is not where the partner takes CDRs, so that it is not asked", url)
    try:
        theirs = one_object((await client.ask("GET", url, headers=headers)).data)
    except PartnerFault as fault:
        if fault.status is None and urlsplit(url).scheme == "https" and urlsplit(endpoint).scheme == "http":
            return await read_back(client, "http" + url.removeprefix("https"), endpoint, ours, headers)
        if fault.says_nothing:
            raise
        return ReadBack(Found.MISSING, str(fault), url)
    if not isinstance(theirs, Mapping) or str(theirs.get("id")).casefold() != str(ours["id"]).casefold():
        return ReadBack(Found.UNREADABLE, f"GET {url} answers no CDR of this id", url)
    differs = difference(ours, theirs)
    return ReadBack(Found.DIFFERENT if differs else Found.SAME, differs, url)


def difference(ours: Mapping[str, Any], theirs: Mapping[str, Any]) -> str:
    """What a partner has otherwise of a CDR, in words; "" where it is the same in all that is paid for."""
    told = []
    currency, cost = str(theirs.get("currency")), theirs.get("total_cost")
    if currency.casefold() != str(ours["currency"]).casefold():
        told.append(f"currency {currency[:60]} for {ours['currency']}")
    for name, here, there in (
        ("total_cost net", _amount(ours["total_cost"], _NET), _amount(cost, _NET)),
        ("total_cost gross", _amount(ours["total_cost"], _GROSS), _amount(cost, _GROSS)),
        ("total_energy", _number(ours["total_energy"]), _number(theirs.get("total_energy"))),
    ):
        # What is optional, or of the other version, may be left out.
        if here != there and not (name == "total_cost gross" and there is None):
            told.append(f"{name} {there} for {here}")
    return "; ".join(told)


def _place(url: str) -> tuple[str, int | None]:
    """The host and the port of a URL; ports that go without saying are none, so that a proxy's https is the same."""
    parts = urlsplit(url)
    try:
        port = parts.port
    except ValueError:
        port = -1
    return (parts.hostname or "").lower(), None if port in (80, 443) else port


def _amount(price: Any, names: tuple[str, ...]) -> Decimal | None:
    if not isinstance(price, Mapping):
        return None
    return next((_number(price[name]) for name in names if price.get(name) is not None), None)


def _number(value: Any) -> Decimal | None:
    if value is None or isinstance(value, bool):
        return None
    try:
        return Decimal(str(value)).normalize()
    except InvalidOperation:
        return None
