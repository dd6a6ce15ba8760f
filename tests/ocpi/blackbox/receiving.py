"""What is pushed to the eMSP: kept as OCPI says a receiver keeps it, and judged as it comes."""

import json
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

# What is said of a CDR that is there.
EXISTS = "a CDR with this id exists already"


class Broken(Enum):
    """A way not to answer a push as it should be."""

    FAULT = (500, 3000)
    BUSY = (429, 2000)
    SERVER = (200, 3000)
    INVALID = (200, 2001)
    DROPPED = (0, 0)
    # It is taken, and nobody is told.
    LOST = (0, 1)
    LATE = (0, 2)

    @property
    def answer(self) -> tuple[int, int]:
        """HTTP status and OCPI status code."""
        return self.value


@dataclass(frozen=True, slots=True)
class Received:
    """A push: when, by a clock that only runs on; `names` are those of its URL behind the module."""

    at: float
    version: str
    method: str
    module: str
    names: tuple[str, ...]
    body: bytes
    headers: Mapping[str, str]

    @property
    def document(self) -> Any:
        """The body as JSON; {} where there is none."""
        return json.loads(self.body or b"{}")

    def header(self, name: str) -> str | None:
        """A header, whatever the case of its name."""
        return next((value for key, value in self.headers.items() if key.lower() == name.lower()), None)


@dataclass
class Store:
    """Objects by module and (country, party, id), folded; CDRs by id. `complaints` say what was wrong with pushes."""

    objects: dict[tuple[str, ...], dict[str, Any]] = field(default_factory=dict)
    log: list[tuple[Received, str]] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)
    # For (module, method), or (module, ""): how the next ones are answered.
    faults: dict[tuple[str, str], list[Broken]] = field(default_factory=dict)
    lock: threading.RLock = field(default_factory=threading.RLock)

    def break_next(self, module: str, *how: Broken, method: str = "") -> None:
        """Answer the next pushes of a module in these ways."""
        with self.lock:
            self.faults.setdefault((module, method), []).extend(how)

    def next_fault(self, module: str, method: str) -> Broken | None:
        """How the push that has come is to be answered; None for as it should be."""
        with self.lock:
            for key in ((module, method), (module, "")):
                if self.faults.get(key):
                    return self.faults[key].pop(0)
        return None

    def refused(self, received: Received, how: Broken) -> None:
        """A push that is not taken."""
        with self.lock:
            self._judge(received)
            self.log.append((received, how.name))

    def take(self, received: Received, how: Broken | None = None) -> tuple[int, int, Any]:
        """Take a push: HTTP status, OCPI status code, and data (of a CDR its id)."""
        with self.lock:
            if received.method != "GET":
                self._judge(received)
                self.log.append((received, how.name if how else ""))
            if received.module == "cdrs":
                return self._cdr(received)
            return self._object(received)

    def pushes(self, module: str, object_id: str = "") -> list[Received]:
        """What came of a module, or of one of its objects, in order."""
        with self.lock:
            return [
                each
                for each, _ in self.log
                if each.module == module and (not object_id or _id_of(each).casefold() == object_id.casefold())
            ]

    def taken(self, module: str, object_id: str = "") -> list[Received]:
        """Those of the pushes that were taken, and of which the other side was told so."""
        with self.lock:
            told = {id(each) for each, how in self.log if not how}
            return [each for each in self.pushes(module, object_id) if id(each) in told]

    def object(self, module: str, object_id: str) -> dict[str, Any] | None:
        """What is kept of an object, of whichever party."""
        with self.lock:
            for key, document in self.objects.items():
                if key[0] == module and key[-1] == object_id.casefold():
                    return document
        return None

    def _object(self, received: Received) -> tuple[int, int, Any]:
        key = (received.module, *(each.casefold() for each in received.names[:3]))
        kept, parts = self.objects.get(key), received.names[3:]
        if received.method == "GET":
            return (200, 1000, kept) if kept is not None else (404, 2003, None)
        if received.method == "DELETE":
            return (200, 1000, None) if self.objects.pop(key, None) is not None else (404, 2000, None)
        document = received.document
        if received.method == "PUT" and not parts:
            self.objects[key] = document
            return (200, 1000, None) if kept is not None else (201, 1000, None)
        if kept is None:
            return 404, 2003, None
        target = _part(kept, parts, document if received.method == "PUT" else None)
        if target is None:
            return 404, 2003, None
        if received.method == "PATCH":
            periods = [*target.get("charging_periods", []), *document.get("charging_periods", [])]
            target.update(document)
            if received.module == "sessions":
                target["charging_periods"] = periods
        if parts and "last_updated" in document:
            kept["last_updated"] = document["last_updated"]
        return 200, 1000, None

    def _cdr(self, received: Received) -> tuple[int, int, Any]:
        if received.method == "GET":
            kept = self.objects.get(("cdrs", (received.names or ("",))[0].casefold()))
            return (200, 1000, kept) if kept is not None else (404, 2000, None)
        if received.method != "POST":
            return 405, 2000, None
        document = received.document
        id_ = str(document.get("id"))
        if ("cdrs", id_.casefold()) in self.objects:
            return 200, 2001, EXISTS
        self.objects["cdrs", id_.casefold()] = document
        return 201, 1000, id_

    def _judge(self, received: Received) -> None:
        """Complain about what no push may be like."""
        where = f"{received.method} {received.module}/{'/'.join(received.names)}"
        for name in (
            "X-Request-ID",
            "X-Correlation-ID",
            "OCPI-from-country-code",
            "OCPI-from-party-id",
            "OCPI-to-country-code",
            "OCPI-to-party-id",
        ):
            if not received.header(name):
                self.complaints.append(f"{where} has no {name}")
        if received.method == "DELETE":
            return
        if (received.header("Content-Type") or "").partition(";")[0] != "application/json":
            self.complaints.append(f"{where} is not application/json")
        try:
            document = received.document
        except ValueError:
            self.complaints.append(f"{where} is no JSON")
            return
        self.complaints += [f"{where} {what}" for what in _wrong_with(received, document)]


