"""Tests of the lists of the read API: search, pages, waiting for a size, conditional requests.

Each test records a few events of its own; tests on the seeds are in `test_read_api`.
"""

import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from httpx2 import Client

from tests.support import bodies
from tests.support.bodies import (
    content,
    correction,
    evidence,
    expect_problem,
    get,
    position,
    post,
    register_all,
    statement,
)
from tests.support.store import Store

PAIR = "/v1/actors/emma/topics/talks"
SHEETS = ["/v1/topics/talks/positions", "/v1/actors/emma/positions"]
LINES = [f"{PAIR}/timeline", f"{PAIR}/history"]


def ids(answer: dict[str, Any]) -> list[str]:
    return [item["id"] for item in answer["items"]]


def test_wildcards_in_a_search_match_themselves(client: Client, store: Store) -> None:
    for name, spelling in {"pct": "100% Left", "und": "snake_case", "bsl": "back\\slash"}.items():
        names = [{"name": spelling, "lang": "en"}]
        post(client, "/v1/actors", bodies.actor(name, names=names))
        post(client, "/v1/topics", bodies.topic(name, label=spelling))
    store.catch_up()
    for kind in ("actors", "topics"):
        matches = {
            q: ids(get(client, f"/v1/{kind}", q=q)) for q in ("%", "_", "\\", "0% L", "k_l", "s%e")
        }
        assert matches == {
            "%": ["pct"],
            "_": ["und"],
            "\\": ["bsl"],
            "0% L": ["pct"],
            "k_l": [],
            "s%e": [],
        }


def test_statements_are_filtered_by_actor_topic_outlet_date_and_text(
    client: Client, store: Store
) -> None:
    register_all(client)
    spokesman = [{"actor": "spokesman", "on_behalf_of": ["ministry"], "capacity": "spokesperson"}]
    statements = {
        "a": statement(said_at="2022-03-01", content=content(text="Talks, yes; war, no.")),
        "b": statement(
            said_at="2022-03", topics=["tariffs"], evidence=[evidence(outlet="Le Soir")]
        ),
        "c": statement(said_at="2022-05-05T23:30:00-02:00", speakers=spokesman),
        "d": statement(
            said_at="../2021",
            content=content(text="No war. Yes!", original={"text": "Ні війні", "lang": "uk"}),
        ),
    }
    names = {post(client, "/v1/statements", body)["id"]: name for name, body in statements.items()}
    store.catch_up()
    for expected, params in (
        ("cbad", {}),
        ("bad", {"actor": "emma"}),
        *(("c", {"actor": "spokesman"}), ("c", {"actor": "ministry"}), ("b", {"topic": "tariffs"})),
        *(
            ("b", {"outlet": "Le Soir"}),
            ("", {"outlet": "Le"}),
            ("b", {"q": "ready", "actor": "emma"}),
        ),
        *(
            ("ad", {"q": "war"}),
            ("a", {"q": '"war no"'}),
            ("d", {"q": '"no war"'}),
            ("d", {"q": "ВІЙНІ"}),
        ),
        *(("d", {"q": "war -talks"}), ("ad", {"q": "tariffs or yes"}), ("", {"q": "warfare"})),
        *(
            ("c", {"said_from": "2022-05"}),
            ("cb", {"said_from": "2022-03-31"}),
            ("d", {"said_to": "2021"}),
        ),
        *(
            ("ba", {"said_from": "2022-03-01", "said_to": "2022-03-01"}),
            ("c", {"said_from": "2022-05-06"}),
        ),
    ):
        assert expected == "".join(
            names[id_] for id_ in ids(get(client, "/v1/statements", **params))
        ), params


def test_a_retracted_statement_is_listed_only_at_sizes_before_its_retraction(
    client: Client, store: Store
) -> None:
    register_all(client)
    created = post(client, "/v1/statements", statement())
    gone = post(client, f"/v1/statements/{created['id']}/retraction", bodies.retraction())
    store.catch_up()
    now = get(client, f"/v1/statements/{created['id']}")
    assert ("retracted", gone["event"], "outlet", "Never said.") == (
        now["status"],
        *(now["closed"][name] for name in ("event", "by", "reason")),
    )
    assert get(client, "/v1/statements")["items"] == []
    assert [created["id"]] == ids(get(client, "/v1/statements", known_size=created["size"]))
    assert (
        get(client, f"/v1/statements/{created['id']}", known_size=created["size"])["status"]
        == "on_record"
    )


@pytest.mark.parametrize("path", [f"{PAIR}/position", *LINES, *SHEETS, "/v1/changes?actor=emma"])
def test_an_etag_changes_only_with_the_content_of_the_answer(
    client: Client, store: Store, path: str
) -> None:
    register_all(client)
    created = post(client, "/v1/positions", position())
    store.catch_up()
    first = client.get(path)
    tag = {"If-None-Match": f'"other", {first.headers["ETag"]}'}
    assert first.headers["ETag"].startswith('W/"')
    assert first.headers["Cache-Control"] == "no-cache"
    post(client, "/v1/positions", position(actor="ministry", topic="tariffs"))
    store.catch_up()
    same = client.get(path, headers=tag)
    assert (304, b"", first.headers["ETag"]) == (
        same.status_code,
        same.content,
        same.headers["ETag"],
    )
    post(
        client, f"/v1/positions/{created['id']}/corrections", correction(position(stance="oppose"))
    )
    store.catch_up()
    changed = client.get(path, headers=tag)
    assert (changed.status_code, changed.headers["ETag"] != first.headers["ETag"]) == (200, True)


