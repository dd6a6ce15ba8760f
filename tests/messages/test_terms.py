"""Terms stand twice, as the wire takes them and as the domain knows them: both have the same words."""

from enum import StrEnum
from typing import Any, get_args

import pytest

from contracts import catalogue, payments
from domain.catalogue.parties import FeeBearer, Funding, FundRelease
from domain.session.facts import DisputeOutcome, RefundBearer


@pytest.mark.parametrize(
    ("model", "field", "term"),
    [
        (catalogue.OperatorData, "psp_fee_bearer", FeeBearer),
        (catalogue.OperatorData, "fund_release", FundRelease),
        (catalogue.PartnerData, "funding", Funding),
        (payments.PaymentRefundedData, "borne_by", RefundBearer),
        (payments.PaymentDisputeClosedData, "outcome", DisputeOutcome),
    ],
)
def test_the_wire_takes_the_words_that_the_domain_knows(model: Any, field: str, term: type[StrEnum]) -> None:
    assert set(get_args(model.model_fields[field].annotation)) == set(term)
