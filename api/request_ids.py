"""What a request is called in logs: its id, taken from `X-Request-Id` or made, and its path.

The id is in the answer, in errors and in every line of the log.
"""

import logging
import re
from contextvars import ContextVar
from uuid import uuid4

from starlette.types import Scope

_current: ContextVar[str] = ContextVar("request_id", default="")
_SECRET = re.compile(r"(wl_[0-9a-f]{16}_)[0-9a-f]+", re.IGNORECASE)
_GIVEN = re.compile(r"[A-Za-z0-9._:-]{1,64}")


def request_id() -> str:
    """The id of the request that is being answered; empty outside one."""
    return _current.get()


def take_request_id(given: str | None) -> str:
    """Make `given` the current id if it is a decent one (1..64 of letters, digits and `._:-`), else a new one."""
    id_ = given if given is not None and _GIVEN.fullmatch(given) else uuid4().hex
    _current.set(id_)
    return id_


def without_secrets(text: str) -> str:
    """A text to be kept, in which somebody put a key by mistake, without what is secret of it."""
    return _SECRET.sub(r"\1...", text)


def noted_path(scope: Scope) -> str:
    """The path of a request as it was sent, for logs: without its query, which may hold what somebody typed."""
    path: bytes = scope.get("raw_path") or scope["path"].encode("utf-8", "replace")
    return without_secrets(path.partition(b"?")[0].decode("latin-1"))


class NamesRequests(logging.Filter):
    """Gives each record of the log the id of its request."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Never drops a record."""
        if id_ := request_id():
            record.request_id = id_
        return True


def name_requests_in_logs() -> None:
    """Have every line of the log that is written for a request carry its id, whoever writes it."""
    for handler in logging.getLogger().handlers:
        if not any(isinstance(each, NamesRequests) for each in handler.filters):
            handler.addFilter(NamesRequests())
