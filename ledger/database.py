"""Connections to the database, each in one of the ledger's roles and only to a server that keeps what it commits."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from urllib.parse import quote, urlencode

from psycopg import Connection, Cursor, Error, InterfaceError, OperationalError
from psycopg.conninfo import conninfo_to_dict
from psycopg.errors import IdleInTransactionSessionTimeout, InsufficientPrivilege
from psycopg.rows import TupleRow
from psycopg.sql import SQL, Identifier

from ledger.errors import MachineryFault, NeedsHelp, RoleRefused, UnsafeDatabase
from ledger.limits import CONNECT_TIMEOUT_S, LOCK_WAIT_S, client_parameters, session_options
from ledger.vigil import VIGIL, Session

# Of the errors that psycopg calls operational, those that a server raises for its own state: a connection or a log-in
# that fails, a deadlock, too few resources, a shutdown, a fault of its system or its set-up; and a lock that others
# hold. The rest are of the work, which would break again: a statement too complex, an object in the wrong state.
# (PostgreSQL, appendix A "Error Codes".)
_FAULT_CLASSES = ("08", "28", "40", "53", "57", "58", "F0")
_FAULT_CODES = ("55006", "55P03", "25P03")

# Faults that somebody has to mend: a full disk, no memory, a file that cannot be read or written, a read-only server.
_ADVICE = {
    "53100": "free some room on the disk of its data folder, or enlarge it, and run the command again",
    "53200": "give the server more memory, or end others, and run the command again",
    "58030": "see that its disk is sound and its file system can be written to, and run the command again",
}
_OPEN_FILES = "raise the limit of open files (`ulimit -n`) to 1024 or more, and run the command again"
_ADVICE_BY_WORDS = {
    "No space left on device": _ADVICE["53100"],
    "Read-only file system": _ADVICE["58030"],
    "Too many open files": _OPEN_FILES,
    "password authentication failed": "check the password in WATTLEDGER_DATABASE_URL",
    "no pg_hba.conf entry": "let this login in by pg_hba.conf",
}

_NO_MEMBER = "permission denied to set role"

_DURABLE_SETTINGS = ("fsync", "full_page_writes", "synchronous_commit")

# One look at the settings this session runs with; a role or a database may override the server's own.
_READ_SETTINGS = (
    "SELECT current_setting('fsync'), current_setting('full_page_writes'), current_setting('synchronous_commit')"
)


class Role(StrEnum):
    """Database roles, none of which can log in: users that log in are made members of them.

    WRITER inserts events, entries and balances; PROJECTOR has everything in the schema `projection`; BANK makes bank
    files; READER reads the book and the read models without drivers' tokens and bank accounts; AUDITOR reads
    everything; TENANT reads the rows of its own operators; DOOR has users, keys and the log of who read what; OWNER
    owns the objects and is taken by migrations only.
    """

    OWNER = "wattledger_owner"
    WRITER = "wattledger_writer"
    PROJECTOR = "wattledger_projector"
    BANK = "wattledger_bank"
    READER = "wattledger_reader"
    AUDITOR = "wattledger_auditor"
    TENANT = "wattledger_tenant"
    DOOR = "wattledger_door"


@contextmanager
def connect(dsn: str, role: Role | str, *, autocommit: bool = False) -> Iterator[Session]:
    """A connection of `open_connection` for as long as the block runs; its end commits, an exception rolls back.

    A server that goes while the block runs is a MachineryFault, too.
    """
    with database_faults(), open_connection(dsn, role, autocommit=autocommit) as connection:
        yield connection


def open_connection(dsn: str, role: Role | str, *, autocommit: bool = False) -> Session:
    """A connection that acts as `role`, in UTC; the user of the DSN must be a member of it.

    The role is set when the session starts, so RESET ROLE, RESET ALL and DISCARD ALL come back to it.
    Raises RoleRefused where that user is none, UnsafeDatabase when the server may lose commits, MachineryFault when
    it cannot be reached; what is done with the connection belongs into `database_faults`. It has the limits of
    `ledger.limits`, and is looked after by `ledger.vigil`.
    """
    given = conninfo_to_dict(dsn)
    options = session_options(f"{given.get('options') or ''} -c role={Role(role).value} -c TimeZone=UTC".strip())
    # A server that dies during the log-in may leave the client waiting for an answer that nobody gives.
    timeout_s = int(given.get("connect_timeout") or CONNECT_TIMEOUT_S)
    with database_faults():
        try:
            connection = Session.connect(
                dsn, options=options, connect_timeout=timeout_s, autocommit=True, **client_parameters(given)
            )
        except OperationalError as error:
            # Errors of a log-in have no code in psycopg.
            if _NO_MEMBER in str(error):
                raise _no_member(str(given.get("user", "the login")), Role(role)) from error
            raise
        try:
            refuse_unsafe_settings(connection)
        except BaseException:
            connection.close()
            raise
        connection.autocommit = autocommit
    VIGIL.look_after(connection, dsn)
    return connection


def address_of(dsn: str) -> str:
    """Where a DSN leads, as `HOST:PORT, database NAME`: nothing of who logs in."""
    given = conninfo_to_dict(dsn)
    return f"{given.get('host') or 'localhost'}:{given.get('port') or 5432}, database {given.get('dbname') or ''}"


def reading_url(dsn: str, role: Role | None, *, with_password: bool = True) -> str:
    """A URL for libpq's clients by which a session reads only: as `role`, or as who logs in where there is none."""
    given = {name: str(value) for name, value in conninfo_to_dict(dsn).items() if value is not None}
    acting = [f"-c role={role.value}"] if role is not None else []
    given["options"] = " ".join(filter(None, [given.get("options"), *acting, "-c default_transaction_read_only=on"]))
    if not with_password:
        given.pop("password", None)
    user, password, name = given.pop("user", ""), given.pop("password", ""), given.pop("dbname", "")
    login = quote(user, safe="") + (f":{quote(password, safe='')}" if password else "")
    place = ""
    if re.fullmatch(r"[A-Za-z0-9.-]+", given.get("host", "")) and given.get("port", "5432").isdecimal():
        place = f"{given.pop('host')}:{given.pop('port', '5432')}"
    server = f"{login}@{place}" if login else place
    return f"postgresql://{server}/{quote(name, safe='')}?{urlencode(given, quote_via=quote)}"


