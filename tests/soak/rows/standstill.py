"""A whole live system of which parts are killed and frozen at random moments: everything is done soon afterwards."""

from collections.abc import Iterator

from tests.soak.row import Row, Soak, Try, held
from tests.standstill.hunt import LIMIT_S, Hunt

_RUNS, _VERIFIED_EVERY, _TOLD_MAX = 500, 10, 20_000


def _hunt(soak: Soak) -> Iterator[Try]:
    hunt = Hunt(soak.folder)
    try:
        for number, seed in enumerate(range(soak.seed, soak.seed + _RUNS), 1):
            run = hunt.run(seed)
            deeds = ", ".join(run.deeds)
            yield held("runs", not run.standstill, f"seed {seed}, {deeds}: {run.standstill[:_TOLD_MAX]}")
            if number % _VERIFIED_EVERY == 0:
                found = hunt.system.home.json("verify")
                yield held("the book meanwhile", found["passed"] is True, f"verify after seed {seed}: {found}")
    finally:
        hunt.end()


ROWS = (Row("standstill", f"Whatever was killed or frozen, all is done {LIMIT_S:.0f} s later.", _hunt),)
