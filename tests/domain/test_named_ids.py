"""Ids made of names are those of the standard library."""

from uuid import UUID, uuid5

from hypothesis import given
from hypothesis import strategies as st

from domain.named_ids import named_id


@given(st.uuids(), st.text())
def test_a_named_id_is_the_uuid_of_version_5(namespace: UUID, name: str) -> None:
    made = named_id(namespace, name)
    assert made == uuid5(namespace, name)
    assert str(made) == str(uuid5(namespace, name))
