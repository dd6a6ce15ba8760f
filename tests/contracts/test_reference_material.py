"""Events of real sessions and tariffs of the pricing vectors: all of them are within the contract."""

import json
import subprocess
import sys
from pathlib import Path

from contracts.currencies import EXPONENT_OF
from contracts.decode import decode
from contracts.ocpi.cdr import Cdr
from contracts.ocpi.tariff import Tariff
from contracts.refusal import Refusal
from domain.money import currency_exponent


def test_every_event_of_three_thousand_real_sessions_is_accepted(shared_dir: Path) -> None:
    script = [sys.executable, str(shared_dir / "tools" / "acn_events.py")]
    sessions = shared_dir / "data" / "acn-caltech-sessions.csv"
    lines = subprocess.run([*script, str(sessions)], capture_output=True, check=True).stdout.splitlines()
    results = [decode(line) for line in lines]
    assert len(results) == 21_120
    assert [result for result in results if isinstance(result, Refusal)] == []
    assert sum(result.extra_fields for result in results if not isinstance(result, Refusal)) == 0


def test_every_tariff_and_cdr_of_the_pricing_vectors_is_valid_ocpi(shared_dir: Path) -> None:
    vectors = [json.loads(path.read_bytes()) for path in sorted((shared_dir / "vectors").rglob("*.json"))]
    assert vectors
    for vector in vectors:
        Tariff.model_validate(vector["tariff"])
        Cdr.model_validate(vector["cdr"])


def test_wire_and_domain_agree_on_the_decimals_of_every_currency() -> None:
    assert {code: currency_exponent(code) for code in EXPONENT_OF} == dict(EXPONENT_OF)