@pytest.mark.parametrize("kind", ["changes", "statements", "actors", "topics", *LINES, *SHEETS])
def test_a_cursor_keeps_the_size_while_the_ledger_grows(
    client: Client, store: Store, kind: str
) -> None:
    path = kind if kind.startswith("/") else f"/v1/{kind}"
    register_all(client)
    for day in (10, 20):
        grow(client, store, day)
    whole, page = get(client, path), get(client, path, limit=1)
    items = page["items"]
    for day in (5, 15, 25):
        if page["next"]:
            grow(client, store, day)
            page = get(client, path, limit=1, cursor=page["next"])
            assert whole["known"] == page["known"]
            items += page["items"]
    assert len(items) > 1
    assert whole["items"][: len(items)] == items


def grow(client: Client, store: Store, day: int) -> None:
    """Record events that sort before, between and after all items of every list."""
    for actor, topic in (*((slug, "talks") for slug in bodies.ACTORS), ("emma", "tariffs")):
        body = position(actor=actor, topic=topic, effective=f"2022-01-{day:02}")
        created = post(client, "/v1/positions", body)
        body = {**body, "effective": f"2021-01-{day:02}", "stance": "mixed"}
        post(client, f"/v1/positions/{created['id']}/corrections", correction(body))
    post(client, "/v1/statements", statement(said_at=f"2022-01-{day:02}"))
    register_all(client, [f"actor-{day}"], [f"topic-{day}"])
    store.catch_up()


def test_a_read_waits_for_min_size_and_answers_503_if_it_is_not_reached(
    client: Client, store: Store
) -> None:
    size = post(client, "/v1/actors", bodies.actor())["size"]
    too_early = client.get("/v1/actors/emma", params={"min_size": size})
    assert int(too_early.headers["Retry-After"]) >= 1
    expect_problem(too_early, 503, "not-yet")
    with ThreadPoolExecutor(1) as reader:
        waiting = reader.submit(client.get, "/v1/actors/emma", params={"min_size": size})
        store.catch_up()
        answer = waiting.result()
    assert (answer.status_code, answer.json()["id"]) == (200, "emma")


@pytest.mark.parametrize("pattern", ["{}-{}", "a.bc/{}/{}", "{} {}", "x{}@{}.org"])
def test_any_accepted_text_can_be_projected(client: Client, store: Store, pattern: str) -> None:
    """The longest allowed text, of words that text search indexes whole and in parts."""
    pairs = [chr(0x20000 + n % 300) + chr(0x20000 + n // 300) for n in range(60_000)]
    text = " ".join(pattern.format(*pair) for pair in zip(pairs[::2], pairs[1::2], strict=True))
    texts = content(text=text[:100_000], original={"text": text[100_000:200_000], "lang": "zh"})
    body = json.dumps(statement(content=texts), ensure_ascii=False).encode()
    register_all(client)
    created = client.post(
        "/v1/statements", content=body, headers={"Content-Type": "application/json"}
    )
    assert created.status_code == 201
    store.catch_up()
    assert texts == get(client, f"/v1/statements/{created.json()['id']}")["content"]


def test_the_longest_fields_are_kept_in_full(client: Client, store: Store) -> None:
    long = "".join(chr(0x20000 + (n * 7919) % 40_000) for n in range(10_000))
    register_all(client)
    names = [{"name": f"{n}{long[:490]}", "lang": "en"} for n in range(100)]
    post(client, "/v1/actors", bodies.actor("long", names=names))
    body = {"condition": long[:2_000], "summary": long[:2_000], "rationale": long}
    post(client, "/v1/positions", position(stance="conditional_support", **body))
    post(client, "/v1/statements", statement(evidence=[evidence(outlet=long[:500])] * 64))
    store.catch_up()
    assert names == get(client, "/v1/actors/long")["names"]
    answer = get(client, f"{PAIR}/position")
    assert (long[:2_000], long[:2_000]) == (answer["condition"], answer["summary"])
    assert len(get(client, "/v1/statements", outlet=long[:500])["items"]) == 1


@pytest.mark.parametrize(
    "day", ["0001", "0001-01-01", "../0001", "9999", "../9999-12-31", "9999-12-31T23:59:59.999999Z"]
)
def test_the_first_and_the_last_day_of_the_calendar_are_dates(
    client: Client, store: Store, day: str
) -> None:
    register_all(client)
    post(client, "/v1/positions", position(effective=day))
    past = day.replace("9999", "0001")  # a statement of the future is refused
    post(client, "/v1/statements", statement(said_at=past, evidence=[evidence(published_at=past)]))
    store.catch_up()
    for path in LINES:
        assert [day] == [item["effective"] for item in get(client, path, limit=1)["items"]]
    assert day == get(client, f"{PAIR}/position", as_of="9999-12-31")["effective"]
    assert [past] == [item["said_at"] for item in get(client, "/v1/statements")["items"]]


def test_a_page_that_is_no_longer_the_last_has_another_etag(client: Client, store: Store) -> None:
    bodies.register_all(client)
    for effective in ("2020", "2021"):
        bodies.post(client, "/v1/positions", bodies.position(effective=effective))
    store.catch_up()
    path = "/v1/actors/emma/topics/talks/timeline"
    first = client.get(path, params={"limit": 2})
    bodies.post(client, "/v1/positions", bodies.position(effective="2022"))
    store.catch_up()
    headers = {"If-None-Match": first.headers["etag"]}
    again = client.get(path, params={"limit": 2}, headers=headers)
    assert (200, first.json()["items"]) == (again.status_code, again.json()["items"])
    assert (None, str) == (first.json()["next"], type(again.json()["next"]))