def _wrong_with(received: Received, document: dict[str, Any]) -> list[str]:
    found = []
    if "last_updated" not in document:
        found.append("has no last_updated")
    if (path := _null_in(document)) is not None:
        found.append(f"has null at {path}")
    if received.module == "cdrs":
        owner: tuple[str, ...] = (str(document.get("country_code")), str(document.get("party_id")))
    else:
        owner = received.names[:2]
        whole = received.method == "PUT" and len(received.names) == 3
        told = tuple(str(document.get(name)) for name in ("country_code", "party_id", "id"))
        if whole and [each.casefold() for each in told] != [each.casefold() for each in received.names]:
            found.append(f"has {told} in the body and another owner or id in the URL")
    sender = (received.header("OCPI-from-country-code"), received.header("OCPI-from-party-id"))
    if tuple(str(each).casefold() for each in sender) != tuple(each.casefold() for each in owner):
        found.append(f"comes from {sender} and belongs to {owner}")
    return found


def _part(location: dict[str, Any], parts: tuple[str, ...], put: dict[str, Any] | None) -> dict[str, Any] | None:
    """The EVSE or connector of a location; with `put` it is replaced first."""
    target = location
    for name, (within, key) in zip(parts, (("evses", "uid"), ("connectors", "id")), strict=False):
        members = target.setdefault(within, [])
        number = next((n for n, each in enumerate(members) if str(each.get(key)).casefold() == name.casefold()), None)
        if name == parts[-1] and put is not None:
            if number is None:
                members.append(put)
                return put
            members[number] = put
        if number is None:
            return None
        target = members[number]
    return target


def _null_in(value: Any, path: str = "") -> str | None:
    if value is None:
        return path or "the top"
    children = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return next((found for key, each in children if (found := _null_in(each, f"{path}/{key}")) is not None), None)


def _id_of(received: Received) -> str:
    if received.module == "cdrs":
        return str(received.document.get("id"))
    return received.names[2] if len(received.names) > 2 else ""
