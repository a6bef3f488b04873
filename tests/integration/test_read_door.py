"""Does the read door answer what is, and was, on record, as it was known at any size?

The seeds go in through the write door and must answer `seeds/expected.json`, which was written by
hand. What needs other words, or a record that grows, is in `test_read_lists`.
"""

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
from tests.support.record import record, serving

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
def sown(server_url: str, template: str) -> Iterator[tuple[Client, dict[str, int]]]:
    """The seeds on record and folded, and the seq that each line was given."""
    with (
        postgres.database(server_url, template) as url,
        record(url) as made,
        serving(url) as client,
    ):
        places = {}
        for file in sorted(SEEDS.glob("0*.ndjson")):
            lines = [one for one in file.read_text().splitlines() if not one.startswith("#")]
            results = send(client, bodies.ndjson(lines))
            assert {201} == {one["status"] for one in results}, results
            assert EXPECTED["size_after"][file.name] == results[-1]["size"]
            assert {200} == {one["status"] for one in send(client, bodies.ndjson(lines))}
            for text, result in zip(lines, results, strict=True):
                places[json.loads(text)["id"]] = result["seq"]
        made.catch_up()
        yield client, places


@pytest.fixture
def seeds(sown: tuple[Client, dict[str, int]]) -> Client:
    return sown[0]


def ids(answer: dict[str, Any]) -> list[str]:
    return [one["id"] for one in answer["items"]]


@pytest.mark.parametrize("line", EXPECTED["timelines"], ids=lambda x: f"{x['actor']} {x['topic']}")
def test_every_line_of_positions_in_the_seeds_is_as_expected(seeds: Client, line: Any) -> None:
    path = f"/v1/actors/{line['actor']}/topics/{line['topic']}"
    answer = get(seeds, f"{path}/timeline")
    steps = [{name: one.get(name) for name in line["steps"][0]} for one in answer["items"]]
    expected = [
        {**one, "id": one["id"] or seen["id"], **({"item": None} if "item" in one else {})}
        for one, seen in zip(line["steps"], answer["items"], strict=True)
    ]
    assert expected == steps
    assert EXPECTED["counts"]["events"] == answer["known"]["size"]
    assert answer["items"][-1]["id"] == get(seeds, f"{path}/position", as_of="2023")["id"]


def test_there_are_no_other_positions_in_the_seeds(seeds: Client) -> None:
    pairs = [(one["actor"], one["topic"]) for one in EXPECTED["timelines"] for _ in one["steps"]]
    items = get(seeds, "/v1/changes", limit=500)["items"]
    assert sorted(pairs) == sorted((one["actor"], one["topic"]) for one in items)
    based = {basis for one in items for basis in one["basis"]}
    said = ids(get(seeds, "/v1/statements", limit=500))
    assert EXPECTED["counts"]["statements"] == len(said)
    assert set(EXPECTED["statements_without_position"]) == set(said) - based


@pytest.mark.parametrize("ask", EXPECTED["answers"], ids=lambda x: x["question"])
def test_every_answer_of_the_seeds_is_as_expected(
    sown: tuple[Client, dict[str, int]], ask: dict[str, Any]
) -> None:
    seeds, places = sown
    if ask["before_line"]:
        assert ask["known_size"] == places[ask["before_line"]]
    path = f"/v1/actors/{ask['actor']}/topics/{ask['topic']}/position"
    answer = get(seeds, path, as_of=ask["as_of"], known_size=ask["known_size"])
    seen = {name: answer[name] for name in ask["expect"]}
    if seen["previous"]:
        seen["previous"] = seen["previous"]["id"]
    assert ask["expect"] == seen
    assert (ask["known_size"], False) == (answer["known"]["size"], answer["known"]["provisional"])


def test_every_change_of_the_seeds_is_as_expected(seeds: Client) -> None:
    items = get(seeds, "/v1/changes", limit=500)["items"]
    changes = [
        {
            "from": one["previous"]["stance"],
            "to": one["stance"],
            **{name: one[name] for name in ("actor", "topic", "kind", "change_size")},
        }
        for one in items
        if one["kind"] != "adopted"
    ]
    assert sorted(EXPECTED["changes"], key=str) == sorted(
        ({name: one[name] for name in EXPECTED["changes"][0]} for one in changes), key=str
    )
    assert sorted((one["seq"] for one in items), reverse=True) == [one["seq"] for one in items]


def test_an_account_of_someone_elses_words_moves_nobody(seeds: Client) -> None:
    account = get(seeds, f"/v1/statements/{ACCOUNT_OF_BIDEN}")
    peskov = EXPECTED["ids"]["statement/2022-12-02/peskov-318-427"]
    assert (peskov, ["biden"]) == (
        account["embedded_in"],
        [one["actor"] for one in account["speakers"]],
    )
    before = get(seeds, f"{BIDEN}/timeline", known_size=get_seq(seeds, account))
    after = get(seeds, f"{BIDEN}/timeline", known_size=get_seq(seeds, account) + 1)
    assert before["items"] == after["items"]
    for version in get(seeds, f"{BIDEN}/history")["items"]:
        assert ACCOUNT_OF_BIDEN not in version["basis"]


