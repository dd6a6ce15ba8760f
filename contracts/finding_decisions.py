"""What people decide about findings: who looks after one."""

from typing import Annotated, Literal

from pydantic import StringConstraints

from contracts.decisions import Decision, Principal
from contracts.envelope import Event
from contracts.values import Identifier, Text, Time

FindingText = Annotated[str, StringConstraints(min_length=1, max_length=300)]


class FindingAssignedData(Decision):
    """Somebody looks after a finding from now on; `kind` and `subject` say which it is.

    `finding_id` is UUIDv5(NAMESPACE_URL, `wattledger:finding:` and what tells it apart, with tabs between).
    """

    finding_id: Identifier
    kind: FindingText
    subject: FindingText
    owner: Principal
    note: Text | None = None
    at: Time


class FindingAssigned(Event):
    """`finding.assigned`."""

    type: Literal["finding.assigned"]
    data: FindingAssignedData
