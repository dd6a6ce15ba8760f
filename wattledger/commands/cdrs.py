"""`wattledger cdrs`: the CDRs that went out, as a partner gets them."""

import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import IO

from wattledger.commands.common import the_store
from wattledger.errors import ApplicationError
from wattledger.views.terminal import print_error


def cdrs(
    data_dir: Path | None,
    session_id: str | None,
    operator_id: str | None,
    span: tuple[datetime | None, datetime | None],
    version: str,
    out: Path | None,
    *,
    debug: bool,
) -> None:
    """`wattledger cdrs`; of those issued in [span[0], span[1])."""
    from psycopg import IsolationLevel

    from ledger.database import Role, connect
    from projections.cdr_lines import OCPI_VERSIONS, CdrFilter, cdr_lines
    from projections.runner import catch_up

    if version not in OCPI_VERSIONS:
        raise ApplicationError(f"OCPI {version!r} is not written here; ask for {' or '.join(OCPI_VERSIONS)}")
    wanted = CdrFilter(session_id, operator_id, *span)
    with the_store(data_dir, debug=debug, needs_kafka=False) as store:
        catch_up(store.dsn)
        with connect(store.dsn, Role.AUDITOR) as connection:
            connection.isolation_level = IsolationLevel.REPEATABLE_READ
            with connection.cursor() as cursor, _sink(out) as file:
                written = _write(file, cdr_lines(cursor, wanted, version))
    if out is not None:
        sys.stdout.write(f"{written} CDRs of OCPI {version} written to {out}\n")
    elif not written:
        print_error("no CDR went out that this asks for")


def _write(file: IO[bytes], lines: Iterable[bytes]) -> int:
    count = 0
    for line in lines:
        file.write(line)
        count += 1
    return count


@contextmanager
def _sink(out: Path | None) -> Iterator[IO[bytes]]:
    """Standard output, or a file that is there only once it is whole."""
    if out is None:
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
        return
    unfinished = out.with_name(f".{out.name}.unfinished")
    try:
        with unfinished.open("wb") as file:
            yield file
        unfinished.replace(out)
    except OSError as error:
        raise ApplicationError(f"{out}: {(error.strerror or str(error)).lower()}; name another file") from error
    finally:
        unfinished.unlink(missing_ok=True)
