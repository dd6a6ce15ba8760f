"""Every sum opens its parts, whose page says the same sum: by whom ever, and as of whichever moment."""

from collections.abc import Iterator
from decimal import Decimal
from html import unescape
from urllib.parse import parse_qsl, urlsplit

import pytest

from tests.pages.html import amounts, figures, rows
from tests.support.surface import Client, serving

THEN = "2026-03-25T22:59:59.999999Z"
LISTS = (
    f"/breaks?effective_at={THEN}",
    f"/partners?effective_at={THEN}",
    "/cash",
    f"/cash?effective_at={THEN}",
    "/payouts?limit=10",
    "/approvals",
    "/breaks",
)
HTML = {"Accept": "text/html"}


@pytest.fixture(scope="module")
def client(network_url: str) -> Iterator[Client]:
    with serving(network_url) as client:
        yield client


def text_of(client: Client, path: str, status: int = 200) -> str:
    answer = client.get(path, headers=HTML)
    assert answer.status_code == status, answer.text
    return answer.text


def assert_each_figure_is_the_total_of_its_page(client: Client, path: str) -> int:
    found = figures(text_of(client, path))
    for figure in found:
        totals = amounts(text_of(client, figure.href), "total")
        assert (figure.value, figure.currency) in totals, (path, figure)
    return len(found)


@pytest.mark.parametrize("path", LISTS)
def test_figures_of_a_list_open_their_parts(client: Client, path: str) -> None:
    assert assert_each_figure_is_the_total_of_its_page(client, path) >= 4


def test_figures_of_a_payout_open_their_parts(client: Client) -> None:
    of_one_run = {"operator_id": "OP-NL", "business_date": "2026-03-21"}
    [payout] = client.get("/v1/payouts", params=of_one_run).json()["data"]
    path = f"/payouts/{payout['payout_id']}"
    assert assert_each_figure_is_the_total_of_its_page(client, path) >= 8
    assert amounts(text_of(client, path), "total")[0] == (payout["amount"], payout["currency"])


def test_figures_of_a_day_without_a_payout_open_their_lines(client: Client) -> None:
    days = [
        f"/operators/{operator_id}/payout-day?date=2026-03-{day:02}"
        for operator_id in ("OP-NL", "OP-DE", "OP-SE")
        for day in range(20, 29)
    ]
    assert sum(assert_each_figure_is_the_total_of_its_page(client, path) for path in days) >= 8


@pytest.mark.parametrize("query", ["", f"?effective_at={THEN}"])
def test_figures_of_an_operator_open_their_parts(client: Client, query: str) -> None:
    for operator_id in ("OP-NL", "OP-US", "OP-JP"):
        assert assert_each_figure_is_the_total_of_its_page(client, f"/operators/{operator_id}{query}") >= 8


def test_a_tenant_opens_the_parts_of_its_own_figures(client: Client) -> None:
    own = client.as_("operator:OP-SE")
    assert assert_each_figure_is_the_total_of_its_page(own, "/operators/OP-SE") >= 8
    assert assert_each_figure_is_the_total_of_its_page(own, "/accounts") >= 9


def test_figures_of_the_chart_open_the_accounts_and_those_their_lines(client: Client) -> None:
    assert assert_each_figure_is_the_total_of_its_page(client, "/accounts?code=2010") >= 18
    balances = [each for each in figures(text_of(client, "/trial-balance")) if each.field == "balance"]
    for figure in balances[:10]:
        assert (figure.value, figure.currency) in amounts(text_of(client, figure.href), "total")


def test_the_balance_of_a_moment_is_the_apis(client: Client) -> None:
    path = f"/accounts?account=2010/OP-NL&effective_at={THEN}&sum=favour"
    text = text_of(client, path)
    ((total, currency),) = amounts(text, "total")
    lines, balance = amounts(text, "amount"), Decimal(0)
    following = text
    while (marker := 'rel="next"') in following:
        href = following[: following.index(marker)].rpartition('href="')[2].partition('"')[0].replace("&amp;", "&")
        following = text_of(client, href)
        lines += amounts(following, "amount")
    balance = sum((Decimal(value) for value, _ in lines), Decimal(0))
    assert (str(balance), currency) == (total, "EUR")


