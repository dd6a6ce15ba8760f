"""What `wattledger status` knows: the state in the database, the ends in Kafka, and what runs on this machine."""

import os
import shutil
import socket
from pathlib import Path
from typing import Any

from contracts.topic_roles import ROLES
from ledger.database import Role, address_of, connect
from ledger.errors import MachineryFault
from ledger.heartbeat import BEAT_S, is_running
from projections.documents.system_state import state_document
from projections.system_state import KnownOperators, system_state
from wattledger.embedded import EmbeddedKafka, EmbeddedPostgres
from wattledger.embedded.kafka import options_of_login
from wattledger.errors import ServiceError
from wattledger.settings import Settings
from wattledger.store import Store

# Signs that have missed their time more than once make one look whether the process is there at all.
_OVERDUE_S = 2.5 * BEAT_S
# The unit of `st_blocks`, whatever the blocks of a file system are.
_BLOCK_BYTES = 512
# What a live system has at least one of.
NEEDED = ("consume", "project", "clock")


class Looking:
    """Looks at one system, as often as wanted; `began` tells who ran the services before the one that looks."""

    def __init__(self, store: Store, *, postgres_ran: bool) -> None:
        self._store = store
        self._postgres_ran = postgres_ran
        self._known = KnownOperators()

    def look(self) -> dict[str, Any]:
        """Everything there is to know now, as `wattledger status --json` prints it.

        Raises MachineryFault when the database cannot be reached; brokers that are away are told as such.
        """
        with connect(self._store.dsn, Role.AUDITOR, autocommit=True) as connection:
            found = state_document(system_state(connection, self._known))
        for piece in found["pieces"]:
            _see_whether_it_runs(piece)
        kafka = self._look_at_kafka(found["intake"])
        return {
            "at": found.pop("at"),
            "postgresql": self._postgres(),
            "kafka": kafka,
            "disk": disk_of(self._store.settings),
            "missing": [kind for kind in NEEDED if kind not in _alive(found["pieces"])],
            **found,
        }

    def _postgres(self) -> dict[str, Any]:
        ran = self._postgres_ran or not self._embedded_postgres
        return {"address": address_of(self._store.dsn), "state": "up" if ran else "started for this command"}

    @property
    def _embedded_postgres(self) -> bool:
        return self._store.settings.database_url is None

    def _look_at_kafka(self, intake: dict[str, Any]) -> dict[str, Any]:
        """Where the brokers are; tells each partition's end and lag, None where they are not known."""
        options = _kafka_options(self._store.settings)
        address = None if options is None else options["bootstrap_servers"]
        bounds, why = {}, "no Kafka runs on this folder; `wattledger up` starts it"
        if options is not None:
            from consumers.lag import inbound_bounds_now  # Here: a store that is stopped needs no Kafka client.

            try:
                bounds, why = inbound_bounds_now(options), ""
            except MachineryFault as fault:
                why = str(fault)
        known = {(each["topic"], each["partition"]): each for each in intake["partitions"]}
        for topic, number in bounds.keys() - known.keys():
            known[topic, number] = {"topic": topic, "partition": number, "next_offset": None, "event_time": None}
        for home, each in known.items():
            first, end = bounds.get(home, (0, None))
            each["end_offset"] = end
            each["lag"] = None if end is None else max(0, end - max(first, each["next_offset"] or 0))
        intake["partitions"] = [each for _, each in sorted(known.items())]
        lags = [each["lag"] for each in intake["partitions"] if each["lag"] is not None]
        intake["lag"] = sum(lags) if bounds else None
        logins = _logins(self._store.settings)
        return {"address": address, "state": "away" if why else "up", "reason": why or None, "logins": logins}


def _alive(pieces: list[dict[str, Any]]) -> set[str]:
    return {each["piece"] for each in pieces if each["state"] == "alive"}


def postgres_runs(settings: Settings) -> bool:
    """Whether a server is there already, before a command starts one to read."""
    return settings.database_url is not None or EmbeddedPostgres(settings.data_dir).offered() is not None


def disk_of(settings: Settings) -> dict[str, Any] | None:
    """What embedded services keep on disk, and what is free there, in bytes; None where they keep nothing.

    `data_bytes` is None where this user may not look into their folders.
    """
    if settings.database_url is not None and settings.kafka_bootstrap is not None:
        return None
    folder = settings.data_dir.absolute()
    there = next(each for each in (folder, *folder.parents) if each.exists())
    return {"path": str(folder), "data_bytes": _size_of(folder), "free_bytes": shutil.disk_usage(there).free}


def _size_of(folder: Path) -> int | None:
    """What files take on the disk, which is less than their length where they have holes, as Kafka's indexes do."""
    refused: list[OSError] = []
    total = 0
    for path, _, names in os.walk(folder, onerror=refused.append):
        for name in names:
            try:
                total += os.lstat(os.path.join(path, name)).st_blocks * _BLOCK_BYTES
            except OSError as error:
                refused.append(error)
    return None if any(isinstance(error, PermissionError) for error in refused) else total


def _kafka_options(settings: Settings) -> dict[str, Any] | None:
    """What clients of the brokers need; None while no Kafka runs on the data directory, or it is another user's."""
    if settings.kafka_bootstrap is not None:
        return {"bootstrap_servers": settings.kafka_bootstrap, **settings.kafka_client_options()}
    server = EmbeddedKafka(settings.data_dir, settings.cache_dir)
    address = server.offered()
    return None if address is None else options_of_login(address, server.login)


def _logins(settings: Settings) -> list[dict[str, Any]] | None:
    """Who else comes in at an embedded Kafka, by which password, and what for; None where none was ever started."""
    if settings.kafka_bootstrap is not None:
        return None
    try:
        known = EmbeddedKafka(settings.data_dir, settings.cache_dir).logins()
    except ServiceError:
        return None
    return [
        {
            "username": name,
            "password": login.password,
            "security_protocol": "SASL_PLAINTEXT",
            "sasl_mechanism": login.mechanism,
            "writes": list(ROLES[name].writes),
            "reads": list(ROLES[name].reads),
        }
        for name, login in known.items()
        # Our own login, which may do everything, is nobody else's.
        if name in ROLES
    ]


def _see_whether_it_runs(piece: dict[str, Any]) -> None:
    """A process of this machine that is overdue and not there any more has ended."""
    overdue = piece["last_sign_s"] > _OVERDUE_S
    if overdue and piece["host"] == socket.gethostname() and not is_running(piece["pid"]):
        piece["state"] = "ended"
