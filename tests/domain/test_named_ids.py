"""Ids made of names are those of the standard library."""

import copy
import pickle
from uuid import UUID, uuid5

from hypothesis import given
from hypothesis import strategies as st

from domain.named_ids import named_id


@given(st.uuids(), st.text())
def test_a_named_id_is_the_uuid_of_version_5(namespace: UUID, name: str) -> None:
    made, expected = named_id(namespace, name), uuid5(namespace, name)

    assert (made, str(made), made.bytes, made.version) == (expected, str(expected), expected.bytes, 5)
    assert made.is_safe is expected.is_safe
    assert pickle.loads(pickle.dumps(made)) == copy.copy(made) == expected