def test_an_account_stood_at_nothing_before_anything_was_known(client: Client) -> None:
    for account in ("2010/OP-NL", "1010"):
        text = text_of(client, f"/accounts?account={account}&currency=EUR&known_at=2001-01-01T00:00:00Z")
        assert amounts(text, "total") == [("0.00", "EUR")]
        assert '<data id="position" value="0">' in text
    text_of(client, "/accounts?account=1010/nobody", 404)


def test_links_keep_the_moment_of_their_page(client: Client) -> None:
    text = text_of(client, f"/operators/OP-NL?effective_at={THEN}")
    for figure in figures(text):
        assert dict(parse_qsl(urlsplit(figure.href).query))["effective_at"] == THEN


def test_a_page_without_a_moment_hands_on_that_of_the_page_before(client: Client) -> None:
    """A payout is as it stands now, and says so; what it leads to is of the moment that was asked for."""
    for path in ("/payouts", "/approvals", "/breaks", "/sessions", "/tariffs", "/partners", "/operators"):
        text = text_of(client, f"{path}?effective_at={THEN}")
        assert "Figures as of now" in text
        pages = [unescape(part.partition('"')[0]) for part in text.split('href="')[1:]]
        files = [each for each in pages if each.startswith("/v1/")]
        assert not [each for each in files if "effective_at" in each]
        of_rows = [
            each for each in pages if each.startswith(("/operators/", "/payouts/", "/sessions/", "/accounts?"))
        ]
        # But for figures that are of now, as all that such a page says.
        of_now = {figure.href for figure in figures(text) if figure.href.startswith("/accounts?")}
        assert [each for each in of_rows if "effective_at" not in each and each not in of_now] == []
        file = client.get(f"{path}?effective_at={THEN}&format=csv", headers=HTML)
        assert (file.status_code, "effective_at" in file.headers["location"]) == (303, False)
    for moment in ("", f"effective_at={THEN}&"):
        found = client.get(f"/search?{moment}q=2010/OP-NL", headers=HTML, follow_redirects=True)
        assert (found.status_code, "2010/OP-NL" in found.text) == (200, True)
    [payout, *_] = client.get("/v1/payouts").json()["data"]
    assert f"/operators/{payout['operator_id']}?effective_at=" in text_of(client, f"/payouts?effective_at={THEN}")


def test_a_statement_adds_up_and_says_so(client: Client) -> None:
    text = text_of(client, "/operators/OP-NL/statement?from=2026-03-12T00:00:00Z&to=2026-03-20T00:00:00Z&limit=200")
    ((opening, _),), ((closing, _), *_) = amounts(text, "opening"), amounts(text, "closing")
    lines = amounts(text, "amount")
    # The last one is their sum.
    assert sum(Decimal(value) for value, _ in lines[:-1]) == Decimal(lines[-1][0])
    assert Decimal(opening) + Decimal(lines[-1][0]) == Decimal(closing)
    assert "Agrees:" in text
    part = text_of(client, "/operators/OP-NL/statement?from=2026-03-12T00:00:00Z&to=2026-03-20T00:00:00Z&limit=5")
    assert [amounts(part, each)[-1] for each in ("amount", "opening", "closing")] == [
        amounts(text, each)[-1] for each in ("amount", "opening", "closing")
    ]
    assert {kind for kind, _ in rows(text)} == {"entry"}


def test_anothers_operator_is_answered_as_one_that_does_not_exist(client: Client) -> None:
    own = client.as_("operator:OP-NL")
    for path in ("/operators/{}", "/operators/{}/statement", "/operators/{}/paid-out", "/accounts?account=2010/{}"):
        theirs, none = (text_of(own, path.format(each), 404) for each in ("OP-DE", "OP-DX"))
        cut = [part.partition('<p class="request">')[0] for part in (theirs, none)]
        assert cut[0] == cut[1].replace("OP-DX", "OP-DE")
    assert text_of(own, "/trial-balance", 403)
    assert "OP-DE" not in text_of(own, "/operators")


def test_the_journal_of_a_tenant_has_lines_of_its_own_accounts_alone(client: Client) -> None:
    text = text_of(client.as_("operator:OP-NL"), "/journal")
    accounts = {part.partition("<")[0] for part in text.split("account=")[1:]}
    assert accounts
    assert not [each for each in accounts if each.startswith(("1", "4", "5")) or "OP-DE" in each]


