"""What is read of a request's query: unknown parameters are refused, moments are RFC 3339, lists have a cursor."""

import base64
import binascii
import hashlib
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Annotated, Any, TypeVar
from urllib.parse import quote
from uuid import UUID

import orjson
from fastapi import Query
from fastapi.dependencies.models import Dependant
from pydantic import AfterValidator, BeforeValidator, StringConstraints
from starlette.requests import Request

from api.problems import Problem, bad_parameter
from domain.calendar import utc_text

T = TypeVar("T")

LIMIT_MAX = 200

# A slash within an identifier, which is no end of a part of the path: see api.middleware.
SLASH_WITHIN = "\ue000"


def escaped_path(request: Request) -> str:
    """The path of a request as it stands in an address: `request.url.path` ends at a `?` that is part of an id."""
    parts = request.scope["path"].split("/")
    return "/".join(quote(part.replace(SLASH_WITHIN, "/"), safe="") for part in parts)


def _identifier(text: str) -> str:
    if "\0" in text:
        raise ValueError("has a NUL in it, which no identifier has")
    return text.replace(SLASH_WITHIN, "/")


# Identifiers as they may stand in messages; whatever else is asked for is unknown, and no error.
Identifier = Annotated[str, StringConstraints(min_length=1, max_length=300), AfterValidator(_identifier)]


def _moment(text: str) -> str:
    moment(text)
    return text


# RFC 3339, section 5.6; a plus sign that was not escaped arrives as a space.
_RFC_3339 = re.compile(r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[ +-]\d\d:\d\d)", re.ASCII)


def moment(text: str) -> datetime:
    """An RFC 3339 time with an offset, in UTC. Raises ValueError."""
    if not _RFC_3339.fullmatch(text.strip()):
        raise ValueError("is no time with an offset: write it as 2026-03-01T00:00:00Z")
    try:
        return datetime.fromisoformat(text.strip().upper().replace(" ", "+")).astimezone(UTC)
    except (ValueError, OverflowError):
        raise ValueError("is no moment of the calendar: write it as 2026-03-01T00:00:00Z") from None


def _written(form: re.Pattern[str], how: str) -> BeforeValidator:
    """Texts are taken in one form alone: what pydantic would make of others is guessed."""

    def check(given: object) -> object:
        if isinstance(given, str) and not form.fullmatch(given):
            raise ValueError(how)
        return given

    return BeforeValidator(check)


IN_DIGITS = _written(re.compile("-?[0-9]{1,18}"), "is no whole number: write it in digits, as 50")
AS_A_DAY = _written(re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}"), "is no day: write it as 2026-03-01")

# A moment that stays a text, so that it is shown as it was asked for.
Moment = Annotated[
    str,
    AfterValidator(_moment),
    StringConstraints(max_length=40),
    Query(json_schema_extra={"format": "date-time", "examples": ["2026-03-25T23:59:59Z"]}),
]


@dataclass(frozen=True, slots=True)
class AsOf:
    """Both time axes, each inclusive and None where nothing is said: effective up to, as known at."""

    effective_at: datetime | None = None
    known_at: datetime | None = None

    def document(self, position: int) -> dict[str, Any]:
        """How an answer says what it shows: `effective_at`, `known_at` (null: everything) and the position read."""
        return {
            "effective_at": utc_text(self.effective_at) if self.effective_at else None,
            "known_at": utc_text(self.known_at) if self.known_at else None,
            "position": position,
        }


async def as_of(
    effective_at: Annotated[Moment | None, Query(description="What is effective up to then, inclusive")] = None,
    known_at: Annotated[
        Moment | None, Query(description="As the book stood then, inclusive; not in the future")
    ] = None,
) -> AsOf:
    """A dependency: both axes of a request."""
    return both_axes(effective_at, known_at)


def both_axes(effective_at: str | None, known_at: str | None) -> AsOf:
    """Both axes as they were asked for. Raises Problem 400 for a future that nobody knows."""
    known = moment(known_at) if known_at is not None else None
    if known is not None and known > datetime.now(UTC):
        raise bad_parameter("known_at", "is in the future: nobody knows yet what will be known then")
    return AsOf(moment(effective_at) if effective_at is not None else None, known)


