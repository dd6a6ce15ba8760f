"""`wattledger price`: totals and explanations of CDRs, the choice of tariff, zone and form, refusals in one line."""

import csv
import json
from copy import deepcopy
from decimal import Decimal
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.rating.rating_builders import component, document, element
from tests.rating.test_vectors import FILES, VECTORS, differences
from tests.support.examples import examples
from wattledger.cli import main

ENERGY = document(element(component("ENERGY", 0.5, vat=20)))
NORTH = document(element(component("TIME", 2)), id="CA-1", tax_included="NO", currency="CAD")


def stretch(start: str, tariff_id: str | None = None, **volumes: Any) -> dict[str, Any]:
    found: dict[str, Any] = {
        "start_date_time": f"2024-03-05T{start}:00Z",
        "dimensions": [{"type": kind, "volume": volume} for kind, volume in volumes.items()],
    }
    return found if tariff_id is None else found | {"tariff_id": tariff_id}


def cdr(*periods: dict[str, Any], tariffs: Any = (ENERGY,), end: str = "11:00", **fields: Any) -> dict[str, Any]:
    return {
        "start_date_time": "2024-03-05T09:00:00Z",
        "end_date_time": f"2024-03-05T{end}:00Z",
        "currency": "EUR",
        "tariffs": list(tariffs),
        "charging_periods": list(periods or (stretch("09:00", ENERGY=10, TIME=2),)),
        "last_updated": "2024-03-05T12:00:00Z",
        **fields,
    }


def older(document: dict[str, Any]) -> dict[str, Any]:
    """A CDR as OCPI 2.1.1 has its end."""
    return {**document, "stop_date_time": document["end_date_time"], "end_date_time": None}


def element_only(document: dict[str, Any]) -> dict[str, Any]:
    """A tariff as OCPI 2.1.1 has it: it does not say whose it is."""
    return {name: value for name, value in document.items() if name not in ("country_code", "party_id")}


