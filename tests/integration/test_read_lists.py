"""Does the read door find, page, wait and answer conditionally over a record that grows?

Each test makes a small record of its own; the seeds' facts are in `test_read_door`.
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
from tests.support.record import Record

PAIR = "/v1/actors/emma/topics/talks"
SHEETS = ["/v1/topics/talks/positions", "/v1/actors/emma/positions"]
LINES = [f"{PAIR}/timeline", f"{PAIR}/history"]


def ids(answer: dict[str, Any]) -> list[str]:
    return [one["id"] for one in answer["items"]]


def test_wildcards_in_a_search_are_letters(client: Client, on_record: Record) -> None:
    for name, spelling in {"pct": "100% Left", "und": "snake_case", "bsl": "back\\slash"}.items():
        names = [{"name": spelling, "lang": "en"}]
        post(client, "/v1/actors", bodies.actor(name, names=names))
        post(client, "/v1/topics", bodies.topic(name, label=spelling))
    on_record.catch_up()
    for kind in ("actors", "topics"):
        asked = {
            q: ids(get(client, f"/v1/{kind}", q=q)) for q in ("%", "_", "\\", "0% L", "k_l", "s%e")
        }
        assert asked == {
            "%": ["pct"],
            "_": ["und"],
            "\\": ["bsl"],
            "0% L": ["pct"],
            "k_l": [],
            "s%e": [],
        }


def test_statements_are_found_by_who_what_where_when_and_words(
    client: Client, on_record: Record
) -> None:
    register_all(client)
    spokesman = [{"actor": "spokesman", "on_behalf_of": ["ministry"], "capacity": "spokesperson"}]
    telling = {
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
    made = {post(client, "/v1/statements", body)["id"]: name for name, body in telling.items()}
    on_record.catch_up()
    for expected, asked in (
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
        *(("d", {"q": "war -talks"}), ("ad", {"q": "talks or yes"}), ("", {"q": "warfare"})),
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
            made[one] for one in ids(get(client, "/v1/statements", **asked))
        ), asked


def test_what_was_retracted_says_so_and_is_listed_only_where_it_was_known(
    client: Client, on_record: Record
) -> None:
    register_all(client)
    made = post(client, "/v1/statements", statement())
    gone = post(client, f"/v1/statements/{made['id']}/retraction", bodies.retraction())
    on_record.catch_up()
    now = get(client, f"/v1/statements/{made['id']}")
    assert ("retracted", gone["event"], "outlet", "Never said.") == (
        now["status"],
        *(now["closed"][name] for name in ("event", "by", "reason")),
    )
    assert get(client, "/v1/statements")["items"] == []
    assert [made["id"]] == ids(get(client, "/v1/statements", known_size=made["size"]))
    assert (
        get(client, f"/v1/statements/{made['id']}", known_size=made["size"])["status"]
        == "on_record"
    )


@pytest.mark.parametrize("path", [f"{PAIR}/position", *LINES, *SHEETS, "/v1/changes?actor=emma"])
def test_an_answer_changes_its_tag_only_with_what_it_says(
    client: Client, on_record: Record, path: str
) -> None:
    register_all(client)
    made = post(client, "/v1/positions", position())
    on_record.catch_up()
    first = client.get(path)
    tag = {"If-None-Match": f'"other", {first.headers["ETag"]}'}
    assert first.headers["ETag"].startswith('W/"')
    assert first.headers["Cache-Control"] == "no-cache"
    post(client, "/v1/positions", position(actor="ministry", topic="tariffs"))
    on_record.catch_up()
    same = client.get(path, headers=tag)
    assert (304, b"", first.headers["ETag"]) == (
        same.status_code,
        same.content,
        same.headers["ETag"],
    )
    post(client, f"/v1/positions/{made['id']}/corrections", correction(position(stance="oppose")))
    on_record.catch_up()
    changed = client.get(path, headers=tag)
    assert (changed.status_code, changed.headers["ETag"] != first.headers["ETag"]) == (200, True)


@pytest.mark.parametrize("kind", ["changes", "statements", "actors", "topics", *LINES, *SHEETS])
def test_a_cursor_keeps_the_size_while_the_record_grows(
    client: Client, on_record: Record, kind: str
) -> None:
    path = kind if kind.startswith("/") else f"/v1/{kind}"
    register_all(client)
    for day in (10, 20):
        grow(client, on_record, day)
    whole, page = get(client, path), get(client, path, limit=1)
    items = page["items"]
    for day in (5, 15, 25):
        if page["next"]:
            grow(client, on_record, day)
            page = get(client, path, limit=1, cursor=page["next"])
            assert whole["known"] == page["known"]
            items += page["items"]
    assert len(items) > 1
    assert whole["items"][: len(items)] == items


def grow(client: Client, on_record: Record, day: int) -> None:
    """Put something new before, between and after everything that a list may hold."""
    for who, what in (*((one, "talks") for one in bodies.ACTORS), ("emma", "tariffs")):
        body = position(actor=who, topic=what, effective=f"2022-01-{day:02}")
        made = post(client, "/v1/positions", body)
        body = {**body, "effective": f"2021-01-{day:02}", "stance": "mixed"}
        post(client, f"/v1/positions/{made['id']}/corrections", correction(body))
    post(client, "/v1/statements", statement(said_at=f"2022-01-{day:02}"))
    register_all(client, [f"actor-{day}"], [f"topic-{day}"])
    on_record.catch_up()


def test_a_read_waits_for_a_size_and_says_when_it_is_too_early(
    client: Client, on_record: Record
) -> None:
    size = post(client, "/v1/actors", bodies.actor())["size"]
    too_early = client.get("/v1/actors/emma", params={"min_size": size})
    assert int(too_early.headers["Retry-After"]) >= 1
    expect_problem(too_early, 503, "not-yet")
    with ThreadPoolExecutor(1) as reader:
        waiting = reader.submit(client.get, "/v1/actors/emma", params={"min_size": size})
        on_record.catch_up()
        answer = waiting.result()
    assert (answer.status_code, answer.json()["id"]) == (200, "emma")


@pytest.mark.parametrize("word", ["{}-{}", "a.bc/{}/{}", "{} {}", "x{}@{}.org"])
def test_whatever_words_are_accepted_can_be_folded(
    client: Client, on_record: Record, word: str
) -> None:
    """The longest text there may be, of words that a text search keeps whole and in parts."""
    pairs = [chr(0x20000 + n % 300) + chr(0x20000 + n // 300) for n in range(60_000)]
    text = " ".join(word.format(*two) for two in zip(pairs[::2], pairs[1::2], strict=True))
    words = content(text=text[:100_000], original={"text": text[100_000:200_000], "lang": "zh"})
    body = json.dumps(statement(content=words), ensure_ascii=False).encode()
    register_all(client)
    made = client.post("/v1/statements", content=body, headers={"Content-Type": "application/json"})
    assert made.status_code == 201
    on_record.catch_up()
    assert words == get(client, f"/v1/statements/{made.json()['id']}")["content"]


def test_the_longest_fields_are_kept_in_full(client: Client, on_record: Record) -> None:
    long = "".join(chr(0x20000 + (n * 7919) % 40_000) for n in range(10_000))
    register_all(client)
    names = [{"name": f"{n}{long[:490]}", "lang": "en"} for n in range(100)]
    post(client, "/v1/actors", bodies.actor("long", names=names))
    body = {"condition": long[:2_000], "summary": long[:2_000], "rationale": long}
    post(client, "/v1/positions", position(stance="conditional_support", **body))
    post(client, "/v1/statements", statement(evidence=[evidence(outlet=long[:500])] * 64))
    on_record.catch_up()
    assert names == get(client, "/v1/actors/long")["names"]
    held = get(client, f"{PAIR}/position")
    assert (long[:2_000], long[:2_000]) == (held["condition"], held["summary"])
    assert len(get(client, "/v1/statements", outlet=long[:500])["items"]) == 1


@pytest.mark.parametrize(
    "day", ["0001", "0001-01-01", "../0001", "9999", "../9999-12-31", "9999-12-31T23:59:59.999999Z"]
)
def test_the_first_and_the_last_day_there_is_are_dates(
    client: Client, on_record: Record, day: str
) -> None:
    register_all(client)
    post(client, "/v1/positions", position(effective=day))
    post(client, "/v1/statements", statement(said_at=day, evidence=[evidence(published_at=day)]))
    on_record.catch_up()
    for path in LINES:
        assert [day] == [one["effective"] for one in get(client, path, limit=1)["items"]]
    assert day == get(client, f"{PAIR}/position", as_of="9999-12-31")["effective"]
    assert [day] == [one["said_at"] for one in get(client, "/v1/statements")["items"]]


def test_a_last_page_after_which_another_one_came_is_not_the_page_that_a_reader_has(
    client: Client, on_record: Record
) -> None:
    bodies.register_all(client)
    for effective in ("2020", "2021"):
        bodies.post(client, "/v1/positions", bodies.position(effective=effective))
    on_record.catch_up()
    path = "/v1/actors/emma/topics/talks/timeline"
    first = client.get(path, params={"limit": 2})
    bodies.post(client, "/v1/positions", bodies.position(effective="2022"))
    on_record.catch_up()
    had = {"If-None-Match": first.headers["etag"]}
    again = client.get(path, params={"limit": 2}, headers=had)
    assert (200, first.json()["items"]) == (again.status_code, again.json()["items"])
    assert (None, str) == (first.json()["next"], type(again.json()["next"]))
