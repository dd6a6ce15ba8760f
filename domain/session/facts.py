"""Facts about a session, as sources reported them: each acts at its own time, whenever it arrives."""

from collections.abc import Callable, Mapping
from dataclasses import fields, replace
from datetime import datetime
from enum import StrEnum
from typing import Any

from domain.calendar import instant
from domain.catalogue.parties import partner_key
from domain.exact import Exact, exact
from domain.fact import Fact
from domain.money import minor_of
from domain.session.roaming_facts import ROAMING_PARSERS
from domain.values import named_value


class RefundBearer(StrEnum):
    """At whose cost money goes back to a driver; SHARED: the operator's, and the platform's in its commission."""

    OPERATOR = "OPERATOR"
    PLATFORM = "PLATFORM"
    SHARED = "SHARED"


class Verdict(StrEnum):
    """What a person who looked at a session says: bill what its registers say, or it was none."""

    BILL = "BILL"
    VOID = "VOID"


class DisputeOutcome(StrEnum):
    """How a dispute ended, as the operator sees it."""

    WON = "WON"
    LOST = "LOST"


@named_value
class Started(Fact):
    """`charging.session.started`; `partner` is set when the token belongs to a party (it may be a roaming one).

    `authorization_reference` is the partner's own name of its authorization, where it gave one.
    """

    operator_id: str
    location_id: str
    evse_uid: str
    connector_id: str
    register_wh: Exact
    tariff_id: str
    auth_method: str
    token: Mapping[str, str] | None
    partner: str | None
    reserved_from: datetime | None
    no_show: bool = False
    authorization_reference: str | None = None
    wallet_id: str | None = None
    discount_ids: tuple[str, ...] = ()


@named_value
class Metered(Fact):
    """`charging.session.metered`: a cumulative register, with power and current where they were read."""

    register_wh: Exact
    power_w: Exact | None
    current_a: Exact | None
    signed_value: str | None


@named_value
class StateChanged(Fact):
    """`charging.session.state_changed`: CHARGING or IDLE from here on."""

    state: str


@named_value
class Ended(Fact):
    """`charging.session.ended`."""

    register_wh: Exact


@named_value
class ReservationExpired(Fact):
    """`charging.reservation.expired`: nobody came; what the reservation costs is rated from its start to its expiry.

    It stands for a session of its own, whose start and end it is: no energy, registers at zero.
    """

    start: Started
    end: Ended


@named_value
class MeterCorrected(Fact):
    """`charging.session.meter_corrected`: the later truth about registers and times; None where it says nothing."""

    start_wh: Exact | None = None
    stop_wh: Exact | None = None
    started_at: datetime | None = None
    ended_at: datetime | None = None


@named_value
class Reviewed(Fact):
    """`charging.session.reviewed`."""

    verdict: Verdict


@named_value
class IntentDeclared(Fact):
    """`charging.session.intent_declared`: what a driver asks for; what the session is worth stays the same."""


@named_value
class Captured(Fact):
    """`payment.captured`; amounts in minor units."""

    payment_id: str
    provider: str
    currency: str
    amount: int
    fee: int
    capture_id: str | None = None


@named_value
class Failed(Fact):
    """`payment.failed`."""

    payment_id: str


@named_value
class Refunded(Fact):
    """`payment.refunded`."""

    refund_id: str
    payment_id: str
    currency: str
    amount: int
    borne_by: RefundBearer


@named_value
class RefundFailed(Fact):
    """`payment.refund_failed`: the refund did not reach the driver."""

    refund_id: str
    payment_id: str


@named_value
class Disputed(Fact):
    """`payment.disputed`."""

    dispute_id: str
    payment_id: str
    currency: str
    amount: int
    fee: int


@named_value
class DisputeClosed(Fact):
    """`payment.dispute_closed`: WON or LOST, the last word so far."""

    dispute_id: str
    payment_id: str
    outcome: DisputeOutcome


@named_value
class CapturedElsewhere(Captured):
    """A capture of a payment of this session that another session claims: a payment may pay several."""

    session_id: str = ""


class Line(StrEnum):
    """What a line of a settlement is about."""

    PAYMENT = "PAYMENT"
    REFUND = "REFUND"
    DISPUTE = "DISPUTE"
    FEE = "FEE"


@named_value
class Settled(Fact):
    """One line of a `payment.settled` that names a payment of this session; amounts in minor units.

    `gross` is None where it was stored before it was read: then the line settles whole captures. `line` is None where
    the provider does not say.
    """

    settlement_id: str
    item: int
    provider: str
    payment_id: str
    currency: str
    fee: int
    gross: int | None = None
    part: int = 1
    line: Line | None = None
    refund_id: str | None = None
    dispute_id: str | None = None


@named_value
class LineStanding(Fact):
    """Whether a line that was given to this session stands, once its settlement was told again.

    `line_id` is the fact's id of the line, of the same source; of two, the one with the higher `revision` counts.
    """

    line_id: str
    stands: bool
    revision: int


