"""What each type of message has to have, as functions over tables that name what is missing and where to add it."""

from collections.abc import Callable, Collection, Iterator
from typing import NamedTuple, TypeAlias

from contracts.decode import Message
from contracts.messages import Kind, MessageType, items_in
from domain.receipt import PART
from engine.intake import PLACES, Batch
from tests.messages import tables as files
from tests.messages.tables import Tables


class Gap(NamedTuple):
    """A type, what it lacks, and the file in which that is mended."""

    type: str
    lacks: str
    file: str

    def __str__(self) -> str:
        return f"{self.type} {self.lacks}: mend {self.file}"


Guard: TypeAlias = Callable[[Tables], Iterator[Gap]]

# The file whose table reads the data of a kind; of a status nothing is read.
READ_IN = {
    Kind.SESSION_FACT: files.FACTS,
    Kind.CATALOGUE: files.CATALOGUE,
    Kind.RECEIPT: files.RECEIPTS,
    Kind.CDR_ANSWER: files.FACTS,
    Kind.PAYOUT_FACT: files.PAYOUT,
    Kind.RUN_DECISION: files.RUNS,
    Kind.BANK: files.BANK,
    Kind.OPERATOR_MATTER: files.MATTERS,
    Kind.BOOK_DECISION: files.AFFAIRS,
    Kind.WALLET: files.WALLETS,
}
STREAMS_OF_THEIR_OWN = (
    Kind.CATALOGUE,
    Kind.RECEIPT,
    Kind.CDR_DOCUMENT,
    Kind.RUN_DECISION,
    Kind.OPERATOR_MATTER,
    Kind.BOOK_DECISION,
    Kind.WALLET,
    Kind.BANK,
    Kind.RATE,
    Kind.STATUS,
)


def without_row(tables: Tables) -> Iterator[Gap]:
    """A type that the table of message types does not know."""
    return _absent(tables.contracts, tables.rows, "has no row in MESSAGE_TYPES", files.MESSAGES)


def without_place(tables: Tables) -> Iterator[Gap]:
    """A type of a kind with which the intake or the demo does nothing."""
    for file, kinds in tables.places.items():
        for type_, row in tables.rows.items():
            if row.kind not in kinds:
                yield Gap(type_, f"is of the kind {row.kind.name}, which has no entry", file)


def without_handler(tables: Tables) -> Iterator[Gap]:
    """A type whose data nobody reads."""
    for type_, row in tables.rows.items():
        file = READ_IN.get(row.kind)
        if file is not None and type_ not in tables.handlers[file]:
            yield Gap(type_, "has no handler", file)
    yield from _absent(tables.items, tables.handlers[files.FACTS], "has no handler", files.FACTS)


def without_learning(tables: Tables) -> Iterator[Gap]:
    """A fact that a session cannot take in."""
    for type_, fact in tables.facts.items():
        if fact not in tables.learned:
            yield Gap(type_, f"is read as {fact.__name__}, which no session takes in", files.SESSION)


def without_stream(tables: Tables) -> Iterator[Gap]:
    """A type that is stored in no stream: it is about no session or payout, and has none of its own."""
    for type_, row in tables.rows.items():
        if row.kind in STREAMS_OF_THEIR_OWN and row.stream is None:
            yield Gap(type_, "has no stream", files.MESSAGES)


def without_items(tables: Tables) -> Iterator[Gap]:
    """A receipt of which no session gets its part."""
    for type_, row in tables.rows.items():
        if row.kind is Kind.RECEIPT and row.items is None:
            yield Gap(type_, "is a receipt and has no items", files.MESSAGES)


def without_golden_file(tables: Tables) -> Iterator[Gap]:
    """A type that no release could break, since nothing shows what it looked like."""
    for type_ in _missing({*tables.contracts, *tables.questions}, tables.golden):
        yield Gap(type_, "has no golden file of today's version", f"{files.GOLDEN}/{type_}/v1-*.json")


def without_example(tables: Tables) -> Iterator[Gap]:
    """A type of which no golden file is accepted as it stands, with every field known."""
    for type_ in _missing(tables.contracts, tables.examples):
        yield Gap(type_, "has no example that is accepted", f"{files.GOLDEN}/{type_}/v1-*.json")


