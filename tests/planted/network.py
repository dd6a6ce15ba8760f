"""A network settled by the source in this folder, faults and all: `python -m tests.planted.network DSN FOLDER`."""

import json
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from random import Random

import psycopg

from domain.errors import DomainError
from ledger.errors import LedgerError
from projections.export import export
from projections.schema import migrate
from tests.audit.between import matters
from tests.audit.network import Event, history, settle, settle_last_words
from tests.projections.builders import PLATFORM
from tests.support.decisions import signed
from tests.support.events import event

# With these the network has what each fault is about: a defect of something that never happens would not show.
SEED, SESSIONS, BATCH = 3, 60, 100


def halves() -> list[Event]:
    """A session whose price ends on half a yen, above an even number: 7.5 kWh of 60 JPY with 21 % are 544.5."""
    start = {
        "session_id": "S-half", "operator_id": "OP-C", "location_id": "L-1", "evse_uid": "E-9", "connector_id": "1",
        "started_at": "2026-03-03T10:00:00Z", "meter_start_wh": 0, "tariff_id": "T-C", "auth_method": "WHITELIST",
    }  # fmt: skip
    end = {"session_id": "S-half", "ended_at": "2026-03-03T11:00:00Z", "meter_stop_wh": 7_500, "reason": "LOCAL"}
    return [
        event("charging.session.started", "S-half", "2026-03-03T10:00:00Z", start),
        event("charging.session.ended", "S-half", "2026-03-03T11:00:00Z", end),
    ]


def hold() -> list[Event]:
    """Somebody holds an operator over two nights on which it would be paid."""
    told = (("operator.payouts_held", "2026-03-03T09:00:00Z"), ("operator.payouts_released", "2026-03-05T09:00:00Z"))
    data = {"operator_id": "OP-A", "reason": "somebody asked", "by": "m.ortega"}
    return [signed(event(kind, "OP-A", at, data | {"at": at})) for kind, at in told]


def main(arguments: Sequence[str]) -> int:
    """Settle the network on an empty store; what was refused of it goes to standard output, as JSON."""
    dsn, folder = arguments
    migrate(dsn)
    refused = ""
    try:
        settle(dsn, [*history(SEED, SESSIONS), *matters(Random(SEED)), *halves(), *hold()], stages=2, batch=BATCH)
        # A fault may leave nothing of which there is a last word.
        with suppress(AssertionError):
            settle_last_words(dsn)
        export(dsn, Path(folder), PLATFORM)
    except (psycopg.Error, DomainError, LedgerError) as error:
        refused = f"{type(error).__name__}: {error}".partition("\n")[0]
    json.dump({"refused": refused}, sys.stdout)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
