"""Versions of tariffs, and orders to rate sessions by another one, as documents."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from contracts.values import format_time
from domain.calendar import utc_text
from domain.catalogue.orders import RatingOrder
from ledger.intake.tariff_versions import TariffVersion
from projections.tariffs import PublishedTariff


def version_document(version: TariffVersion) -> dict[str, Any]:
    """A published version, the hash that CDRs name, and the warnings it was accepted with."""
    return _version(version, version.findings)


def rating_order_document(operator_id: str, order: RatingOrder, remark: str) -> dict[str, Any]:
    """An order that was given; `remark` tells why it is not followed, and is null where it is."""
    return {
        "order_id": order.order_id,
        "operator_id": operator_id,
        "ordered_at": utc_text(order.at),
        "started_from": utc_text(order.started_from),
        "started_before": utc_text(order.started_before),
        "sessions_of_tariff": order.sessions_of_tariff,
        "tariff_id": order.published.tariff_id,
        "hash": order.published.hash,
        "reason": order.reason,
        "remark": remark or None,
    }


def published_document(version: PublishedTariff) -> dict[str, Any]:
    """A version as `version_document` tells it, with how many `sessions` are rated by it."""
    return _version(version, version.warnings) | {"sessions": version.sessions}


def _version(version: TariffVersion | PublishedTariff, warnings: Iterable[Mapping[str, str]]) -> dict[str, Any]:
    return {
        "operator_id": version.operator_id,
        "tariff_id": version.tariff_id,
        "partner": version.partner,
        "effective_from": format_time(version.effective_from),
        "published": format_time(version.published_at),
        "hash": version.hash,
        "warnings": [dict(warning) for warning in warnings],
    }


def tariff_document(versions: Sequence[PublishedTariff]) -> dict[str, Any]:
    """A tariff with its versions, one at least, and the OCPI object of each; `sessions` are those of all of them."""
    return {
        "operator_id": versions[-1].operator_id,
        "tariff_id": versions[-1].tariff_id,
        "sessions": sum({each.hash: each.sessions for each in versions}.values()),
        "versions": [published_document(each) | {"tariff": dict(each.tariff)} for each in versions],
    }
