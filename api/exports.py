"""A list or table as a file: all rows of its filter, streamed from one snapshot as CSV, or made into a workbook.

A file that leaves holds a transaction of the database open, so it is bounded: how many there are at once, how long
one takes, how long its client may take nothing; and a client that hangs up frees it at once.
"""

import asyncio
import logging
import re
import threading
import time
import zlib
from collections import Counter
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from contextvars import copy_context
from dataclasses import dataclass, replace
from tempfile import SpooledTemporaryFile
from typing import Annotated, Any, TypeAlias, TypeVar, cast

from fastapi import Query
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from api.call import Call
from api.parameters import PageRequest
from api.problems import Problem, problem_response, unavailable
from api.request_ids import noted_path
from api.tables import MEDIA_TYPES, Column, Document, Form, csv_chunks, rows_of
from api.workbooks import ROWS_MAX, TooManyRows, write_workbook
from ledger.errors import MachineryFault
from projections.reading import STREAM_S_MAX, Snapshot

T = TypeVar("T")
Rows: TypeAlias = Generator[list[Any], None, None]
Chunks: TypeAlias = Generator[bytes, None, None]

# Each holds a transaction and formats on the processor that others need.
AT_ONCE_MAX = 3
# So many of them of one principal, so that nobody who takes them slowly keeps all others from theirs.
OF_ONE_MAX = 2
# How long a client may take nothing at all before its file ends.
STALLED_S_MAX = 60.0
_RETRY_S = 10
_IN_MEMORY = 4 << 20
_CHUNK = 1 << 18
# Most of what there is to gain, at a fifth of the time that the best takes.
_LEVEL = 3
_GZIP = 31
_OBJECTS_PER_PAGE = 2_000
_ROWS_AT_A_STRETCH = 16
_NAME_MAX = 150
_NOT_IN_NAME = re.compile(r"[^A-Za-z0-9.=-]+")
# What does not choose rows.
_NO_FILTERS = frozenset({"format", "limit", "cursor"})

_threads = ThreadPoolExecutor(AT_ONCE_MAX, thread_name_prefix="export")
_places = threading.BoundedSemaphore(AT_ONCE_MAX)
_taken = Counter[str]()
_log = logging.getLogger(__name__)


FormParameter: TypeAlias = Annotated[
    Form | None,
    Query(alias="format", description="All rows of the filter as a file, instead of one page as JSON"),
]


@dataclass(frozen=True, slots=True)
class Table:
    """What a file is of: its name and its columns."""

    name: str
    columns: tuple[Column, ...]


# All documents of a filter, read one after another from a snapshot.
Documents: TypeAlias = Callable[[Snapshot], Iterable[Document]]
# A page of a list: its objects, and the cursor of what is behind them.
Ask: TypeAlias = Callable[[Snapshot, PageRequest], tuple[Sequence[Document], str | None]]


async def listed(
    call: Call, page: PageRequest, form: Form | None, table: Table, ask: Ask, everything: Documents | None = None
) -> Response:
    """The answer of a list: a page of it as JSON, or all of it as a file.

    A file is read page by page too, unless `everything` reads it at once: do so where no index has the order.
    """
    if form is None:
        return await call.answer_list(page, lambda snapshot: ask(snapshot, page))
    return Export(call, form, table, everything or (lambda snapshot: _walked(snapshot, page, ask)))


def _walked(snapshot: Snapshot, page: PageRequest, ask: Ask) -> Iterator[Document]:
    """All objects of a list, page by page within one snapshot."""
    page = replace(page, limit=_OBJECTS_PER_PAGE, after=None)
    while True:
        data, cursor = ask(snapshot, page)
        yield from data
        if cursor is None:
            return
        page = page.behind(cursor, _OBJECTS_PER_PAGE)


class Abandoned(Exception):
    """Nobody waits for the file any more, or it took too long."""


