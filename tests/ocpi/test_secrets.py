"""Tokens are nowhere: in no log, error, event, topic, listing or list of processes, and not in the database."""

import base64
import json
import threading
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from io import StringIO
from pathlib import Path
from typing import Any
from unittest.mock import patch

import httpx
import psycopg
import pytest
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from api.ocpi.vault import Vault, VaultClosed, seal_anew
from api.server import listen
from tests.conftest import Stores
from tests.end_to_end.living import Living, living
from tests.end_to_end.running import Inside
from tests.ocpi.conftest import KEY, Platform
from tests.support.believed import BELIEVED
from tests.support.engine import Engine
from tests.support.events import operator
from tests.support.live import all_records
from tests.support.partner import NOW, TestPartner, enveloped, partner
from tests.support.waiting import wait_until
from wattledger.opening import open_store
from wattledger.secret_key import secret_keys
from wattledger.settings import Settings

INVITATION = ("invite", "DE-ABC", "--json")
OTHER_KEY = base64.b64encode(b"another key, of thirty-two bytes").decode()
_TABLES = """
SELECT format('%I.%I', schemaname, tablename) FROM pg_tables
WHERE schemaname NOT IN ('pg_catalog', 'information_schema')
"""


class Secrets:
    """Tokens of a test, in every way in which they are written."""

    def __init__(self) -> None:
        self.tokens: list[str] = []

    def keep(self, token: str) -> str:
        """One that is to be seen nowhere."""
        self.tokens.append(token)
        return token

    def found_in(self, text: bytes) -> list[str]:
        """Those that stand in a text, as they are, in base64 or in hexadecimal digits."""
        folded = text.lower()
        return [token for token in self.tokens for form in _forms(token) if form in text or form.lower() in folded]


def _forms(token: str) -> list[bytes]:
    raw = token.encode()
    encoded = base64.b64encode(raw)
    return [raw, encoded.rstrip(b"="), raw.hex().encode(), encoded.hex().encode()]


@pytest.fixture(scope="module")
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Living]:
    with listen("127.0.0.1", 0) as taken:
        port = taken.getsockname()[1]
    settings = {
        "PUBLIC_URL": f"http://127.0.0.1:{port}",
        "ALLOW_PRIVATE_TARGETS": "true",
        "LOG_LEVEL": "DEBUG",
        "SECRET_KEY": KEY,
    }
    with living(tmp_path_factory.mktemp("secrets"), **settings) as made:
        inside = Inside(made.home.folder)
        inside.environment = made.home.environment
        made.home = inside
        with closing(Engine(made.postgres.dsn)) as engine:
            engine.feed([operator()])
        process = made.home.start("serve", "--port", str(port), "--debug")
        try:
            made.url = settings["PUBLIC_URL"]
            wait_until(lambda: "listening on http" in made.home.log.read_text())
            made.publish([operator()])
            yield made
        finally:
            process.terminate()
            process.wait(180)


def _says_it_back(partner_: TestPartner) -> Any:
    def answer(request: Request) -> Response:
        said = f"{request.headers['authorization']} is wrong, or is {[*partner_.tokens]}?"
        return JSONResponse({"status_code": 2001, "status_message": said, "timestamp": NOW})

    return answer


@dataclass
class Scene:
    """What partners and people do with a system, and what both are told."""

    system: Living
    secrets: Secrets = field(default_factory=Secrets)

    @property
    def home(self) -> Inside:
        """Where commands are run."""
        assert isinstance(self.system.home, Inside)
        return self.system.home

    @property
    def said(self) -> list[bytes]:
        """What was printed, logged and answered."""
        return self.home.said

    def command(self, *words: str, given: str = "", status: int = 0) -> bytes:
        """What a command printed; all that it printed counts but what an invitation is for."""
        with patch("sys.stdin", StringIO(given)):
            told = self.home.run("ocpi", *words, status=status)
        if words[:3] == INVITATION:
            self.home.said.remove(told)
        return told

    def ask(self, method: str, path: str, by: str, body: Any = None) -> dict[str, Any]:
        """What a partner is answered."""
        headers = TestPartner("DE-ABC").authorization(by)
        answer = httpx.request(
            method, f"{self.system.url}/ocpi{path}", headers=headers, json=body, timeout=120, verify=BELIEVED
        )
        if answer.json()["status_code"] != 1000:
            self.said.append(answer.content)
        return dict(answer.json())

    def they_begin(self, abc: TestPartner) -> None:
        """A partner connects, after all that can go wrong."""
        token_a = self.secrets.keep(json.loads(self.command(*INVITATION))["token_a"])
        for wrong in (token_a + "!", "a-wrong-guess-0123456789"):
            assert self.ask("GET", "/versions", self.secrets.keep(wrong))["status_code"] == 2000
        theirs = self.secrets.keep("token-b-of-abc-0123456789")
        body = abc.credentials(theirs)
        assert self.ask("POST", "/2.2.1/credentials", token_a, body)["status_code"] == 3001
        in_url = body | {"url": f"{abc.versions_url}?token={theirs}"}
        assert self.ask("POST", "/2.2.1/credentials", token_a, in_url)["status_code"] == 2001
        abc.tokens.add(theirs)
        abc.broken["/versions"] = _says_it_back(abc)
        assert self.ask("POST", "/2.2.1/credentials", token_a, body)["status_code"] == 3001
        abc.broken.clear()
        token_c = self.ask("POST", "/2.2.1/credentials", token_a, body)["data"]["token"]
        assert self.ask("GET", "/2.2.1/tariffs", self.secrets.keep(token_c))["status_code"] == 1000

    def we_renew(self, abc: TestPartner) -> None:
        """We renew, which goes wrong before it is done."""
        abc.broken["/2.3.0/credentials"] = _says_it_back(abc)
        self.command("renew", "DE-ABC", status=1)
        abc.broken.clear()
        abc.answer_token = self.secrets.keep("token-d-of-abc-0123456789")
        self.command("renew", "DE-ABC", "--json")
        self.secrets.keep(abc.given["token"])

    def we_begin(self, xyz: TestPartner) -> bytes:
        """We connect by a token of the command line, which the partner refuses, and then by standard input.

        What was to be seen in the list of processes meanwhile.
        """
        theirs, asked, go_on = self.secrets.keep("token-a-of-xyz-0123456789"), threading.Event(), threading.Event()

        def slowly(_: Request) -> Response:
            asked.set()
            go_on.wait(180)
            return enveloped(code=2000, status=401)

        xyz.tokens.add(theirs)
        xyz.broken["/versions"] = slowly
        begin = ("invite", "FR-XYZ", "--versions-url", xyz.versions_url, "--their-token")
        process = self.home.start("ocpi", *begin, theirs, "--debug")
        assert asked.wait(180)
        shown = _processes()
        go_on.set()
        assert process.wait(180) == 1
        xyz.broken.clear()
        xyz.answer_token = self.secrets.keep("token-c-of-xyz-0123456789")
        self.command(*begin, "-", given=theirs)
        self.secrets.keep(xyz.given["token"])
        return shown


