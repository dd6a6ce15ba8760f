"""A consumer in a process of its own: reads what to do from standard input, tells of its memory as lines of JSON."""

import json
import resource
import sys

import psutil

from consumers.intake import Intake
from consumers.run import run_until_caught_up

_MIB = 1024 * 1024
# ru_maxrss is in KiB, but on macOS in bytes.
_PEAK_UNIT = 1 if sys.platform == "darwin" else 1024


def main() -> None:
    """Take everything in, telling [events, resident MiB, peak MiB so far] every `step` events and at the end."""
    order = json.loads(sys.stdin.read())
    intake, process, step = Intake(order["dsn"]), psutil.Process(), order["step"]
    next_look = step

    def look(done: int, total: int) -> None:
        nonlocal next_look
        if done >= next_look or done == total:
            next_look = (done // step + 1) * step
            peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * _PEAK_UNIT / _MIB
            print(json.dumps([done, process.memory_info().rss / _MIB, peak]), flush=True)

    try:
        run_until_caught_up(order["kafka"], lambda: intake, group_id=order["group"], on_progress=look)
    finally:
        intake.close()


if __name__ == "__main__":
    main()
