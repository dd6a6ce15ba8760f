"""Migrations can be run again and by many at once, and refuse what does not fit together."""

import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from ledger.database import Role, connect
from ledger.errors import MigrationFailed, MigrationRefused, RoleRefused
from ledger.migrate import LEDGER_MIGRATIONS, read_migrations, run_migrations
from projections.schema import FOLDERS, migrate
from tests.support.library import login


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of the real migrations that a test may change."""
    folder = tmp_path / "migrations"
    for source in FOLDERS:
        shutil.copytree(source, folder, dirs_exist_ok=True)
    return folder


def numbers_in(dsn: str) -> list[int]:
    with psycopg.connect(dsn) as connection:
        return [row[0] for row in connection.execute("SELECT number FROM wattledger.migration ORDER BY number")]


def test_an_empty_database_gets_every_migration_once(bare_database_url: str) -> None:
    migrate(bare_database_url)
    migrate(bare_database_url)
    assert numbers_in(bare_database_url) == [migration.number for migration in read_migrations(FOLDERS)]


def test_a_connection_will_do_instead_of_a_dsn(bare_database_url: str) -> None:
    with psycopg.connect(bare_database_url) as connection:
        migrate(connection)
        user = connection.execute("SELECT current_user = session_user").fetchone()
    assert user == (True,)
    assert numbers_in(bare_database_url)


def test_many_processes_may_migrate_a_new_cluster_at_once(fresh_server: str) -> None:
    with psycopg.connect(fresh_server, autocommit=True) as server:
        server.execute("CREATE DATABASE other")
    databases = [make_conninfo(fresh_server, dbname=name) for name in ("wattledger", "other")] * 3
    with ThreadPoolExecutor(len(databases)) as pool:
        list(pool.map(migrate, databases))
    assert numbers_in(databases[0]) == numbers_in(databases[1]) == [m.number for m in read_migrations(FOLDERS)]


def test_a_role_that_owns_the_database_can_migrate_without_being_superuser(fresh_server: str) -> None:
    with psycopg.connect(fresh_server, autocommit=True) as server:
        server.execute("CREATE ROLE app LOGIN CREATEROLE PASSWORD 'app'")
        server.execute("CREATE DATABASE app OWNER app")
    dsn = make_conninfo(fresh_server, dbname="app", user="app", password="app")
    migrate(dsn)
    migrate(dsn)
    with connect(dsn, Role.WRITER) as connection:
        assert connection.execute("SELECT count(*) FROM book.entry").fetchone() == (0,)


@pytest.mark.parametrize("role", [Role.WRITER, Role.PROJECTOR, Role.READER, Role.AUDITOR])
def test_a_login_that_may_not_migrate_finds_a_store_up_to_date_or_is_told_who_may(
    bare_database_url: str, folder: Path, role: Role
) -> None:
    run_migrations(bare_database_url, [folder])
    with login(bare_database_url, role) as dsn:
        run_migrations(dsn, [folder], creates=False)
        (folder / "920_later.sql").write_text("CREATE TABLE intake.later (id int)")
        with pytest.raises(RoleRefused, match=r"^login_\d+ may not bring database test_\d+ up to date: run"):
            run_migrations(dsn, [folder])
    assert 920 not in numbers_in(bare_database_url)


def test_who_made_bank_files_before_there_was_a_role_for_it_goes_on_making_them(
    bare_database_url: str, folder: Path
) -> None:
    before = folder.rename(folder.with_name("before"))
    later = [path.rename(folder.parent / path.name) for path in sorted(before.glob("*.sql")) if path.name >= "144"]
    run_migrations(bare_database_url, [before])
    is_member = "SELECT pg_has_role(%s, 'wattledger_bank', 'MEMBER')"
    with login(bare_database_url, Role.PROJECTOR) as projector, login(bare_database_url, Role.READER) as reader:
        for path in later:
            path.rename(before / path.name)
        run_migrations(bare_database_url, [before])
        with psycopg.connect(bare_database_url) as superuser:
            for dsn, expected in ((projector, True), (reader, False)):
                user = conninfo_to_dict(dsn)["user"]
                assert superuser.execute(is_member, (user,)).fetchone() == (expected,)


def test_what_the_reader_could_see_before_is_taken_away_from_it(bare_database_url: str, folder: Path) -> None:
    later = [path.rename(folder.parent / path.name) for path in sorted(folder.glob("*.sql")) if path.name >= "144"]
    may_read = "SELECT has_table_privilege('wattledger_reader', 'projection.payout_row', 'SELECT')"
    with psycopg.connect(bare_database_url, autocommit=True) as superuser:
        run_migrations(bare_database_url, [folder])
        assert superuser.execute(may_read).fetchone() == (True,)
        for path in later:
            path.rename(folder / path.name)
        run_migrations(bare_database_url, [folder])
        assert superuser.execute(may_read).fetchone() == (False,)


def test_a_new_store_makes_nobody_of_another_store_a_maker_of_its_bank_files(bare_database_url: str) -> None:
    with psycopg.connect(bare_database_url, autocommit=True) as superuser:
        superuser.execute((LEDGER_MIGRATIONS.parent / "roles.sql").read_bytes())
        with login(bare_database_url, Role.PROJECTOR) as projector:
            migrate(bare_database_url)
            user = conninfo_to_dict(projector)["user"]
            row = superuser.execute("SELECT pg_has_role(%s, 'wattledger_bank', 'MEMBER')", (user,)).fetchone()
    assert row == (False,)


def test_any_numbered_file_is_picked_up_in_order_even_after_later_ones(bare_database_url: str, folder: Path) -> None:
    (folder / "920_second.sql").write_text("CREATE TABLE intake.second (id int)")
    run_migrations(bare_database_url, [folder])
    (folder / "910_first.sql").write_text("CREATE TABLE intake.first (id int)")
    run_migrations(bare_database_url, [folder])
    assert numbers_in(bare_database_url)[-2:] == [910, 920]


def test_a_released_migration_that_was_changed_is_refused(bare_database_url: str, folder: Path) -> None:
    run_migrations(bare_database_url, [folder])
    with (folder / "001_schemas.sql").open("a") as released:
        released.write("\nCREATE TABLE book.more (id int);\n")
    with pytest.raises(MigrationRefused, match="001_schemas was changed"):
        run_migrations(bare_database_url, [folder])


def test_a_database_of_a_later_version_is_refused(bare_database_url: str, folder: Path) -> None:
    (folder / "999_later.sql").write_text("CREATE TABLE intake.later (id int)")
    run_migrations(bare_database_url, [folder])
    with pytest.raises(MigrationRefused, match="999_later, which this version does not know"):
        migrate(bare_database_url)


def test_a_migration_that_fails_leaves_nothing_behind(bare_database_url: str, folder: Path) -> None:
    (folder / "900_broken.sql").write_text("CREATE TABLE intake.half (id int); SELECT 1 / 0")
    with pytest.raises(MigrationFailed, match="900_broken failed and nothing was changed: division by zero"):
        run_migrations(bare_database_url, [folder])
    with psycopg.connect(bare_database_url) as connection:
        assert connection.execute("SELECT to_regnamespace('book')").fetchone() == (None,)


@pytest.mark.parametrize("name", ["1_short.sql", "0100_long.sql", "abc.sql", "010_Upper.sql"])
def test_a_misnamed_file_is_refused(folder: Path, name: str) -> None:
    (folder / name).touch()
    with pytest.raises(MigrationRefused, match="is not named NNN_name"):
        read_migrations([folder])


def test_two_files_with_one_number_are_refused(folder: Path) -> None:
    (folder / "001_again.sql").touch()
    with pytest.raises(MigrationRefused, match="give one of them another number"):
        read_migrations([folder])