def test_a_token_is_seen_by_nobody_but_its_two_sides(system: Living) -> None:
    scene = Scene(system)
    with partner() as abc, partner("FR-XYZ") as xyz:
        scene.they_begin(abc)
        scene.we_renew(abc)
        shown = scene.we_begin(xyz)
        scene.command("partners", "--json")
        scene.command("show", "DE-ABC", "--json")
        scene.command("leave", "FR-XYZ", "--debug")
    assert len(set(scene.secrets.tokens)) == 10
    looked_at = {
        "the list of processes": (shown, b"FR-XYZ"),
        "what is printed and answered": (b"\n".join(scene.said), b"connected_at"),
        "the log": (system.home.log.read_bytes(), b"/ocpi/2.2.1/credentials"),
        "Kafka": (b"\n".join(all_records(system.options)), b"operator.registered"),
        "the database": (_dump(system.postgres.dsn), b"DE-ABC"),
    }
    for where, (text, holds) in looked_at.items():
        assert holds in text, where
        assert scene.secrets.found_in(text) == [], where


def _processes() -> bytes:
    found = b""
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            found += path.read_bytes() + b"\n"
        except OSError:
            continue
    return found


def _dump(dsn: str) -> bytes:
    """All rows of all tables as text."""
    with psycopg.connect(dsn) as connection:
        tables = [name for (name,) in connection.execute(_TABLES)]
        rows = [row for name in tables for row in connection.execute(f"SELECT t::text FROM {name} AS t".encode())]
    return "\n".join(str(row[0]) for row in rows).encode()


def test_serve_needs_a_key_and_who_makes_a_store_makes_one(stores: Stores, tmp_path: Path) -> None:
    with stores() as dsn:
        home = Inside(tmp_path, DATABASE_URL=dsn)
        said = home.run("serve", "--port", "0", status=1).decode()
        assert "there is no key for people and the tokens of roaming partners: set WATTLEDGER_SECRET_KEY" in said
        assert len([line for line in said.splitlines() if not line.startswith("20")]) == 1, said
        settings = Settings(data_dir=home.data_dir, database_url=dsn)
        for _ in range(2):
            with open_store(settings, needs_kafka=False, creates=True):
                (key,) = (home.data_dir / "secrets").iterdir()
        assert key.stat().st_mode & 0o777 == 0o600
        assert len(base64.b64decode(secret_keys(settings))) == 32
        none = Inside(tmp_path, DATABASE_URL=dsn, SECRET_KEY="c2hvcnQ=").run("serve", "--port", "0", status=1)
        assert b"a key has 32 bytes" in none


def test_a_new_key_opens_nothing_of_the_old_one_until_all_is_sealed_anew(platform: Platform) -> None:
    surface = platform.surface
    with partner() as abc:
        platform.connected(abc)
    sealed = platform.partner().sealed_token or b""
    both, new = Vault(f"{OTHER_KEY}, {KEY}"), Vault(OTHER_KEY)
    assert both.opened(sealed, "DE-ABC") == "token-b-of-DE-ABC"
    with surface.door.transaction() as cursor, pytest.raises(VaultClosed, match="DE-ABC was sealed with another key"):
        seal_anew(cursor, new)
    with surface.door.transaction() as cursor:
        assert seal_anew(cursor, both) == 1
    with surface.door.transaction() as cursor:
        assert seal_anew(cursor, both) == 0
    sealed = platform.partner().sealed_token or b""
    assert new.opened(sealed, "DE-ABC") == "token-b-of-DE-ABC"
    with pytest.raises(VaultClosed):
        new.opened(sealed, "DE-ABD")
