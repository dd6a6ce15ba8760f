"""Whether a piece lives, and whether it is ready: a word to the machines and a sentence to people."""

from collections.abc import Mapping
from typing import Any

from projections.state_watch import Known
from wattledger.monitoring.sampling import Sample

# No step of a main loop takes as long as this, unless a service it waits for is away.
STILL_S_MAX = 60.0
# Who reads what is older than this has to know.
BEHIND_S_MAX = 60.0


def liveness(ages: Mapping[str, float], database: Sample[Known] | None) -> tuple[bool, str]:
    """Whether every main loop moves; `ages` is how many seconds ago each did.

    One that waits for a database that is away lives, and so does a piece that has no store yet: it would be no better
    off after a restart.
    """
    still = [f"{loop} for {age:.0f} s" for loop, age in ages.items() if age > STILL_S_MAX]
    if not still:
        return True, "alive"
    stands = f"stands still: {', '.join(still)}"
    if database is None:
        return True, f"alive; {stands}, while it starts"
    if database.fault:
        return True, f"alive; {stands}, since the database is away"
    return False, f"{stands}; nothing is lost when this process is killed and started again"


def readiness(database: Sample[Known] | None, kafka: Sample[Any] | None) -> tuple[bool, str]:
    """Whether the services that a piece needs answer, and the read models are no more than a minute behind.

    `database` is None until the store is open, `kafka` where the piece can do its work without.
    """
    if database is None:
        return False, "starting: the store is not open yet"
    reasons = [sample.fault for sample in (database, kafka) if sample is not None and sample.fault]
    if database.answer is not None:
        reasons += [
            f"read model {each.name} is {each.seconds:.0f} s behind; is `wattledger project` running?"
            for each in database.answer.state.projections
            if each.seconds is not None and each.seconds > BEHIND_S_MAX
        ]
    return (False, "; ".join(reasons)) if reasons else (True, "ready")
