"""Examples of objects that hold others: of what a session is told with, and of OCPI's CDRs."""

from typing import Any, Final

from api.shapes import Loose
from projections.documents.sessions import AMOUNTS

# What a session has once it is rated.
OF_RATED: Final = ("energy_wh", "currency", *AMOUNTS)
SESSION: Final[dict[str, Any]] = {
    "session_id": "S-1001",
    "operator_id": "OP-NL",
    "state": "RATED",
    "reason": "",
    "energy_wh": "14320.5",
    "currency": "EUR",
    "net": "9.77",
    "vat": "2.05",
    "gross": "11.82",
    "commission": "0.73",
    "commission_vat": "0.15",
    "operator_share": "10.94",
}
# Of an OCPI object the fields that are asked for most.
CDR: Final = Loose(
    {
        "id": "1199d82b-26f5-54bf-9f0b-e1c2162f5994",
        "session_id": "S-1001",
        "start_date_time": "2026-03-25T10:00:00Z",
        "end_date_time": "2026-03-25T10:42:00Z",
        "currency": "EUR",
        "total_cost": {"excl_vat": 9.77, "incl_vat": 11.82},
        "total_energy": 14.3205,
    },
    optional=("session_id", "start_date_time", "end_date_time", "currency", "total_cost", "total_energy"),
    free=("total_cost", "total_energy"),
    more=True,
)
# What happened to a session, of whatever kind it is.
MOMENT: Final = Loose(
    {
        "at": "2026-03-25T10:42:00Z",
        "recorded_at": "2026-03-25T10:42:03.120344Z",
        "kind": "entry",
        "id": "8e8a3e2f-6a6d-5a3c-8d5e-0f4a1b7c9d10",
        "type": "J02",
        "event_id": "0c8f9a57-3f7d-5b1c-9c54-5d8c3a1c7b20",
        "href": "/entries/8e8a3e2f-6a6d-5a3c-8d5e-0f4a1b7c9d10",
        "amount": "1.19",
        "currency": "EUR",
        "state": "RATED",
        "reason": "REGISTER_OVERLAP",
        "reverses": "0330b6a1-a3ea-540c-ace9-070090853561",
        "postings": [{"account": "2010/OP-NL", "amount": "1.19"}, {"account": "1210/adyen", "amount": "-1.19"}],
        "business_date": "2026-04-01",
        "attempt": 1,
        "source": "urn:example:gateway",
        "data": {"session_id": "S-1001"},
        "sentence": "the driver pays what was put together",
    },
    nullable=("recorded_at", "amount", "reason"),
    optional=(
        *("amount", "currency", "state", "reason", "reverses", "postings"),
        *("source", "data", "business_date", "attempt", "sentence"),
    ),
    free=("data",),
)
WHOLE_SESSION: Final = Loose(
    SESSION
    | {
        "outcome": Loose(
            {
                **SESSION,
                "shortfall": "0.00",
                "evse_uid": "NL-WAD-E1042",
                "metered": [["2026-03-25T10:42:00Z", "14320.5"]],
                "partner": "ES-LMV",
            },
            optional=(*OF_RATED, "evse_uid", "partner"),
            free=("shortfall",),
        ),
        "ratings": [
            Loose(
                {
                    "at": "2026-03-25T10:42:00Z",
                    "source": "urn:example:gateway",
                    "id": "4711",
                    "tariff": "20fb6e8623bb8b3bb7c3d5f1595ff97cd25e2ee557d50b346e9deb1fbbb19156",
                    "energy_wh": "14320.5",
                    "net": 977,
                    "gross": 1182,
                    "check": 849780123,
                    "lines": [
                        Loose(
                            {
                                "from": "2026-03-25T10:00:00Z",
                                "to": "2026-03-25T10:42:00Z",
                                "component": "ENERGY",
                                "quantity": "14.3205",
                                "unit": "kWh",
                                "price": "0.68",
                                "step_size": 1,
                                "rounded_up_by": "0.0005",
                                "vat": "21",
                                "excl_vat": "9.77",
                                "incl_vat": "11.82",
                            },
                            optional=("step_size", "rounded_up_by"),
                        )
                    ],
                    "rounding": {"sum": {"excl_vat": "9.77", "incl_vat": "11.82"}},
                    "standing": "HOLDS",
                },
                free=("rounding",),
            )
        ],
        "messages": [
            Loose(
                {
                    "type": "charging.session.ended",
                    "id": "4711",
                    "source": "urn:example:gateway",
                    "time": "2026-03-25T10:42:00Z",
                    "data": {"session_id": "S-1001", "meter_stop_wh": 1014320.5},
                },
                free=("data",),
            )
        ],
        "entries": [
            {
                "entry_id": "8e8a3e2f-6a6d-5a3c-8d5e-0f4a1b7c9d10",
                "kind": "J02",
                "effective_at": "2026-03-25T10:42:00Z",
                "currency": "EUR",
                "payout_id": "6867e67f-7e2e-50ee-8bc9-b07372d00fc2",
                "reverses": "0330b6a1-a3ea-540c-ace9-070090853561",
                "postings": [{"account": "2010/OP-NL", "amount": "0.73"}, {"account": "4010", "amount": "-0.73"}],
            }
        ],
        "energy": [
            {
                "kind": "J60",
                "effective_at": "2026-03-25T10:42:00Z",
                "debit": "9110/S-1001",
                "credit": "9100/NL-WAD-E1042",
                "wh": "14320.5",
            }
        ],
        "cdrs": [CDR],
        "payouts": [
            Loose(
                {
                    "payout_id": "6867e67f-7e2e-50ee-8bc9-b07372d00fc2",
                    "batch_id": "f777f463-621e-57dd-9192-9264c39defed",
                    "operator_id": "OP-NL",
                    "currency": "EUR",
                    "business_date": "2026-04-01",
                    "attempt": 1,
                    "amount": "10.94",
                    "reserve": "0.00",
                    "status": "PAID",
                    "status_at": "2026-04-02T10:17:00Z",
                    "reason": "AC04",
                    "fired_at": "2026-04-01T21:00:00Z",
                    "reissue_of": "0b7f9a57-3f7d-5b1c-9c54-5d8c3a1c7b20",
                    "entries": 16,
                },
                nullable=("reason", "reissue_of"),
            )
        ],
    },
    nullable=(*OF_RATED, "outcome"),
)
