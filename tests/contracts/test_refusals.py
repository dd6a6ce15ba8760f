"""Bad messages: each is refused with the code, the place and a sentence that says what to do."""

import json
from typing import Any

import pytest

from contracts.bindings import MAX_VALUE_BYTES
from contracts.refusal import MAX_SENTENCE_CHARS, RefusalCode
from contracts.upcasters import CURRENT_VERSION
from tests.contracts.builders import (
    ABSENT,
    accepted,
    as_value,
    changed,
    golden_event,
    inbound_golden,
    refused,
    required_fields,
)

STARTED = "charging.session.started/v1-card"
ROAMING = "charging.session.started/v1-roaming"
METERED = "charging.session.metered/v1-register"
STATE = "charging.session.state_changed/v1-idle"
ENDED = "charging.session.ended/v1-unplugged"
STATUS = "charging.charger.status_changed/v1-out-of-order"
OPERATOR = "operator.registered/v1-iban"
US_OPERATOR = "operator.registered/v1-routing-code"
LOCATION = "location.published/v1-two-chargers"
TARIFF = "tariff.published/v1-everything"
PARTNER = "partner.registered/v1-pay-when-paid"
CAPTURED = "payment.captured/v1-card"
YEN = "payment.captured/v1-yen"
REFUNDED = "payment.refunded/v1-shared"
DISPUTED = "payment.disputed/v1-chargeback"
CLOSED = "payment.dispute_closed/v1-lost"
SETTLED = "payment.settled/v1-two-payments"
PART = "payment.settled/v1-second-part"
INVOICE = "roaming.invoice_paid/v1-one-cdr"
FAILED = "payout.failed/v1-closed-account"
EXPIRED = "charging.reservation.expired/v1-roaming"
ORPHANS = "operator.changed/v1-orphans"
SCHEDULE = "operator.changed/v1-schedule"
SPLITS = "operator.changed/v1-splits"
HEARTBEAT = "charging.charger.heartbeat/v1-counted"
EXPLAINED = "charging.charger.outage_explained/v1-maintenance"
ANSWERED = "charging.charger.profile_answered/v1-accepted"
INTENT = "charging.session.intent_declared/v1-leaves-at-six"
LIMIT = "site.limit_set/v1-two-circuits"
MEASURED = "site.load_measured/v1-import"
ENERGY_COST = "operator.cost_declared/v1-energy"
DEMAND_COST = "operator.cost_declared/v1-demand"
LEASE = "operator.cost_declared/v1-lease"
CASH = "operator.cash_declared/v1-balance"
NOTIFY = "operator.notify_set/v1-webhook"
NOTIFY_BY_MAIL = "operator.notify_set/v1-mail"
TAXED = "tariff.published/v1-partner-and-taxes"
ORDER = "tariff.rerating_ordered/v1-one-tariff"
NEWER = "tariff.published/v1-ocpi-2-3-0"

