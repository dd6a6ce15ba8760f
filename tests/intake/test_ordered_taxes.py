"""The taxes on a tariff that an order names: those of the published one, of the file, or of `--tax`; never lost."""

from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import orjson
import pytest

from domain.calendar import utc_text
from engine.what_if import standing, what_if
from tests.support.engine import Engine
from tests.support.events import ended, operator, started, tariff
from wattledger.cli import main
from wattledger.commands.options import read_tax
from wattledger.errors import ApplicationError
from wattledger.rerating import Wish, envelope, order_of
from wattledger.settings import Settings
from wattledger.store import Store

TAXES = [{"name": "GST", "percent": "5"}, {"name": "QST", "percent": "9.975", "account_number": "R-1"}]
DAY = date(2026, 3, 2)


def untaxed(tariff_id: str = "T-1", *, tax_included: str = "NO", **fields: Any) -> dict[str, Any]:
    """A tariff of OCPI 2.3.0 at 0.50 a kWh, whose taxes stand beside it: the data of its event."""
    component = {"type": "ENERGY", "price": 0.5, "step_size": 1}
    elements = [{"price_components": [component]}]
    told = tariff(tariff_id=tariff_id, currency="CAD", tax_included=tax_included, elements=elements, **fields)
    data: dict[str, Any] = told["data"]
    return data


@pytest.fixture
def store(engine: Engine) -> Store:
    """A session of 20 kWh, 10.00 before taxes, by a published tariff on which two taxes are configured."""
    published = tariff(currency="CAD")
    published["data"] = untaxed() | {"taxes": TAXES}
    engine.feed([operator(currency="CAD"), published, started(), ended()])
    return Store(engine.dsn, {}, Settings())


def price_under(store: Store, named: str | Path, *taxes: str) -> tuple[int, int]:
    """Net and gross that the session would cost, in cents."""
    at = datetime(2026, 3, 8, tzinfo=UTC)
    wish = Wish("OP-1", DAY, DAY, str(named), None, at, taxes=tuple(map(read_tax, taxes)))
    (found,) = what_if(store.dsn, order_of(store, wish))
    assert found.billed is not None
    assert found.billed.gross == 1150
    assert found.under is not None
    return found.under.net, found.under.gross


def file(folder: Path, document: Any) -> Path:
    path = folder / "tariff.json"
    path.write_bytes(orjson.dumps(document))
    return path


def test_a_published_tariff_brings_its_taxes(store: Store) -> None:
    assert price_under(store, "T-1") == (1000, 1150)
    assert price_under(store, "t-1", "GST=5") == (1000, 1050)


def test_a_file_with_the_tariff_of_a_published_id_has_the_taxes_configured_for_that(
    store: Store, tmp_path: Path
) -> None:
    assert price_under(store, file(tmp_path, untaxed()["tariff"])) == (1000, 1150)


@pytest.mark.parametrize("tax_included", ["NO", "YES"])
def test_taxes_can_be_named_beside_a_file(store: Store, tmp_path: Path, tax_included: str) -> None:
    path = file(tmp_path, untaxed("NEW", tax_included=tax_included)["tariff"])
    net, gross = price_under(store, path, "GST=5", "QST=20")
    assert (net, gross) == ((1000, 1250) if tax_included == "NO" else (800, 1000))


def test_an_order_is_given_with_its_taxes(store: Store, engine: Engine, tmp_path: Path) -> None:
    path = file(tmp_path, untaxed("NEW")["tariff"])
    at = datetime(2026, 3, 8, tzinfo=UTC)
    order = order_of(store, Wish("OP-1", DAY, DAY, str(path), None, at, "as agreed", (read_tax("GST=5"),)))
    engine.feed([envelope(order.id, utc_text(order.time), order.data)])
    engine.advance("2026-03-08T01:00:00Z")
    (found,) = standing(store.dsn, order)
    assert found.standing is not None
    assert (found.standing.net, found.standing.gross) == (1000, 1050)


