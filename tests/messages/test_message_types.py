"""A type of message that is missing somewhere is named, with the file in which to add it."""

from dataclasses import replace
from typing import Any

import pytest

from contracts.messages import PAYMENT, Items, Kind, Ref
from tests.messages import tables as files
from tests.messages.guards import GUARDS, READ_IN, STREAMS_OF_THEIR_OWN, Guard, gaps
from tests.messages.made_up import ITEM, TYPE, MadeUp, complete, message, row, without
from tests.messages.tables import Tables, real_tables

KINDS = list(Kind)


def new_gaps(tables: Tables) -> list[str]:
    """What is said of a made-up type, beside what may be missing in the project itself."""
    old = gaps(real_tables())
    return [gap for gap in gaps(tables) if gap not in old]


@pytest.mark.parametrize("guard", GUARDS, ids=lambda guard: guard.__name__)
def test_every_type_of_message_has_what_it_needs(guard: Guard) -> None:
    found = [str(gap) for gap in guard(real_tables())]
    assert not found, "\n".join(found)


@pytest.mark.parametrize("kind", KINDS)
def test_a_made_up_type_in_every_table_lacks_nothing(kind: Kind) -> None:
    assert new_gaps(complete(kind)) == []


def left_out() -> list[Any]:
    """A kind, the entry that is left out, and what is to be said of it."""
    golden, not_learned = f"{files.GOLDEN}/{TYPE}/v1-*.json", "is read as MadeUp, which no session takes in"
    cases: list[tuple[Kind, tuple[Any, ...], str]] = []
    for kind in KINDS:
        audited_in = files.AUDITED_CATALOGUE if kind is Kind.CATALOGUE else files.AUDITED_STREAMS
        cases += [
            (kind, ("golden",), f"{TYPE} has no golden file of today's version: mend {golden}"),
            (kind, ("examples",), f"{TYPE} has no example that is accepted: mend {golden}"),
            (kind, ("schemas",), f"{TYPE} has no JSON Schema: mend contracts/schemas.py"),
            (kind, ("asyncapi",), f"{TYPE} has no entry in the AsyncAPI document: mend contracts/asyncapi.py"),
            (kind, ("audit", audited_in), f"{TYPE} is unknown to the audit: mend {audited_in}"),
        ]
    for kind, file in READ_IN.items():
        cases.append((kind, ("handlers", file), f"{TYPE} has no handler: mend {file}"))
    for kind, type_ in ((Kind.SESSION_FACT, TYPE), (Kind.CDR_ANSWER, TYPE), (Kind.RECEIPT, ITEM)):
        cases.append((kind, ("learned", None, MadeUp), f"{type_} {not_learned}: mend {files.SESSION}"))
    of_item, audited = ("handlers", files.FACTS, ITEM), ("audit", files.AUDITED_STREAMS, ITEM)
    cases += [
        (Kind.RECEIPT, of_item, f"{ITEM} has no handler: mend {files.FACTS}"),
        (Kind.RECEIPT, audited, f"{ITEM} is unknown to the audit: mend {files.AUDITED_STREAMS}"),
    ]
    return [pytest.param(*case, id=f"{case[0].name}-{'-'.join(map(str, case[1]))}") for case in cases]


@pytest.mark.parametrize(("kind", "entry", "sentence"), left_out())
def test_what_a_type_lacks_is_named_alone_with_its_file(kind: Kind, entry: tuple[Any, ...], sentence: str) -> None:
    assert new_gaps(without(complete(kind), *entry)) == [sentence]


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind not in (Kind.RECEIPT, Kind.CATALOGUE)])
def test_a_type_without_a_row_is_named(kind: Kind) -> None:
    assert new_gaps(without(complete(kind), "rows")) == [
        f"{TYPE} has no row in MESSAGE_TYPES: mend contracts/messages.py"
    ]


@pytest.mark.parametrize("kind", STREAMS_OF_THEIR_OWN)
def test_a_type_without_a_stream_is_named(kind: Kind) -> None:
    tables = complete(kind)
    nameless = replace(tables, rows={**tables.rows, TYPE: replace(row(kind), stream=None)})
    assert new_gaps(nameless) == [f"{TYPE} has no stream: mend contracts/messages.py"]