@dataclass(frozen=True, slots=True)
class PageRequest:
    """Which part of a list: how many, behind which keys; bound to the filters that were asked for."""

    limit: int
    after: tuple[Any, ...] | None
    request: Request = field(repr=False)

    def keys(self, *types: type) -> tuple[Any, ...] | None:
        """The keys of the last object shown, each of its type; None on the first page.

        Types are those of JSON (str, int, bool), and datetime and UUID, which are texts in the cursor.
        """
        if self.after is None:
            return None
        try:
            return tuple(_key(key, wanted) for key, wanted in zip(self.after, types, strict=True))
        except ValueError:
            raise _bad_cursor() from None

    def part(
        self, found: Iterable[T], key: Callable[[T], tuple[Any, ...]], *types: type
    ) -> tuple[list[T], str | None]:
        """Of objects in the order of their keys those of this page, and the cursor of what comes behind them.

        `types` are those of the keys, as in `keys`. Raises Problem 400 for a cursor of another list.
        """
        after = self.keys(*types)
        behind = [each for each in found if after is None or key(each) > after]
        shown = behind[: self.limit]
        return shown, self.cursor(*key(shown[-1])) if behind[self.limit :] else None

    def behind(self, cursor: str, limit: int) -> "PageRequest":
        """The page behind a cursor, of so many objects at most. Raises Problem 400 for a cursor of another list."""
        return PageRequest(limit, _after(cursor, _binding(self.request)), self.request)

    def cursor(self, *keys: Any) -> str:
        """The cursor of what comes behind an object with these keys: texts, numbers; moments as texts."""
        return base64.urlsafe_b64encode(orjson.dumps([_binding(self.request), *keys])).decode().rstrip("=")


def _key(key: Any, wanted: type) -> Any:
    """A key of a cursor, which anybody may have made up. Raises ValueError for one of another type."""
    from_text = _FROM_TEXT.get(wanted)
    if type(key) is not (str if from_text else wanted) or "\0" in str(key):
        raise ValueError
    return from_text(str(key)) if from_text else key


_FROM_TEXT: Mapping[type, Callable[[str], Any]] = {datetime: moment, UUID: UUID}


async def page_request(
    request: Request,
    limit: Annotated[int, Query(ge=1, le=LIMIT_MAX, description="How many objects at most"), IN_DIGITS] = 50,
    cursor: Annotated[str | None, Query(max_length=2_000, description="`next_cursor` of the page before")] = None,
) -> PageRequest:
    """A dependency: which part of a list is wanted."""
    return page_of(request, limit, cursor)


def page_of(request: Request, limit: int, cursor: str | None) -> PageRequest:
    """Which part of a list is wanted. Raises Problem 400 for a cursor of another list."""
    return PageRequest(limit, None if cursor is None else _after(cursor, _binding(request)), request)


def _after(cursor: str, bound_to: str) -> tuple[Any, ...]:
    """The keys in a cursor. Raises Problem 400 for one of another list."""
    try:
        found = orjson.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    except (ValueError, binascii.Error):
        raise _bad_cursor() from None
    if not isinstance(found, list) or not found or found[0] != bound_to:
        raise _bad_cursor()
    return tuple(found[1:])


def _binding(request: Request) -> str:
    """What a cursor is good for: the resource and its filters."""
    filters = sorted(pair for pair in request.query_params.multi_items() if pair[0] not in ("cursor", "limit"))
    return hashlib.sha256(orjson.dumps([escaped_path(request), filters])).hexdigest()[:16]


def _bad_cursor() -> Problem:
    return bad_parameter(
        "cursor", "is none of this list with these filters: take `next_cursor` of the page before, or leave it out"
    )


def declared(dependant: Dependant) -> frozenset[str]:
    """The names of the query parameters that an endpoint and what it depends on take."""
    own = {each.alias for each in dependant.query_params}
    return frozenset(own.union(*(declared(each) for each in dependant.dependencies)))


def refuse_unknown_parameters(request: Request) -> None:
    """A dependency of every resource: a parameter that nobody reads is a mistake, and so is one given twice."""
    known = request.scope["route"].known_parameters
    for name in request.query_params:
        if name not in known:
            raise bad_parameter(name[:64], f"is unknown here; known are {', '.join(sorted(known)) or 'none'}")
        if len(request.query_params.getlist(name)) > 1:
            raise bad_parameter(name, "is given twice; once is enough")
