"""What is decided about a published tariff when it arrives: the warnings it is accepted with."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from domain.tariff.lint import lint
from domain.tariff.published import tariff_hash, taxes_of
from domain.values import value


@value
class TariffWarned:
    """A version of a tariff was accepted with warnings; `source` and `id` are those of the event that brought it.

    `hash` pins the version, and `findings` have `code`, `path` in the tariff and `sentence` each. All of it follows
    from that one event, so it is the same in whichever order events arrive.
    """

    operator_id: str
    tariff_id: str
    partner: str | None
    source: str
    id: str
    published_at: datetime
    hash: str
    findings: tuple[Mapping[str, str], ...]


def warned(source: str, id_: str, time: datetime, data: Mapping[str, Any]) -> TariffWarned | None:
    """The warnings about the tariff that a `tariff.published` event brought; None without any."""
    document, taxes = data["tariff"], taxes_of(data.get("taxes"))
    effective_from = datetime.fromisoformat(str(data["effective_from"]).upper())
    findings = lint(document, taxes, effective_from)
    if not findings:
        return None
    partner = data.get("partner")
    return TariffWarned(
        operator_id=data["operator_id"],
        tariff_id=str(document["id"]),
        partner=partner.upper() if partner else None,
        source=source,
        id=id_,
        published_at=time,
        hash=tariff_hash(document, taxes),
        findings=tuple(finding._asdict() for finding in findings),
    )
