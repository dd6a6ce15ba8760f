"""Whatever the order in which messages come, and however often, the settlement is the same."""

import random
from pathlib import Path

from tests.end_to_end.comparing import BYTE_EQUAL, MENDING_APART, Reading, difference
from tests.end_to_end.conftest import Settled
from tests.end_to_end.running import Home, counts_add_up

DUPLICATES_PERCENT = 30


def settled_in_disorder(ordered: Settled, folder: Path, seed: int, readings: dict[str, Reading]) -> str:
    """What differs once the same messages came 30 % of them twice, and in any order."""
    lines = [line for line in ordered.events.read_bytes().splitlines() if line.endswith(b"}}")]
    chance = random.Random(seed)
    lines += chance.sample(lines, len(lines) * DUPLICATES_PERCENT // 100)
    chance.shuffle(lines)
    shuffled = folder / "shuffled.jsonl"
    shuffled.write_bytes(b"\n".join(lines) + b"\n")
    summary = Home(folder).made_ahead().settle(folder / "out", shuffled)
    assert counts_add_up(summary)
    assert summary["accepted"] == ordered.summary["accepted"]
    return difference(ordered.out, folder / "out", readings)


def test_real_sessions_shuffled_with_duplicates_give_the_same_bytes(real_settled: Settled, tmp_path: Path) -> None:
    seed = random.randrange(10**6)
    assert settled_in_disorder(real_settled, tmp_path, seed, BYTE_EQUAL) == "", f"seed {seed}"


def test_a_network_with_every_kind_of_event_shuffled_with_duplicates_gives_the_same_files(
    network_settled: Settled, tmp_path: Path
) -> None:
    seed = random.randrange(10**6)
    assert settled_in_disorder(network_settled, tmp_path, seed, MENDING_APART) == "", f"seed {seed}"
