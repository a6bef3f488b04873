"""Does the review name what contradicts the record, and does a further event resolve it?"""

from typing import Any
from uuid import UUID, uuid4

import pytest
from httpx2 import Client

from onrecord.kit.http import paging
from onrecord.projections.changes import review_read
from tests.support import bodies
from tests.support.record import Record

Json = dict[str, Any]


@pytest.fixture(autouse=True)
def cast(client: Client) -> None:
    bodies.register_all(client)


def said(client: Client, **over: Any) -> str:
    body = bodies.statement(id=str(uuid4()), evidence=[bodies.evidence(url=f"https://n/{uuid4()}")])
    return str(bodies.post(client, "/v1/statements", {**body, **over})["id"])


def read_as(stance: str) -> list[Json]:
    return [{"topic": "talks", "stance": stance}]


def holds(client: Client, **over: Any) -> str:
    body = bodies.position(**{"actor": "emma", "topic": "talks", "basis": [], **over})
    return str(bodies.post(client, "/v1/positions", body)["id"])


def review(client: Client, on_record: Record, **params: Any) -> list[Json]:
    """All findings, page by page."""
    on_record.catch_up()
    found, page = [], bodies.get(client, "/v1/review", **params)
    while True:
        found += page["items"]
        if page["next"] is None:
            return found
        page = bodies.get(client, "/v1/review", **params, cursor=page["next"])


def named(items: list[Json], *names: str) -> list[tuple[Any, ...]]:
    return [tuple(one[name] for name in names) for one in items]


def test_a_reading_on_another_side_than_the_position_held_then_is_a_contradiction(
    client: Client, on_record: Record
) -> None:
    held = holds(client, stance="support", effective="2022-01-01")
    holds(client, stance="oppose", effective="2022-12-25")
    against = said(client, said_at="2022-11-30", stances=read_as("oppose"))
    neutral = said(client, said_at="2022-11-30", stances=read_as("neutral"))
    said(client, said_at="2022-11-30", stances=read_as("conditional_support"))
    said(client, said_at="2022-11-30", stances=read_as("mixed"))
    said(client, said_at="2022-12-26", stances=read_as("oppose"))
    said(client, said_at="2021", stances=read_as("oppose"))
    said(client, said_at="2022-11-30", stances=read_as("oppose"), embedded_in=neutral)
    found = review(client, on_record)
    assert [
        ("contradiction", neutral, held, "emma", "talks", "neutral", "support"),
        ("contradiction", against, held, "emma", "talks", "oppose", "support"),
    ] == named(found, "kind", "statement", "position", "actor", "topic", "said", "held")


def test_a_statement_of_an_inexact_date_contradicts_only_what_was_held_all_the_while(
    client: Client, on_record: Record
) -> None:
    holds(client, stance="support", effective="2021")
    holds(client, stance="oppose", effective="2022-06-01")
    said(client, said_at="2022", stances=read_as("support"))
    said(client, said_at="2022-06", stances=read_as("oppose"))
    surely = said(client, said_at="2022-07", stances=read_as("support"))
    assert [surely] == [one["statement"] for one in review(client, on_record)]


def test_a_contradiction_is_resolved_by_the_change_that_was_missing_and_only_from_then_on(
    client: Client, on_record: Record
) -> None:
    holds(client, stance="support", effective="2022-01-01")
    against = said(client, said_at="2022-11-30", stances=read_as("oppose"))
    (before,) = review(client, on_record)
    size = bodies.get(client, "/v1/review")["known"]["size"]
    holds(client, stance="oppose", effective="2022-11-30")
    assert [] == review(client, on_record)
    assert [before] == review(client, on_record, known_size=size)
    assert against == before["statement"]


def test_a_contradiction_of_a_merged_actor_is_with_whom_it_means(
    client: Client, on_record: Record
) -> None:
    holds(client, actor="ministry", stance="support", effective="2022-01-01")
    said(client, said_at="2022-11-30", stances=read_as("oppose"))
    assert [] == review(client, on_record)
    bodies.post(client, "/v1/actors/emma/merge", {"into": "ministry", "reason": "One."})
    assert [("ministry",)] == named(review(client, on_record), "actor")


