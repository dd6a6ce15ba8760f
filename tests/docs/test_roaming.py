"""The commands of docs/roaming.md by which a partner is connected, on a store of their own with a real partner."""

from pathlib import Path

import httpx

from tests.docs.pages import ROOT, block
from tests.end_to_end.running import Home
from tests.end_to_end.test_serve import started
from tests.support.partner import partner
from wattledger.serving import listen

PAGE = ROOT / "docs" / "roaming.md"


def test_a_partner_is_connected_by_the_commands_of_the_page(tmp_path: Path) -> None:
    exported, *lines = [line.partition("#")[0].strip() for line in block(PAGE, "")[:5]]
    assert exported == "export WATTLEDGER_PUBLIC_URL=https://charge.example"
    serve, invite, listed, show = [line.split()[1:] for line in lines]
    listening, _ = listen("127.0.0.1", 0)
    with listening:
        port = listening.getsockname()[1]
    ours = f"http://127.0.0.1:{port}"
    home = Home(tmp_path, PUBLIC_URL=ours, ALLOW_PRIVATE_TARGETS="true").made_ahead()
    home.run("migrate")
    with partner() as abc, started(home, *serve, "--port", str(port)):
        given = home.json(*invite)
        assert given["versions_url"] == f"{ours}/ocpi/versions"
        assert b"INVITED" in home.run(*listed)
        abc.tokens.add("token-b")
        answer = httpx.post(
            f"{ours}/ocpi/2.2.1/credentials",
            json=abc.credentials("token-b"),
            headers=abc.authorization(given["token_a"]),
            timeout=120,
        )
        assert answer.json()["status_code"] == 1000, answer.text
        assert b"CONNECTED" in home.run(*listed)
        shown = home.run(*show).decode()
    assert "EMSP DE-ABC" in shown
    assert f"{abc.url}/2.3.0/credentials" in shown
