"""A read model that is missing somewhere is named, with the file in which to add it."""

import re
from collections.abc import Collection
from pathlib import Path

import pytest
from psycopg import Connection
from psycopg.rows import TupleRow

from contracts.messages import DERIVED_FACTS, MESSAGE_TYPES
from ledger.events.codec import _READERS as DECISION_TOPICS
from projections.registry import PROJECTIONS
from tests.docs.pages import ROOT

SCHEMA, PAGE = "a migration of projections/schema", "docs/architecture.md"
NAMES = sorted(PROJECTIONS)


def relations(connection: Connection[TupleRow]) -> set[str]:
    """The tables and views of the read models."""
    found = connection.execute("SELECT relname FROM pg_class WHERE relnamespace = 'projection'::regnamespace")
    return {name for (name,) in found}


def lacks(name: str, there_are: Collection[str], generations: Collection[str]) -> list[str]:
    """What a projection lacks in the schema, given its relations and the projections with a live generation."""
    table = PROJECTIONS[name].table
    found = [f"the table projection.{table}"] if table not in there_are else []
    found += [f"the view projection.{name}"] if name not in there_are else []
    found += [f"a live row {name!r} in projection.generation"] if name not in generations else []
    return [f"{name} has not {each}: mend {SCHEMA}" for each in found]


@pytest.mark.parametrize("name", NAMES)
def test_every_read_model_has_table_view_and_live_generation(name: str, projector: Connection[TupleRow]) -> None:
    live = {row[0] for row in projector.execute("SELECT name FROM projection.generation WHERE live")}
    found = lacks(name, relations(projector), live)
    assert not found, "\n".join(found)


@pytest.mark.parametrize("name", NAMES)
def test_the_view_of_a_read_model_shows_the_live_generation_alone(name: str, projector: Connection[TupleRow]) -> None:
    row = projector.execute("SELECT pg_get_viewdef(%s::regclass)", (f"projection.{name}",)).fetchone()
    assert row is not None
    shown = f"the view projection.{name} shows all generations: mend {SCHEMA}"
    assert re.search(rf"generation = .*generation.*live.*'{name}'", row[0], re.DOTALL), shown


@pytest.mark.parametrize(
    ("page", "heading"), [(PAGE, "Projections and what leaves"), ("docs/operations.md", "Rebuilding read models")]
)
def test_the_pages_name_every_read_model(page: str, heading: str) -> None:
    _, _, rest = (ROOT / page).read_text(encoding="utf-8").partition(f"\n## {heading}\n")
    section, _, _ = rest.partition("\n## ")
    missing = [name for name in NAMES if f"`{name}`" not in section]
    assert not missing, f"{missing}: mend {page}, {heading}"


@pytest.mark.parametrize("name", NAMES)
def test_every_topic_of_a_read_model_can_be_stored(name: str) -> None:
    items = {row.items.type for row in MESSAGE_TYPES.values() if row.items is not None}
    unknown = PROJECTIONS[name].topics - {*MESSAGE_TYPES, *items, *DERIVED_FACTS, *DECISION_TOPICS}
    assert not unknown, f"{name} waits for {sorted(unknown)}, which nothing stores: mend {module_of(name)}"


@pytest.mark.parametrize("name", NAMES)
def test_every_read_model_has_a_test_that_asks_it(name: str) -> None:
    asked = re.compile(rf"\bprojection\.{name}\b|\b{name}\(projector|\[\"{name}\"\]")
    texts = [path.read_text(encoding="utf-8") for path in (ROOT / "tests" / "projections").glob("test_*.py")]
    assert any(asked.search(text) for text in texts), f"{name} is never asked: add tests/projections/test_{name}.py"


def test_a_read_model_with_nothing_but_its_class_is_told_all_it_lacks() -> None:
    assert lacks("sessions", (), ()) == [
        f"sessions has not the table projection.session_row: mend {SCHEMA}",
        f"sessions has not the view projection.sessions: mend {SCHEMA}",
        f"sessions has not a live row 'sessions' in projection.generation: mend {SCHEMA}",
    ]


def module_of(name: str) -> str:
    """The file that a projection is in."""
    return str(Path(*type(PROJECTIONS[name]).__module__.split(".")).with_suffix(".py"))
