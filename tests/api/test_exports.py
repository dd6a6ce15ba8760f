"""Lists as files: all rows of a filter in CSV and Excel, and what becomes of a file that nobody waits for."""

import csv
import gzip
import time
from collections.abc import Iterator
from io import BytesIO, StringIO
from typing import Annotated, Any

import httpx
import psycopg
import pytest
from fastapi import APIRouter
from openpyxl import load_workbook
from starlette.responses import Response

from api import app, exports, v1, workbooks
from api.access.roles import Right
from api.call import Call, plain_call_for
from api.exports import AT_ONCE_MAX, OF_ONE_MAX, Export, Table
from api.resource import resources
from api.tables import Form, texts
from ledger.errors import MachineryFault
from projections.reading import Snapshot
from tests.support.engine import Engine
from tests.support.surface import Client, serving
from tests.support.waiting import wait_until

HOSTILE = [
    b"=HYPERLINK(1)",
    b"<script>alert(1)</script>",
    b"a\x00b",
    "\u202eevil".encode(),
    b"\xff\xfe",
    b"x" * 2**20,
]
# As many as a client does not take before it looks at them.
MANY = 60_000
# More than a page of a list has at most, and than is fetched at once.
SOME = 3_000
_ADD = """
INSERT INTO intake.deadletter (deadletter_id, topic, record_headers, record_value, code, path, sentence, recorded_at)
SELECT gen_random_uuid(), 'many', '[]', convert_to(repeat('x', 200), 'UTF8'), %s, '', repeat('y', 200),
       timestamptz '2026-03-01' + number * interval '1 second'
FROM generate_series(1, %s) AS number
"""
_OPEN = """
SELECT count(*) FROM pg_stat_activity
WHERE datname = current_database() AND pid <> pg_backend_pid() AND state IN ('active', 'idle in transaction')
      AND query NOT LIKE '%%stored_events%%'
"""


def _odd() -> APIRouter:
    """A resource whose rows take a minute, and one whose rows end in a fault."""
    router = resources("odd")

    @router.get("/broken", responses={})
    async def broken(call: Annotated[Call, plain_call_for(Right.SELF)], rows: int) -> Response:
        def documents(_: Snapshot) -> Iterator[dict[str, Any]]:
            yield from ({"a": "x"} for _ in range(rows))
            raise MachineryFault("the database does not answer")

        return Export(call, Form.CSV, Table("broken", texts("a")), documents)

    @router.get("/slow", responses={})
    async def slow(call: Annotated[Call, plain_call_for(Right.SELF)]) -> Response:
        return Export(
            call,
            Form.CSV,
            Table("slow", texts("a")),
            lambda snapshot: ({"a": row[0]} for row in snapshot.cursor.execute("SELECT pg_sleep(60)::text")),
        )

    return router


@pytest.fixture(scope="module")
def dsn(postgres_dsn: str) -> Iterator[str]:
    with psycopg.connect(postgres_dsn, autocommit=True) as connection:
        connection.execute("CREATE DATABASE exports")
        dsn = f"{postgres_dsn.rpartition('/')[0]}/exports"
        engine = Engine(dsn)
        engine.feed(HOSTILE)
        engine.close()
        with psycopg.connect(dsn) as store:
            for code, rows in (("MANY", MANY), ("SOME", SOME)):
                store.execute(_ADD, (code, rows))
        yield dsn
        connection.execute("DROP DATABASE exports WITH (FORCE)")


@pytest.fixture(scope="module")
def client(dsn: str) -> Iterator[Client]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(app, "ROUTERS", (*v1.ROUTERS, _odd()))
        with serving(dsn) as client:
            yield client


@pytest.fixture
def transactions(dsn: str) -> Iterator[Any]:
    """Asks how many transactions of the application are open."""
    with psycopg.connect(dsn, autocommit=True) as connection:
        yield lambda: (connection.execute(_OPEN).fetchone() or (0,))[0]


