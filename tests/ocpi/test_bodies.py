"""Bodies are read strictly, and in a moment whatever a partner makes of the megabyte that it has."""

from time import process_time

import pytest

from api.ocpi.answers import OcpiFault
from api.ocpi.bodies import parsed

MEBIBYTE = 1 << 20


def _said(body: bytes) -> str | None:
    try:
        parsed(body)
    except OcpiFault as fault:
        return f"{fault.status} {fault.message}"
    return None


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b'{"a": 1, "b": {"c": [2, "[{"]}}', None),
        (b"[" * 32 + b"]" * 32, None),
        (b"[" * 33 + b"]" * 33, "more than 32 levels"),
        (b'{"a":[' * 17 + b"1" + b"]}" * 17, "more than 32 levels"),
        (b'"' + b"[" * 40 + b'"', None),
        (b'["\\"' + b"[" * 40 + b'"]', None),
        (b"[" * 100_000, "not JSON"),
        (b"]" * 40 + b"[" * 40, "not JSON"),
        (b'{"a": 1, "a": 2}', "'a' is there twice"),
        (b"[NaN]", "NaN is no number"),
        (b"\xff", "it is not UTF-8"),
        (b"[" + b"9" * 6_000 + b"]", "a number in it is too long"),
        (b"", "not JSON"),
    ],
)
def test_what_is_ambiguous_or_deep_is_refused_in_words(body: bytes, said: str | None) -> None:
    found = _said(body)
    assert found is None if said is None else found is not None and found.startswith("400 ") and said in found


@pytest.mark.parametrize(
    "body",
    [
        b"{" + b",".join(b'"%06x":1' % each for each in range(85_000)) + b',"000001":1}',
        b"[" + b"{}," * 300_000 + b"{}]",
        b"[]" * (MEBIBYTE // 2),
        b"[" * MEBIBYTE,
        b'"' + b"\\" * MEBIBYTE,
        b'["' + b'"' * MEBIBYTE,
        b"[" * 500_000 + b"]" * 500_000,
    ],
    ids=["keys", "objects", "many", "opened", "escaped", "quoted", "deep"],
)
def test_a_mebibyte_takes_a_moment_whatever_it_holds(body: bytes) -> None:
    begun = process_time()
    _said(body)
    assert process_time() - begun < 2