def may_act_as(dsn: str, role: Role) -> bool:
    """Whether who logs in by a DSN may take a role; raises MachineryFault when the server cannot be reached."""
    with database_faults(), Connection.connect(dsn, connect_timeout=CONNECT_TIMEOUT_S) as connection:
        row = connection.execute(
            "SELECT coalesce(pg_has_role(session_user, to_regrole(%s), 'SET'), false)", (role.value,)
        ).fetchone()
    return row == (True,)


def password_of(dsn: str) -> str | None:
    """The password that a DSN holds."""
    found = conninfo_to_dict(dsn).get("password")
    return None if found is None else str(found)


@contextmanager
def acting_as(cursor: Cursor[TupleRow], role: Role) -> Iterator[None]:
    """Another role for a part of the cursor's transaction, in the same snapshot; its user must be a member of it.

    Raises RoleRefused where it is not. An exception leaves the role to the end of the transaction, which is rolled
    back.
    """
    row = cursor.execute("SELECT current_user::text").fetchone() or ()
    try:
        cursor.execute(SQL("SET LOCAL ROLE {}").format(Identifier(role.value)))
    except InsufficientPrivilege as error:
        raise _no_member(cursor.connection.info.user, role) from error
    yield
    cursor.execute(SQL("SET LOCAL ROLE {}").format(Identifier(*row)))


def make_database(server: str, name: str) -> None:
    """Make a database unless it is there; `server` is the DSN of one that is, of a user who may make others.

    Raises MachineryFault with the server's reason when it does not answer, or does not do it.
    """
    try:
        with Connection.connect(server, autocommit=True, connect_timeout=CONNECT_TIMEOUT_S) as connection:
            if connection.execute("SELECT FROM pg_database WHERE datname = %s", (name,)).fetchone() is None:
                connection.execute(SQL("CREATE DATABASE {}").format(Identifier(name)))
    except Error as error:
        raise MachineryFault(f"database {name} cannot be made: {_reason(error)}") from error


@contextmanager
def database_faults() -> Iterator[None]:
    """Turns the faults that psycopg raises into the one of the machinery, NeedsHelp where it lasts until mended."""
    try:
        yield
    except Error as fault:
        if not is_database_fault(fault):
            raise
        if (advice := _advice(fault)) is not None:
            raise NeedsHelp(f"the database cannot go on: {_reason(fault)}; {advice}; nothing was lost") from fault
        if fault.sqlstate == "55P03":
            raise MachineryFault(
                f"others hold what is needed in the database for longer than {LOCK_WAIT_S} s: {_reason(fault)}; "
                "the view pg_stat_activity shows who"
            ) from fault
        raise MachineryFault(
            f"the database does not answer: {_reason(fault)}; check WATTLEDGER_DATABASE_URL and that it is running"
        ) from fault


def is_database_fault(error: Error) -> bool:
    """Whether a server is gone, is restarting or breaks a deadlock, so that the same work may be done again."""
    # A process that was frozen in a transaction has lost it, and may do it again.
    if not isinstance(error, OperationalError | InterfaceError | IdleInTransactionSessionTimeout):
        return False
    code = error.sqlstate
    return code is None or code in _FAULT_CODES or code.startswith(_FAULT_CLASSES)


def _advice(fault: Error) -> str | None:
    """What to do about a fault that does not pass by itself; None for others."""
    if fault.sqlstate is not None:
        return _ADVICE.get(fault.sqlstate)
    # Errors of a log-in have no code in psycopg, but the server's words, which are English where we set it up.
    said = str(fault)
    return next((advice for words, advice in _ADVICE_BY_WORDS.items() if words in said), None)


def refuse_unsafe_settings(connection: Connection[TupleRow]) -> None:
    """Raises UnsafeDatabase unless fsync, full_page_writes and synchronous_commit are all on in this session."""
    row = connection.execute(_READ_SETTINGS).fetchone() or ()
    off = [name for name, setting in zip(_DURABLE_SETTINGS, row, strict=True) if setting == "off"]
    if off:
        raise UnsafeDatabase(
            f"{', '.join(off)} {'is' if len(off) == 1 else 'are'} off on PostgreSQL at {connection.info.host}:"
            f"{connection.info.port}, database {connection.info.dbname}: a crash could undo committed postings; "
            "turn them on in the server, the database and the role, then start again"
        )


def _no_member(user: str, role: Role) -> RoleRefused:
    return RoleRefused(
        f"{user} is no member of {role.value}, which this takes; as a superuser: GRANT {role.value} TO {user}"
    )


def _reason(error: Error) -> str:
    return " ".join(str(error).split()) or type(error).__name__
