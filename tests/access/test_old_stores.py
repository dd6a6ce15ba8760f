"""People and keys from before seals: sealed with the migration or not at all, and never as changed since then."""

import logging
import shutil
from collections.abc import Iterator
from contextlib import closing
from hashlib import sha256
from pathlib import Path

import psycopg
import pytest
from psycopg.errors import UndefinedColumn
from pydantic import SecretStr

from api.access import passwords
from ledger.access import keys, people
from ledger.access.door import Door
from ledger.access.seals import seal_what_was_before
from ledger.migrate import run_migrations
from projections.schema import FOLDERS, migrate
from tests.access.meeting import PASSWORD
from tests.support.sealed import SEAL_KEY, SEALS
from wattledger.errors import SettingsError
from wattledger.opening import open_store
from wattledger.settings import Settings

KEY_ID, SECRET = "0" * 16, "ab" * 32
PERSON = """
INSERT INTO access.person (name, folded, role, operators, password_hash) VALUES (%s, lower(%s), 'finance', '{}', %s)
"""
KEY = """
INSERT INTO access.api_key (id, secret_sha256, name, role, operators, acts_for, created_by)
VALUES (%s, %s, 'hers', 'finance', '{}', 'Ada', 'Ada')
"""
UNSEALED = "SELECT count(*) FROM access.unsealed"
PROMOTED = "UPDATE access.person SET role = 'approver', version = version + 1 WHERE name = 'Bob'"
# The row that is listed gets another name, as it could at first, and one that nobody made takes its place.
REPLACED = """
UPDATE access.person SET name = 'Rob', folded = 'rob', version = 2, seal = decode(repeat('00', 32), 'hex')
WHERE name = 'Bob';
INSERT INTO access.person (name, folded, role, operators, password_hash)
VALUES ('Bob', 'bob', 'approver', '{}', 'thief''s own')
"""


@pytest.fixture
def old_store(bare_database_url: str, tmp_path: Path) -> str:
    """The DSN of a store from before seals, with Ada, her key, and Bob."""
    folder = tmp_path / "older"
    folder.mkdir()
    for path in (path for each in FOLDERS for path in each.glob("*.sql") if path.name < "210"):
        shutil.copy(path, folder)
    run_migrations(bare_database_url, [folder])
    with psycopg.connect(bare_database_url) as connection:
        connection.execute("SET ROLE wattledger_door")
        for name in ("Ada", "Bob"):
            connection.execute(PERSON, (name, name, passwords.hashed(PASSWORD)))
        connection.execute(KEY, (KEY_ID, sha256(SECRET.encode()).digest()))
    return bare_database_url


@pytest.fixture
def old_door(old_store: str) -> Iterator[Door]:
    """Transactions as the door's role on it."""
    with closing(Door(old_store, seals=SEALS)) as made:
        yield made


def test_whatever_command_migrates_seals_people_and_keys_or_changes_nothing(
    old_store: str, old_door: Door, tmp_path: Path
) -> None:
    without = Settings(data_dir=tmp_path, database_url=old_store)
    refused = "not brought up to date, since its people and keys .* WATTLEDGER_SECRET_KEY .* run `wattledger migrate`"
    for creates in (False, True):
        with pytest.raises(SettingsError, match=refused), open_store(without, needs_kafka=False, creates=creates):
            pass
    assert not (tmp_path / "secrets").exists()
    with psycopg.connect(old_store) as connection, pytest.raises(UndefinedColumn):
        connection.execute("SELECT seal FROM access.person")
    settings = Settings(data_dir=tmp_path, database_url=old_store, secret_key=SecretStr(SEAL_KEY))
    with open_store(settings, needs_kafka=False):
        pass
    with old_door.transaction() as cursor:
        assert keys.proven(cursor, KEY_ID, SECRET)
        assert people.password_of(cursor, "bob")
        cursor.execute(PERSON, ("Eve", "Eve", passwords.hashed(PASSWORD)))
    # Once: who is written later is nobody's.
    with open_store(settings, needs_kafka=False, creates=True):
        pass
    with old_door.transaction() as cursor:
        assert people.password_of(cursor, "Eve") is None


@pytest.mark.parametrize("changed", [PROMOTED, REPLACED])
def test_who_was_changed_before_being_sealed_is_not_and_the_log_says_what_to_do(
    old_store: str, old_door: Door, caplog: pytest.LogCaptureFixture, changed: str
) -> None:
    migrate(old_store)
    with old_door.transaction() as cursor:
        assert keys.usable(cursor, KEY_ID) is None
        assert people.password_of(cursor, "Ada") is None
    lets_in_nobody = [record.getMessage() for record in caplog.records]
    assert len(lets_in_nobody) == 2
    assert all("an older version left it, and `wattledger migrate` seals it" in each for each in lets_in_nobody)
    caplog.clear()
    with psycopg.connect(old_store, autocommit=True) as owner:
        owner.execute("ALTER TABLE access.person DISABLE TRIGGER name_stays")
        owner.execute(changed.encode())
        owner.execute("ALTER TABLE access.person ENABLE ALWAYS TRIGGER name_stays")
        assert seal_what_was_before(owner, SEALS) == 0
        (told,) = [record for record in caplog.records if record.levelno == logging.ERROR]
        whose = "Rob" if changed == REPLACED else "Bob"
        assert f"nobody is sealed, since somebody wrote or changed '{whose}' by hand" in told.getMessage()
        owner.execute("DELETE FROM access.person WHERE name IN ('Bob', 'Rob')")
        assert seal_what_was_before(owner, SEALS) == 2
        assert owner.execute(UNSEALED).fetchone() == (0,)
    with old_door.transaction() as cursor:
        assert keys.usable(cursor, KEY_ID)
        assert people.password_of(cursor, "Ada")
