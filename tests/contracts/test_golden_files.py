"""Released examples: each still parses, each type and version has one, and schemas agree with the models."""

from datetime import UTC

import jsonschema
import pytest

from contracts.authorizations import QUESTION_MODEL_OF, QUESTION_TOPIC_OF
from contracts.decode import Message, decode, decode_question
from contracts.fields import count_unknown, shape_of
from contracts.inbound import INBOUND_MODEL_OF
from contracts.messages import TOPIC_OF, partition_key
from contracts.outgoing import OUTBOUND_MODEL_OF, OUTBOUND_TOPIC_OF
from contracts.refusal import Refusal, RefusalCode
from contracts.schemas import event_schemas
from contracts.upcasters import CURRENT_VERSION, STEPS
from tests.contracts.builders import Golden, accepted, golden_files, inbound_golden, outbound_golden, question_golden

SCHEMAS = {(type_, version): schema for type_, version, schema in event_schemas()}


@pytest.mark.parametrize("golden", inbound_golden(), ids=str)
def test_a_released_event_is_still_accepted(golden: Golden) -> None:
    message = accepted(golden.raw)
    event = golden.event
    assert (message.id, message.source, message.type) == (event["id"], event["source"], golden.type)
    assert message.subject == event["subject"]
    assert message.time.tzinfo is UTC
    assert message.extra_fields == 0


@pytest.mark.parametrize("golden", question_golden(), ids=str)
def test_a_released_question_is_still_understood_and_is_nothing_for_the_intake(golden: Golden) -> None:
    message = decode_question(golden.raw)
    assert isinstance(message, Message)
    assert (message.type, message.extra_fields) == (golden.type, 0)
    refused = decode(golden.raw)
    assert isinstance(refused, Refusal)
    assert refused.code is RefusalCode.UNKNOWN_TYPE


@pytest.mark.parametrize("golden", outbound_golden(), ids=str)
def test_a_released_outgoing_event_still_matches_its_model(golden: Golden) -> None:
    event = OUTBOUND_MODEL_OF[golden.type].model_validate(golden.event)
    assert event.source == "urn:wattledger"


@pytest.mark.parametrize("golden", [one for one in golden_files() if one.version == CURRENT_VERSION], ids=str)
def test_a_model_written_out_and_read_again_is_the_same(golden: Golden) -> None:
    model = {**INBOUND_MODEL_OF, **QUESTION_MODEL_OF, **OUTBOUND_MODEL_OF}[golden.type]
    event = model.model_validate(golden.event)
    assert model.model_validate(event.model_dump(mode="json", exclude_none=True)) == event


@pytest.mark.parametrize("golden", golden_files(), ids=str)
def test_a_golden_file_matches_the_json_schema_of_its_type_and_version(golden: Golden) -> None:
    schema = SCHEMAS[golden.type, golden.version]
    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.Draft202012Validator(schema).validate(golden.event)


def test_every_type_and_version_has_a_golden_file() -> None:
    types = (*INBOUND_MODEL_OF, *QUESTION_MODEL_OF, *OUTBOUND_MODEL_OF)
    wanted = {(type_, CURRENT_VERSION) for type_ in types} | set(STEPS)
    assert {(golden.type, golden.version) for golden in golden_files()} == wanted


@pytest.mark.parametrize("golden", golden_files(), ids=str)
def test_a_golden_file_stands_in_the_folder_of_its_type(golden: Golden) -> None:
    assert golden.event["type"] == golden.type


def test_no_two_golden_files_are_one_message_to_the_intake() -> None:
    found: dict[tuple[str, str], Golden] = {}
    for golden in golden_files():
        first = found.setdefault((golden.event["source"], golden.event["id"]), golden)
        assert first is golden, f"{golden} has the source and id of {first}: give it an id of its own"


@pytest.mark.parametrize("golden", golden_files(), ids=str)
def test_no_golden_file_has_a_field_its_model_does_not_know(golden: Golden) -> None:
    step = STEPS.get((golden.type, golden.version))
    model = step.model if step else {**INBOUND_MODEL_OF, **QUESTION_MODEL_OF, **OUTBOUND_MODEL_OF}[golden.type]
    assert count_unknown(shape_of(model), golden.event) == 0


def test_every_type_of_the_contract_has_a_topic() -> None:
    assert set(TOPIC_OF) == set(INBOUND_MODEL_OF)
    assert set(OUTBOUND_TOPIC_OF) == set(OUTBOUND_MODEL_OF)
    assert set(QUESTION_TOPIC_OF) == set(QUESTION_MODEL_OF)
    assert not set(QUESTION_TOPIC_OF.values()) & set(TOPIC_OF.values())
    assert set(TOPIC_OF.values()) == {
        "charging.sessions",
        "charging.chargers",
        "sites",
        "catalogue",
        "payments",
        "roaming",
        "payout.results",
        "decisions",
        "bank",
        "billing",
        "treasury",
    }


KEYS = {
    "charging.session.started/v1-card": "S-1001",
    "charging.session.ended/v0-pilot-gateway": "S-0007",
    "charging.reservation.expired/v1-no-show": "S-1003",
    "charging.charger.status_changed/v1-out-of-order": "EVSE-7-1",
    "charging.charger.profile_answered/v1-accepted": "EVSE-7-1",
    "site.load_measured/v1-import": "LOC-7",
    "operator.cost_declared/v1-demand": "OP-1",
    "operator.changed/v1-commission": "OP-1",
    "location.published/v1-two-chargers": "OP-1",
    "tariff.published/v1-energy": "OP-1",
    "tariff.published/v1-partner-and-taxes": "OP-5",
    "tariff.rerating_ordered/v1-all-sessions": "OP-5",
    "partner.registered/v1-pay-when-paid": "DE-ABC",
    "payment.captured/v1-card": "S-1001",
    "payment.settled/v1-two-payments": "acme-psp",
    "payment.settled/v1-second-part": "acme-psp",
    "roaming.invoice_paid/v1-one-cdr": "DE-ABC",
    "roaming.cdr_disputed/v1-in-part": "DE-ABC",
    "payout.paid/v1-booked": "5a7a9bd2-7a7c-5c0e-8e5e-2f6f1a2b3c4d",
    "payout.retried/v1-own-account": "5a7a9bd2-7a7c-5c0e-8e5e-2f6f1a2b3c4d",
    "payouts.reopened/v1-one-operator": "OP-1",
    "fx.rate_published/v1-sek-eur": "SEK-EUR",
    "fx.converted/v1-sek-eur": "FX-2026-0007",
    "fx.executed/v1-sek-eur": "DEAL-4711",
    "supplier.paid/v1-foreign-operator": "2220/FR-CPO",
    "hub.invoiced/v1-month": "HUB-1",
}


@pytest.mark.parametrize(("name", "key"), KEYS.items())
def test_events_that_belong_together_share_a_partition_key(name: str, key: str) -> None:
    golden = next(one for one in golden_files() if str(one) == name)
    assert partition_key(accepted(golden.raw)) == key
