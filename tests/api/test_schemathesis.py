"""Whatever is asked, by the description of the API and against it: no fault of ours, and nothing undocumented.

`SCHEMATHESIS_CASES=50000` asks as often as that.
"""

import os
from collections.abc import Iterator, Mapping
from typing import Any, Final

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from schemathesis import Case, GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from api.openapi import openapi_document, operations
from ledger.access.duties import Duty
from tests.support.surface import Client

CASES: Final = int(os.environ.get("SCHEMATHESIS_CASES", "1200"))
OPERATIONS: Final = [(path, method) for path, method, _ in operations(openapi_document())]
CHECKS: Final = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
]
BEARERS: Final = (*Duty, "nobody", "", "nonsense")


@pytest.fixture(scope="module")
def session() -> Iterator[requests.Session]:
    with requests.Session() as session:
        yield session


@pytest.mark.parametrize(("path", "method"), OPERATIONS)
def test_no_answer_is_a_fault_or_undocumented(
    path: str,
    method: str,
    gated: tuple[Client, Mapping[str, str]],
    known: Mapping[str, list[str]],
    session: requests.Session,
) -> None:
    client, bearers = gated
    operation = schemathesis.openapi.from_dict(openapi_document())[path][method]
    cases = st.one_of(*(operation.as_strategy(generation_mode=mode) for mode in GenerationMode))

    @settings(
        max_examples=-(-CASES // len(OPERATIONS)),
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(cases, st.sampled_from(BEARERS), st.data())
    def ask(case: Case[Any], bearer: str, data: st.DataObject) -> None:
        for given_ in (case.path_parameters, case.query):
            for name in sorted(known.keys() & (given_ or {}).keys()):
                if data.draw(st.booleans()):
                    given_[name] = data.draw(st.sampled_from(known[name]))
        credential = {"Authorization": f"Bearer {bearers.get(bearer, bearer)}"} if bearer else {}
        response = case.call(base_url=str(client.base_url), session=session, headers=credential, timeout=120)
        # This server has no Kafka, so that what may be done is put off (503): `tests/actions` has one.
        if response.status_code != 503 or method != "post":
            case.validate_response(response, checks=CHECKS)

    ask()