@named_value
class WalletMoved(Fact):
    """Whether a charge of a wallet for this session acts, or a refund to it, and since when (`at`).

    `id` is that of the message that said so, `name` its own id by business. Of several about one message that with
    the highest `revision` counts.
    """

    name: str
    wallet_id: str
    currency: str
    amount: int
    is_refund: bool
    stands: bool
    revision: int


@named_value
class CdrAnswered(Fact):
    """`roaming.cdr_accepted` or `roaming.cdr_rejected` about a CDR of this session."""

    cdr_id: str
    partner: str
    accepted: bool


@named_value
class CdrPaid(Fact):
    """A `roaming.invoice_paid` that bills a CDR of this session."""

    cdr_id: str
    partner: str
    invoice_id: str


def _started(data: Mapping[str, Any], source: str, id_: str) -> Started:
    token = data.get("token")
    return Started(
        at=instant(data["started_at"]),
        source=source,
        id=id_,
        operator_id=data["operator_id"],
        location_id=data["location_id"],
        evse_uid=data["evse_uid"],
        connector_id=data["connector_id"],
        register_wh=exact(data["meter_start_wh"]),
        tariff_id=data["tariff_id"],
        auth_method=data["auth_method"],
        token=token,
        partner=partner_key(token["country_code"], token["party_id"]) if token else None,
        reserved_from=_moment(data.get("reserved_from")),
        authorization_reference=data.get("authorization_reference"),
        wallet_id=data.get("wallet_id"),
        discount_ids=tuple(data.get("discount_ids") or ()),
    )


def _optional(value: Any) -> Exact | None:
    return None if value is None else exact(value)


def _moment(value: Any) -> datetime | None:
    return None if value is None else instant(value)


def _metered(data: Mapping[str, Any], source: str, id_: str) -> Metered:
    return Metered(
        at=instant(data["read_at"]),
        source=source,
        id=id_,
        register_wh=exact(data["register_wh"]),
        power_w=_optional(data.get("power_w")),
        current_a=_optional(data.get("current_a")),
        signed_value=data.get("signed_value"),
    )


def _state_changed(data: Mapping[str, Any], source: str, id_: str) -> StateChanged:
    return StateChanged(at=instant(data["at"]), source=source, id=id_, state=data["state"])


def _ended(data: Mapping[str, Any], source: str, id_: str) -> Ended:
    return Ended(at=instant(data["ended_at"]), source=source, id=id_, register_wh=exact(data["meter_stop_wh"]))


# An EVSE is reserved by a command (OCPI mod_commands, ReserveNow).
_RESERVED_BY = "COMMAND"


def _reservation_expired(data: Mapping[str, Any], source: str, id_: str) -> ReservationExpired:
    reserved_from = data["reserved_from"]
    start = {**data, "started_at": reserved_from, "reserved_from": None, "meter_start_wh": 0}
    start["auth_method"] = data.get("auth_method") or _RESERVED_BY
    expired_at = instant(data["expired_at"])
    return ReservationExpired(
        at=expired_at,
        source=source,
        id=id_,
        start=replace(_started(start, source, id_), no_show=True),
        end=Ended(at=expired_at, source=source, id=id_, register_wh=0),
    )


def _corrected(data: Mapping[str, Any], source: str, id_: str) -> MeterCorrected:
    return MeterCorrected(
        at=instant(data["corrected_at"]),
        source=source,
        id=id_,
        start_wh=_optional(data.get("meter_start_wh")),
        stop_wh=_optional(data.get("meter_stop_wh")),
        started_at=_moment(data.get("started_at")),
        ended_at=_moment(data.get("ended_at")),
    )


def _reviewed(data: Mapping[str, Any], source: str, id_: str) -> Reviewed:
    return Reviewed(at=instant(data["at"]), source=source, id=id_, verdict=Verdict(data["verdict"]))


def _intent_declared(data: Mapping[str, Any], source: str, id_: str) -> IntentDeclared:
    return IntentDeclared(at=instant(data["at"]), source=source, id=id_)


def _captured(data: Mapping[str, Any], source: str, id_: str) -> Captured:
    return Captured(
        at=instant(data["captured_at"]),
        source=source,
        id=id_,
        payment_id=data["payment_id"],
        provider=data["provider"],
        currency=data["amount"]["currency"],
        amount=minor_of(data["amount"]),
        fee=minor_of(data["fee"]),
        capture_id=data.get("capture_id"),
    )


_OF_CAPTURES = tuple(field.name for field in fields(Captured))


def _failed(data: Mapping[str, Any], source: str, id_: str) -> Failed:
    return Failed(at=instant(data["failed_at"]), source=source, id=id_, payment_id=data["payment_id"])


def _refunded(data: Mapping[str, Any], source: str, id_: str) -> Refunded:
    return Refunded(
        at=instant(data["refunded_at"]),
        source=source,
        id=id_,
        refund_id=data["refund_id"],
        payment_id=data["payment_id"],
        currency=data["amount"]["currency"],
        amount=minor_of(data["amount"]),
        borne_by=RefundBearer(data["borne_by"]),
    )