class Desk:
    """Where CDRs are put and priced."""

    def __init__(self, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.folder = folder
        self.capsys = capsys
        self.note = ""

    def file(self, content: Any, name: str = "cdr.json") -> str:
        path = self.folder / name
        path.write_text(content if isinstance(content, str) else json.dumps(content))
        return str(path)

    def price(self, content: Any, *options: str) -> dict[str, Any]:
        status = main(["price", self.file(content), *options, "--json"])
        said = self.capsys.readouterr()
        self.note = said.err
        assert status == 0
        assert all(line.startswith("wattledger: ") for line in self.note.splitlines())
        found: dict[str, Any] = json.loads(said.out, parse_float=Decimal)
        return found

    def refusal(self, content: Any, *options: str) -> tuple[int, str]:
        """The exit status and the one line of a refusal."""
        status = main(["price", self.file(content), *options])
        said = self.capsys.readouterr()
        assert said.out == ""
        assert said.err.startswith("wattledger: ")
        assert said.err.count("\n") == 1
        assert "unexpected" not in said.err
        return status, said.err


@pytest.fixture
def desk(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Desk:
    return Desk(tmp_path, capsys)


@pytest.mark.skipif(not VECTORS.is_dir(), reason="the pricing vectors are not beside the project")
@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_published_case_comes_out_of_the_command_as_expected(path: Path, desk: Desk) -> None:
    case = json.loads(path.read_text(encoding="utf-8"))
    own = desk.price(case["cdr"], "--time-zone", case["timezone"])
    nothing = dict.fromkeys(case["expected"])
    assert not differences(case["expected"], nothing | own)
    given_tariff = desk.file(case["tariff"], "tariff.json")
    bare = {name: value for name, value in case["cdr"].items() if name != "tariffs"}
    assert desk.price(bare, "--time-zone", case["timezone"], "--tariff", given_tariff) == own
    newer = desk.price(case["cdr"], "--time-zone", case["timezone"], "--ocpi", "2.3.0", "--explain")
    for name, amount in own.items():
        if isinstance(amount, dict):
            taxes = sum((tax["amount"] for tax in newer[name]["taxes"]), Decimal(0))
            assert newer[name]["before_taxes"] == amount["excl_vat"]
            assert newer[name]["before_taxes"] + taxes == amount["incl_vat"]
    assert Decimal(newer["rounding"]["ocpi"]["incl_vat"]) == abs(own["total_cost"]["incl_vat"])


def test_the_tariff_is_the_one_that_the_periods_name_else_the_first(desk: Desk) -> None:
    other = document(element(component("ENERGY", 2)), id="Other")
    both = (ENERGY, other)
    assert desk.price(cdr(tariffs=both))["total_cost"]["excl_vat"] == 5
    named = cdr(stretch("09:00", "OTHER", ENERGY=10), tariffs=both)
    assert desk.price(named)["total_cost"]["excl_vat"] == 20
    assert desk.price(named, "--tariff", desk.file(ENERGY, "t.json"))["total_cost"]["excl_vat"] == 5


def test_a_session_of_two_tariffs_is_priced_part_by_part_and_only_the_last_rounds_up(desk: Desk) -> None:
    cheap = document(element(component("ENERGY", 0.2, step=500), component("FLAT", 1)), id="CHEAP")
    fast = document(
        element(component("ENERGY", 9), max_kwh=4),
        element(component("ENERGY", 0.5, step=500), component("FLAT", 3)),
        id="FAST",
    )
    session = cdr(
        stretch("09:00", "CHEAP", ENERGY=4.3, TIME=1),
        stretch("10:00", "FAST", ENERGY=1.1, TIME=1),
        tariffs=(cheap, fast),
    )
    found = desk.price(session, "--explain")
    # 4.3 kWh exactly as used, 1.1 raised to 1.5 at the later price, and the fee of the first tariff alone.
    assert found["total_energy_cost"]["excl_vat"] == Decimal("1.61")
    assert found["total_fixed_cost"]["excl_vat"] == 1
    assert (found["total_energy"], found["total_time"]) == (Decimal("5.4"), 2)
    assert [(line["tariff_id"], line["component"], line["period"]) for line in found["lines"]] == [
        ("CHEAP", "ENERGY", 0),
        ("CHEAP", "FLAT", 0),
        ("FAST", "ENERGY", 1),
    ]
    assert [(step["before"], step["after"]) for step in found["rounding"]["steps"]] == [("1.1", "1.5")]


def test_a_period_that_names_no_tariff_costs_nothing_where_others_name_one(desk: Desk) -> None:
    session = cdr(
        stretch("09:00", ENERGY=1),
        stretch("09:30", "T-1", ENERGY=2.3),
        stretch("10:00", ENERGY=4),
        stretch("10:30", "t-1", ENERGY=8.3),
        tariffs=(document(element(component("ENERGY", 1, step=500))),),
    )
    found = desk.price(session)
    assert (found["total_cost"]["excl_vat"], found["total_energy"]) == (11, Decimal("15.6"))


def test_a_tariff_that_is_named_and_not_carried_is_told(desk: Desk) -> None:
    status, said = desk.refusal(cdr(stretch("09:00", "GONE", ENERGY=1)))
    assert status == 1
    assert "'gone'" in said
    assert "t-1" in said


def test_prices_have_the_form_of_the_tariff_or_the_one_asked_for(desk: Desk) -> None:
    older = desk.price(cdr())
    assert older["total_cost"] == {"excl_vat": 5, "incl_vat": 6}
    newer = {"before_taxes": 5, "taxes": [{"name": "VAT", "percentage": 20, "amount": 1}]}
    assert desk.price(cdr(), "--ocpi", "2.3.0")["total_cost"] == newer
    included = document(element(component("ENERGY", 0.6, vat=20)), tax_included="YES")
    assert desk.price(cdr(tariffs=[included]))["total_cost"] == newer
    assert desk.price(cdr(tariffs=[included]), "--ocpi", "2.2.1") == older


def test_taxes_are_given_by_name_and_told_one_by_one(desk: Desk) -> None:
    found = desk.price(cdr(tariffs=[NORTH]), "--tax", "GST=5", "--tax", "QST=9.975")
    assert found["total_cost"] == {
        "before_taxes": 4,
        "taxes": [
            {"name": "GST", "percentage": 5, "amount": Decimal("0.2")},
            {"name": "QST", "percentage": Decimal("9.975"), "amount": Decimal("0.399")},
        ],
    }
    assert desk.price(cdr(tariffs=[NORTH]))["total_cost"] == {"before_taxes": 4, "taxes": []}


def test_a_credit_negates_the_total_and_its_taxes_and_nothing_else(desk: Desk) -> None:
    credit = cdr(credit=True, credit_reference_id="C-1")
    found = desk.price(credit, "--ocpi", "2.3.0")
    assert found["total_cost"] == {
        "before_taxes": -5,
        "taxes": [{"name": "VAT", "percentage": 20, "amount": -1}],
    }
    assert found["total_energy_cost"]["before_taxes"] == 5
    assert desk.price(credit)["total_cost"] == {"excl_vat": -5, "incl_vat": -6}
    assert desk.price(credit, "--explain")["rounding"]["negated"] is True


def test_windows_are_of_the_zone_that_is_given_else_of_the_location_else_utc(desk: Desk) -> None:
    night = document(element(component("ENERGY", 1), end_time="10:30"), element(component("ENERGY", 2)))
    here = cdr(stretch("10:00", ENERGY=1), tariffs=[night])
    there = here | {"cdr_location": {"id": "L-1", "time_zone": "Europe/Amsterdam"}}
    assert desk.price(here)["total_cost"]["excl_vat"] == 1
    assert desk.price(there)["total_cost"]["excl_vat"] == 2
    assert desk.price(there, "--time-zone", "UTC")["total_cost"]["excl_vat"] == 1


def test_lines_name_the_periods_of_the_cdr_however_it_was_taken_apart(desk: Desk) -> None:
    terms = document(element(component("TIME", 6), component("PARKING_TIME", 3)))
    session = cdr(stretch("09:00", TIME=0.75, PARKING_TIME=0.25), stretch("10:00", PARKING_TIME=1), tariffs=[terms])
    assert [
        (line["component"], line["period"], line["last_period"]) for line in desk.price(session, "--explain")["lines"]
    ] == [("TIME", 0, 0), ("PARKING_TIME", 0, 1)]


@pytest.mark.parametrize(
    ("content", "options", "status", "words"),
    [
        ("{", (), 1, "not JSON"),
        ('{"a": NaN}', (), 1, "not JSON"),
        ("[" * 100_000, (), 1, "not JSON (it nests too deeply)"),
        ('{"a": ' + "9" * 5000 + "}", (), 1, "not JSON (a number has 5000 digits)"),
        ("[]", (), 1, "not a JSON object"),
        (cdr(tariffs=()), (), 1, "--tariff"),
        (cdr(tariffs=[3]), (), 1, "tariffs[0]"),
        (cdr(tariffs={"id": "T"}) | {"tariffs": {"id": "T"}}, (), 1, "not a list"),
        (cdr() | {"charging_periods": {}}, (), 1, "charging_periods"),
        (cdr() | {"charging_periods": [7]}, (), 1, "charging_periods[0]"),
        (cdr() | {"credit": "yes"}, (), 1, "credit"),
        (cdr() | {"end_date_time": "9999-12-31T23:59:59-05:00"}, (), 1, "end_date_time"),
        (cdr() | {"end_date_time": "0001-01-01T00:00:00Z"}, (), 1, "year 1"),
        (cdr(stretch("09:00", TIME=1e30)), (), 1, "ten years"),
        (cdr(stretch("09:00", TIME="x")), (), 1, "charging_periods[0].dimensions[0]"),
        (cdr() | {"cdr_location": {"time_zone": "Mars/Base"}}, (), 1, "Mars/Base"),
        (cdr(tariffs=[{**NORTH, "tax_included": "YES"}]), (), 1, "configure"),
        (cdr(tariffs=[{**ENERGY, "maxPrice": {"excl_vat": 2}}]), (), 1, "tariff.maxPrice resembles max_price"),
        (cdr(stretch("09:00", TIME=-0.02)), (), 1, "below zero"),
        (cdr(tariffs=[element_only(ENERGY)]), (), 1, "as in OCPI 2.1.1"),
        (older(cdr()), (), 1, "the CDR is of OCPI 2.1.1, since it has stop_date_time"),
        (cdr(auth_id="DE8ACC12E46L89"), (), 1, "the CDR is of OCPI 2.1.1, since it has auth_id"),
        (cdr(), ("--tax", "GST=5"), 1, "2.2.1"),
        (cdr(), ("--tax", "GST"), 2, "GST=5"),
        (cdr(), ("--tax", "GST=-1"), 2, "below zero"),
        (cdr(), ("--ocpi", "2.1.1"), 2, "2.1.1"),
        (cdr(), ("--time-zone", "Europe"), 2, "IANA"),
        (cdr(), ("--time-zone", "../zone"), 2, "IANA"),
        (cdr(), ("--tariff", "/nowhere/t.json"), 1, "no such file"),
    ],
)
def test_what_cannot_be_priced_is_refused_in_one_line(
    desk: Desk, content: Any, options: tuple[str, ...], status: int, words: str
) -> None:
    found, said = desk.refusal(content, *options)
    assert found == status
    assert words in said


BASES = [
    cdr(
        stretch("08:00", "T-1", RESERVATION_TIME=1),
        stretch("09:00", "T-1", ENERGY=4.3, TIME=1, MIN_POWER=3, MAX_POWER=7, MAX_CURRENT=16),
        stretch("10:00", "CA-1", PARKING_TIME=1),
        tariffs=(
            document(
                element(component("TIME", 5, vat=20, step=300), reservation="RESERVATION"),
                element(
                    component("ENERGY", 0.4, vat=9, step=100),
                    start_time="08:00",
                    end_time="12:30",
                    start_date="2024-01-01",
                    end_date="2025-01-01",
                    day_of_week=["TUESDAY"],
                    min_kwh=0,
                    max_power=11,
                    min_current=6,
                    max_duration=7200,
                ),
                element(component("FLAT", 1), component("PARKING_TIME", 2)),
                min_price={"excl_vat": 2, "incl_vat": 2.4},
            ),
            NORTH | {"currency": "EUR", "max_price": {"before_taxes": 3, "after_taxes": 4}},
        ),
        cdr_location={"id": "L-1", "time_zone": "Europe/Amsterdam"},
        credit=False,
    ),
    *[json.loads(path.read_text(encoding="utf-8"))["cdr"] for path in FILES],
]
GARBAGE: st.SearchStrategy[Any] = st.sampled_from(
    [
        None, True, 0, -1, 1e300, 1e-300, 10**40, "", "x", "1", "-0", "1e5", "٣", "NaN", [], [[]], [None], {},
        {"a": 1}, "2024-03-05T09:00:00", "9999-12-31T23:59:59Z", "0001-01-01", "24:00", "YES", "2024-02-30", 1.5,
        [1, "x", {}],
    ]
)  # fmt: skip


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The path of every value within a document."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *[found for key, each in inner for found in places(each, (*path, key))]]


@st.composite
def spoiled(draw: st.DrawFn) -> Any:
    """A CDR in which up to three values were replaced or left out."""
    changed = {"": deepcopy(draw(st.sampled_from(BASES)))}
    for _ in range(draw(st.integers(1, 3))):
        *way, last = draw(st.sampled_from(places(changed)[1:]))
        holder: Any = changed
        for key in way:
            holder = holder[key]
        if draw(st.booleans()) or last == "":
            holder[last] = deepcopy(draw(GARBAGE))
        else:
            del holder[last]
    return changed[""]


@settings(
    max_examples=examples(100),
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(content=spoiled(), newer=st.booleans(), form=st.sampled_from(["--json", ""]))
def test_a_spoiled_cdr_is_priced_or_refused_in_one_line_and_never_breaks_the_command(
    content: Any, newer: bool, form: str, desk: Desk
) -> None:
    options = ("--ocpi", "2.3.0") if newer else ()
    status = main(["price", desk.file(content), "--explain", *filter(None, [form]), *options])
    said = desk.capsys.readouterr()
    assert status in (0, 1)
    assert "unexpected" not in said.err
    assert status == 0 or said.err.count("\n") == 1
    assert all(line.startswith("wattledger: ") for line in said.err.splitlines())
    if status == 0 and form == "--json":
        assert json.loads(said.out)["rounding"]["sum"]
    assert bool(said.out) == (status == 0)


def test_people_see_lines_totals_and_roundings_as_tables(desk: Desk) -> None:
    assert main(["price", desk.file(cdr()), "--explain"]) == 0
    page = desk.capsys.readouterr().out
    assert "ENERGY" in page
    assert "total_cost" in page
    assert "posted 5.00 and 6.00" in page
    assert not {"{", "│", "┃"} & set(page)
    assert main(["price", desk.file(cdr()), "--explain", "--csv"]) == 0
    (line,) = csv.DictReader(StringIO(desk.capsys.readouterr().out))
    assert (line["component"], line["quantity"], line["excl_vat"]) == ("ENERGY", "10", "5")
    assert desk.refusal(cdr(), "--csv")[0] == 2


def test_local_times_without_a_time_zone_are_said_to_be_taken_as_utc(desk: Desk) -> None:
    by_day = ENERGY | {"elements": [{**ENERGY["elements"][0], "restrictions": {"start_time": "08:00"}}]}
    desk.price(cdr(tariffs=[by_day]))
    assert "give the location's as --time-zone" in desk.note
    desk.price(cdr(tariffs=[by_day]), "--time-zone", "Europe/Amsterdam")
    assert desk.note == ""
    desk.price(cdr())
    assert desk.note == ""


def test_time_before_the_cdr_is_not_counted_and_said(desk: Desk) -> None:
    early = cdr(
        stretch("08:30", ENERGY=3),
        stretch("10:00", ENERGY=1),
        tariffs=(document(element(component("TIME", 6), component("ENERGY", 0.5))),),
    )
    found = desk.price(early)
    assert (found["total_time"], found["total_energy"], found["total_cost"]["excl_vat"]) == (2, 4, 14)
    assert desk.note == (
        "wattledger: charging_periods[0] starts at 2024-03-05T08:30:00Z, before the CDR's start_date_time "
        "(2024-03-05T09:00:00Z): the time before it is not counted\n"
    )


def test_a_reservation_before_the_cdr_is_priced_and_said(desk: Desk) -> None:
    held = document(element(component("TIME", 2), reservation="RESERVATION"), element(component("ENERGY", 0.5)))
    found = desk.price(cdr(stretch("08:30", RESERVATION_TIME=0.5), stretch("09:00", ENERGY=4), tariffs=(held,)))
    assert found["total_cost"]["excl_vat"] == 3
    assert "charging_periods[0] starts at 2024-03-05T08:30:00Z" in desk.note


@pytest.mark.parametrize(
    ("first", "cost"),
    [
        ({"TIME": -0.0003}, 4),
        ({"TIME": -0.01}, 4),
        ({"PARKING_TIME": -0.0003}, 2),
        ({"TIME": -0.001, "ENERGY": 0}, 4),
    ],
)
def test_a_time_a_little_below_zero_is_said_and_leaves_the_length_of_its_period(
    desk: Desk, first: dict[str, Any], cost: int
) -> None:
    hourly = document(element(component("TIME", 2)))
    found = desk.price(cdr(stretch("09:00", **first), stretch("10:00", TIME=1), tariffs=(hourly,)))
    assert (found["total_time"], found["total_cost"]["excl_vat"]) == (2, cost)
    assert f"{next(iter(first))} of charging_periods[0] is" in desk.note


def test_a_time_a_little_below_zero_beside_another_is_zero(desk: Desk) -> None:
    hourly = document(element(component("TIME", 2)))
    found = desk.price(cdr(stretch("09:00", TIME=-0.0002, PARKING_TIME=2), tariffs=(hourly,)))
    assert (found["total_parking_time"], found["total_cost"]["excl_vat"]) == (2, 0)


def test_what_is_left_out_of_a_tariff_is_said(desk: Desk) -> None:
    odd = document(element(component("ENERGY", 9), max_kwh=0), element(component("ENERGY", 0.5)), campaign="spring")
    unused = document(element(component("ENERGY", 1)), id="T-2", campaign="summer")
    assert desk.price(cdr(tariffs=(odd, unused)))["total_cost"]["excl_vat"] == 5
    assert desk.note.replace("wattledger: tariff T-1, ", "").splitlines() == [
        "campaign: no key of OCPI: it is not looked at",
        "elements[0]: left out: its restrictions contradict each other, so it can never apply",
    ]


def without_a_step(found: dict[str, Any]) -> None:
    del found["elements"][0]["price_components"][0]["step_size"]


@pytest.mark.parametrize(
    ("spoil", "named"),
    [
        (without_a_step, "elements[0].price_components[0].step_size: is missing"),
        (lambda found: found.update(currency="XXZ"), 'currency: "XXZ" is not an ISO 4217 currency'),
        (lambda found: found.pop("last_updated"), "last_updated: is missing"),
        (
            lambda found: found.update(start_date_time="2024-03-01T00:00:00Z", end_date_time="2024-02-01T00:00:00Z"),
            "start_date_time:",
        ),
    ],
)
def test_what_would_refuse_the_tariff_on_arrival_is_said_with_its_price(desk: Desk, spoil: Any, named: str) -> None:
    good = {**deepcopy(ENERGY), "last_updated": "2024-03-01T00:00:00Z"}
    assert desk.price(cdr(tariffs=[good]))["total_cost"]["excl_vat"] == 5
    assert "refused on arrival" not in desk.note
    spoiled = deepcopy(good)
    spoil(spoiled)
    assert desk.price(cdr(), "--tariff", desk.file(spoiled, "tariff.json"))["total_cost"]["excl_vat"] == 5
    assert f"tariff {good['id']} would be refused on arrival, {named}" in desk.note
