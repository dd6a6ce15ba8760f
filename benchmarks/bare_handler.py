"""What a handler costs that does nothing but read: Starlette, a pool of connections, the queries of a balance.

A process of its own: reads the DSN and the position of the read models from standard input, and writes its port.
"""

import json
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import uvicorn
from psycopg_pool import ConnectionPool
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from ledger.database import Role
from projections.account_balances import balances_of_account
from projections.as_of import AsOf

_CONNECTIONS = 8


@contextmanager
def bare_handler(dsn: str, position: int) -> Iterator[int]:
    """The port of the process, which ends with the block."""
    command = [sys.executable, "-m", "benchmarks.bare_handler"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        if process.stdin is None or process.stdout is None:
            raise RuntimeError("the process has no streams")
        with process.stdin as told:
            told.write(json.dumps([dsn, position]))
        try:
            yield int(process.stdout.readline())
        finally:
            process.terminate()


def main() -> None:
    """Serve until ended."""
    dsn, position = json.loads(sys.stdin.read())
    options = {"options": f"-c role={Role.AUDITOR.value} -c jit=off", "autocommit": True}
    pool: ConnectionPool[Any] = ConnectionPool(dsn, kwargs=options, max_size=_CONNECTIONS, open=True)
    asked = AsOf(None, None, position)

    def balance(request: Request) -> JSONResponse:
        with pool.connection() as connection, connection.cursor() as cursor:
            found = balances_of_account(cursor, request.path_params["account"], asked)
        return JSONResponse([each._asdict() for each in found])

    application = Starlette(routes=[Route("/{account:path}", balance)])
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        # Who is told the port may come before the server below has begun.
        listening.listen()
        print(listening.getsockname()[1], flush=True)
        config = uvicorn.Config(
            application, loop="uvloop", http="httptools", ws="none", access_log=False, log_config=None
        )
        uvicorn.Server(config).run([listening])


if __name__ == "__main__":
    main()
