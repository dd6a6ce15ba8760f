"""What is pushed, in the order in which partners need it: tariffs come before what names them, and go after."""

from collections.abc import Sequence

from api.ocpi.pushing.answers import Answers
from api.ocpi.pushing.cdrs import CdrSource
from api.ocpi.pushing.locations import LocationPushes
from api.ocpi.pushing.sessions import INTERVAL_S, SessionPushes
from api.ocpi.pushing.sources import Source
from api.ocpi.pushing.tariffs import TariffPushes, TariffWithdrawals


def sources(answers: Answers | None = None, session_push_s: float = INTERVAL_S) -> Sequence[Source]:
    """The sources of one worker; CDRs are sent where `answers` writes down what partners say of them.

    Between two pushes of a session that runs on lie `session_push_s` at least.
    """
    sessions = SessionPushes(session_push_s)
    marked: tuple[Source, ...] = (TariffPushes(), LocationPushes(), TariffWithdrawals(), sessions)
    return marked if answers is None else (*marked, CdrSource(answers))