C = RefusalCode
BAD: list[tuple[str, str, Any, RefusalCode]] = [
    # The envelope.
    (STARTED, "specversion", ABSENT, C.NOT_CLOUDEVENT),
    (STARTED, "specversion", "0.3", C.NOT_CLOUDEVENT),
    (STARTED, "specversion", 1.0, C.NOT_CLOUDEVENT),
    (STARTED, "id", ABSENT, C.MISSING_FIELD),
    (STARTED, "id", "", C.BAD_VALUE),
    (STARTED, "id", 7, C.WRONG_TYPE),
    (STARTED, "id", "x" * 256, C.BAD_VALUE),
    (STARTED, "source", "urn:gräte", C.BAD_VALUE),
    (STARTED, "subject", ABSENT, C.MISSING_FIELD),
    (STARTED, "type", ABSENT, C.MISSING_FIELD),
    (STARTED, "type", 5, C.WRONG_TYPE),
    (STARTED, "type", "charging.session.paused", C.UNKNOWN_TYPE),
    (STARTED, "type", "settlement.cdr.issued", C.UNKNOWN_TYPE),
    (STARTED, "time", ABSENT, C.MISSING_FIELD),
    (STARTED, "time", "2026-03-01T10:00:00", C.BAD_VALUE),
    (STARTED, "dataschema", 1, C.WRONG_TYPE),
    (STARTED, "data", ABSENT, C.MISSING_FIELD),
    (STARTED, "data", [], C.WRONG_TYPE),
    (STARTED, "data", "text", C.WRONG_TYPE),
    (STARTED, "data", None, C.WRONG_TYPE),
    # Identifiers.
    (STARTED, "data.session_id", "S" * 65, C.BAD_VALUE),
    (STARTED, "data.session_id", "", C.BAD_VALUE),
    (STARTED, "data.session_id", "Säule-1", C.BAD_VALUE),
    (STARTED, "data.session_id", "tab\t", C.BAD_VALUE),
    (STARTED, "data.session_id", 1001, C.WRONG_TYPE),
    (STARTED, "data.auth_method", "MAGIC", C.BAD_VALUE),
    (ROAMING, "data.token", "DE-ABC", C.WRONG_TYPE),
    (ROAMING, "data.token.party_id", "ABCD", C.BAD_VALUE),
    (ROAMING, "data.token.country_code", "DEU", C.BAD_VALUE),
    (ROAMING, "data.token.type", "TATTOO", C.BAD_VALUE),
    (ROAMING, "data.token.uid", ABSENT, C.MISSING_FIELD),
    # Times.
    (STARTED, "data.started_at", "2026-03-01T10:00:00", C.BAD_VALUE),
    (STARTED, "data.started_at", "2026-03-01", C.BAD_VALUE),
    (STARTED, "data.started_at", "2026-02-30T10:00:00Z", C.BAD_VALUE),
    (STARTED, "data.started_at", "2026-03-01T25:00:00Z", C.BAD_VALUE),
    (STARTED, "data.started_at", "2026-03-01T10:00:00+25:00", C.BAD_VALUE),
    (STARTED, "data.started_at", "0001-01-01T00:00:00+01:00", C.BAD_VALUE),
    (STARTED, "data.started_at", "9999-12-31T23:59:59-01:00", C.BAD_VALUE),
    (STARTED, "data.started_at", "٢٠٢٦-03-01T10:00:00Z", C.BAD_VALUE),
    (STARTED, "data.started_at", 1772359200, C.WRONG_TYPE),
    (STARTED, "data.started_at", None, C.WRONG_TYPE),
    # Commissions and splits.
    (OPERATOR, "data.commission.percent", ABSENT, C.MISSING_FIELD),
    (OPERATOR, "data.commission.per_session", ABSENT, C.MISSING_FIELD),
    (SCHEDULE, "data.commission.schedule", [], C.BAD_VALUE),
    (SCHEDULE, "data.commission.schedule.0.percent", "100.1", C.BAD_VALUE),
    (SCHEDULE, "data.commission.schedule.0.percent", -1, C.BAD_VALUE),
    (SCHEDULE, "data.commission.schedule.0.percent", f"1.{'0' * 39}1", C.BAD_VALUE),
    (SCHEDULE, "data.commission.schedule.0.when.channel", "CASH", C.BAD_VALUE),
    (SCHEDULE, "data.commission.schedule.0", {"when": {"channel": "CARD"}}, C.BAD_VALUE),
    (SCHEDULE, "data.commission.schedule.1.per_kwh", "-0.01", C.BAD_VALUE),
    (SCHEDULE, "data.commission.schedule.1.per_session", "0.001", C.BAD_VALUE),
    (SCHEDULE, "data.commission.schedule.2.percent", "3", C.BAD_VALUE),
    (SCHEDULE, "data.commission.schedule.2.tiers.measure", "CARS", C.BAD_VALUE),
    (SCHEDULE, "data.commission.schedule.2.tiers.window", "YEAR", C.BAD_VALUE),
    (SCHEDULE, "data.commission.schedule.2.tiers.steps", [], C.BAD_VALUE),
    (SCHEDULE, "data.commission.schedule.2.tiers.steps.0.from", "1", C.BAD_VALUE),
    (SCHEDULE, "data.commission.schedule.2.tiers.steps.1.from", "0.00", C.BAD_VALUE),
    (SCHEDULE, "data.commission.schedule.2.tiers.steps.1.from", "5000.001", C.BAD_VALUE),
    (SCHEDULE, "data.commission.schedule.2.tiers.steps.1", {"from": "9", "percent": 1, "per_kwh": "1"}, C.BAD_VALUE),
    (SPLITS, "data.splits.0.operator_id", "OP-1", C.BAD_VALUE),
    (SPLITS, "data.splits.0.percent", "101", C.BAD_VALUE),
    (SPLITS, "data.splits.0.role", "", C.BAD_VALUE),
    (SPLITS, "data.splits.1.per_kwh", "-0.02", C.BAD_VALUE),
    (SPLITS, "data.splits.1.base", "NET", C.BAD_VALUE),
    (SPLITS, "data.splits", [{"operator_id": f"P-{n}", "role": "host", "percent": 60} for n in (1, 2)], C.BAD_VALUE),
    # Energy and measurements.
    (METERED, "data.register_wh", -1, C.BAD_VALUE),
    (METERED, "data.register_wh", "-0.5", C.BAD_VALUE),
    (METERED, "data.register_wh", 1207000.0, C.WRONG_TYPE),
    (METERED, "data.register_wh", 2**64, C.WRONG_TYPE),
    (METERED, "data.register_wh", 10**14, C.BAD_VALUE),
    (METERED, "data.register_wh", "NaN", C.BAD_VALUE),
    (METERED, "data.register_wh", "Infinity", C.BAD_VALUE),
    (METERED, "data.register_wh", "1E5", C.BAD_VALUE),
    (METERED, "data.register_wh", " 5", C.BAD_VALUE),
    (METERED, "data.register_wh", "5\n", C.BAD_VALUE),
    (METERED, "data.register_wh", "5 kWh", C.BAD_VALUE),
    (METERED, "data.register_wh", True, C.WRONG_TYPE),
    (METERED, "data.register_wh", None, C.WRONG_TYPE),
    (METERED, "data.power_w", "fast", C.BAD_VALUE),
    (METERED, "data.power_w", 1e300, C.BAD_VALUE),
    (METERED, "data.soc_percent", [80], C.WRONG_TYPE),
    (METERED, "data.signed_value", {"a": 1}, C.WRONG_TYPE),
    (STATE, "data.state", "PARKED", C.BAD_VALUE),
    (ENDED, "data.reason", "nul \x00 inside", C.BAD_VALUE),
    (STATUS, "data.status", "BROKEN", C.BAD_VALUE),
    # Money.
    (CAPTURED, "data.amount", 7.11, C.WRONG_TYPE),
    (CAPTURED, "data.amount", "7.11 EUR", C.WRONG_TYPE),
    (CAPTURED, "data.amount.amount", 7.11, C.WRONG_TYPE),
    (CAPTURED, "data.amount.amount", 7, C.WRONG_TYPE),
    (CAPTURED, "data.amount.amount", "7.111", C.BAD_VALUE),
    (CAPTURED, "data.amount.amount", "7.110", C.BAD_VALUE),
    (CAPTURED, "data.amount.amount", "-7.11", C.BAD_VALUE),
    (CAPTURED, "data.amount.amount", "7,11", C.BAD_VALUE),
    (CAPTURED, "data.amount.amount", "+7.11", C.BAD_VALUE),
    (CAPTURED, "data.amount.amount", "7.", C.BAD_VALUE),
    (CAPTURED, "data.amount.amount", "NaN", C.BAD_VALUE),
    (CAPTURED, "data.amount.amount", "1E1", C.BAD_VALUE),
    (CAPTURED, "data.amount.amount", "", C.BAD_VALUE),
    (CAPTURED, "data.amount.amount", "9" * 15, C.BAD_VALUE),
    (CAPTURED, "data.amount.currency", "EURO", C.BAD_VALUE),
    (CAPTURED, "data.amount.currency", "eur", C.BAD_VALUE),
    (CAPTURED, "data.amount.currency", "XXX", C.BAD_VALUE),
    (CAPTURED, "data.amount.currency", "XAU", C.BAD_VALUE),
    (CAPTURED, "data.amount.currency", 978, C.WRONG_TYPE),
    (CAPTURED, "data.amount.currency", ABSENT, C.MISSING_FIELD),
    (CAPTURED, "data.fee.currency", "USD", C.CURRENCY_MISMATCH),
    (CAPTURED, "data.fee.amount", "-0.15", C.BAD_VALUE),
    (YEN, "data.amount.amount", "1200.5", C.BAD_VALUE),
    (REFUNDED, "data.amount.amount", "0.00", C.BAD_VALUE),
    (REFUNDED, "data.borne_by", "DRIVER", C.BAD_VALUE),
    (DISPUTED, "data.amount.amount", "0", C.BAD_VALUE),
    (DISPUTED, "data.fee.currency", "USD", C.CURRENCY_MISMATCH),
    (CLOSED, "data.outcome", "DRAW", C.BAD_VALUE),
    (SETTLED, "data.items", {}, C.WRONG_TYPE),
    (SETTLED, "data.items", ABSENT, C.MISSING_FIELD),
    (SETTLED, "data.items.1.gross.amount", "1.001", C.BAD_VALUE),
    (SETTLED, "data.items.1.kind", "REBATE", C.BAD_VALUE),
    (SETTLED, "data.items.1.refund_id", "", C.BAD_VALUE),
    (SETTLED, "data.part", 0, C.BAD_VALUE),
    (SETTLED, "data.part", "1", C.WRONG_TYPE),
    (SETTLED, "data.parts", 10_001, C.BAD_VALUE),
    (PART, "data.part", 4, C.BAD_VALUE),
    (PART, "data.items.1.payment_id", ABSENT, C.MISSING_FIELD),
    (SETTLED, "data.items.1.fee.currency", "GBP", C.CURRENCY_MISMATCH),
    (SETTLED, "data.items.0.payment_id", ABSENT, C.MISSING_FIELD),
    (INVOICE, "data.partner", "DE_ABC", C.BAD_VALUE),
    (INVOICE, "data.cdr_ids.0", 5, C.WRONG_TYPE),
    (INVOICE, "data.cdr_ids", [], C.BAD_VALUE),
    # Reservations that nobody used.
    (EXPIRED, "data.expired_at", "2026-03-01T10:29:59Z", C.BAD_VALUE),
    (EXPIRED, "data.auth_method", "MAGIC", C.BAD_VALUE),
    (EXPIRED, "data.token.uid", ABSENT, C.MISSING_FIELD),
    # The catalogue.
    (OPERATOR, "data.country_code", "nl", C.BAD_VALUE),
    (OPERATOR, "data.country_code", "ZZ", C.BAD_VALUE),
    (OPERATOR, "data.time_zone", "Europe/Atlantis", C.BAD_VALUE),
    (OPERATOR, "data.time_zone", "../etc/passwd", C.BAD_VALUE),
    (OPERATOR, "data.currency", "EURO", C.BAD_VALUE),
    (OPERATOR, "data.commission.percent", "101", C.BAD_VALUE),
    (OPERATOR, "data.commission.percent", "-1", C.BAD_VALUE),
    (OPERATOR, "data.commission.per_session", 0.1, C.WRONG_TYPE),
    (OPERATOR, "data.commission.per_session", "0.105", C.BAD_VALUE),
    (OPERATOR, "data.psp_fee_bearer", "DRIVER", C.BAD_VALUE),
    (OPERATOR, "data.fund_release", "NEVER", C.BAD_VALUE),
    (OPERATOR, "data.payout.cutoff_time", "24:00", C.BAD_VALUE),
    (OPERATOR, "data.payout.cutoff_time", "3:00", C.BAD_VALUE),
    (OPERATOR, "data.payout.delay_days", -1, C.BAD_VALUE),
    (OPERATOR, "data.payout.delay_days", "1", C.WRONG_TYPE),
    (OPERATOR, "data.payout.minimum", "-1.00", C.BAD_VALUE),
    (OPERATOR, "data.payout.minimum", "1.001", C.BAD_VALUE),
    (OPERATOR, "data.payout.reserve_percent", "200", C.BAD_VALUE),
    (OPERATOR, "data.payout.business_days_only", "yes", C.WRONG_TYPE),
    (OPERATOR, "data.payout.holiday_calendar", "ATLANTIS", C.BAD_VALUE),
    (OPERATOR, "data.payout.holiday_calendar", "DE-XX", C.BAD_VALUE),
    (ORPHANS, "data.orphan_hours", 0, C.BAD_VALUE),
    (ORPHANS, "data.orphan_hours", 8761, C.BAD_VALUE),
    (ORPHANS, "data.orphan_hours", 1.5, C.WRONG_TYPE),
    (OPERATOR, "data.bank_account", "NL91ABNA0417164300", C.WRONG_TYPE),
    (OPERATOR, "data.bank_account.iban", "NL91-ABNA-0417-1643-00", C.BAD_VALUE),
    (OPERATOR, "data.bank_account.iban", "NL9 ABNA 0417 1643 00", C.BAD_VALUE),
    (OPERATOR, "data.bank_account.bic", "ABNA", C.BAD_VALUE),
    (US_OPERATOR, "data.bank_account.routing_code", ABSENT, C.MISSING_FIELD),
    (US_OPERATOR, "data.bank_account.routing_code", "021000012", C.BAD_VALUE),
    (US_OPERATOR, "data.bank_account.routing_code", "21000021", C.BAD_VALUE),
    (US_OPERATOR, "data.bank_account.routing_code", "000000000", C.BAD_VALUE),
    (PARTNER, "data.funding", "LATER", C.BAD_VALUE),
    (PARTNER, "data.fee.per_session", "0.001", C.BAD_VALUE),
    (PARTNER, "data.payment_terms_days", -1, C.BAD_VALUE),
    (LOCATION, "data.location.country", "NL", C.BAD_VALUE),
    (LOCATION, "data.location.coordinates.latitude", 52.3, C.WRONG_TYPE),
    (LOCATION, "data.location.evses.0.uid", ABSENT, C.MISSING_FIELD),
    (LOCATION, "data.location.evses.1.connectors.0.max_voltage", "high", C.BAD_VALUE),
    (TARIFF, "data.tariff.currency", "EURO", C.BAD_VALUE),
    (TARIFF, "data.tariff.elements", [], C.BAD_VALUE),
    (TARIFF, "data.tariff.elements.0.price_components.0.step_size", -1, C.BAD_VALUE),
    (TARIFF, "data.tariff.elements.0.price_components.0.price", "free", C.BAD_VALUE),
    (TARIFF, "data.tariff.elements.0.price_components.0.price", None, C.WRONG_TYPE),
    (TARIFF, "data.tariff.elements.0.price_components.1.step_size", 1.5, C.BAD_VALUE),
    (TARIFF, "data.tariff.elements.0.price_components.1.step_size", ABSENT, C.MISSING_FIELD),
    (TARIFF, "data.tariff.elements.0.restrictions.start_time", "8:00", C.BAD_VALUE),
    (TARIFF, "data.tariff.elements.0.restrictions.day_of_week.0", "FUNDAY", C.BAD_VALUE),
    (TARIFF, "data.tariff.elements.0.restrictions.end_date", "2026-02-30", C.BAD_VALUE),
    (TARIFF, "data.tariff.min_price.excl_vat", 51, C.BAD_VALUE),
    (TARIFF, "data.tariff.last_updated", "yesterday", C.BAD_VALUE),
    # Tariffs as a linter reads them.
    (TARIFF, "data.tariff.elements.0.price_components.0.type", "SUN_TAX", C.BAD_VALUE),
    (TARIFF, "data.tariff.elements.0.price_components.0.vat", -1, C.BAD_VALUE),
    (TARIFF, "data.tariff.elements.1.restrictions.reservation", "RESERVATION_OVERTIME", C.BAD_VALUE),
    (TARIFF, "data.tariff.elements.0.restrictions.end_time", "24:00", C.BAD_VALUE),
    (TARIFF, "data.tariff.start_date_time", "2027-01-01T00:00:00Z", C.BAD_VALUE),
    (NEWER, "data.tariff.tax_included", "MAYBE", C.BAD_VALUE),
    (NEWER, "data.tariff.tax_included", True, C.BAD_VALUE),
    (NEWER, "data.tariff.min_price.before_taxes", 101, C.BAD_VALUE),
    (NEWER, "data.tariff.min_price.after_taxes", 122, C.BAD_VALUE),
    (NEWER, "data.tariff.min_price.before_taxes", ABSENT, C.MISSING_FIELD),
    (NEWER, "data.tariff.min_price.excl_vat", 1, C.BAD_VALUE),
    (TAXED, "data.partner", "DE_ABC", C.BAD_VALUE),
    (TAXED, "data.taxes.0.name", "", C.BAD_VALUE),
    (TAXED, "data.taxes.0.name", " ", C.BAD_VALUE),
    (TAXED, "data.taxes.0.percent", "-5", C.BAD_VALUE),
    (TAXED, "data.taxes.1.percent", 101, C.BAD_VALUE),
    (TAXED, "data.taxes.0.account_number", 7, C.WRONG_TYPE),
    (TAXED, "data.taxes", {"name": "GST", "percent": 5}, C.WRONG_TYPE),
    (ORDER, "data.reason", "", C.BAD_VALUE),
    (ORDER, "data.reason", "x" * 256, C.BAD_VALUE),
    (ORDER, "data.started_before", "2026-03-01T00:00:00Z", C.BAD_VALUE),
    (ORDER, "data.ordered_at", "today", C.BAD_VALUE),
    (ORDER, "data.tariff.currency", "EURO", C.BAD_VALUE),
    # Chargers, sites, and what operators declare.
    (HEARTBEAT, "data.interval_s", 0, C.BAD_VALUE),
    (HEARTBEAT, "data.interval_s", "300", C.WRONG_TYPE),
    (HEARTBEAT, "data.seq", -1, C.BAD_VALUE),
    (EXPLAINED, "data.to", "2026-03-01T11:59:59Z", C.BAD_VALUE),
    (EXPLAINED, "data.cause", "WEATHER", C.BAD_VALUE),
    (EXPLAINED, "data.evidence", "see the ticket", C.BAD_VALUE),
    (ANSWERED, "data.status", "MAYBE", C.BAD_VALUE),
    (INTENT, "data.need_wh", -1, C.BAD_VALUE),
    (INTENT, "data.priority", 10, C.BAD_VALUE),
    (INTENT, "data.phases", 4, C.BAD_VALUE),
    (INTENT, "data.max_a", -6, C.BAD_VALUE),
    (LIMIT, "data.effective_to", "2026-02-28T00:00:00Z", C.BAD_VALUE),
    (LIMIT, "data.circuits", [], C.BAD_VALUE),
    (LIMIT, "data.circuits.1.circuit_id", "main", C.BAD_VALUE),
    (LIMIT, "data.circuits.1.parent", "cellar", C.BAD_VALUE),
    (LIMIT, "data.circuits.1.parent", "garage", C.BAD_VALUE),
    (LIMIT, "data.circuits.1.max_a", ABSENT, C.BAD_VALUE),
    (LIMIT, "data.circuits.1.max_a", -1, C.BAD_VALUE),
    (LIMIT, "data.circuits.1.evse_uids.1.evse_uid", "EVSE-7-1", C.BAD_VALUE),
    (LIMIT, "data.circuits.1.evse_uids.0.phases", 0, C.BAD_VALUE),
    (LIMIT, "data.circuits.1.evse_uids.0.voltage_v", 0, C.BAD_VALUE),
    (LIMIT, "data.mode", "MIN_MAX", C.BAD_VALUE),
    (LIMIT, "data.reason", "WHIM", C.BAD_VALUE),
    (LIMIT, "data.step_a", 0, C.BAD_VALUE),
    (MEASURED, "data.import_wh", -1, C.BAD_VALUE),
    (MEASURED, "data.export_wh", "-0.5", C.BAD_VALUE),
    (MEASURED, "data.phase_a", [1, 2], C.BAD_VALUE),
    (MEASURED, "data.phase_a", [1, 2, 3, 4], C.BAD_VALUE),
    (ENERGY_COST, "data.kind", "COFFEE", C.BAD_VALUE),
    (ENERGY_COST, "data.price", ABSENT, C.MISSING_FIELD),
    (ENERGY_COST, "data.price.amount", "-0.01", C.BAD_VALUE),
    (ENERGY_COST, "data.price.amount", 0.18, C.WRONG_TYPE),
    (ENERGY_COST, "data.price.currency", "EURO", C.BAD_VALUE),
    (ENERGY_COST, "data.minimum_kw", 2.5, C.BAD_VALUE),
    (ENERGY_COST, "data.amount", {"amount": "1.00", "currency": "EUR"}, C.BAD_VALUE),
    (DEMAND_COST, "data.effective_to", "2026-02-28T00:00:00Z", C.BAD_VALUE),
    (DEMAND_COST, "data.price.amount", "-4.10", C.BAD_VALUE),
    (DEMAND_COST, "data.minimum_kw", -1, C.BAD_VALUE),
    (DEMAND_COST, "data.average_months", 0, C.BAD_VALUE),
    (LEASE, "data.amount", ABSENT, C.MISSING_FIELD),
    (LEASE, "data.amount.amount", "-850.00", C.BAD_VALUE),
    (LEASE, "data.amount.amount", "850.001", C.BAD_VALUE),
    (LEASE, "data.every", "YEAR", C.BAD_VALUE),
    (LEASE, "data.due_day", 32, C.BAD_VALUE),
    (LEASE, "data.price", {"amount": "1", "currency": "EUR"}, C.BAD_VALUE),
    (CASH, "data.amount", "12500.00", C.WRONG_TYPE),
    (CASH, "data.amount.amount", "1.005", C.BAD_VALUE),
    (NOTIFY, "data.events", [], C.BAD_VALUE),
    (NOTIFY, "data.events.0", "Payout paid", C.BAD_VALUE),
    (NOTIFY, "data.channel", "PIGEON", C.BAD_VALUE),
    (NOTIFY, "data.target", "hooks.example.org", C.BAD_VALUE),
    (NOTIFY, "data.target", "https://", C.BAD_VALUE),
    (NOTIFY, "data.target", "https://hooks.example.org:none/", C.BAD_VALUE),
    (NOTIFY, "data.target", "https://hooks.example.org/a b", C.BAD_VALUE),
    (NOTIFY_BY_MAIL, "data.target", "desk", C.BAD_VALUE),
    (NOTIFY_BY_MAIL, "data.target", "desk@example.org,all@example.org", C.BAD_VALUE),
    (NOTIFY_BY_MAIL, "data.target", "desk@example.org\r\nBcc: all@example.org", C.BAD_VALUE),
    (NOTIFY_BY_MAIL, "data.language", "tlh", C.BAD_VALUE),
    (NOTIFY, "data.digest", "WEEKLY", C.BAD_VALUE),
    (NOTIFY, "data.quiet.to", "22:00", C.BAD_VALUE),
    (NOTIFY, "data.quiet.to", "24:30", C.BAD_VALUE),
    (NOTIFY, "data.min_severity", "DIRE", C.BAD_VALUE),
    (LOCATION, "data.location.time_zone", "Europe/Atlantis", C.BAD_VALUE),
    # Of every type, each field that it cannot do without.
    *(
        (str(golden), f"data.{name}", ABSENT, C.MISSING_FIELD)
        for golden in inbound_golden()
        if golden.version == CURRENT_VERSION
        for name in required_fields(golden.type)
    ),
]


