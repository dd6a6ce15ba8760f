"""Files of banks become events and are taken in like any others; what was told before is not told again."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

from consumers.publisher import Outgoing
from contracts.bank.reading import BankFile, Told, read
from contracts.bank.values import BankFileRefused, Refused
from domain.bank.matching import names_in
from engine.bank_orders import KnownOrders
from ledger.database import Role, connect
from ledger.intake.bank import known_names
from ledger.intake.messages import accepted_among, message_key
from wattledger.crew import Crew, OnProgress
from wattledger.store import Store
from wattledger.verbs import publish_records, take_in

_AT_ONCE = 1_000
_REFUSED_LISTED = 100

Event = dict[str, Any]


@dataclass(slots=True)
class Imported:
    """What became of a file, in numbers; `refusal` is why it was not read, `refused` what of it was passed over.

    `receipts` are credits in whose texts a settlement or an invoice that was told of stands, `unallocated` all other
    lines that are neither a payout's nor a charge.
    """

    file: str
    kind: str = ""
    refusal: str = ""
    entries: int = 0
    statements: int = 0
    answers: int = 0
    payouts: int = 0
    receipts: int = 0
    charges: int = 0
    unallocated: int = 0
    pending: int = 0
    notices: int = 0
    duplicates: int = 0
    refused_lines: int = 0
    refused: list[Refused] = field(default_factory=list)


def import_files(
    store: Store, files: Sequence[str], on_progress: OnProgress, *, dry_run: bool = False
) -> list[Imported]:
    """Publish what the files tell and take it in; with `dry_run` nothing is published."""
    done = []
    seen: set[int] = set()
    for file in files:
        found = Imported(file)
        done.append(found)
        try:
            bank_file = read(Path(file))
        except BankFileRefused as refused:
            found.refusal = str(refused)
            continue
        except OSError as error:
            found.refusal = f"{file}: {(error.strerror or str(error)).lower()}; name a file that can be read"
            continue
        found.kind, found.entries, found.pending = bank_file.kind.value, bank_file.entries, bank_file.pending
        with _records(store, bank_file, found, seen, on_progress) as records:
            if dry_run:
                for _ in records:
                    pass
            else:
                publish_records(store, records)
    if not dry_run and any(not found.refusal for found in done):
        with Crew(store) as crew:
            take_in(crew, on_progress)
    return done


@contextmanager
def _records(
    store: Store, file: BankFile, found: Imported, seen: set[int], on_progress: OnProgress
) -> Iterator[Iterator[Outgoing]]:
    """The records of what a file tells and nobody told before; counted as they go by."""
    with connect(store.dsn, Role.AUDITOR) as connection, connection.cursor() as cursor, connection.cursor() as other:

        def records() -> Iterator[Outgoing]:
            told = iter(file.events(KnownOrders(cursor)))
            done = 0
            while some := list(islice(told, _AT_ONCE)):
                done += len(some)
                fresh = _fresh(some, found, seen, lambda keys: accepted_among(other, keys))
                _count(fresh, found, lambda names: known_names(other, names))
                yield from map(Outgoing.of_event, fresh)
                on_progress("importing", done, None)

        yield records()


def _fresh(
    told: Iterable[Told], found: Imported, seen: set[int], accepted: Callable[[list[bytes]], set[bytes]]
) -> list[Event]:
    """The events among what is told that were neither accepted before nor told by this call."""
    events: dict[bytes, Event] = {}
    for each in told:
        if isinstance(each, Refused):
            found.refused_lines += 1
            if len(found.refused) < _REFUSED_LISTED:
                found.refused.append(each)
            continue
        key = message_key(each["source"], each["id"])
        short = int.from_bytes(key[:8], "big")
        if short in seen:
            found.duplicates += 1
            continue
        seen.add(short)
        events[key] = each
    known = accepted(list(events)) if events else set()
    found.duplicates += len(known)
    return [event for key, event in events.items() if key not in known]


def _count(events: Iterable[Event], found: Imported, known: Callable[[set[str]], set[str]]) -> None:
    lines = []
    for event in events:
        data, type_ = event["data"], event["type"]
        if type_ == "bank.entry_booked":
            found.payouts += data["purpose"] == "PAYOUT"
            found.charges += data["purpose"] == "CHARGE"
            if data["purpose"] in ("UNALLOCATED", "REMAINDER"):
                lines.append(names_in([data.get("end_to_end_id") or "", data.get("remittance") or ""]))
        elif type_ == "bank.statement_told":
            found.statements += 1
        elif type_ == "bank.notice_given":
            found.notices += 1
        else:
            found.answers += 1
    names = {name for each in lines for name in each}
    there = known(names) if names else set()
    receipts = sum(1 for each in lines if each & there)
    found.receipts += receipts
    found.unallocated += len(lines) - receipts