@pytest.mark.parametrize("as_event", [True, False])
def test_a_file_may_be_the_event_of_a_tariff_or_its_data(store: Store, tmp_path: Path, as_event: bool) -> None:
    data = untaxed("NEW") | {"taxes": TAXES[:1]}
    document = tariff() | {"data": data} if as_event else data
    assert price_under(store, file(tmp_path, document)) == (1000, 1050)
    assert price_under(store, tmp_path / "tariff.json", "QST=9.975") == (1000, 1100)


def test_data_that_names_no_taxes_has_none(store: Store, tmp_path: Path) -> None:
    assert price_under(store, file(tmp_path, untaxed("NEW") | {"taxes": []})) == (1000, 1000)
    assert price_under(store, file(tmp_path, untaxed())) == (1000, 1000)


@pytest.mark.parametrize("tax_included", ["NO", "YES"])
def test_a_tariff_is_not_taken_as_free_of_taxes_for_want_of_a_word(
    store: Store, tmp_path: Path, tax_included: str
) -> None:
    path = file(tmp_path, untaxed("NEW", tax_included=tax_included)["tariff"])
    with pytest.raises(ApplicationError, match=r"--tax GST=5"):
        price_under(store, path)


def test_a_tariff_that_states_its_vat_or_has_no_taxes_needs_no_word(store: Store, tmp_path: Path) -> None:
    assert price_under(store, file(tmp_path, untaxed("NEW", tax_included="N/A")["tariff"])) == (1000, 1000)
    older = tariff(tariff_id="NEW", currency="CAD")["data"]["tariff"]
    assert price_under(store, file(tmp_path, older)) == (1000, 1210)


def test_where_no_tariff_of_the_operator_has_taxes_none_are_asked_for(engine: Engine, tmp_path: Path) -> None:
    engine.feed([operator(currency="CAD"), tariff(currency="CAD", vat=15), started(), ended()])
    path = file(tmp_path, untaxed("NEW")["tariff"])
    assert price_under(Store(engine.dsn, {}, Settings()), path) == (1000, 1000)


def test_a_published_id_is_not_shadowed_by_a_file_of_its_name(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    dearer = tariff(currency="CAD", price=1, vat=0)["data"]["tariff"]
    (tmp_path / "T-1").write_bytes(orjson.dumps(dearer))
    assert price_under(store, "T-1") == (1000, 1150)
    assert price_under(store, "./T-1") == (2000, 2000)


@pytest.mark.parametrize(
    ("document", "sentence"),
    [
        (untaxed() | {"taxes": "GST"}, "taxes"),
        (untaxed() | {"taxes": [{"name": "GST"}]}, "taxes"),
        (untaxed() | {"taxes": [{"name": "GST", "percent": "5 %"}]}, "taxes"),
        (untaxed() | {"taxes": [{"name": "GST", "percent": 101}]}, "the order would be refused"),
        ({"tariff": "T-1"}, "not an OCPI tariff"),
        (operator(), "'operator.registered', not 'tariff.published'"),
        ([untaxed()["tariff"]], "not a JSON object"),
        ({"elements": 1, "currency": "CAD", "tax_included": "NO"}, "the order would be refused"),
    ],
)
def test_a_file_that_holds_no_tariff_with_its_taxes_is_told_so(
    store: Store, tmp_path: Path, document: Any, sentence: str
) -> None:
    with pytest.raises(ApplicationError, match=sentence):
        price_under(store, file(tmp_path, document))


@pytest.mark.parametrize("text", ["GST", "=5", "GST=five", "GST=-1"])
def test_what_is_no_tax_is_a_misuse(text: str, capfd: pytest.CaptureFixture[str]) -> None:
    days = ("--from", "2026-03-02", "--to", "2026-03-02")
    assert main(["rerate", "--operator", "OP-1", *days, "--tariff", "T-1", "--tax", text]) == 2
    assert "is no tax such as GST=5" in capfd.readouterr().err