def path_shown(path: str) -> str:
    """The path as a refusal writes it: `a.0.b` is `a[0].b`."""
    return "".join(f"[{step}]" if step.isdigit() else f".{step}" for step in path.split(".")).strip(".")


@pytest.mark.parametrize(("name", "path", "value", "code"), BAD, ids=lambda part: str(part)[:40])
def test_a_bad_field_is_refused_with_its_code_and_its_path(
    name: str, path: str, value: object, code: RefusalCode
) -> None:
    refusal = refused(as_value(changed(name, path, value)))
    assert (refusal.code, refusal.path) == (code, path_shown(path))
    assert refusal.path in refusal.sentence
    assert len(refusal.sentence) <= MAX_SENTENCE_CHARS


def test_a_refusal_knows_the_identity_of_its_event() -> None:
    event = changed(METERED, "data.register_wh", -1)
    refusal = refused(as_value(event))
    assert (refusal.id, refusal.source, refusal.type) == (event["id"], event["source"], event["type"])


def test_half_an_identity_is_none() -> None:
    refusal = refused(as_value(changed(METERED, "source", 7)))
    assert (refusal.id, refusal.source, refusal.type) == (None, None, "charging.session.metered")


def test_a_correction_that_corrects_nothing_is_refused() -> None:
    refusal = refused(as_value(changed("charging.session.meter_corrected/v1-stop", "data.meter_stop_wh", ABSENT)))
    assert (refusal.code, refusal.path) == (C.MISSING_FIELD, "data.meter_stop_wh")


