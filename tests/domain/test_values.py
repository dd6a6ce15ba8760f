"""Values are frozen dataclasses with slots, only made more quickly."""

import copy
import pickle
from dataclasses import FrozenInstanceError, asdict, field, fields, replace

import pytest

from domain.values import named_value, reader_of, value


@value
class Reading:
    """A reading with everything that fields can have."""

    at: int
    wh: int = 0
    notes: list[str] = field(default_factory=list, compare=False)

    def __post_init__(self) -> None:
        if self.wh < 0:
            raise ValueError(f"wh is {self.wh}; energy counts from 0")


@named_value
class Posting:
    """A base that others derive from."""

    key: str
    share: str = ""


@named_value
class FeePosting(Posting):
    """One that adds a field."""

    fee: int


def test_a_value_has_the_fields_and_defaults_that_are_written() -> None:
    reading = Reading(5, notes=["first"])

    assert (reading.at, reading.wh, reading.notes) == (5, 0, ["first"])
    assert [each.name for each in fields(reading)] == ["at", "wh", "notes"]
    assert repr(reading) == "Reading(at=5, wh=0, notes=['first'])"


def test_defaults_that_are_made_are_made_for_each_value() -> None:
    assert Reading(1).notes is not Reading(1).notes


def test_a_value_cannot_be_changed_or_grow() -> None:
    reading = Reading(5)

    with pytest.raises(FrozenInstanceError):
        reading.wh = 7  # type: ignore[misc]
    with pytest.raises(FrozenInstanceError):
        del reading.at
    with pytest.raises((FrozenInstanceError, TypeError, AttributeError)):
        reading.unknown = 1  # type: ignore[attr-defined]
    assert reading == Reading(5)
    assert not hasattr(reading, "__dict__")


def test_a_value_of_a_derived_class_cannot_be_changed_either() -> None:
    posting = FeePosting(key="a", fee=1)

    for name in ("key", "fee"):
        with pytest.raises(FrozenInstanceError):
            setattr(posting, name, "b")
        with pytest.raises(FrozenInstanceError):
            delattr(posting, name)
    assert posting == FeePosting(key="a", fee=1)


def test_values_are_equal_and_hashed_by_their_fields() -> None:
    assert Posting(key="a") == Posting(key="a")
    assert len({Posting(key="a"), Posting(key="a"), Posting(key="b")}) == 2
    assert Posting(key="a") != FeePosting(key="a", fee=1)


def test_a_value_that_does_not_check_out_is_not_made() -> None:
    with pytest.raises(ValueError, match="energy counts from 0"):
        Reading(1, -1)


def test_the_arguments_must_fit() -> None:
    with pytest.raises(TypeError, match="at"):
        Reading()  # type: ignore[call-arg]
    with pytest.raises(TypeError):
        Reading(1, 2, [], 4)  # type: ignore[call-arg]
    with pytest.raises(TypeError):
        Posting("a")  # type: ignore[call-arg]


def test_a_value_that_derives_from_another_is_one_of_its_kind() -> None:
    posting = FeePosting(key="a", fee=3)

    assert isinstance(posting, Posting)
    assert type(posting) is FeePosting
    assert asdict(posting) == {"key": "a", "share": "", "fee": 3}


def test_values_are_replaced_copied_and_pickled_as_dataclasses_are() -> None:
    posting = FeePosting(key="a", fee=3)

    assert replace(posting, fee=4) == FeePosting(key="a", fee=4)
    for again in (copy.copy(posting), copy.deepcopy(posting), pickle.loads(pickle.dumps(posting))):
        assert again == posting
        assert type(again) is FeePosting


def test_fields_are_read_in_the_order_in_which_they_are_named() -> None:
    assert reader_of(["wh", "at"])(Reading(1, 2)) == (2, 1)
    assert reader_of(["share"])(FeePosting(key="k", share="s", fee=3)) == ("s",)
