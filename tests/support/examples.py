"""On how many examples a property is tried: few in every run of tests, many where somebody asks for them.

Examples are drawn anew in each run, so that few in every run come to many in a week.
"""

import os

# So many times as many as usual.
_TIMES = int(os.environ.get("WATTLEDGER_TEST_EXAMPLES", "1"))


def examples(usual: int) -> int:
    """What `max_examples` of a property is that tries so many as a rule."""
    return usual * _TIMES
