"""A process that is asked where it stands says so of all its threads, and goes on."""

import signal
import subprocess
import sys

_STANDING = """
import sys, threading
from wattledger.stacks import show_stacks_when_asked

def stand_here(end):
    end.wait()

show_stacks_when_asked()
end = threading.Event()
threading.Thread(target=stand_here, args=(end,)).start()
print("ready", flush=True)
sys.stdin.read()
end.set()
"""


def test_a_process_that_is_asked_says_where_all_its_threads_are_and_goes_on() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", _STANDING], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stdout.readline() == b"ready\n"
        process.send_signal(signal.SIGUSR1)
        # The main thread is told of last.
        said: list[bytes] = []
        while not said or b"in <module>" not in said[-1]:
            said.append(process.stderr.readline())
            assert said[-1], said
        assert b"in stand_here" in b"".join(said)
        process.stdin.close()
        assert process.wait(180) == 0