def test_account_numbers_do_not_leak_into_sentences() -> None:
    refusal = refused(as_value(changed(OPERATOR, "data.bank_account.iban", "NL91-ABNA-0417-1643-00")))
    assert "ABNA" not in refusal.sentence


def test_a_second_fault_is_counted() -> None:
    event = changed(METERED, "data.register_wh", -1)
    del event["data"]["session_id"]
    assert refused(as_value(event)).sentence.endswith("1 more to mend")


@pytest.mark.parametrize("literal", ["NaN", "Infinity", "-Infinity"])
def test_a_number_that_json_does_not_have_is_named_where_it_stands(literal: str) -> None:
    event = changed(METERED, "data.register_wh", float(literal.replace("Infinity", "inf")))
    assert literal.encode() in as_value(event)
    refusal = refused(as_value(event))
    assert (refusal.code, refusal.path) == (C.NOT_JSON, "data.register_wh")
    assert refusal.id == event["id"]


def test_a_number_too_large_for_any_reader_is_named_where_it_stands() -> None:
    value = as_value(golden_event(METERED)).replace(b"1207000", b"1e400")
    assert (refused(value).code, refused(value).path) == (C.NOT_JSON, "data.register_wh")


@pytest.mark.parametrize(
    ("value", "code"),
    [
        (None, C.NOT_JSON),
        (b"", C.NOT_JSON),
        (b"not json", C.NOT_JSON),
        (b'{"specversion":"1.0"', C.NOT_JSON),
        (b"\xff\xfe\x00", C.NOT_JSON),
        (b'"\\ud800"', C.NOT_JSON),
        (b"\xef\xbb\xbf{}", C.NOT_JSON),
        (b"[" * 5000, C.NOT_JSON),
        (b"[" * 100_000 + b"]" * 100_000, C.NOT_JSON),
        (b"9" * 5000, C.NOT_JSON),
        (b"{}", C.NOT_CLOUDEVENT),
        (b"[]", C.NOT_CLOUDEVENT),
        (b"null", C.NOT_CLOUDEVENT),
        (b"7", C.NOT_CLOUDEVENT),
        (b'"text"', C.NOT_CLOUDEVENT),
        (b'{"data":{}}', C.NOT_CLOUDEVENT),
    ],
    ids=lambda part: repr(part)[:30],
)
def test_a_value_that_is_no_event_is_refused(value: bytes | None, code: RefusalCode) -> None:
    refusal = refused(value)
    assert refusal.code is code
    assert (refusal.id, refusal.source, refusal.type) == (None, None, None)


