"""What checks work with: the platform's URLs, two partners, the network behind, and how lists are walked."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.ocpi.blackbox.asking import Answer, Asking
from tests.ocpi.blackbox.emsp import Emsp
from tests.ocpi.blackbox.feeding import Network, moments
from tests.ocpi.blackbox.verdicts import Failed, require

LISTED = ("locations", "tariffs", "sessions", "cdrs")
# From when on all there is has changed.
SINCE = "2020-01-01T00:00:00Z"
_PAGES_MAX = 500


@dataclass
class Box:
    """`endpoints` are the platform's, by version and (identifier, role); `rate` is what a partner may ask a minute.

    `kept` is what checks leave for those behind them.
    """

    versions_url: str
    partners: tuple[Emsp, Emsp]
    network: Network
    rate: int
    asking: Asking = field(default_factory=Asking)
    endpoints: dict[str, dict[tuple[str, str], str]] = field(default_factory=dict)
    kept: dict[str, Any] = field(default_factory=dict)

    @property
    def origin(self) -> str:
        """Everything the platform names begins with this."""
        return self.versions_url.removesuffix("/").removesuffix("versions")

    def url(self, version: str, identifier: str, role: str = "SENDER") -> str:
        """Where a module is, as the version's details say."""
        found = self.endpoints.get(version, {}).get((identifier, role))
        if found is None:
            raise Failed(f"the details of {version} name no {identifier} as {role}")
        return found

    def has(self, version: str, identifier: str, role: str = "SENDER") -> bool:
        """Whether the version's details name a module."""
        return (identifier, role) in self.endpoints.get(version, {})

    def lists(self, version: str) -> list[str]:
        """The modules of a version that have lists."""
        return [each for each in LISTED if self.has(version, each)]

    def get(
        self,
        emsp: Emsp,
        version: str,
        module: str,
        below: str = "",
        headers: Mapping[str, str] | None = None,
        **query: Any,
    ) -> Answer:
        """What a partner is answered that asks for a list, or for something below it."""
        if module == "sessions" and not below:
            query = {"date_from": SINCE} | query
        url = self.url(version, module) + below
        return self.asking.ask("GET", url, emsp.token_c, headers=headers, params=query or None)

    def walk(
        self, emsp: Emsp, version: str, module: str, headers: Mapping[str, str] | None = None, **query: Any
    ) -> list[dict[str, Any]]:
        """All objects of a list, by its links alone; what must hold of every page is looked at."""
        answer = self.get(emsp, version, module, headers=headers, **query)
        found: list[dict[str, Any]] = []
        total = None
        for _ in range(_PAGES_MAX):
            page = answer.done()
            require(isinstance(page, list), f"{answer.what}: data of a list is {type(page).__name__}")
            for name in ("X-Total-Count", "X-Limit"):
                require((answer.headers.get(name) or "").isdecimal(), f"{answer.what}: {name} is no number")
            total = int(answer.headers["X-Total-Count"])
            found += page
            following = next_of(answer)
            if following is None:
                break
            require(page, f"{answer.what}: an empty page has a next one")
            require(following.startswith(self.origin), f"the next page is elsewhere: {following}")
            answer = self.asking.ask("GET", following, emsp.token_c, headers=headers)
        else:
            raise Failed(f"{module}: the links have no end")
        begun = int(query.get("offset", 0))
        require(total == begun + len(found), f"{module}: X-Total-Count {total}, and {len(found)} from {begun} on")
        return found

    def awaited(
        self, emsp: Emsp, version: str, module: str, enough: int, seconds: float, **query: Any
    ) -> list[dict[str, Any]]:
        """A list once it has so many objects; as it is when the seconds are over."""
        found: list[dict[str, Any]] = []
        for _ in moments(seconds):
            found = self.walk(emsp, version, module, **query)
            if len(found) >= enough:
                break
        return found


def next_of(answer: Answer) -> str | None:
    """The URL of the next page."""
    link = answer.headers.get("Link")
    if link is None:
        return None
    url, _, rel = link.partition(">")
    require(url.startswith("<") and 'rel="next"' in rel, f"{answer.what}: Link is {link!r}")
    return str(url[1:])


def by_id(objects: list[dict[str, Any]]) -> dict[tuple[str, str, str], dict[str, Any]]:
    """Objects by country, party and id."""
    return {(each["country_code"], each["party_id"], each["id"]): each for each in objects}
