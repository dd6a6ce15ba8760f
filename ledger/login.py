"""The login of whoever answers over HTTP: it may act in the roles that are shown outside, and do nothing by itself.

A connection of a superuser that took a role leaves it by SET ROLE NONE, and one that was taken by SET by RESET ROLE.
So the process that answers strangers does not log in as one. Where it is given a superuser, or a role that may create
roles, it makes a login of its own for a data directory, once, and keeps its password there.
"""

import json
import os
import secrets
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from psycopg import Connection, OperationalError
from psycopg.conninfo import make_conninfo
from psycopg.errors import InsufficientPrivilege
from psycopg.rows import TupleRow
from psycopg.sql import SQL, Composed, Identifier, Literal

from ledger.database import Role, acting_as, address_of, database_faults
from ledger.errors import RoleRefused
from ledger.limits import CONNECT_TIMEOUT_S
from ledger.locks import Lock, hold

# What the login may act as.
SHOWN_BY = (Role.AUDITOR, Role.TENANT, Role.DOOR)

_NOT_LET_IN = ("authentication failed", "no pg_hba.conf entry", "pg_hba.conf rejects")
_PREFIX = "wl_surface_"
_FILE = "surface_login_{}.json"

# Who logged in, whether they may make logins, and which cluster this is.
_WHO = """
SELECT session_user::text, rolsuper, rolsuper OR rolcreaterole, system_identifier::text
FROM pg_roles, pg_control_system()
WHERE rolname = session_user
"""
# Which attributes a login has that lift it above the rules, or let it act as its roles without taking one.
_ATTRIBUTES = """
SELECT rolsuper, rolbypassrls, rolcreaterole, rolcreatedb, rolreplication, rolinherit
FROM pg_roles WHERE rolname = %s
"""
_ATTRIBUTE_NAMES = ("SUPERUSER", "BYPASSRLS", "CREATEROLE", "CREATEDB", "REPLICATION", "INHERIT")
# All that a login may act as, or acts as without asking, whether it was told so or by way of another role.
_MEMBER_OF = """
SELECT rolname::text, pg_has_role(%(login)s, oid, 'SET'), pg_has_role(%(login)s, oid, 'USAGE')
FROM pg_roles
WHERE rolname <> %(login)s AND (pg_has_role(%(login)s, oid, 'MEMBER'))
ORDER BY rolname
"""
# Schemas and tables that it owns, or has a right to that it was given by name.
_OWNS = """
SELECT EXISTS (
    SELECT FROM pg_shdepend JOIN pg_database ON pg_database.oid = dbid
    WHERE refclassid = 'pg_authid'::regclass AND refobjid = (SELECT oid FROM pg_roles WHERE rolname = %s)
          AND datname = current_database() AND deptype IN ('o', 'a')
)
"""
_EXISTS = "SELECT EXISTS (SELECT FROM pg_roles WHERE rolname = %s)"


def surface_login(dsn: str, folder: Path) -> str:
    """The DSN of a login that may act as AUDITOR, TENANT and DOOR, and is nothing by itself.

    Where the login of `dsn` may make others, one is made for `folder`, a directory, or found: its name and password
    are in a file there that only the user who runs this reads. Otherwise that login itself, if it is such a one.
    Raises RoleRefused, with what a superuser has to say, where it is not, or where a server lets nobody in by a
    password; MachineryFault when the server cannot be reached.
    """
    with database_faults(), Connection.connect(dsn, connect_timeout=CONNECT_TIMEOUT_S) as connection:
        user, _, makes_logins, cluster = connection.execute(_WHO).fetchone() or ("", False, False, "")
        if not makes_logins:
            refuse_wide_login(connection, user)
            return dsn
        # Processes that make the login of one data directory at once do it one after the other.
        with connection.cursor() as cursor, acting_as(cursor, Role.DOOR):
            hold(cursor, Lock.LOGIN)
        name, password = _kept(folder / _FILE.format(cluster))
        try:
            _make(connection, name, password)
        except InsufficientPrivilege as error:
            raise RoleRefused(
                f"{user} may not make the login that the HTTP server uses: give WATTLEDGER_DATABASE_URL of a login "
                f"of its own; as a superuser: {_statements('LOGIN')}"
            ) from error
        refuse_wide_login(connection, name)
    made = make_conninfo(dsn, user=name, password=password)
    _refuse_closed_door(made, name)
    return made


