"""The receiver of docs/webhooks.md takes what is signed, once, and nothing forged; its table has every type."""

import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest

from api.outward.sealing import new_secret
from api.outward.signature import headers
from ledger.access.webhooks import MessageType
from projections.webhook_messages import body
from tests.docs.pages import ROOT, block, table

PAGE = ROOT / "docs" / "webhooks.md"
SECRET = new_secret()


@pytest.fixture
def receiver(tmp_path: Path) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    """The program of the page, and where it listens."""
    program = tmp_path / "receiver.py"
    program.write_text("\n".join(block(PAGE, "python")), "utf-8")
    environment = os.environ | {"WEBHOOK_SECRET": SECRET}
    with subprocess.Popen(
        [sys.executable, program], env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as process:
        assert process.stdout is not None
        yield f"http://127.0.0.1:{process.stdout.readline().strip()}/", process
        process.terminate()


def test_the_receiver_of_the_page_takes_each_message_once_and_refuses_what_is_forged(
    receiver: tuple[str, subprocess.Popen[str]],
) -> None:
    url, process = receiver
    said = body("payout.paid", datetime.now(UTC), {"payout_id": "P-1"})
    signed = headers("msg_1", datetime.now(UTC), said, [new_secret(), SECRET])
    with httpx.Client(trust_env=False) as client:
        assert client.post(url, content=said, headers=signed).status_code == 204
        assert client.post(url, content=said, headers=signed).status_code == 204
        assert client.post(url, content=said.replace(b"P-1", b"P-2"), headers=signed).status_code == 401
        other = headers("msg_2", datetime.now(UTC), said, [new_secret()])
        assert client.post(url, content=said, headers=other).status_code == 401
        old = headers("msg_3", datetime(2026, 1, 1, tzinfo=UTC), said, [SECRET])
        assert client.post(url, content=said, headers=old).status_code == 401
        last = headers("msg_4", datetime.now(UTC), said, [SECRET])
        assert client.post(url, content=said, headers=last).status_code == 204
    process.terminate()
    assert process.stdout is not None
    assert process.stdout.read().splitlines() == ['payout.paid {"payout_id": "P-1"}'] * 2


def test_the_page_has_every_type_of_message() -> None:
    assert [row[0].strip("`") for row in table(PAGE, "| type | when | `data` |")] == [
        each.value for each in MessageType
    ]
