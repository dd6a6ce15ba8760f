"""Operators over HTTP: terms, versions, the masked account, and nobody's but one's own."""

from collections.abc import Iterator

import pytest

from tests.support.surface import Client, serving


@pytest.fixture(scope="module")
def client(network_url: str) -> Iterator[Client]:
    with serving(network_url) as client:
        yield client


def test_operators_come_by_id_page_by_page_and_each_by_itself(client: Client) -> None:
    listed = [*client.walk("/v1/operators", limit=3)]
    ids = [each["operator_id"] for each in listed]
    assert len(ids) == 7
    assert ids == sorted(ids)
    one = client.document("/v1/operators/OP-NL")
    assert {name: told for name, told in one.items() if name not in ("as_of", "payee_checks")} in listed
    assert one["bank_account"]["account"].startswith("NL** ")
    assert "iban" not in str(one)
    assert [version["in_effect"] for version in one["versions"]].count(True) == 1


def test_a_cursor_is_good_for_its_own_list_alone(client: Client) -> None:
    cursor = client.document("/v1/operators", limit=1)["next_cursor"]
    assert client.document("/v1/operators", limit=5, cursor=cursor)["data"]
    assert client.document("/v1/operators", 400, cursor="nonsense")["errors"][0]["parameter"] == "cursor"


def test_an_operator_sees_itself_and_others_are_unknown(client: Client) -> None:
    own = client.as_("operator:OP-NL")
    assert [each["operator_id"] for each in own.walk("/v1/operators")] == ["OP-NL"]
    assert own.document("/v1/operators/OP-DE", 404)["detail"] == own.document("/v1/operators/OP-DX", 404)[
        "detail"
    ].replace("OP-DX", "OP-DE")


def test_an_object_that_did_not_change_is_not_sent_again(client: Client) -> None:
    tag = client.get("/v1/operators/OP-NL").headers["etag"]
    assert client.get("/v1/operators/OP-NL", headers={"If-None-Match": tag}).status_code == 304