def records(answer: httpx.Response) -> list[dict[str, str]]:
    """The records of a CSV file by the names of its header."""
    csv.field_size_limit(2**24)
    return list(csv.DictReader(StringIO(answer.text, newline=""), strict=True))


def test_every_list_there_is_can_be_had_as_a_file(client: Client) -> None:
    for path, operations in client.document("/v1/openapi.json")["paths"].items():
        names = {each["name"] for each in operations.get("get", {}).get("parameters", ())}
        assert "cursor" not in names or "format" in names, path


def test_csv_has_every_row_of_the_list_in_its_order(client: Client) -> None:
    listed = list(client.walk("/v1/dead-letters", topic="fed"))
    answer = client.get("/v1/dead-letters", params={"topic": "fed", "format": "csv"})
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/csv; charset=utf-8; header=present"
    assert [each["deadletter_id"] for each in records(answer)] == [each["deadletter_id"] for each in listed]
    assert len(listed) == len(HOSTILE)
    first = records(answer)[0]
    assert {name: first[name] for name in ("code", "sentence", "recorded_at")} == {
        name: listed[0][name] for name in ("code", "sentence", "recorded_at")
    }


def test_hostile_records_are_texts_in_csv_and_in_excel(client: Client) -> None:
    wanted = {"topic": "fed"}
    in_csv = {each["record"] for each in records(client.get("/v1/dead-letters", params=wanted | {"format": "csv"}))}
    book = load_workbook(
        BytesIO(client.get("/v1/dead-letters", params=wanted | {"format": "xlsx"}).content)
    ).worksheets[0]
    names = [cell.value for cell in book[1]]
    in_excel = {row[names.index("record")].value for row in book.iter_rows(min_row=2)}
    assert in_excel == in_csv
    assert {"'=HYPERLINK(1)", "<script>alert(1)</script>", "a\\x00b", "\u202eevil", "//4="} < in_csv
    assert all(cell.data_type in "snd" for row in book.iter_rows(min_row=2) for cell in row)


def test_a_file_says_what_it_is_of(client: Client) -> None:
    answer = client.get("/v1/dead-letters", params={"code": "A/B;=1", "replayed": "false", "format": "xlsx"})
    assert answer.headers["content-disposition"] == (
        'attachment; filename="dead-letters_code=A-B-=1_replayed=false.xlsx"'
    )
    about = {row[0].value: row[1].value for row in load_workbook(BytesIO(answer.content))["About"]}
    assert about.pop("position").isdecimal()
    assert about == {"code": "A/B;=1", "replayed": "false", "rows": "0"}


def test_no_text_of_a_parameter_is_a_fault(client: Client) -> None:
    for path in ("/v1/dead-letters?code=%00", "/v1/dead-letters?code=%00&format=csv", "/v1/dead-letters/%00"):
        assert client.get(path).status_code in (200, 400, 404)


def test_all_rows_are_in_the_file_however_many_a_page_has(client: Client) -> None:
    answer = client.get("/v1/dead-letters", params={"code": "SOME", "format": "csv", "limit": 1})
    ids = [each["deadletter_id"] for each in records(answer)]
    assert len(ids) == len(set(ids)) == SOME
    assert answer.headers["content-encoding"] == "gzip"
    plain = client.get(
        "/v1/dead-letters", params={"code": "SOME", "format": "csv"}, headers={"Accept-Encoding": "identity"}
    )
    assert plain.text == answer.text


def test_packed_or_not_is_the_clients_choice(client: Client) -> None:
    with client.stream("GET", "/v1/dead-letters?code=SOME&format=csv", headers={"Accept-Encoding": "gzip"}) as answer:
        assert gzip.decompress(b"".join(answer.iter_raw())).startswith(b"deadletter_id,recorded_at,")
    workbook = client.get("/v1/dead-letters?code=NONE&format=xlsx")
    assert "content-encoding" not in workbook.headers


