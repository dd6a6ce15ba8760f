"""Accounts that operators are paid to: which no bank can know, and which two are one."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.catalogue.accounts import account_name, is_sound

# From the registry of IBANs: digits only, and letters in the code of the bank.
SOUND = ("DE02120300000000202051", "NL91ABNA0417164300", "GB33BUKB20201555555555", "MT31MALT01100000000000000000123")
NATIONAL = {"account_number": "000 123 456", "routing_code": "021000021", "scheme": "ACH"}


@pytest.mark.parametrize("iban", SOUND)
def test_an_iban_whose_check_digits_are_right_is_sound(iban: str) -> None:
    assert is_sound({"iban": iban})


@given(st.sampled_from(SOUND), st.data())
def test_no_single_character_of_an_iban_can_be_wrong_unnoticed(iban: str, data: st.DataObject) -> None:
    place = data.draw(st.integers(0, len(iban) - 1))
    letters = "0123456789" if iban[place].isdigit() else "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
    other = data.draw(st.sampled_from([letter for letter in letters if letter != iban[place]]))
    assert not is_sound({"iban": iban[:place] + other + iban[place + 1 :]})


@given(st.sampled_from(SOUND), st.data())
def test_no_two_neighbours_of_an_iban_can_be_swapped_unnoticed(iban: str, data: st.DataObject) -> None:
    place = data.draw(st.integers(0, len(iban) - 2))
    swapped = iban[:place] + iban[place + 1] + iban[place] + iban[place + 2 :]
    assert is_sound({"iban": swapped}) == (swapped == iban)


def test_of_an_account_without_an_iban_nothing_is_known() -> None:
    assert is_sound(NATIONAL)


def test_accounts_are_one_by_iban_or_by_number_and_routing_code_whoever_holds_them() -> None:
    iban = {"iban": SOUND[1]}
    assert account_name(iban | {"holder": "A"}) == account_name(iban | {"holder": "B", "bic": "ABNANL2A"})
    assert account_name(NATIONAL) == account_name(NATIONAL | {"account_number": "000123456", "holder": "B"})
    assert account_name(NATIONAL) != account_name(NATIONAL | {"routing_code": "026009593"})
    assert account_name({"iban": SOUND[0]}) != account_name({"iban": SOUND[1]})