def refuse_wide_login(connection: Connection[TupleRow], login: str) -> None:
    """Raises RoleRefused unless a login may act as the roles of the surface, by taking them, and is no more."""
    attributes = connection.execute(_ATTRIBUTES, (login,)).fetchone() or ()
    too_much = [name for name, has in zip(_ATTRIBUTE_NAMES, attributes, strict=False) if has]
    roles = {name: (takes, has) for name, takes, has in connection.execute(_MEMBER_OF, {"login": login})}
    wanted = {role.value for role in SHOWN_BY}
    missing = sorted(wanted - {name for name, (takes, _) in roles.items() if takes})
    others = sorted(roles.keys() - wanted)
    at_once = sorted(name for name, (_, has) in roles.items() if has and name in wanted)
    owns = connection.execute(_OWNS, (login,)).fetchone() == (True,)
    reasons = [
        *(f"it is {name}" for name in too_much if name != "INHERIT" or at_once),
        *(f"it may not act as {name}" for name in missing),
        *(f"it is a member of {name} too" for name in others),
        *(["it owns something, or was given rights by name, in this database"] if owns else []),
    ]
    if reasons:
        raise RoleRefused(
            f"{login} is not a login that an HTTP server should have: {'; '.join(reasons)}. "
            f"Make one for it, as a superuser: {_statements('NAME')}"
        )


def _statements(name: str) -> str:
    roles = ", ".join(role.value for role in SHOWN_BY)
    return f"CREATE ROLE {name} LOGIN NOINHERIT PASSWORD '...'; GRANT {roles} TO {name}"


def _kept(path: Path) -> tuple[str, str]:
    """The name and the password that a file keeps; made where there is none yet."""
    with suppress(FileNotFoundError):
        kept: Mapping[str, Any] = json.loads(path.read_text("utf-8"))
        return str(kept["user"]), str(kept["password"])
    name, password = f"{_PREFIX}{secrets.token_hex(4)}", secrets.token_urlsafe(32)
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_suffix(".new")
    beside.unlink(missing_ok=True)
    with open(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
        json.dump({"user": name, "password": password}, file)
    beside.replace(path)
    return name, password


def _make(connection: Connection[TupleRow], name: str, password: str) -> None:
    """The login as it should be, whatever it was: with this password, and a member of its roles alone."""
    # What is sent is what the server keeps, so that no log of statements has the password.
    verifier = connection.pgconn.encrypt_password(password.encode(), name.encode(), b"scram-sha-256").decode()
    verb = "ALTER" if connection.execute(_EXISTS, (name,)).fetchone() == (True,) else "CREATE"
    login = Identifier(name)
    connection.execute(SQL("{} ROLE {} LOGIN NOINHERIT PASSWORD {}").format(SQL(verb), login, Literal(verifier)))
    for other, _, _ in connection.execute(_MEMBER_OF, {"login": name}).fetchall():
        connection.execute(SQL("REVOKE {} FROM {}").format(Identifier(other), login))
    connection.execute(SQL("GRANT {} TO {}").format(_names(), login))
    connection.execute(SQL("GRANT CONNECT ON DATABASE {} TO {}").format(Identifier(connection.info.dbname), login))


def _names() -> Composed:
    return SQL(", ").join(Identifier(role.value) for role in SHOWN_BY)


def _refuse_closed_door(dsn: str, name: str) -> None:
    with database_faults():
        try:
            Connection.connect(dsn, connect_timeout=CONNECT_TIMEOUT_S).close()
        except OperationalError as error:
            # Errors of a log-in have no code in psycopg.
            if not any(sign in str(error) for sign in _NOT_LET_IN):
                raise
            raise RoleRefused(
                f"{address_of(dsn)}: the server does not let {name} in by its password ({_in_one_line(error)}); "
                "allow that in pg_hba.conf (scram-sha-256), or give WATTLEDGER_DATABASE_URL of another login"
            ) from error


def _in_one_line(error: Exception) -> str:
    return " ".join(str(error).split())