def get_seq(client: Client, thing: dict[str, Any]) -> int:
    seq: int = get(client, f"/v1/events/{thing['event']}")["entry"]["seq"]
    return seq


def test_the_permalink_answers_the_same_and_the_citation_names_both(seeds: Client) -> None:
    answer = get(seeds, f"{BIDEN}/position")
    again = get(seeds, answer["permalink"])
    assert answer["known"]["size"] == again["known"]["size"]
    assert {**answer, "known": 0} == {**again, "known": 0}
    label = get(seeds, "/v1/topics/talks-with-putin")["label"]
    for part in ("Joe Biden", label, "2022-12-01", answer["permalink"]):
        assert part in answer["cite"]
    words = [one["content"]["text"] for one in answer["statements"]]
    based = [get(seeds, f"/v1/statements/{one}") for one in answer["basis"]]
    assert words == [one["content"]["text"] for one in based]


def test_what_nobody_said_is_told_in_words(seeds: Client) -> None:
    answer = get(seeds, "/v1/actors/kirby/topics/talks-with-putin/position")
    assert tuple(answer[name] for name in ("on_record", "stance", "id", "revision")) == (
        False,
        None,
        None,
        0,
    )
    assert answer["cite"].startswith("Nothing is on record of John Kirby on ")


@pytest.mark.parametrize("part", ["position", "timeline", "history"])
def test_who_and_what_is_not_on_record_is_not_found(seeds: Client, part: str) -> None:
    nobody = seeds.get(f"/v1/actors/nobody/topics/talks-with-putin/{part}")
    expect_problem(nobody, 404, "unknown-actor")
    expect_problem(seeds.get(f"/v1/actors/biden/topics/nothing/{part}"), 404, "unknown-topic")
    expect_problem(seeds.get(f"{BIDEN}/{part}", params={"known_size": 2}), 404, "unknown-actor")
    expect_problem(seeds.get(f"{BIDEN}/{part}", params={"known_size": 7}), 404, "unknown-topic")
    expect_problem(seeds.get("/v1/actors/nobody/positions"), 404, "unknown-actor")
    expect_problem(seeds.get("/v1/topics/nothing/positions"), 404, "unknown-topic")
    expect_problem(seeds.get("/v1/statements/" + "0" * 32), 404, "unknown-statement")


def test_a_time_of_knowledge_is_a_size(seeds: Client) -> None:
    entries = [one["entry"] for one in get(seeds, "/v1/events", limit=1000)["items"]]
    times = [entry["recorded_at"] for entry in entries]
    for at in sorted({times[20], times[36], times[-1]}):
        size = sum(one <= at for one in times)
        answer = get(seeds, f"{BIDEN}/position", known_at=at)
        exact = get(seeds, f"{BIDEN}/position", known_size=size)
        assert (size, at) == (answer["known"]["size"], answer["known"]["at"])
        assert [answer[name] for name in ("id", "kind")] == [exact[name] for name in ("id", "kind")]
    for at, provisional in ((times[-1], True), ("2999", True), ("2001", False)):
        assert provisional == get(seeds, "/v1/actors", known_at=at)["known"]["provisional"]
    both = get(seeds, f"{BIDEN}/position", known_at="2001", known_size=47)
    assert (both["known"]["size"], both["known"]["provisional"]) == (47, False)


@pytest.mark.parametrize("path", LISTS)
def test_all_pages_of_one_are_the_list(seeds: Client, path: str) -> None:
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


def test_the_front_page_leads_only_to_what_answers(seeds: Client) -> None:
    page = seeds.get("/")
    assert (page.status_code, bodies.media_type(page)) == (200, "text/html")
    links = re.findall(r'href="([^"]+)"', page.text)
    assert {"/docs", "/openapi.json", "/v1/events"} <= set(links)
    assert {200} == {seeds.get(one).status_code for one in links}


def test_the_documentation_needs_no_other_host(seeds: Client) -> None:
    page = seeds.get("/docs").text
    hosts = {urlsplit(one).netloc for one in re.findall(r"""['"(]((?:https?:)?//[^'")]+)""", page)}
    assert {seeds.base_url.netloc.decode()} == hosts
    assets = re.findall(r'(?:src|href)="([^"]+)"', page)
    assert len(assets) == 3
    assert [(one.status_code, bool(one.content)) for one in map(seeds.get, assets)] == [
        (200, True)
    ] * 3
