"""We begin, renew and end connections; after any failure nothing is kept."""

from typing import Any

import pytest

from api.ocpi.connecting import ConnectionFailed, connect, invite, leave, renew
from ledger.access import ocpi_partners
from ledger.errors import AccessRefused
from tests.ocpi.conftest import Platform
from tests.support.partner import TestPartner, enveloped, partner

CREDENTIALS = "/2.2.1/credentials"


def begun(platform: Platform, abc: TestPartner) -> None:
    abc.tokens.add("their-token-a")
    connect(platform.surface, abc.party, "EMSP", "base64", abc.versions_url, "their-token-a")


def test_we_begin_and_each_side_knows_the_other(platform: Platform) -> None:
    with partner() as abc:
        begun(platform, abc)
        found = platform.partner()
        assert (found.state, found.version) == ("CONNECTED", "2.3.0")
        assert platform.surface.vault.opened(found.sealed_token or b"", "DE-ABC") == abc.answer_token
        # By the token that we gave it is let in everywhere.
        assert platform.ask("GET", CREDENTIALS, abc.given["token"]).json()["data"]["token"] == abc.given["token"]
        assert platform.ask("PUT", CREDENTIALS, abc.given["token"], json={}).json()["status_code"] == 2001


def test_a_handshake_that_fails_leaves_nothing(platform: Platform) -> None:
    with partner() as abc:
        for path, answer in (
            ("/versions", lambda _: enveloped([{"version": "2.1.1", "url": "http://127.0.0.1"}])),
            ("/2.3.0/credentials", lambda _: enveloped(code=2001)),
        ):
            abc.broken = {path: answer}
            with pytest.raises(ConnectionFailed) as raised:
                begun(platform, abc)
            assert not raised.value.may_have_taken
            with platform.surface.door.transaction() as cursor:
                assert ocpi_partners.partners(cursor) == []


def test_a_handshake_that_fails_leaves_an_earlier_invitation_as_it_was(platform: Platform) -> None:
    with partner() as abc:
        token_a = platform.invite(encoding="raw", flags=["explicit_nulls"])
        before = platform.partner()
        abc.broken = {"/2.3.0/credentials": lambda _: enveloped(code=2001)}
        with pytest.raises(ConnectionFailed):
            begun(platform, abc)
        assert platform.partner() == before
        assert platform.ask("GET", "/versions", headers={"Authorization": f"Token {token_a}"}).status_code == 200
        # Of one that has left it stays so.
        abc.broken = {}
        with platform.surface.door.transaction() as cursor:
            ocpi_partners.leave(cursor, "DE-ABC")
        left = platform.partner()
        abc.broken = {"/versions": lambda _: enveloped([])}
        with pytest.raises(ConnectionFailed):
            begun(platform, abc)
        assert platform.partner() == left


@pytest.mark.parametrize("said", [{"token": ""}, {"roles": []}, None])
def test_a_partner_that_may_have_taken_our_credentials_stays_invited_by_them(
    platform: Platform, said: dict[str, Any] | None
) -> None:
    with partner() as abc:
        answer = enveloped(abc.credentials("x") | said if said else None)
        abc.broken = {"/2.3.0/credentials": lambda _: answer}
        with pytest.raises(ConnectionFailed) as raised:
            begun(platform, abc)
        assert raised.value.may_have_taken
        assert platform.partner().state == "INVITED"
        assert platform.partner().versions_url == abc.versions_url
        # It can be begun anew.
        abc.broken = {}
        begun(platform, abc)
        assert platform.partner().state == "CONNECTED"


def test_we_renew_and_a_renewal_that_fails_keeps_the_pair(platform: Platform) -> None:
    with partner() as abc:
        begun(platform, abc)
        first = abc.given["token"]
        abc.answer_token = "partner-token-d"
        renew(platform.surface, "de-abc")
        assert platform.ask("GET", CREDENTIALS, first).status_code == 401
        second = abc.given["token"]
        assert platform.ask("GET", CREDENTIALS, second).status_code == 200
        before = platform.partner()
        abc.broken = {"/2.3.0/credentials": lambda _: enveloped(code=3001)}
        with pytest.raises(ConnectionFailed, match="3001"):
            renew(platform.surface, "DE-ABC")
        assert platform.partner() == before
        assert platform.ask("GET", CREDENTIALS, second).status_code == 200


def test_we_part_and_the_partner_is_told(platform: Platform) -> None:
    with partner() as abc:
        begun(platform, abc)
        abc.seen.clear()
        leave(platform.surface, "DE-ABC")
        assert ("DELETE", "/2.3.0/credentials") in abc.seen
        assert platform.partner().state == "LEFT"
        assert platform.ask("GET", "/versions", abc.given["token"]).status_code == 401
        with pytest.raises(AccessRefused, match="left already"):
            leave(platform.surface, "DE-ABC")


def test_one_that_is_away_is_left_here_alone(platform: Platform) -> None:
    with partner() as abc:
        begun(platform, abc)
    with pytest.raises(ConnectionFailed):
        leave(platform.surface, "DE-ABC")
    assert platform.partner().state == "CONNECTED"
    leave(platform.surface, "DE-ABC", tell=False)
    assert platform.partner().state == "LEFT"


def test_who_is_suspended_is_refused_until_it_is_resumed(platform: Platform) -> None:
    with partner() as abc:
        token_c = platform.connected(abc)
        with platform.surface.door.transaction() as cursor:
            ocpi_partners.suspend(cursor, "DE-ABC")
        assert platform.ask("GET", "/versions", token_c).status_code == 401
        with platform.surface.door.transaction() as cursor:
            ocpi_partners.resume(cursor, "DE-ABC")
        assert platform.ask("GET", "/versions", token_c).status_code == 200
        with platform.surface.door.transaction() as cursor, pytest.raises(AccessRefused, match="CONNECTED"):
            ocpi_partners.resume(cursor, "DE-ABC")


def test_who_is_connected_is_not_invited_and_an_invitation_takes_the_place_of_another(platform: Platform) -> None:
    first = invite(platform.surface, "DE-ABC", "EMSP", "base64")
    second = invite(platform.surface, "de-abc", "EMSP", "base64")
    assert platform.ask("GET", "/versions", first.token_a).status_code == 401
    assert platform.ask("GET", "/versions", second.token_a).status_code == 200
    with partner() as abc, partner("FR-XYZ") as xyz:
        platform.connected(xyz)
        with pytest.raises(AccessRefused, match="connected already"):
            begun(platform, TestPartner("FR-XYZ", xyz.url))
        with pytest.raises(AccessRefused, match="no role"):
            invite(platform.surface, "BE-QQQ", "CPO", "base64")
        assert abc.seen == []
