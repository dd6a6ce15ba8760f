"""What is written field by field is written whole: a field without a column would be lost without a word."""

from dataclasses import fields

from domain.session.session import Judgement
from ledger.book import lines
from ledger.events import heads


def test_every_field_of_a_payable_line_has_its_column() -> None:
    assert [each.name for each in fields(lines.NewLine)] == list(lines._LINE_TYPES)


def test_all_that_a_judgement_says_besides_its_decisions_is_kept_in_the_head() -> None:
    said = {each.name for each in fields(Judgement)}
    assert {field for _, _, field in heads._JUDGED} == said - {"decisions"}
