"""What is noted of requests: which reads, every action, and every answer 401, 403 and 404.

Reads of bank files, of what is not masked, exports and searches are answered once their record is stored, and not at
all (503) while that cannot be done. The records of others are stored soon, by the same thread, and kept meanwhile.
"""

import asyncio
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import Enum
from typing import Any, Final
from urllib.parse import parse_qs

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.access.audit_writer import AuditWriter
from api.access.principal import Principal
from api.parameters import SLASH_WITHIN
from api.problems import Problem, problem_response
from api.request_ids import noted_path, request_id, without_secrets
from ledger.access.audit_log import Record
from ledger.errors import MachineryFault

_WAIT_S = 2.0
_SAFE = ("GET", "HEAD", "OPTIONS")
_REFUSALS = (401, 403, 404)


class Kind(Enum):
    """What is read that has to be noted."""

    BANK_FILE = "bank file"
    UNMASKED = "unmasked"
    EXPORT = "export"
    SEARCH = "search"


@dataclass(frozen=True, slots=True)
class Noted:
    """A read that is noted before it is answered: its kind, and the object that the record names."""

    kind: Kind
    object: str

    @property
    def is_heavy(self) -> bool:
        """Whether it counts against the limit of searches and exports."""
        return self.kind in (Kind.EXPORT, Kind.SEARCH)


# Resources and the pages of the same names, by the first part of their paths. What is not masked: messages as they
# came (a session has all of its own), and CDRs, name drivers' tokens and operators' accounts; findings name accounts.
_READS: Final[Mapping[str, tuple[tuple[Kind, str, re.Pattern[str]], ...]]] = {
    "payouts": (
        (Kind.BANK_FILE, "bank-file", re.compile(r"/payouts/([^/]+)/bank-file")),
        (Kind.EXPORT, "advice", re.compile(r"/payouts/([^/]+)/advice\.pdf")),
    ),
    "statements": ((Kind.EXPORT, "statement", re.compile(r"/statements/([^/]+)/statement\.(?:pdf|csv|json)")),),
    "events": ((Kind.UNMASKED, "event", re.compile(r"/events/([^/]+)")),),
    "dead-letters": ((Kind.UNMASKED, "dead-letter", re.compile(r"/dead-letters(?:/([^/]+)(?:/record)?)?")),),
    "sessions": ((Kind.UNMASKED, "session", re.compile(r"/sessions/([^/]+)(?:/timeline)?")),),
    "cdrs": ((Kind.UNMASKED, "cdr", re.compile(r"/cdrs(?:/([^/]+))?")),),
    "breaks": ((Kind.UNMASKED, "breaks", re.compile(r"/breaks(?:/([^/]+))?")),),
    "search": ((Kind.SEARCH, "search", re.compile(r"/search()")),),
}
_FORMATS = ("csv", "xlsx")


def noted_read(path: str, query: bytes) -> Noted | None:
    """What of a GET has to be noted; nothing of most."""
    # A name may be written with percent signs, too.
    if b"format" in query or b"%" in query:
        wanted = parse_qs(query.decode("latin-1")).get("format", [""])[-1]
        if wanted in _FORMATS:
            return Noted(Kind.EXPORT, f"export/{wanted}")
    own = path.replace(SLASH_WITHIN, "%2F").removeprefix("/v1")
    for kind, subject, pattern in _READS.get(own[1:].partition("/")[0], ()):
        if found := pattern.fullmatch(own):
            return Noted(kind, f"{subject}/{found[1]}" if found[1] else subject)
    return None


class Audited:
    """Notes requests in the audit log of the application's gate, where it has one."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        gate = scope["app"].state.surface.gate if scope["type"] == "http" else None
        if gate is None:
            await self._app(scope, receive, send)
            return
        # The same object for the application, which puts the principal into it.
        state = scope.setdefault("state", {})
        held_back = False

        async def answer(message: Message) -> None:
            nonlocal held_back
            if message["type"] == "http.response.start":
                problem = await _note(gate.audit, scope, state, message["status"])
                if problem is not None:
                    held_back = True
                    await problem_response(problem)(scope, receive, send)
            if not held_back:
                await send(message)

        await self._app(scope, receive, answer)


async def _note(writer: AuditWriter, scope: Scope, state: dict[str, Any], status: int) -> Problem | None:
    """Note a request that is about to be answered with this status; the problem to answer with instead, if any."""
    is_action = scope["method"] not in _SAFE or state.get("acted", False)
    principal: Principal | None = state.get("principal")
    if status in _REFUSALS:
        writer.note(_record(scope, state, status, None), principal.name if principal else "")
        return None
    if is_action:
        if principal is not None:
            record = _record(scope, state, status, None)
            if not await _is_stored(writer, record):
                writer.note(record, principal.name)
        return None
    read = noted_read(scope["path"], scope["query_string"]) if status < 400 else None
    if read is None or await _is_stored(writer, _record(scope, state, status, read.object)):
        return None
    return Problem(
        503,
        "not_noted",
        "who reads this is noted first, which is not possible now, so nothing is shown; try again in a few seconds",
        headers={"Retry-After": "2"},
    )


async def _is_stored(writer: AuditWriter, record: Record) -> bool:
    try:
        async with asyncio.timeout(_WAIT_S):
            await asyncio.wrap_future(writer.write(record))
    except (MachineryFault, TimeoutError):
        return False
    return True


def _record(scope: Scope, state: dict[str, Any], status: int, object_: str | None) -> Record:
    principal: Principal | None = state.get("principal")
    about = state.get("audited_object", object_)
    return Record(
        datetime.now(UTC),
        request_id(),
        principal.name if principal else None,
        principal.duty.value if principal else None,
        scope["method"],
        noted_path(scope),
        status,
        without_secrets(about) if about is not None else None,
        state.get("edited_by"),
    )
