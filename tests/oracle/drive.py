"""Settles events with the engine itself, without a broker: intake, clock and export on a real database."""

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

import orjson

from engine.clock import Clock
from engine.intake import Intake
from engine.ports import Record
from engine.working_set import WorkingSet
from projections.bank_file import OwnAccount, Platform
from projections.export import export
from projections.schema import migrate
from tests.oracle.facts import Event
from tests.support.decisions import KEYRING

PLATFORM = Platform(
    "WattLedger Platform",
    OwnAccount(iban="NL91ABNA0417164300", bic="ABNANL2A", account_number="000000001", routing_code="021000021"),
)
TOPIC = "oracle"


def settle_with_engine(
    dsn: str, events: Sequence[Event], directory: Path, until: datetime | None = None, partition: int = 0
) -> None:
    """Take in the events in batches, let the clock go to its end, and write the files to a directory."""
    migrate(dsn)
    intake, clock = Intake(WorkingSet.of(dsn, decision_keys=KEYRING)), Clock(dsn)
    try:
        home = TOPIC, partition
        epochs = {home: intake.claim([home])[home].epoch}
        for offset in range(0, len(events), 97):
            batch = enumerate(events[offset : offset + 97], offset)
            intake.process([Record(*home, at, None, orjson.dumps(event), ()) for at, event in batch], epochs)
        moment = until or clock.event_time()
        if moment is not None:
            clock.advance(moment)
    finally:
        intake.close()
        clock.close()
    export(dsn, directory, PLATFORM)
