"""What the platform sells in its own name: the audit agrees with any history of it, and sees what is changed."""

from collections import defaultdict
from decimal import Decimal
from pathlib import Path
from random import Random, randrange

import orjson

from projections.export import export
from tests.audit.network import history
from tests.audit.sales import with_taxes
from tests.conftest import Stores
from tests.oracle.generate import shuffled
from tests.projections.builders import PLATFORM
from tests.support.audited import verify
from tests.support.engine import Engine
from tests.support.examples import examples

SESSIONS = 25


def complaints(dsn: str, seed: int, folder: Path) -> list[str]:
    """Settle a history in any order: what the audit finds before the clock, and after it with all files."""
    engine = Engine(dsn)
    try:
        engine.feed(shuffled(list(with_taxes(Random(seed), history(seed, SESSIONS))), seed), 60)
        found = [*_found(dsn)]
        engine.advance()
        export(dsn, folder, PLATFORM)
        return [*found, *_found(dsn), *_taxes_that_differ(folder)]
    finally:
        engine.close()


def _taxes_that_differ(folder: Path) -> list[str]:
    """Every rated session of an operator with taxes has its supplies, and they come to its amounts."""
    decided: dict[str, dict[str, Decimal]] = defaultdict(lambda: defaultdict(Decimal))
    for line in (folder / "tax_decisions.jsonl").read_text().splitlines():
        told = orjson.loads(line)
        decided[told["session_id"]][told["supply"]] += Decimal(told["vat"])
        if told["treatment"] == "REVERSE_CHARGE":
            assert told["evidence"]["vat_id"]["valid"]
    found = []
    for line in (folder / "sessions.jsonl").read_text().splitlines():
        session = orjson.loads(line)
        vat = decided.get(session["session_id"])
        if vat is not None:
            sale = vat.get("TO_DRIVER", Decimal()) + vat.get("TO_EMSP", Decimal())
            bought = Decimal(session["net"]) - Decimal(session["commission"]) + vat.get("PURCHASE", Decimal())
            owed = {bought, bought - vat.get("PURCHASE", Decimal())}
            is_right = sale == Decimal(session["vat"])
            if "PURCHASE" in vat:
                is_right = is_right and Decimal(session["operator_share"]) in owed
            else:
                is_right = is_right and vat["COMMISSION"] == Decimal(session["commission_vat"])
            found += [] if is_right else [f"{session}: {dict(vat)}"]
    return found


def _found(dsn: str) -> list[str]:
    return [f"{check.name}: {each.sentence}" for check in verify(dsn).failed for each in check.findings[:3]]


def test_any_history_with_taxes_is_sound(stores: Stores, tmp_path: Path) -> None:
    for number in range(examples(1)):
        seed = randrange(10**6)
        with stores() as dsn:
            found = complaints(dsn, seed, tmp_path / str(number))
        assert not found, f"complaints(dsn, {seed}, folder): {found}"