class Export(Response):
    """The answer with a file; reads nothing before it is sent, and answers a problem where that fails at once."""

    def __init__(self, call: Call, form: Form, table: Table, documents: Documents) -> None:
        super().__init__()
        self._call, self._form, self._table, self._documents = call, form, table, documents
        self._snapshot: Snapshot | None = None
        self._position = 0
        self._over = False
        accepted = call.request.headers.get("accept-encoding", "")
        self._zipped = form is Form.CSV and "gzip" in accepted

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        who = self._call.principal.name
        if _taken[who] == OF_ONE_MAX or not _places.acquire(blocking=False):
            await problem_response(_TOO_MANY)(scope, receive, send)
            return
        _taken[who] += 1
        gone = asyncio.ensure_future(_gone(receive))
        try:
            async with asyncio.timeout(STREAM_S_MAX):
                await self._answer(scope, receive, send, gone)
        except (Abandoned, TimeoutError) as error:
            _log.warning("%s: the file was not finished: %s", noted_path(scope), error or "it took too long")
        finally:
            gone.cancel()
            _taken[who] -= 1
            if not _taken[who]:
                del _taken[who]
            _places.release()

    async def _answer(self, scope: Scope, receive: Receive, send: Send, gone: "asyncio.Future[None]") -> None:
        rows = self._rows()
        chunks = self._chunks(rows)
        try:
            try:
                chunk = await self._within_call(lambda: next(chunks, None), gone)
            except Problem as problem:
                await problem_response(problem)(scope, receive, send)
                return
            await send({"type": "http.response.start", "status": 200, "headers": self._raw_headers()})
            while chunk is not None:
                await _sent(send, {"type": "http.response.body", "body": chunk, "more_body": True})
                chunk = await self._within_call(lambda: next(chunks, None), gone)
            await send({"type": "http.response.body", "body": b"", "more_body": False})
        finally:
            self._over = True
            for each in (chunks, rows):
                await asyncio.get_running_loop().run_in_executor(_threads, each.close)

    async def _within_call(self, step: Callable[[], T], gone: "asyncio.Future[None]") -> T:
        """A step in a thread. Raises Abandoned when the client hangs up meanwhile; the step has ended then, too."""
        context = copy_context()
        work: asyncio.Future[T] = asyncio.get_running_loop().run_in_executor(_threads, lambda: context.run(step))
        try:
            await asyncio.wait(cast("set[asyncio.Future[Any]]", {work, gone}), return_when=asyncio.FIRST_COMPLETED)
        finally:
            if not work.done():
                await self._stop(work)
        if gone.done():
            raise Abandoned("the client hung up")
        try:
            return work.result()
        except MachineryFault as fault:
            raise unavailable(str(fault)) from fault
        except TooManyRows as error:
            raise _too_long() from error

    async def _stop(self, work: "asyncio.Future[Any]") -> None:
        """End the statement that runs, and wait for the thread to see it."""
        self._over = True
        if (snapshot := self._snapshot) is not None:
            await asyncio.to_thread(snapshot.cursor.connection.cancel_safe)
        with suppress(Exception):
            await work

    def _rows(self) -> Rows:
        """The cells of each row, from one snapshot that ends with the last of them."""
        call = self._call
        with call.surface.readers.stream(call.principal.scope, call.as_of.known_at) as snapshot:
            self._snapshot, self._position = snapshot, snapshot.known
            try:
                for number, row in enumerate(rows_of(self._table.columns, self._documents(snapshot))):
                    if self._over:
                        return
                    if number % _ROWS_AT_A_STRETCH == 0:
                        # Lets those go first who wait for the interpreter; by itself it would change every 5 ms.
                        time.sleep(0)
                    yield row
            finally:
                self._snapshot = None

    def _chunks(self, rows: Rows) -> Chunks:
        if self._form is Form.XLSX:
            return self._workbook(rows)
        chunks = csv_chunks(self._table.columns, rows)
        return _compressed(chunks) if self._zipped else chunks

    def _workbook(self, rows: Rows) -> Chunks:
        with SpooledTemporaryFile(_IN_MEMORY) as file:
            write_workbook(file, self._table.name, self._table.columns, rows, self._about)
            file.seek(0)
            while chunk := file.read(_CHUNK):
                yield chunk

    def _about(self) -> dict[str, str]:
        of = self._call.as_of.document(self._position)
        return self._filters() | {name: str(value) for name, value in of.items() if value is not None}

    def _filters(self) -> dict[str, str]:
        return {name: value for name, value in self._call.request.query_params.items() if name not in _NO_FILTERS}

    def _raw_headers(self) -> list[tuple[bytes, bytes]]:
        headers = {
            "Content-Type": MEDIA_TYPES[self._form],
            "Content-Disposition": f'attachment; filename="{self.file_name}"',
            "Cache-Control": "no-store",
            "X-WattLedger-Lag-Ms": str(self._call.surface.readers.lag_ms),
        }
        if self._form is Form.CSV:
            headers["Vary"] = "Accept-Encoding"
        if self._zipped:
            headers["Content-Encoding"] = "gzip"
        return [(name.lower().encode(), value.encode()) for name, value in headers.items()]

    @property
    def file_name(self) -> str:
        """The table, its filter and what it is as of."""
        parts = [self._table.name, *(f"{name}={value}" for name, value in self._filters().items())]
        return f"{'_'.join(_NOT_IN_NAME.sub('-', part) for part in parts)[:_NAME_MAX]}.{self._form}"


async def _gone(receive: Receive) -> None:
    """Ends when the client hangs up."""
    while (await receive())["type"] != "http.disconnect":
        pass


async def _sent(send: Send, message: dict[str, Any]) -> None:
    try:
        async with asyncio.timeout(STALLED_S_MAX):
            await send(message)
    except TimeoutError:
        raise Abandoned("the client takes nothing") from None


def _compressed(chunks: Chunks) -> Chunks:
    """The same as gzip, which is best done where nobody else waits."""
    squeeze = zlib.compressobj(_LEVEL, wbits=_GZIP)
    with closing(chunks):
        for chunk in chunks:
            if made := squeeze.compress(chunk):
                yield made
    yield squeeze.flush()


_TOO_MANY = Problem(
    429,
    "too_many_exports",
    f"{AT_ONCE_MAX} files at once, {OF_ONE_MAX} of one principal, are as many as there may be; try again in a moment",
    headers={"Retry-After": str(_RETRY_S)},
)


def _too_long() -> Problem:
    return Problem(
        422,
        "too_many_rows",
        f"a sheet of Excel holds {ROWS_MAX:,} rows and this has more: take format=csv, or narrow it by a filter",
        [{"parameter": "format", "detail": "xlsx cannot hold so many rows"}],
    )
