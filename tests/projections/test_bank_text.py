"""Names reach banks as the table of EPC217-08 and the rule of their country have them, and no letter is lost."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from projections.bank_text import NAME_MAX, bank_text

BASIC = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789/-?:().,'+ ")


@pytest.mark.parametrize(
    ("given_text", "written"),
    [
        ("Société Générale", "Societe Generale"),
        ("Ørsted A/S", "Orsted A/S"),
        ("Łódź Ładowanie", "Lodz Ladowanie"),
        ("Straße & Großmann", "Strasse + Grossmann"),
        ("GROẞMANN", "GROSSMANN"),
        ("Guðrún Þórsdóttir", "Gudrun Thorsdottir"),
        ("Büro_7; {Nord} [Süd] a\\b|c ~1`", "Buro-7, (Nord) (Sud) a/b/c -1'"),
        ("Volt! 5% <fast> #1 *x* a=b ^ $", "Volt. 5. .fast. .1 .x. a.b . ."),
        ("¿Qué tal? 5 €", "?Que tal? 5 E"),
        ("O’Neill – “Volt”", "O'Neill - .Volt."),
        ("§ 7 «Volt» © 2026 ® £5 ¥ 2 m² 1½ 20° ± 3ª 4º", ". 7 .Volt. . 2026 . .5 . 2 m. 1. 20. . 3. 4."),
        ("Volt™ × Co… — Nord·Süd", "Volt. . Co. - Nord.Sud"),
        ("e\u0301", "e"),
        ("non\u00a0breaking\tand\nlines", "non breaking and lines"),
        ("चार्ज इंडिया", "caarj iNddiyaa"),
        ("\N{HIGH VOLTAGE SIGN}", "?"),
        ("", "?"),
    ],
)
def test_latin_letters_and_signs_go_by_the_table_of_the_epc(given_text: str, written: str) -> None:
    assert bank_text(given_text) == written


@pytest.mark.parametrize(
    ("given_text", "written"),
    [
        ("//Netz///Ost//", "Netz/Ost"),
        ("/ /", "?"),
        ("a/ /b", "a/ /b"),
        ("x" * 69 + "/y", "x" * 69),
        ("x" * 69 + " y", "x" * 69),
        ("x" * 69 + "щ", "x" * 69 + "s"),
    ],
)
def test_no_text_begins_or_ends_with_a_slash_or_has_two(given_text: str, written: str) -> None:
    assert bank_text(given_text, length=NAME_MAX) == written


@pytest.mark.parametrize(
    ("given_text", "written"),
    [
        ("ΕΤΑΙΡΕΙΑ ΗΛΕΚΤΡΙΚΗΣ ΕΝΕΡΓΕΙΑΣ Α.Ε.", "ETAIREIA ILEKTRIKIS ENERGEIAS A.E."),
        ("Ψυχή Θάλασσα", "Psychi Thalassa"),
        ("ΧΡΗΣΤΟΣ ΨΑΡΡΑΣ", "CHRISTOS PSARRAS"),
        ("Αυτοκίνητα Εύβοιας", "Aftokinita Evvoias"),
        ("Πειραιεύς", "Peiraiefs"),
        ("Μπακάλης Λάμπρου", "Bakalis Lamprou"),
        ("Άγγελος Σφίγξ Αγχίαλος", "Angelos Sfinx Anchialos"),
        ("ΑΫΛΟΣ", "AYLOS"),
    ],
)
def test_greek_goes_by_elot_743(given_text: str, written: str) -> None:
    assert bank_text(given_text, "GR") == written


@pytest.mark.parametrize(
    ("country", "given_text", "written"),
    [
        ("BG", "Щъркел ЕООД София", "Shtarkel EOOD Sofia"),
        ("BG", "ЖЪЛТУША ЦЕХ", "ZHALTUSHA TSEH"),
        ("RS", "Љубав Њива Ђорђе Ћирић Џак ШУМА", "Ljubav Njiva Dorde Ciric Dzak SUMA"),
        ("MK", "Ѓорѓи Ќерка Џамија Ѕвезда Жито", "Gjorgji Kjerka Djamija Dzvezda Zhito"),
        ("UA", "Згурський Юрій Єнакієве Їжак Щастя", "Zghurskyi Yurii Yenakiieve Yizhak Shchastia"),
        ("UA", "Знам'янка ХАРКІВ", "Znamianka KHARKIV"),
        ("BY", "Гродна Ёлка", "Hrodna Iolka"),
        ("KZ", "Юлия Щукин Ёлкин объект", "Iuliia Shchukin Elkin obieekt"),
    ],
)
def test_cyrillic_goes_by_the_rule_of_its_country(country: str, given_text: str, written: str) -> None:
    assert bank_text(given_text, country) == written


@given(st.text(max_size=300), st.sampled_from(["", "BG", "GR", "UA", "RS", "MK"]))
def test_whatever_the_name_what_banks_do_not_take_is_never_written(name: str, country: str) -> None:
    written = bank_text(name, country, NAME_MAX)
    assert 1 <= len(written) <= NAME_MAX
    assert set(written) <= BASIC
    assert "//" not in written
    assert not written.startswith("/")
    assert not written.endswith("/")