def test_who_has_not_signed_in_is_led_there_and_back(client: Client) -> None:
    nobody = client.get("/journal?kind=J01", headers={"Authorization": "", **HTML})
    assert nobody.status_code == 303
    assert nobody.headers["location"] == "/login?next=%2Fjournal%3Fkind%3DJ01"


def test_what_is_asked_wrong_is_told_on_a_page(client: Client) -> None:
    for path, words in (
        ("/journal?nonsense=1", "unknown here"),
        ("/journal?effective_at=yesterday", "write a day or a time"),
        ("/journal?known_at=2999-01-01T00:00:00Z", "in the future"),
        ("/accounts?account=2010/OP-NL&sum=much", "is one of"),
        ("/operators?limit=0", "from 1 to 200"),
        ("/operators?cursor=nonsense", "next_cursor"),
    ):
        assert words in text_of(client, path, 400)


def test_a_page_leads_to_the_file_of_its_filter(client: Client) -> None:
    answer = client.get("/journal?kind=J01&format=csv&lang=de", headers=HTML)
    assert answer.status_code == 303
    assert answer.headers["location"] == "/v1/entries?kind=J01&format=csv"


def test_a_chosen_language_and_zone_are_kept(client: Client) -> None:
    with client.as_("finance") as reader:
        first = reader.get("/operators/OP-NL?lang=de&zone=Asia/Tokyo", headers=HTML)
        assert "HttpOnly" in first.headers["set-cookie"]
        second = reader.get("/operators/OP-NL/paid-out", headers=HTML).text
    assert 'lang="de"' in second
    assert "Asia/Tokyo" in second


@pytest.mark.parametrize(
    "path",
    [
        "/operators",
        "/operators/OP-NL/statement",
        "/operators/OP-NL/lines?state=UNRELEASED&currency=EUR",
        "/journal?kind=J01",
        f"/journal?account=2010/OP-NL&effective_at={THEN}",
        f"/accounts?account=2010/OP-NL&sum=favour&effective_at={THEN}",
        f"/trial-balance?by=account&currency=JPY&effective_at={THEN}",
    ],
)
def test_every_table_can_be_had_as_a_file(client: Client, path: str) -> None:
    text = text_of(client, path)
    links = [
        unescape(part.partition('"')[0]) for part in text.partition('class="exports"')[2].split('<a href="')[1:4]
    ]
    answers = [client.get(link) for link in links]
    assert [answer.status_code for answer in answers] == [200, 200, 200], [links, answers[0].text]
    assert [answer.headers["content-type"].partition(";")[0] for answer in answers] == [
        "text/csv",
        "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
        "application/json",
    ]


def test_what_comes_next_adds_up_and_each_part_opens_its_lines(client: Client) -> None:
    for operator_id, currency in (("OP-NL", "EUR"), ("OP-JP", "JPY"), ("OP-SE", "SEK")):
        text = text_of(client, f"/operators/{operator_id}")
        section = text.partition('data-section="next"')[2].partition("</tbody>")[0]
        parts = [each for each in figures(section) if each.field == "amount"]
        ((pending, _), *_), ((available, _), *_) = amounts(text, "pending"), amounts(text, "available")
        assert sum(Decimal(each.value) for each in parts) == Decimal(pending) + Decimal(available)
        for part in parts:
            assert amounts(text_of(client, part.href), "total") == [(part.value, currency)]


@pytest.mark.parametrize(
    ("path", "at_least"),
    [
        ("/cash", 50),
        (f"/cash?effective_at={THEN}", 50),
        ("/approvals", 9),
        ("/breaks", 12),
        ("/payouts?limit=10", 10),
        ("/partners", 2),
    ],
)
def test_figures_of_lists_open_their_parts(client: Client, path: str, at_least: int) -> None:
    assert assert_each_figure_is_the_total_of_its_page(client, path) >= at_least


def test_figures_of_a_payout_open_its_entries_and_what_is_left_out(client: Client) -> None:
    for payout in client.document("/v1/payouts?operator_id=OP-NL&limit=3")["data"]:
        assert assert_each_figure_is_the_total_of_its_page(client, f"/payouts/{payout['payout_id']}") >= 2
