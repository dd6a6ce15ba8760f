"""Refusals: why a message was not accepted, as a code, a path in the document and a sentence for people."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, NamedTuple

import orjson
from pydantic import ValidationError
from pydantic_core import ErrorDetails

from contracts.catalogue import ACCOUNT_FORM, IBAN_FORM
from contracts.ocpi.tariff_2_3_0 import FORM_2_2_1, FORM_2_3_0
from contracts.values import WHAT_A_PATTERN_MEANS

MAX_SENTENCE_CHARS = 300
MAX_PATH_CHARS = 200
MAX_EXCERPT_CHARS = 40

# Values that are not repeated outside the record they came in.
_PRIVATE_FIELDS = frozenset({"iban", "account_number", "uid", "contract_id", "signed_value", "target"})


class RefusalCode(StrEnum):
    """Why a message is quarantined.

    NOT_JSON           the value is missing, is not UTF-8 or is not JSON; NaN and Infinity are not JSON
    NOT_CLOUDEVENT     JSON, and not a CloudEvents 1.0 event in either Kafka binding
    UNKNOWN_TYPE       an event type that the contract does not name
    MISSING_FIELD      a field the contract asks for is not there
    WRONG_TYPE         a field of another JSON type than the contract's, for example money as a number
    BAD_VALUE          the right type with a value that cannot be: a negative register, a naive time
    CURRENCY_MISMATCH  amounts that belong together in different currencies
    TOO_LARGE          a value above the largest a broker takes
    UNREAD_BATCH       a record batch that no client can make records of, and that somebody has passed
    CONFLICT           the same id and source as a stored event, with other content
    WRONG_TOPIC        an event on a topic of the contract that is not the topic of its type
    NOT_SIGNED         a decision without a good signature by a key that is known
    PROCESSING_FAILED  a valid event that the engine could not process; it can be replayed after a fix
    """

    NOT_JSON = "NOT_JSON"
    NOT_CLOUDEVENT = "NOT_CLOUDEVENT"
    UNKNOWN_TYPE = "UNKNOWN_TYPE"
    MISSING_FIELD = "MISSING_FIELD"
    WRONG_TYPE = "WRONG_TYPE"
    BAD_VALUE = "BAD_VALUE"
    CURRENCY_MISMATCH = "CURRENCY_MISMATCH"
    TOO_LARGE = "TOO_LARGE"
    UNREAD_BATCH = "UNREAD_BATCH"
    CONFLICT = "CONFLICT"
    WRONG_TOPIC = "WRONG_TOPIC"
    NOT_SIGNED = "NOT_SIGNED"
    PROCESSING_FAILED = "PROCESSING_FAILED"


@dataclass(frozen=True, slots=True)
class Refusal:
    """A message that was not accepted.

    `path` is where in the event, such as `data.amount.currency`, or `$` for the whole. `id`, `source` and `type` are
    what could be read of the envelope: id and source both or neither.
    """

    code: RefusalCode
    path: str
    sentence: str
    id: str | None = None
    source: str | None = None
    type: str | None = None


_SENTENCES: Mapping[str, tuple[RefusalCode, str]] = {
    "missing": (RefusalCode.MISSING_FIELD, "is missing; the contract asks for it"),
    "string_type": (RefusalCode.WRONG_TYPE, "must be text"),
    "int_type": (RefusalCode.WRONG_TYPE, "must be an integer"),
    "bool_type": (RefusalCode.WRONG_TYPE, "must be true or false"),
    "tuple_type": (RefusalCode.WRONG_TYPE, "must be an array"),
    "model_type": (RefusalCode.WRONG_TYPE, "must be an object"),
    "model_attributes_type": (RefusalCode.WRONG_TYPE, "must be an object"),
    "literal_error": (RefusalCode.BAD_VALUE, "must be one of {expected}"),
    "too_short": (RefusalCode.BAD_VALUE, "must have at least {min_length} item"),
    "string_too_short": (RefusalCode.BAD_VALUE, "must have at least {min_length} character"),
    "string_too_long": (RefusalCode.BAD_VALUE, "must have at most {max_length} characters"),
    "greater_than_equal": (RefusalCode.BAD_VALUE, "must be {ge} or more"),
    "less_than_equal": (RefusalCode.BAD_VALUE, "must be {le} or less"),
}
# Names of forms among the steps to a place; no field has such a name.
UNION_FORMS = frozenset({IBAN_FORM, ACCOUNT_FORM, FORM_2_2_1, FORM_2_3_0})


class Fault(NamedTuple):
    """One thing that is wrong: code, path, the value there as far as it may be shown, and what is wrong with it."""

    code: RefusalCode
    path: str
    excerpt: str
    problem: str


def faults_of(error: ValidationError) -> list[Fault]:
    """Everything that is wrong, in the order of the document."""
    return [_fault(each) for each in _details(error)]


def refusal_of(error: ValidationError) -> tuple[RefusalCode, str, str]:
    """Code, path and sentence of the first thing that is wrong; further ones are counted in the sentence."""
    details = _details(error)
    first, more = _fault(details[0]), len(details) - 1
    excerpt = f" ({first.excerpt})" if first.excerpt else ""
    sentence = f"{first.path}{excerpt} {first.problem}" + (f"; {more} more to mend" if more else "")
    return first.code, first.path, sentence


def _details(error: ValidationError) -> list[ErrorDetails]:
    """The errors, without those about a list that would be long enough if what is in it were right."""
    found = error.errors(include_url=False)
    return [each for each in found if each["type"] != "too_short" or not each["input"]]


def _fault(details: ErrorDetails) -> Fault:
    context = details.get("ctx", {})
    code, problem = _explain(details["type"], details["msg"], context)
    path = path_of(details["loc"], str(context.get("at", "")))
    excerpt = "" if _says_nothing(details["type"], context, path) else excerpt_of(details["input"])
    return Fault(code, path, excerpt, problem)


def _explain(kind: str, message: str, context: Mapping[str, Any]) -> tuple[RefusalCode, str]:
    if kind in RefusalCode.__members__:
        return RefusalCode[kind], str(context["sentence"])
    if kind == "string_pattern_mismatch":
        pattern = str(context["pattern"])
        return RefusalCode.BAD_VALUE, WHAT_A_PATTERN_MEANS.get(pattern, f"must match {pattern}")
    code, template = _SENTENCES.get(kind, (RefusalCode.BAD_VALUE, message))
    return code, template.format_map(context) if kind in _SENTENCES else template


def _says_nothing(kind: str, context: Mapping[str, Any], path: str) -> bool:
    """Whether the input would not help: it is absent, private, or the whole object that a rule spans."""
    return kind == "missing" or bool(context.get("at")) or path.rpartition(".")[2] in _PRIVATE_FIELDS


def path_of(location: Sequence[int | str], below: str = "") -> str:
    """A JSON path such as `data.items[0].gross.amount` from a location; `$` for the document itself."""
    path = ""
    for step in location:
        if isinstance(step, int):
            path += f"[{step}]"
        elif step not in UNION_FORMS:
            path += f".{step}"
    return f"{path}.{below}".strip(".") or "$"


def excerpt_of(value: object) -> str:
    """The value as JSON, cut short, on one line."""
    try:
        text = orjson.dumps(value, default=str).decode()
    except TypeError:
        text = type(value).__name__
    return text if len(text) <= MAX_EXCERPT_CHARS else f"{text[: MAX_EXCERPT_CHARS - 1]}…"