def test_speakers_who_mean_one_actor_contradict_its_position_once(
    client: Client, on_record: Record
) -> None:
    holds(client, actor="ministry", stance="support", effective="2022-01-01")
    speakers = [{"actor": one, "capacity": "joint"} for one in ("emma", "ministry")]
    said(client, speakers=speakers, said_at="2022-11-30", stances=read_as("oppose"))
    bodies.post(client, "/v1/actors/emma/merge", {"into": "ministry", "reason": "One."})
    assert [("ministry",)] == named(review(client, on_record), "actor")


def test_a_position_is_unsupported_once_nothing_first_hand_stands_beneath_it(
    client: Client, on_record: Record
) -> None:
    one, other = said(client), said(client)
    account = said(client, embedded_in=one)
    resting = holds(client, basis=[one, other], effective="2022-01")
    hearsay = holds(client, basis=[account], effective="2022-02")
    holds(client, basis=[], effective="2022-03")
    bodies.post(client, f"/v1/statements/{one}/retraction", bodies.retraction())
    assert [hearsay] == [one["position"] for one in review(client, on_record)]
    bodies.post(client, f"/v1/statements/{other}/retraction", bodies.retraction())
    found = review(client, on_record, kind="unsupported")
    assert [hearsay, resting] == [one["position"] for one in found]
    bodies.post(client, f"/v1/positions/{hearsay}/retraction", bodies.retraction())
    replacement = bodies.statement(evidence=[bodies.evidence(url="https://n/again")])
    bodies.post(client, f"/v1/statements/{one}/corrections", bodies.correction(replacement))
    assert [] == review(client, on_record)


def test_the_same_words_at_the_same_address_are_told_once_for_each_later_statement(
    client: Client, on_record: Record
) -> None:
    page = [bodies.evidence(url="https://n/1")]
    first, second = said(client, evidence=page), said(client, evidence=page)
    third = said(client, evidence=[*page, bodies.evidence(url="https://n/2")])
    said(client, evidence=page, content=bodies.content(text="Other words."))
    said(client)
    found = review(client, on_record)
    assert [("same_words", second, first), ("same_words", third, first)] == named(
        found, "kind", "statement", "other"
    )
    bodies.post(client, f"/v1/statements/{second}/retraction", bodies.retraction())
    replacement = bodies.statement(evidence=page, same_utterance_as=[first])
    bodies.post(client, f"/v1/statements/{third}/corrections", bodies.correction(replacement))
    assert [] == review(client, on_record)


def test_erased_words_are_the_same_as_no_others(client: Client, on_record: Record) -> None:
    page = [bodies.evidence(url="https://n/1")]
    said(client, evidence=page)
    later = said(client, evidence=page)
    assert [later] == [one["statement"] for one in review(client, on_record)]
    erasure = {"sections": ["content"], "ground": "gdpr-17"}
    bodies.post(client, f"/v1/statements/{later}/erasure", erasure)
    assert [] == review(client, on_record)


@pytest.mark.parametrize("looked_at", [1, 2, 3])
def test_findings_are_complete_however_few_candidates_a_page_looks_at(
    client: Client, on_record: Record, monkeypatch: pytest.MonkeyPatch, looked_at: int
) -> None:
    page = [bodies.evidence(url="https://n/1")]
    holds(client, stance="support", effective="2022-01-01")
    for stances in ([], read_as("oppose"), read_as("support"), read_as("oppose")):
        said(client, evidence=page, stances=stances)
        said(client)
    whole = review(client, on_record)
    fewer = dict.fromkeys(review_read.LOOKED_AT, looked_at)
    monkeypatch.setattr(review_read, "LOOKED_AT", fewer)
    assert 2 + 3 == len(whole)
    assert whole == review(client, on_record)
    assert whole == review(client, on_record, limit=1)


@pytest.mark.parametrize("place", ["x", "1;DROP", "9" * 30])
def test_a_cursor_that_was_not_given_is_refused(
    client: Client, on_record: Record, place: str
) -> None:
    for kind in ("contradiction", "same_words", "nothing"):
        cursor = paging.cursor([0, False, kind, place])
        answer = client.get("/v1/review", params={"cursor": cursor})
        assert ["cursor"] == [one["parameter"] for one in answer.json()["errors"]]


def test_each_finding_says_where_the_event_that_resolves_it_is_posted(
    client: Client, on_record: Record
) -> None:
    resting = holds(client, basis=[said(client, embedded_in=said(client))], effective="2022-02")
    (found,) = review(client, on_record)
    assert [f"/v1/positions/{resting}/{what}" for what in ("corrections", "retraction")] == found[
        "resolve"
    ]
    assert UUID(found["statement"])
