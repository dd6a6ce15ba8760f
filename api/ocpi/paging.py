"""Lists page by page, put together from objects as they are stored (OCPI: transport_and_format § Pagination)."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from urllib.parse import urlencode

from starlette.responses import Response

from api.ocpi.answers import enveloped, invalid
from api.ocpi.bearing import OcpiCall
from api.ocpi.nulls import written_out
from ledger.access.ocpi_partners import EXPLICIT_NULLS
from projections.roaming.pages import Page, Wanted, page, wait_until_settled

PAGE_MAX = 100
# Beyond this no list is as long, and no database counts.
_NUMBER_MAX = 2**62
_FILTERS = ("date_from", "date_to", "offset", "limit")
# UTC, with `Z` or nothing; `+00:00` too, whose plus arrives as a space where it was not encoded.
_MOMENT = re.compile(r"(\d{4}-\d\d-\d\d)[Tt](\d\d:\d\d:\d\d)(\.\d{1,9})?(?:[Zz]|[+ ]00:00)?")
# Its documents differ where prices name their taxes.
NEWER = "2.3.0"


@dataclass(frozen=True, slots=True)
class _Asked:
    date_from: datetime | None
    date_to: datetime | None
    offset: int
    limit: int


async def listed(call: OcpiCall, module: str) -> Response:
    """The page that was asked for, how many objects there are, and where the next page is.

    Raises OcpiFault 2001 for a parameter that is none.
    """
    asked = _asked(call)
    newer = call.version == NEWER
    route = call.route
    wanted = Wanted(
        module,
        call.partner.party,
        sorted(route.sees),
        route.operators,
        asked.date_from,
        asked.date_to,
        asked.offset,
        asked.limit,
        newer,
    )
    # A snapshot of its own behind the wait, which then has all that was made visible before it.
    await call.surface.read(lambda snapshot: wait_until_settled(snapshot.cursor))
    found = await call.surface.read(lambda snapshot: page(snapshot.cursor, wanted))
    objects: Iterable[str] = found.objects
    if call.partner.has(EXPLICIT_NULLS):
        objects = (written_out(call.version, module, each) for each in objects)
    return enveloped(f"[{','.join(objects)}]".encode(), headers=_told(call, module, asked, found))


def _told(call: OcpiCall, module: str, asked: _Asked, found: Page) -> dict[str, str]:
    told = {"X-Total-Count": str(found.total), "X-Limit": str(PAGE_MAX)}
    following = asked.offset + len(found.objects)
    if found.objects and following < found.total:
        given = call.request.query_params
        # The filters as they were given, and no others: who follows the links gets what it asked for.
        filters = {name: given[name] for name in _FILTERS[:2] if name in given}
        query = urlencode({**filters, "offset": following, "limit": asked.limit})
        told["Link"] = f'<{call.surface.url(f"{call.version}/{module}")}?{query}>; rel="next"'
    return told


def _asked(call: OcpiCall) -> _Asked:
    given = call.request.query_params
    limit = _number(given.get("limit"), "limit", PAGE_MAX)
    if limit < 1:
        raise invalid("limit: is 1 or more")
    return _Asked(
        _moment(given.get("date_from"), "date_from"),
        _moment(given.get("date_to"), "date_to"),
        _number(given.get("offset"), "offset", 0),
        min(limit, PAGE_MAX),
    )


def _number(text: str | None, name: str, otherwise: int) -> int:
    if text is None:
        return otherwise
    if not (text.isascii() and text.isdecimal()) or len(text) > 19 or int(text) > _NUMBER_MAX:
        raise invalid(f"{name}: is a whole number such as 100")
    return int(text)


def _moment(text: str | None, name: str) -> datetime | None:
    if text is None:
        return None
    found = _MOMENT.fullmatch(text.strip())
    try:
        if found is None:
            raise ValueError
        fraction = (found[3] or ".0")[:7]
        return datetime.fromisoformat(f"{found[1]}T{found[2]}{fraction:0<7}").replace(tzinfo=UTC)
    except ValueError:
        raise invalid(f"{name}: is a time in UTC such as 2026-03-01T00:00:00Z") from None