@pytest.mark.parametrize(
    ("form", "accept", "status"),
    [
        ("csv", "text/csv", 200),
        ("csv", "*/*", 200),
        ("csv", "application/json", 406),
        ("xlsx", "text/csv", 406),
        (None, "text/csv", 406),
        ("pdf", "*/*", 400),
    ],
)
def test_a_form_that_is_not_accepted_is_refused(client: Client, form: str | None, accept: str, status: int) -> None:
    parameters = {"code": "NONE"} | ({"format": form} if form else {})
    assert client.get("/v1/dead-letters", params=parameters, headers={"Accept": accept}).status_code == status


def test_who_may_not_read_a_list_gets_no_file_of_it(client: Client) -> None:
    answer = client.as_("operator:OP-1").get("/v1/dead-letters?format=csv")
    assert (answer.status_code, answer.headers["content-type"]) == (403, "application/problem+json")


def test_more_rows_than_excel_holds_are_refused_with_what_to_do(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(workbooks, "ROWS_MAX", 3)
    problem = client.document("/v1/dead-letters", 422, format="xlsx")
    assert problem["type"] == "/problems/too_many_rows"
    assert "format=csv" in problem["detail"]
    assert client.get("/v1/dead-letters?format=csv&topic=fed").status_code == 200


def test_what_fails_at_once_is_a_problem_and_no_file(client: Client) -> None:
    problem = client.document("/v1/broken", 503, rows=3)
    assert problem["type"] == "/problems/unavailable"


def test_a_file_that_fails_later_is_not_taken_for_a_whole_one(client: Client, transactions: Any) -> None:
    with (
        client.stream("GET", "/v1/broken?rows=5000", headers={"Accept-Encoding": "identity"}) as answer,
        pytest.raises(httpx.RemoteProtocolError),
    ):
        answer.read()
    wait_until(lambda: transactions() == 0)


def test_a_client_that_hangs_up_frees_its_transaction(client: Client, transactions: Any) -> None:
    with client.stream("GET", "/v1/dead-letters?format=csv", headers={"Accept-Encoding": "identity"}) as answer:
        next(answer.iter_raw(100))
        wait_until(lambda: transactions() == 1)
    wait_until(lambda: transactions() == 0)


def test_a_client_that_hangs_up_ends_the_statement_that_runs(client: Client, transactions: Any) -> None:
    begun = time.monotonic()
    with pytest.raises(httpx.ReadTimeout):
        client.get("/v1/slow", timeout=0.3)
    wait_until(lambda: transactions() == 0)
    assert time.monotonic() - begun < 10


def test_a_client_that_takes_nothing_is_left(
    client: Client, transactions: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exports, "STALLED_S_MAX", 0.2)
    with client.stream("GET", "/v1/dead-letters?format=csv", headers={"Accept-Encoding": "identity"}) as answer:
        wait_until(lambda: transactions() == 0)
        with pytest.raises(httpx.RemoteProtocolError):
            answer.read()


def test_only_so_many_files_are_made_at_once(client: Client, transactions: Any) -> None:
    headers = {"Accept-Encoding": "identity"}
    opened = [
        client.send(client.build_request("GET", "/v1/dead-letters?format=csv", headers=headers), stream=True)
        for _ in range(OF_ONE_MAX)
    ]
    auditor, approver = client.as_("auditor"), client.as_("approver")
    try:
        assert client.get("/v1/dead-letters?format=csv").status_code == 429
        others = auditor.build_request("GET", "/v1/dead-letters?format=csv", headers=headers)
        opened += [auditor.send(others, stream=True) for _ in range(AT_ONCE_MAX - OF_ONE_MAX)]
        assert {each.status_code for each in opened} == {200}
        refused = approver.get("/v1/dead-letters?format=csv")
        assert refused.status_code == 429
        assert refused.json()["type"] == "/problems/too_many_exports"
        assert int(refused.headers["retry-after"]) > 0
        # Others read on.
        assert client.get("/v1/dead-letters").status_code == 200
    finally:
        for each in opened:
            each.close()
    wait_until(lambda: transactions() == 0)
    assert client.get("/v1/dead-letters?format=csv&code=NONE").status_code == 200
