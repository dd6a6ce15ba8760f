"""`verify` on every kind of generated history, with what was told twice and otherwise: it finds nothing."""

from collections.abc import Iterator

from tests.soak.row import Row, Soak, Try, held
from tests.support.generated import KINDS, complaints

_SEEDS = 200


def _histories(soak: Soak) -> Iterator[Try]:
    for seed in range(soak.seed, soak.seed + _SEEDS):
        for number, kind in enumerate(KINDS):
            with soak.stores() as dsn:
                found = complaints(dsn, kind, seed, soak.folder / f"{seed}-{number}", 1 + seed % 30)
            told = "; ".join(found[:3])
            yield held(kind, not found, f"complaints(dsn, {kind!r}, {seed}, folder, {1 + seed % 30}): {told}")


ROWS = (Row("histories", "Of what nobody tampered with `verify` finds nothing.", _histories),)
