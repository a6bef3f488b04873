"""Tests of the read API on the seeds: positions, timelines, changes and lists at any ledger size.

The seeds are recorded through the write API, and the answers must equal `seeds/expected.json`,
which was written by hand. Tests with other data, or with a growing ledger: `test_read_lists`.
"""

import html
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from httpx2 import Client

from tests.support import bodies, postgres
from tests.support.bodies import expect_problem, get, send
from tests.support.store import PUBLIC_URL, open_store, run_api

SEEDS = Path(__file__).parents[2] / "seeds"
EXPECTED = json.loads((SEEDS / "expected.json").read_text())
ACCOUNT_OF_BIDEN = EXPECTED["ids"]["statement/2022-12-02/biden-according-to-peskov-369-426"]
BIDEN = "/v1/actors/biden/topics/talks-with-putin"
LISTS = [
    *("/v1/actors", "/v1/topics", "/v1/statements", "/v1/changes", "/v1/events"),
    *("/v1/actors?q=vladimir", "/v1/topics?q=talks", "/v1/statements?q=ukraine&actor=biden"),
    *(f"{BIDEN}/timeline", f"{BIDEN}/history", "/v1/changes?actor=biden"),
    *("/v1/actors/biden/positions", "/v1/topics/support-for-ukraine/positions?as_of=2023"),
    *("/v1/events?actor=macron", "/v1/events?type=position.changed&topic=talks-with-putin"),
]


@pytest.fixture(scope="module")
def recorded_seeds(server_url: str, template: str) -> Iterator[tuple[Client, dict[str, int]]]:
    """A client of the recorded and projected seeds, and the seq of each line."""
    with (
        postgres.database(server_url, template) as url,
        open_store(url) as store,
        run_api(url) as client,
    ):
        places = {}
        for file in sorted(SEEDS.glob("0*.ndjson")):
            lines = [line for line in file.read_text().splitlines() if not line.startswith("#")]
            results = send(client, bodies.ndjson(lines))
            assert {201} == {result["status"] for result in results}, results
            assert EXPECTED["size_after"][file.name] == results[-1]["size"]
            assert {200} == {result["status"] for result in send(client, bodies.ndjson(lines))}
            for text, result in zip(lines, results, strict=True):
                places[json.loads(text)["id"]] = result["seq"]
        store.catch_up()
        yield client, places


@pytest.fixture
def seeds(recorded_seeds: tuple[Client, dict[str, int]]) -> Client:
    return recorded_seeds[0]


def ids(answer: dict[str, Any]) -> list[str]:
    return [item["id"] for item in answer["items"]]


@pytest.mark.parametrize("line", EXPECTED["timelines"], ids=lambda x: f"{x['actor']} {x['topic']}")
def test_every_timeline_of_the_seeds_is_as_expected(seeds: Client, line: Any) -> None:
    path = f"/v1/actors/{line['actor']}/topics/{line['topic']}"
    answer = get(seeds, f"{path}/timeline")
    steps = [{name: item.get(name) for name in line["steps"][0]} for item in answer["items"]]
    expected = [
        {**step, "id": step["id"] or item["id"], **({"item": None} if "item" in step else {})}
        for step, item in zip(line["steps"], answer["items"], strict=True)
    ]
    assert expected == steps
    assert EXPECTED["counts"]["events"] == answer["known"]["size"]
    assert answer["items"][-1]["id"] == get(seeds, f"{path}/position", as_of="2023")["id"]


def test_there_are_no_other_positions_in_the_seeds(seeds: Client) -> None:
    pairs = [
        (timeline["actor"], timeline["topic"])
        for timeline in EXPECTED["timelines"]
        for _ in timeline["steps"]
    ]
    items = get(seeds, "/v1/changes", limit=500)["items"]
    assert sorted(pairs) == sorted((item["actor"], item["topic"]) for item in items)
    bases = {basis for item in items for basis in item["basis"]}
    statement_ids = ids(get(seeds, "/v1/statements", limit=500))
    assert EXPECTED["counts"]["statements"] == len(statement_ids)
    assert set(EXPECTED["statements_without_position"]) == set(statement_ids) - bases


