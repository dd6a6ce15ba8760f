"""How somebody who knows only the `eventsourcing` library comes to a store: with a login and its variables."""

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count

import psycopg
from eventsourcing.postgres import PostgresDatastore
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg.sql import SQL, Identifier, Literal

from ledger.database import Role

_login_numbers = count(1)


@contextmanager
def login(superuser_dsn: str, *roles: Role, schema: str | None = None, inherits: bool = True) -> Iterator[str]:
    """The DSN of a new login that is a member of `roles` and owns the new schema, if one is named.

    One that does not inherit has no right of theirs before it takes one.
    """
    name = f"login_{next(_login_numbers)}"
    with psycopg.connect(superuser_dsn, autocommit=True) as connection:
        connection.execute(
            SQL("CREATE ROLE {} LOGIN {} PASSWORD {}").format(
                Identifier(name), SQL("INHERIT" if inherits else "NOINHERIT"), Literal(name)
            )
        )
        for role in roles:
            connection.execute(SQL("GRANT {} TO {}").format(Identifier(role.value), Identifier(name)))
        if schema is not None:
            connection.execute(SQL("CREATE SCHEMA {} AUTHORIZATION {}").format(Identifier(schema), Identifier(name)))
        yield make_conninfo(superuser_dsn, user=name, password=name)
        connection.execute(SQL("DROP OWNED BY {} CASCADE").format(Identifier(name)))
        connection.execute(SQL("DROP ROLE {}").format(Identifier(name)))


def variables(dsn: str, schema: str) -> dict[str, str]:
    """The library's variables for a database, with a read model's schema."""
    at = conninfo_to_dict(dsn)
    return {
        "PERSISTENCE_MODULE": "eventsourcing.postgres",
        "POSTGRES_DBNAME": str(at["dbname"]),
        "POSTGRES_HOST": str(at["host"]),
        "POSTGRES_PORT": str(at["port"]),
        "POSTGRES_USER": str(at["user"]),
        "POSTGRES_PASSWORD": str(at["password"]),
        "POSTGRES_SCHEMA": schema,
    }


@contextmanager
def datastore(
    dsn: str, schema: str, connections: int = 1, *, db_functions: bool = False
) -> Iterator[PostgresDatastore]:
    """The library's own way to connect, with up to so many connections at once."""
    at = variables(dsn, schema)
    with PostgresDatastore(
        at["POSTGRES_DBNAME"],
        at["POSTGRES_HOST"],
        at["POSTGRES_PORT"],
        at["POSTGRES_USER"],
        at["POSTGRES_PASSWORD"],
        schema=schema,
        max_overflow=connections - 1,
        enable_db_functions=db_functions,
    ) as opened:
        yield opened
