"""Who computes within a transaction keeps it; who is frozen does not, and who waits hears for whom."""

import threading
from time import monotonic

import pytest

from ledger.database import Role, connect
from ledger.limits import OF_CLIENT, OF_SESSION
from ledger.locks import Lock, hold
from tests.support.waiting import wait_until

_PID = "SELECT pg_backend_pid()"


def test_every_session_has_the_limits_and_a_dsn_may_set_others(book: str) -> None:
    with connect(f"{book}?options=-c%20lock_timeout%3D7s", Role.WRITER) as session:
        shown = {each.name: session.execute(f"SHOW {each.name}".encode()).fetchone() for each in OF_SESSION}
        parameters = session.info.get_parameters()
    assert shown["idle_in_transaction_session_timeout"] == ("10s",)
    assert shown["lock_timeout"] == ("7s",)
    assert shown["client_connection_check_interval"] == ("2s",)
    assert {each.name: parameters[each.name] for each in OF_CLIENT} == {each.name: each.value for each in OF_CLIENT}
    assert all(each.reason for each in (*OF_SESSION, *OF_CLIENT))


def test_who_computes_keeps_its_transaction_and_who_waits_for_it_hears_of_it(
    book: str, caplog: pytest.LogCaptureFixture
) -> None:
    # Who computes says so every two and a half seconds, so that eight of silence are never over.
    patient = f"{book}?options=-c%20idle_in_transaction_session_timeout%3D8s"
    got = threading.Event()
    with connect(patient, Role.WRITER) as computing, connect(book, Role.WRITER) as waiting:
        hold(computing, Lock.CLOCK)
        (pid,) = computing.execute(_PID).fetchone() or (0,)

        def wait() -> None:
            hold(waiting, Lock.CLOCK)
            got.set()

        waits = threading.Thread(target=wait)
        waits.start()
        wait_until(lambda: f"for session {pid} of" in caplog.text)
        wait_until(lambda: monotonic() - computing.quiet_since > 10)
        assert not got.is_set()
        assert computing.execute(_PID).fetchone() == (pid,)
        computing.commit()
        waits.join(180)
        assert got.is_set()
