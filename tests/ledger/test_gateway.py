"""A process's way to the database leaves no connection behind that it could not make use of."""

import psycopg
import pytest
from psycopg.errors import InsufficientPrivilege

from ledger.gateway import Gateway
from tests.support.waiting import wait_until


def test_a_connection_that_is_given_no_slot_of_balances_is_closed(database_url: str) -> None:
    """As one is whose server dies between the log-in and that; it was left to the collector."""
    gateway = Gateway(database_url)
    with psycopg.connect(database_url, autocommit=True) as superuser:
        superuser.execute("REVOKE EXECUTE ON FUNCTION pg_try_advisory_lock(int, int) FROM PUBLIC")

        def others() -> int:
            query = (
                "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
            return int((superuser.execute(query).fetchone() or (0,))[0])

        # What was raised is held until the end, and with it all that it came through.
        with pytest.raises(InsufficientPrivilege) as refused:
            assert gateway.shard
        wait_until(lambda: others() == 0)
        assert refused.value
    gateway.close()