def test_a_batch_of_events_is_no_event() -> None:
    assert refused(json.dumps([golden_event(METERED)]).encode()).code is C.NOT_CLOUDEVENT


def test_a_value_larger_than_a_record_is_refused_unread() -> None:
    assert refused(b" " * (MAX_VALUE_BYTES + 1)).code is C.TOO_LARGE


def test_unknown_fields_nested_without_end_are_refused() -> None:
    event = golden_event(METERED)
    nested: list[Any] = []
    for _ in range(300):
        nested = [nested]
    event["data"]["new"] = nested
    assert (refused(as_value(event)).code, refused(as_value(event)).path) == (C.BAD_VALUE, "data")


def test_half_a_surrogate_pair_in_a_key_gives_a_path_that_can_be_written() -> None:
    value = as_value(changed(METERED, "data.x", {"\ud800": float("nan")}))
    assert refused(value).path.encode()


def test_a_nul_in_a_key_gives_a_path_that_can_be_stored() -> None:
    value = as_value(changed(METERED, "data.x", {"\x00": float("nan")}))
    assert refused(value).path == r"data.x.\x00"


def test_everything_wrong_with_a_tariff_is_counted_and_the_first_is_named() -> None:
    event = changed(TARIFF, "data.tariff.elements.0.restrictions.min_kwh", 100)
    del event["data"]["tariff"]["elements"][1:]
    event["data"]["tariff"]["elements"][0]["restrictions"]["max_power"] = 0
    event["data"]["tariff"]["min_price"]["excl_vat"] = 51
    refusal = refused(as_value(event))
    assert refusal.path == "data.tariff.elements[0].restrictions.min_kwh"
    assert refusal.sentence.endswith("(100) is not below max_kwh (80.5): the element never holds; 2 more to mend")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("min_kwh", 80.5),
        ("max_kwh", 0),
        ("min_current", 96),
        ("min_power", "150.0"),
        ("min_duration", 86_401),
        ("max_duration", 0),
        ("start_date", "2027-01-01"),
    ],
)
def test_an_element_that_never_holds_is_taken_beside_another_and_refused_alone(name: str, value: object) -> None:
    event = changed(TARIFF, f"data.tariff.elements.0.restrictions.{name}", value)
    accepted(as_value(event))
    del event["data"]["tariff"]["elements"][1:]
    refusal = refused(as_value(event))
    assert (refusal.code, refusal.path) == (C.BAD_VALUE, f"data.tariff.elements[0].restrictions.{name}")


@pytest.mark.parametrize(("path", "value"), [("tax_included", "NO"), ("min_price.before_taxes", 1)])
def test_a_tariff_is_of_one_version_of_ocpi(path: str, value: object) -> None:
    refusal = refused(as_value(changed(TARIFF, f"data.tariff.{path}", value)))
    assert (refusal.code, refusal.path) == (C.BAD_VALUE, "data.tariff.min_price.excl_vat")
    assert "belongs to OCPI 2.2.1" in refusal.sentence
