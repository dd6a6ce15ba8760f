"""Whatever people decide, and why a payout waits, is called by words on pages; nobody reads the name of a type."""

from api.pages.subjects.actions import WORDS
from contracts.messages import SIGNED_TYPES
from domain.payout.amounts import Doubt
from projections.documents.doubts import DOUBTS


def test_every_decision_has_words() -> None:
    assert SIGNED_TYPES - set(WORDS) == set(), "mend api/pages/subjects/actions.py"


def test_every_reason_to_wait_for_people_has_words() -> None:
    assert set(Doubt) == set(DOUBTS), "mend projections/documents/doubts.py"