def _refund_failed(data: Mapping[str, Any], source: str, id_: str) -> RefundFailed:
    return RefundFailed(
        at=instant(data["failed_at"]),
        source=source,
        id=id_,
        refund_id=data["refund_id"],
        payment_id=data["payment_id"],
    )


def _disputed(data: Mapping[str, Any], source: str, id_: str) -> Disputed:
    return Disputed(
        at=instant(data["opened_at"]),
        source=source,
        id=id_,
        dispute_id=data["dispute_id"],
        payment_id=data["payment_id"],
        currency=data["amount"]["currency"],
        amount=minor_of(data["amount"]),
        fee=minor_of(data["fee"]),
    )


def _dispute_closed(data: Mapping[str, Any], source: str, id_: str) -> DisputeClosed:
    return DisputeClosed(
        at=instant(data["closed_at"]),
        source=source,
        id=id_,
        dispute_id=data["dispute_id"],
        payment_id=data["payment_id"],
        outcome=DisputeOutcome(data["outcome"]),
    )


def _captured_elsewhere(data: Mapping[str, Any], source: str, id_: str) -> CapturedElsewhere:
    own = _captured(data, source, id_)
    return CapturedElsewhere(session_id=data["session_id"], **{name: getattr(own, name) for name in _OF_CAPTURES})


def _line_standing(data: Mapping[str, Any], source: str, id_: str) -> LineStanding:
    return LineStanding(
        at=instant(data["settled_at"]),
        source=source,
        id=id_,
        line_id=data["line_id"],
        stands=data["stands"],
        revision=data["revision"],
    )


def _wallet_moved(*, is_refund: bool) -> Callable[[Mapping[str, Any], str, str], WalletMoved]:
    def parse(data: Mapping[str, Any], source: str, id_: str) -> WalletMoved:
        return WalletMoved(
            at=instant(data["at"]),
            source=source,
            id=data["told_id"],
            name=data["refund_id" if is_refund else "charge_id"],
            wallet_id=data["wallet_id"],
            currency=data["amount"]["currency"],
            amount=minor_of(data["amount"]),
            is_refund=is_refund,
            stands=data["stands"],
            revision=data["revision"],
        )

    return parse


def _settled(data: Mapping[str, Any], source: str, id_: str) -> Settled:
    line = data.get("kind")
    return Settled(
        at=instant(data["settled_at"]),
        source=source,
        id=id_,
        settlement_id=data["settlement_id"],
        item=data["item"],
        provider=data["provider"],
        payment_id=data["payment_id"],
        currency=data["fee"]["currency"],
        fee=minor_of(data["fee"]),
        gross=minor_of(data["gross"]) if "gross" in data else None,
        part=data.get("part") or 1,
        line=Line(line) if line else None,
        refund_id=data.get("refund_id"),
        dispute_id=data.get("dispute_id"),
    )


def _cdr_answered(accepted: bool) -> Callable[[Mapping[str, Any], str, str], CdrAnswered]:
    def parse(data: Mapping[str, Any], source: str, id_: str) -> CdrAnswered:
        return CdrAnswered(
            at=instant(data["at"]),
            source=source,
            id=id_,
            cdr_id=data["cdr_id"],
            partner=data["partner"].upper(),
            accepted=accepted,
        )

    return parse


def _cdr_paid(data: Mapping[str, Any], source: str, id_: str) -> CdrPaid:
    return CdrPaid(
        at=instant(data["paid_at"]),
        source=source,
        id=id_,
        cdr_id=data["cdr_id"],
        partner=data["partner"].upper(),
        invoice_id=data["invoice_id"],
    )


# A settlement names many payments and an invoice many CDRs: each session gets its item under a type of its own.
FACT_PARSERS: dict[str, Callable[[Mapping[str, Any], str, str], Fact]] = {
    "charging.session.started": _started,
    "charging.session.metered": _metered,
    "charging.session.state_changed": _state_changed,
    "charging.session.ended": _ended,
    "charging.session.meter_corrected": _corrected,
    "charging.session.reviewed": _reviewed,
    "charging.session.intent_declared": _intent_declared,
    "charging.reservation.expired": _reservation_expired,
    "payment.captured": _captured,
    "payment.captured.elsewhere": _captured_elsewhere,
    "payment.failed": _failed,
    "payment.refunded": _refunded,
    "payment.refund_failed": _refund_failed,
    "payment.disputed": _disputed,
    "payment.dispute_closed": _dispute_closed,
    "payment.settled.item": _settled,
    "payment.settled.standing": _line_standing,
    "wallet.charged.standing": _wallet_moved(is_refund=False),
    "wallet.refunded.standing": _wallet_moved(is_refund=True),
    "roaming.cdr_accepted": _cdr_answered(accepted=True),
    "roaming.cdr_rejected": _cdr_answered(accepted=False),
    "roaming.invoice_paid.item": _cdr_paid,
    **ROAMING_PARSERS,
}


def parse_fact(type_: str, data: Mapping[str, Any], source: str, id_: str) -> Fact:
    """The fact a session message states; raises KeyError for a type that is not about a session."""
    return FACT_PARSERS[type_](data, source, id_)
