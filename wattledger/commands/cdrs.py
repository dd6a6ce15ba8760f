"""`wattledger cdrs`: the CDRs that went out, as a partner gets them."""

import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Annotated

import typer

from wattledger.commands.common import check_operator, the_store
from wattledger.commands.options import DataDir, Debug, OneOperators, utc_span
from wattledger.errors import ApplicationError
from wattledger.views.terminal import print_error

app = typer.Typer()


@app.command()
def cdrs(
    session_id: Annotated[str | None, typer.Option("--session", help="Only this session's.")] = None,
    operator: OneOperators = None,
    since: Annotated[
        str | None, typer.Option("--from", metavar="D", help="Issued on this UTC day or later, or from this time on.")
    ] = None,
    until: Annotated[
        str | None, typer.Option("--to", metavar="D", help="Issued on this UTC day or earlier, or before this time.")
    ] = None,
    ocpi: Annotated[str, typer.Option("--ocpi", metavar="2.2.1|2.3.0", help="The version to write.")] = "2.2.1",
    out: Annotated[Path | None, typer.Option("--out", metavar="FILE", help="Instead of standard output.")] = None,
    data_dir: DataDir = None,
    json: Annotated[bool, typer.Option("--json", help="One JSON document, a list, instead of one a line.")] = False,
    debug: Debug = False,
) -> None:
    """Write the CDRs and credit CDRs that went out, one JSON document a line, by session."""
    from projections.cdr_lines import OCPI_VERSIONS, CdrFilter, cdr_lines, snapshot
    from projections.freshness import up_to_date

    wanted = CdrFilter(session_id, operator, *utc_span(since, until))
    if ocpi not in OCPI_VERSIONS:
        raise ApplicationError(f"OCPI {ocpi!r} is not written here; ask for {' or '.join(OCPI_VERSIONS)}")
    with (
        the_store(data_dir, debug=debug, needs_kafka=False) as store,
        up_to_date(store.dsn) as connection,
        snapshot(connection) as cursor,
        _sink(out) as file,
    ):
        written = (_write_list if json else _write)(file, cdr_lines(cursor, wanted, ocpi))
        if not written:
            check_operator(cursor, operator)
            file.write(b"[]\n" if json else b"")
    if out is not None:
        sys.stdout.write(f"{written} CDRs of OCPI {ocpi} written to {out}\n")
    elif not written and not json:
        print_error("no CDR went out that this asks for")


def _write(file: IO[bytes], lines: Iterable[bytes]) -> int:
    count = 0
    for line in lines:
        file.write(line)
        count += 1
    return count


def _write_list(file: IO[bytes], lines: Iterable[bytes]) -> int:
    """One JSON list, written as it comes; nothing where there are none."""
    count = 0
    for line in lines:
        file.write((b",\n  " if count else b"[\n  ") + line.rstrip(b"\n"))
        count += 1
    file.write(b"\n]\n" if count else b"")
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