def test_a_receipt_without_items_is_named() -> None:
    tables = without(complete(Kind.RECEIPT), "handlers", files.FACTS, ITEM)
    tables = without(tables, "audit", files.AUDITED_STREAMS, ITEM)
    bare = replace(tables, rows={**tables.rows, TYPE: replace(row(Kind.RECEIPT), items=None)})
    assert new_gaps(bare) == [f"{TYPE} is a receipt and has no items: mend contracts/messages.py"]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("file", [files.INTAKE, files.FORESIGHT])
def test_a_kind_with_which_nothing_is_done_is_named_for_each_of_its_types(kind: Kind, file: str) -> None:
    named = new_gaps(without(complete(kind), "places", file, kind))
    assert f"{TYPE} is of the kind {kind.name}, which has no entry: mend {file}" in named
    assert all(f"is of the kind {kind.name}, which has no entry: mend {file}" in sentence for sentence in named)


def test_a_type_with_nothing_but_its_contract_is_led_from_file_to_file() -> None:
    tables = real_tables()
    bare = replace(tables, contracts={*tables.contracts, TYPE})
    assert new_gaps(bare) == [
        f"{TYPE} has no row in MESSAGE_TYPES: mend contracts/messages.py",
        f"{TYPE} has no golden file of today's version: mend contracts/golden/{TYPE}/v1-*.json",
        f"{TYPE} has no example that is accepted: mend contracts/golden/{TYPE}/v1-*.json",
        f"{TYPE} has no JSON Schema: mend contracts/schemas.py",
        f"{TYPE} has no entry in the AsyncAPI document: mend contracts/messages.py",
        f"{TYPE} is unknown to the audit: mend ledger/audit/streams.py",
    ]
    with_row = replace(bare, rows={**bare.rows, TYPE: row(Kind.SESSION_FACT)})
    assert f"{TYPE} has no handler: mend domain/session/facts.py" in new_gaps(with_row)


@pytest.mark.parametrize(
    ("table", "file", "what"),
    [
        ("rows", None, "has a row and no contract"),
        ("handlers", files.FACTS, f"has a handler in {files.FACTS} and no contract"),
        ("handlers", files.CATALOGUE, f"has a handler in {files.CATALOGUE} and no contract"),
        ("handlers", files.RECEIPTS, f"has a handler in {files.RECEIPTS} and no contract"),
        ("handlers", files.PAYOUT, f"has a handler in {files.PAYOUT} and no contract"),
        ("golden", None, "has a golden file and no contract"),
        ("audit", files.AUDITED_STREAMS, f"stands in {files.AUDITED_STREAMS} and has no contract"),
        ("audit", files.AUDITED_CATALOGUE, f"stands in {files.AUDITED_CATALOGUE} and has no contract"),
    ],
)
def test_a_type_that_no_contract_has_is_named_where_it_stands(table: str, file: str | None, what: str) -> None:
    tables = real_tables()
    found: Any = getattr(tables, table)
    if table == "rows":
        more: Any = {**found, TYPE: row(Kind.STATUS)}
    elif file is None:
        more = {*found, TYPE}
    else:
        more = {**found, file: {*found[file], TYPE}}
    assert new_gaps(replace(tables, **{table: more})) == [f"{TYPE} {what}: mend {files.CONTRACTS}"]


@pytest.mark.parametrize(
    ("kind", "changed"),
    [
        (Kind.STATUS, {"stream": lambda data: f"made-up:{data['plug']}"}),
        (Kind.SESSION_FACT, {"key": lambda data: str(data["plug"])}),
        (Kind.SESSION_FACT, {"claims": Ref("payment", "plug")}),
        (Kind.RECEIPT, {"items": Items(ITEM, "items", PAYMENT, shared=("plug",))}),
    ],
)
def test_a_row_that_asks_for_what_the_data_has_not_is_named(kind: Kind, changed: dict[str, Any]) -> None:
    tables = complete(kind)
    found = new_gaps(replace(tables, rows={**tables.rows, TYPE: replace(row(kind), **changed)}))
    assert found == [f"{TYPE} has a row that its data does not fit (KeyError: 'plug'): mend {files.MESSAGES}"]


@pytest.mark.parametrize(("kind", "field"), [(Kind.SESSION_FACT, "session_id"), (Kind.PAYOUT_FACT, "payout_id")])
def test_a_kind_that_looks_up_what_the_data_has_not_is_named(kind: Kind, field: str) -> None:
    without_field = message()
    del without_field.data[field]
    tables = complete(kind)
    found = new_gaps(replace(tables, examples={**tables.examples, TYPE: [without_field]}))
    assert found == [f"{TYPE} has a row that its data does not fit (KeyError: '{field}'): mend {files.MESSAGES}"]