@pytest.mark.parametrize("question", EXPECTED["answers"], ids=lambda x: x["question"])
def test_every_answer_of_the_seeds_is_as_expected(
    recorded_seeds: tuple[Client, dict[str, int]], question: dict[str, Any]
) -> None:
    seeds, places = recorded_seeds
    if question["before_line"]:
        assert question["known_size"] == places[question["before_line"]]
    path = f"/v1/actors/{question['actor']}/topics/{question['topic']}/position"
    answer = get(seeds, path, as_of=question["as_of"], known_size=question["known_size"])
    seen = {name: answer[name] for name in question["expect"]}
    if seen["previous"]:
        seen["previous"] = seen["previous"]["id"]
    assert question["expect"] == seen
    assert (question["known_size"], False) == (
        answer["known"]["size"],
        answer["known"]["provisional"],
    )


def test_every_change_of_the_seeds_is_as_expected(seeds: Client) -> None:
    items = get(seeds, "/v1/changes", limit=500)["items"]
    changes = [
        {
            "from": item["previous"]["stance"],
            "to": item["stance"],
            **{name: item[name] for name in ("actor", "topic", "kind", "change_size")},
        }
        for item in items
        if item["kind"] != "adopted"
    ]
    assert sorted(EXPECTED["changes"], key=str) == sorted(
        ({name: change[name] for name in EXPECTED["changes"][0]} for change in changes), key=str
    )
    assert sorted((item["seq"] for item in items), reverse=True) == [item["seq"] for item in items]


def test_an_embedded_account_is_no_basis_for_a_position(seeds: Client) -> None:
    account = get(seeds, f"/v1/statements/{ACCOUNT_OF_BIDEN}")
    peskov = EXPECTED["ids"]["statement/2022-12-02/peskov-318-427"]
    assert (peskov, ["biden"]) == (
        account["embedded_in"],
        [speaker["actor"] for speaker in account["speakers"]],
    )
    before = get(seeds, f"{BIDEN}/timeline", known_size=get_seq(seeds, account))
    after = get(seeds, f"{BIDEN}/timeline", known_size=get_seq(seeds, account) + 1)
    assert before["items"] == after["items"]
    for version in get(seeds, f"{BIDEN}/history")["items"]:
        assert ACCOUNT_OF_BIDEN not in version["basis"]


def get_seq(client: Client, statement: dict[str, Any]) -> int:
    seq: int = get(client, f"/v1/events/{statement['event']}")["entry"]["seq"]
    return seq


def test_the_permalink_returns_the_same_answer_and_the_citation_has_its_details(
    seeds: Client,
) -> None:
    answer = get(seeds, f"{BIDEN}/position")
    assert answer["permalink"].startswith(f"{PUBLIC_URL}/v1/")
    again = get(seeds, answer["permalink"].removeprefix(PUBLIC_URL))
    assert answer["known"]["size"] == again["known"]["size"]
    assert {**answer, "known": 0} == {**again, "known": 0}
    label = get(seeds, "/v1/topics/talks-with-putin")["label"]
    for part in ("Joe Biden", label, "on 1 December 2022", answer["permalink"]):
        assert part in answer["cite"]
    texts = [statement["content"]["text"] for statement in answer["statements"]]
    statements = [get(seeds, f"/v1/statements/{id_}") for id_ in answer["basis"]]
    assert texts == [statement["content"]["text"] for statement in statements]


def test_a_pair_without_a_position_is_reported_as_not_on_record(seeds: Client) -> None:
    answer = get(seeds, "/v1/actors/kirby/topics/talks-with-putin/position")
    assert tuple(answer[name] for name in ("on_record", "stance", "id", "revision")) == (
        False,
        None,
        None,
        0,
    )
    assert re.match(
        r"As of .+, no position of John Kirby on “.+” is on record as held by then", answer["cite"]
    )


