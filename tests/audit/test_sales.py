"""What the platform sells in its own name: the audit agrees with any history of it, and sees what is changed."""

from pathlib import Path
from random import Random, randrange

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
        return [*found, *_found(dsn)]
    finally:
        engine.close()


def _found(dsn: str) -> list[str]:
    return [f"{check.name}: {each.sentence}" for check in verify(dsn).failed for each in check.findings[:3]]


def test_any_history_with_taxes_is_sound(stores: Stores, tmp_path: Path) -> None:
    for number in range(examples(1)):
        seed = randrange(10**6)
        with stores() as dsn:
            found = complaints(dsn, seed, tmp_path / str(number))
        assert not found, f"complaints(dsn, {seed}, folder): {found}"
