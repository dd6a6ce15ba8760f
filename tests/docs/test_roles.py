"""The rights of the roles are those that docs/operations.md lists, as the database's own catalogue has them."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from ledger.database import Role
from projections.schema import migrate
from tests.docs.pages import OPERATIONS, table
from tests.support.engine import Engine
from tests.support.events import operator, session, tariff
from tests.support.library import login
from wattledger.cli import main

SCHEMAS = ("book", "event_store", "intake", "projection", "masked", "surface", "access", "load", "wattledger")
GRID = f"| role | {' | '.join(f'`{name}`' for name in SCHEMAS)} |"
# What the words of the page mean; whoever may do one thing to some tables only has `some` behind the word.
WORDS = {"SELECT": "read", "INSERT": "add", "UPDATE": "change", "DELETE": "remove"}
LISTED = tuple(role for role in Role if role is not Role.OWNER)

# Tables and views of a schema, and of how many a role has a right to at least one column, or to all rows.
_RIGHTS = """
SELECT count(*), count(*) FILTER (
    WHERE CASE %(right)s
        WHEN 'DELETE' THEN has_table_privilege(%(role)s, pg_class.oid, 'DELETE')
        ELSE has_any_column_privilege(%(role)s, pg_class.oid, %(right)s)
    END AND has_schema_privilege(%(role)s, relnamespace, 'USAGE')
)
FROM pg_class WHERE relnamespace = %(schema)s::regnamespace AND relkind IN ('r', 'p', 'v', 'm')
"""


@pytest.fixture
def superuser(database_url: str) -> Iterator[psycopg.Connection[Any]]:
    migrate(database_url)
    with psycopg.connect(database_url, autocommit=True) as connection:
        yield connection


def rights(connection: psycopg.Connection[Any], role: Role, schema: str) -> str:
    """What a role may do in a schema, in the page's words."""
    words = []
    for right, word in WORDS.items():
        asked = {"role": role.value, "schema": schema, "right": right}
        of, allowed = connection.execute(_RIGHTS, asked).fetchone() or (0, 0)
        if allowed:
            words.append(word if right != "SELECT" or allowed == of else f"{word} some")
    return ", ".join(words) or "-"


def test_the_page_has_the_rights_of_every_role_in_every_schema(superuser: psycopg.Connection[Any]) -> None:
    expected = [[role.value, *(rights(superuser, role, schema) for schema in SCHEMAS)] for role in LISTED]
    shown = [[cell.strip("`") for cell in row] for row in table(OPERATIONS, GRID)]
    rows = "\n".join(f"| `{role}` | {' | '.join(told)} |" for role, *told in expected)
    assert shown == expected, f"mend docs/operations.md, Roles:\n{rows}"


def test_the_page_names_every_role(superuser: psycopg.Connection[Any]) -> None:
    made = superuser.execute(r"SELECT rolname FROM pg_roles WHERE rolname LIKE 'wattledger\_%' ORDER BY rolname")
    assert [row[0] for row in made] == sorted(role.value for role in Role)
    assert [role for role, _ in table(OPERATIONS, "| role | may |")] == [role.value for role in Role]


@pytest.mark.parametrize("role", [Role.READER, Role.BANK, Role.TENANT])
def test_the_page_names_all_that_a_narrow_role_may_read(superuser: psycopg.Connection[Any], role: Role) -> None:
    readable = superuser.execute(
        "SELECT relnamespace::regnamespace::text || '.' || relname FROM pg_class "
        "WHERE relnamespace::regnamespace::text = ANY(%s) AND relkind IN ('r', 'p', 'v', 'm') "
        "AND has_schema_privilege(%s, relnamespace, 'USAGE') AND has_any_column_privilege(%s, oid, 'SELECT')",
        (list(SCHEMAS), role.value, role.value),
    )
    rows = dict(table(OPERATIONS, "| narrow role | reads |"))
    named, may_read = set(re.findall(r"\w+\.\w+", rows[role.value])), {row[0] for row in readable}
    assert named == may_read, f"{sorted(named ^ may_read)}: mend docs/operations.md, Roles, or the migration's grants"


def test_no_role_of_the_ledger_is_a_member_of_another_or_above_the_rules(superuser: psycopg.Connection[Any]) -> None:
    members = superuser.execute(
        r"SELECT member::regrole::text FROM pg_auth_members WHERE member::regrole::text LIKE 'wattledger\_%'"
    )
    assert members.fetchall() == []
    above = superuser.execute(
        r"SELECT rolname FROM pg_roles WHERE rolname LIKE 'wattledger\_%' "
        "AND (rolsuper OR rolcreaterole OR rolcreatedb OR rolreplication OR rolbypassrls)"
    )
    assert above.fetchall() == []


# What a command of the page is called with, of those that work on the store alone.
CALLS = {
    "wattledger payouts run": ["payouts", "run", "--until", "2026-03-04T00:00:00Z"],
    "wattledger export": ["export", "out"],
    "wattledger rebuild": ["rebuild"],
    "wattledger balance": ["balance", "2010"],
    "wattledger verify": ["verify"],
    "wattledger balances": ["balances"],
}
WITH_KAFKA = {"wattledger consume", "wattledger project", "wattledger load run", "wattledger settle"}
# Until they are stopped: tests/end_to_end/test_serve.py, tests/webhooks/test_process.py.
SERVES = {"wattledger serve", "wattledger webhooks run"}


def roles_of_commands() -> dict[str, list[Role]]:
    """The roles that the page says a command takes."""
    rows = table(OPERATIONS, "| command | roles that its login is a member of |")
    return {command: [Role(f"wattledger_{name}") for name in names.split(", ")] for command, names in rows}


def test_the_page_tells_the_roles_of_commands_that_are_called_here() -> None:
    assert set(roles_of_commands()) == CALLS.keys() | WITH_KAFKA | SERVES


@pytest.mark.parametrize("command", CALLS)
def test_a_login_of_the_roles_that_the_page_tells_may_run_the_command_and_with_one_less_it_is_told(
    engine: Engine,
    command: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    engine.feed([operator(), tariff(), *session()])
    engine.advance()
    roles = roles_of_commands()[command]
    for left_out in roles:
        with login(engine.dsn, *(role for role in roles if role is not left_out)) as dsn:
            monkeypatch.setenv("WATTLEDGER_DATABASE_URL", dsn)
            assert main(CALLS[command]) == 1
            assert "as a superuser" in capsys.readouterr().err
    with login(engine.dsn, *roles) as dsn:
        monkeypatch.setenv("WATTLEDGER_DATABASE_URL", dsn)
        assert main(CALLS[command]) == 0, capsys.readouterr().err