@pytest.mark.parametrize("part", ["position", "timeline", "history"])
def test_unknown_actors_topics_and_statements_are_not_found(seeds: Client, part: str) -> None:
    nobody = seeds.get(f"/v1/actors/nobody/topics/talks-with-putin/{part}")
    expect_problem(nobody, 404, "unknown-actor")
    expect_problem(seeds.get(f"/v1/actors/biden/topics/nothing/{part}"), 404, "unknown-topic")
    expect_problem(seeds.get(f"{BIDEN}/{part}", params={"known_size": 2}), 404, "unknown-actor")
    expect_problem(seeds.get(f"{BIDEN}/{part}", params={"known_size": 7}), 404, "unknown-topic")
    expect_problem(seeds.get("/v1/actors/nobody/positions"), 404, "unknown-actor")
    expect_problem(seeds.get("/v1/topics/nothing/positions"), 404, "unknown-topic")
    expect_problem(seeds.get("/v1/statements/" + "0" * 32), 404, "unknown-statement")


def test_known_at_is_resolved_to_a_size(seeds: Client) -> None:
    entries = [item["entry"] for item in get(seeds, "/v1/events", limit=1000)["items"]]
    times = [entry["recorded_at"] for entry in entries]
    for at in sorted({times[20], times[36], times[-1]}):
        size = sum(recorded_at <= at for recorded_at in times)
        answer = get(seeds, f"{BIDEN}/position", known_at=at)
        exact = get(seeds, f"{BIDEN}/position", known_size=size)
        assert (size, at) == (answer["known"]["size"], answer["known"]["at"])
        assert [answer[name] for name in ("id", "kind")] == [exact[name] for name in ("id", "kind")]
    for at, provisional in ((times[-1], True), ("2999", True), ("2001", False)):
        assert provisional == get(seeds, "/v1/actors", known_at=at)["known"]["provisional"]
    both = get(seeds, f"{BIDEN}/position", known_at="2001", known_size=47)
    assert (both["known"]["size"], both["known"]["provisional"]) == (47, False)


@pytest.mark.parametrize("path", LISTS)
def test_pages_of_one_item_add_up_to_the_list(seeds: Client, path: str) -> None:
    whole = get(seeds, path + ("&" if "?" in path else "?") + "limit=500")
    assert whole["items"]
    assert whole["next"] is None
    items, link = [], path + ("&" if "?" in path else "?") + "limit=1"
    while link:
        answer = seeds.get(link)
        page, links = answer.json(), answer.headers.get("Link", "")
        assert len(page["items"]) == 1
        assert (page["next"] is None) == (links == "")
        assert links == "" or page["next"] in links
        items += page["items"]
        link = links.partition("<")[2].partition(">")[0]
    assert whole["items"] == items


@pytest.mark.parametrize(
    "q", ["Зеленський", "ЗЕЛЕНСКИЙ", "zelensky", "ZELÉNSKYY", "Q3874799", "żełen"]
)
def test_an_actor_is_found_by_any_spelling(seeds: Client, q: str) -> None:
    assert ids(get(seeds, "/v1/actors", q=q)) == ["zelenskyy"]


def test_all_links_of_the_front_page_answer(seeds: Client) -> None:
    page = seeds.get("/")
    assert (page.status_code, bodies.media_type(page)) == (200, "text/html")
    links = {html.unescape(link) for link in re.findall(r'href="(/[^"]*)"', page.text)}
    assert {"/docs", "/audit", "/grid", "/search"} <= links
    assert {200} == {seeds.get(link).status_code for link in links}


def test_the_documentation_loads_nothing_from_other_hosts(seeds: Client) -> None:
    page = seeds.get("/docs").text
    hosts = {urlsplit(url).netloc for url in re.findall(r"""['"(]((?:https?:)?//[^'")]+)""", page)}
    assert hosts == set()
    assets = re.findall(r'(?:src|href)="([^"]+)"', page)
    assert len(assets) == 3
    assert [(answer.status_code, bool(answer.content)) for answer in map(seeds.get, assets)] == [
        (200, True)
    ] * 3