def without_its_fields(tables: Tables) -> Iterator[Gap]:
    """A type whose row asks its data for something that its examples have not."""
    for type_, messages in tables.examples.items():
        if type_ not in tables.rows:
            continue
        for message in messages:
            try:
                _use(tables.rows[type_], message)
            except (LookupError, TypeError, AttributeError) as error:
                what = f"has a row that its data does not fit ({type(error).__name__}: {error})"
                yield Gap(type_, what, files.MESSAGES)


def _use(row: MessageType, message: Message) -> None:
    """All that the engine looks up in a message by its row."""
    PLACES[row.kind](Batch(), message)
    (row.key or row.topic.key)(message.data)
    if row.stream is not None:
        row.stream(message.data)
    if row.claims is not None:
        row.claims.of(message.data)
    list(items_in(row, message.id, message.data))


def without_schema(tables: Tables) -> Iterator[Gap]:
    """A type that `wattledger schemas` does not write."""
    return _absent({*tables.contracts, *tables.questions}, tables.schemas, "has no JSON Schema", files.SCHEMAS)


def without_asyncapi_entry(tables: Tables) -> Iterator[Gap]:
    """A type that the AsyncAPI document, which is written from the rows, has not on a topic in both bindings."""
    for type_ in _missing({*tables.contracts, *tables.questions}, tables.asyncapi):
        known = type_ in tables.rows or type_ in tables.questions
        file = files.ASYNCAPI if known else files.MESSAGES
        yield Gap(type_, "has no entry in the AsyncAPI document", file)


def without_audit_row(tables: Tables) -> Iterator[Gap]:
    """A type that the audit does not know, which shares no table with what it checks."""
    audited = {type_ for types in tables.audit.values() for type_ in types}
    for type_ in _missing({*tables.contracts, *tables.items}, audited):
        row = tables.rows.get(type_)
        published = row is not None and row.kind is Kind.CATALOGUE
        yield Gap(type_, "is unknown to the audit", files.AUDITED_CATALOGUE if published else files.AUDITED_STREAMS)


def rows_without_contract(tables: Tables) -> Iterator[Gap]:
    """A row of a type that nobody can send."""
    return _absent(tables.rows, tables.contracts, "has a row and no contract", files.CONTRACTS)


def handlers_without_contract(tables: Tables) -> Iterator[Gap]:
    """A handler of a type that nobody can send, and that is no item of another."""
    known = {*tables.contracts, *tables.items}
    for file, types in tables.handlers.items():
        yield from _absent(types, known, f"has a handler in {file} and no contract", files.CONTRACTS)


def golden_files_without_contract(tables: Tables) -> Iterator[Gap]:
    """A golden file of a type that neither comes in nor goes out."""
    known = {*tables.contracts, *tables.questions, *tables.outgoing}
    return _absent(tables.golden, known, "has a golden file and no contract", files.CONTRACTS)


def audit_rows_without_contract(tables: Tables) -> Iterator[Gap]:
    """A type that the audit knows and nobody can send."""
    known = {*tables.contracts, *tables.items, PART}
    for file, types in tables.audit.items():
        yield from _absent(types, known, f"stands in {file} and has no contract", files.CONTRACTS)


GUARDS: tuple[Guard, ...] = (
    without_row,
    without_place,
    without_handler,
    without_learning,
    without_stream,
    without_items,
    without_golden_file,
    without_example,
    without_its_fields,
    without_schema,
    without_asyncapi_entry,
    without_audit_row,
    rows_without_contract,
    handlers_without_contract,
    golden_files_without_contract,
    audit_rows_without_contract,
)


def gaps(tables: Tables) -> list[str]:
    """What every guard has to say."""
    return [str(gap) for guard in GUARDS for gap in guard(tables)]


def _missing(wanted: Collection[str], found: Collection[str]) -> list[str]:
    return sorted(set(wanted) - set(found))


def _absent(wanted: Collection[str], found: Collection[str], lacks: str, file: str) -> Iterator[Gap]:
    return (Gap(type_, lacks, file) for type_ in _missing(wanted, found))
