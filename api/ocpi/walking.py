"""A partner's list, page by page (OCPI: transport_and_format § Pagination)."""

import re
from collections.abc import AsyncIterator, Mapping
from typing import Any
from urllib.parse import urlencode, urljoin, urlsplit, urlunsplit

from api.ocpi.client import PartnerClient, PartnerFault

_LIMIT = 500
_NEXT = re.compile(r'<([^<>]*)>\s*;[^,]*\brel\s*=\s*"?next\b', re.IGNORECASE)


async def walked(
    client: PartnerClient, url: str, most: int, headers: Mapping[str, str] | None = None
) -> AsyncIterator[list[Any]]:
    """The pages of a list, each as it comes; `headers` are sent along with each request.

    Raises PartnerFault where one cannot be had, and for a list of more than `most` objects, which has no end.
    """
    at: str | None = _page_url(url, 0)
    seen = 0
    while at is not None:
        answer = await client.ask("GET", at, headers=headers)
        page = [] if answer.data is None else answer.data
        if not isinstance(page, list):
            raise PartnerFault(f"GET {at}: the answer has no list", answer.status)
        seen += len(page)
        if seen > most:
            raise PartnerFault(f"GET {at}: the list has no end; more than {most:,} objects came")
        yield page
        at = _following(url, at, answer.headers, seen) if page else None


def _following(url: str, at: str, headers: Mapping[str, str], seen: int) -> str | None:
    """Where the next page is: what `Link` says, if it can be true.

    Some packages write links that lead nowhere, or none where more follows: where the total says that there is more,
    the offset leads on. A token is brought to the host of the list alone.
    """
    link = _NEXT.search(headers.get("link", ""))
    if link is not None:
        following: str = urljoin(at, link[1])
        if urlsplit(following)[:2] == urlsplit(url)[:2] and following != at:
            return following
    total = headers.get("x-total-count", "")
    has_more = total.isascii() and total.isdecimal() and seen < int(total[:18])
    return _page_url(url, seen) if has_more else None


def _page_url(url: str, offset: int) -> str:
    """A page below a URL as it was given: whoever writes a slash at its end may answer none without by a redirect."""
    parts = urlsplit(url)
    asked = urlencode({"offset": offset, "limit": _LIMIT})
    return urlunsplit(parts._replace(query=f"{parts.query}&{asked}" if parts.query else asked, fragment=""))
