"""`verify` finds nothing of what nobody tampered with, whatever was told, told again or told otherwise.

Few of each kind in each run; `python -m tests.soak --only histories` tries thousands, and larger ones.
"""

from pathlib import Path
from random import randrange

import pytest

from tests.conftest import Stores
from tests.support.examples import examples
from tests.support.generated import KINDS, complaints

SESSIONS = 3


@pytest.mark.parametrize("kind", [kind for kind in KINDS if "contradicted" in kind])
def test_nothing_is_found_of_a_generated_history(kind: str, stores: Stores, tmp_path: Path) -> None:
    for number in range(examples(1)):
        seed = randrange(10**6)
        with stores() as dsn:
            found = complaints(dsn, kind, seed, tmp_path / str(number), SESSIONS)
        assert not found, f"complaints(dsn, {kind!r}, {seed}, folder, {SESSIONS}): {found}"
