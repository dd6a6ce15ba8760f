"""`python -m tests.standstill`: runs by seed, and what stood still."""

import argparse
import sys
import tempfile
from pathlib import Path

from tests.standstill.hunt import Hunt


def main() -> int:
    """Run what was asked for; 0 where nothing stood still."""
    parser = argparse.ArgumentParser("python -m tests.standstill", description=__doc__)
    parser.add_argument("--seed", type=int, default=1, help="the first seed")
    parser.add_argument("--runs", type=int, default=30, help="how many, one after the other on one system")
    asked = parser.parse_args()
    stood = 0
    with tempfile.TemporaryDirectory(prefix="wattledger-standstill-") as folder:
        Path(folder).chmod(0o755)
        hunt = Hunt(Path(folder))
        try:
            for seed in range(asked.seed, asked.seed + asked.runs):
                run = hunt.run(seed)
                stood += bool(run.standstill)
                _say(f"seed {seed}: {', '.join(run.deeds)}; {run.seconds:.1f} s {run.standstill}")
            _say(f"verify: {hunt.system.home.json('verify')['passed']}")
        finally:
            hunt.end()
    _say(f"{asked.runs} runs, {stood} stood still")
    return min(stood, 1)


def _say(sentence: str) -> None:
    sys.stdout.write(f"{sentence}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
