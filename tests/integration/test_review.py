"""Findings of the review, and the events that resolve them."""

from typing import Any
from uuid import UUID, uuid4

import pytest
from httpx2 import Client

from onrecord.kit.http import paging
from onrecord.projections import review as review_queries
from tests.support import bodies
from tests.support.store import Store

Json = dict[str, Any]


@pytest.fixture(autouse=True)
def cast(client: Client) -> None:
    bodies.register_all(client)


def state(client: Client, **over: Any) -> str:
    body = bodies.statement(id=str(uuid4()), evidence=[bodies.evidence(url=f"https://n/{uuid4()}")])
    return str(bodies.post(client, "/v1/statements", {**body, **over})["id"])


def read_as(stance: str) -> list[Json]:
    return [{"topic": "talks", "stance": stance}]


def hold(client: Client, **over: Any) -> str:
    body = bodies.position(**{"actor": "emma", "topic": "talks", "basis": [], **over})
    return str(bodies.post(client, "/v1/positions", body)["id"])


def review(client: Client, store: Store, **params: Any) -> list[Json]:
    """All findings, page by page."""
    store.catch_up()
    items, page = [], bodies.get(client, "/v1/review", **params)
    while True:
        items += page["items"]
        if page["next"] is None:
            return items
        page = bodies.get(client, "/v1/review", **params, cursor=page["next"])


def named(items: list[Json], *names: str) -> list[tuple[Any, ...]]:
    return [tuple(item[name] for name in names) for item in items]


def test_a_stance_on_another_side_of_the_scale_is_a_contradiction(
    client: Client, store: Store
) -> None:
    supported = hold(client, stance="support", effective="2022-01-01")
    hold(client, stance="oppose", effective="2022-12-25")
    against = state(client, said_at="2022-11-30", stances=read_as("oppose"))
    neutral = state(client, said_at="2022-11-30", stances=read_as("neutral"))
    state(client, said_at="2022-11-30", stances=read_as("conditional_support"))
    state(client, said_at="2022-11-30", stances=read_as("mixed"))
    state(client, said_at="2022-12-26", stances=read_as("oppose"))
    state(client, said_at="2021", stances=read_as("oppose"))
    state(client, said_at="2022-11-30", stances=read_as("oppose"), embedded_in=neutral)
    findings = review(client, store)
    assert [
        ("contradiction", neutral, supported, "emma", "talks", "neutral", "support"),
        ("contradiction", against, supported, "emma", "talks", "oppose", "support"),
    ] == named(findings, "kind", "statement", "position", "actor", "topic", "said", "held")


def test_a_statement_of_inexact_date_contradicts_only_a_position_held_throughout(
    client: Client, store: Store
) -> None:
    hold(client, stance="support", effective="2021")
    hold(client, stance="oppose", effective="2022-06-01")
    state(client, said_at="2022", stances=read_as("support"))
    state(client, said_at="2022-06", stances=read_as("oppose"))
    surely = state(client, said_at="2022-07", stances=read_as("support"))
    assert [surely] == [item["statement"] for item in review(client, store)]


@pytest.mark.parametrize(
    ("held", "said_at"),
    [("2022", "2022-03"), ("../2022-06-01", "2022-03"), ("2022-03", "2022-03-31")],
)
def test_a_statement_contradicts_no_position_that_may_have_begun_later(
    client: Client, store: Store, held: str, said_at: str
) -> None:
    """Whether another one was held before, or none."""
    oppose = hold(client, stance="oppose", effective=held)
    state(client, said_at=said_at, stances=read_as("support"))
    assert [] == review(client, store)
    hold(client, stance="support", effective="2020")
    assert [] == review(client, store)
    surely = state(client, said_at="2023", stances=read_as("support"))
    if held.startswith("../"):  # that of 2020 may have come after it
        assert [] == review(client, store)
        return
    (finding,) = review(client, store)
    assert (surely, oppose) == (finding["statement"], finding["position"])
    assert finding["message"].startswith(
        "A statement of emma on talks was read as support, and no position that may have been held"
        " then is on that side: the last one by then is opposition."
    )


def test_the_missing_change_resolves_a_contradiction_at_later_sizes_only(
    client: Client, store: Store
) -> None:
    hold(client, stance="support", effective="2022-01-01")
    against = state(client, said_at="2022-11-30", stances=read_as("oppose"))
    (before,) = review(client, store)
    size = bodies.get(client, "/v1/review")["known"]["size"]
    hold(client, stance="oppose", effective="2022-11-30")
    assert [] == review(client, store)
    assert [before] == review(client, store, known_size=size)
    assert against == before["statement"]


def test_a_statement_of_a_merged_actor_contradicts_the_canonical_actor(
    client: Client, store: Store
) -> None:
    hold(client, actor="ministry", stance="support", effective="2022-01-01")
    state(client, said_at="2022-11-30", stances=read_as("oppose"))
    assert [] == review(client, store)
    bodies.post(client, "/v1/actors/emma/merge", {"into": "ministry", "reason": "One."})
    assert [("ministry",)] == named(review(client, store), "actor")


def test_speakers_merged_into_the_same_actor_contradict_it_once(
    client: Client, store: Store
) -> None:
    hold(client, actor="ministry", stance="support", effective="2022-01-01")
    speakers = [{"actor": actor, "capacity": "joint"} for actor in ("emma", "ministry")]
    state(client, speakers=speakers, said_at="2022-11-30", stances=read_as("oppose"))
    bodies.post(client, "/v1/actors/emma/merge", {"into": "ministry", "reason": "One."})
    assert [("ministry",)] == named(review(client, store), "actor")


def test_a_position_without_first_hand_evidence_is_unsupported(
    client: Client, store: Store
) -> None:
    first, second = state(client), state(client)
    account = state(client, embedded_in=first)
    resting = hold(client, basis=[first, second], effective="2022-01")
    hearsay = hold(client, basis=[account], effective="2022-02")
    hold(client, basis=[], effective="2022-03")
    bodies.post(client, f"/v1/statements/{first}/retraction", bodies.retraction())
    assert [hearsay] == [item["position"] for item in review(client, store)]
    bodies.post(client, f"/v1/statements/{second}/retraction", bodies.retraction())
    findings = review(client, store, kind="unsupported")
    assert [hearsay, resting] == [item["position"] for item in findings]
    bodies.post(client, f"/v1/positions/{hearsay}/retraction", bodies.retraction())
    replacement = bodies.statement(evidence=[bodies.evidence(url="https://n/again")])
    bodies.post(client, f"/v1/statements/{first}/corrections", bodies.correction(replacement))
    assert [] == review(client, store)


def test_each_later_statement_with_the_same_words_and_url_is_listed_once(
    client: Client, store: Store
) -> None:
    page = [bodies.evidence(url="https://n/1")]
    first, second = state(client, evidence=page), state(client, evidence=page)
    third = state(client, evidence=[*page, bodies.evidence(url="https://n/2")])
    state(client, evidence=page, content=bodies.content(text="Other words."))
    state(client)
    findings = review(client, store)
    assert [("same_words", second, first), ("same_words", third, first)] == named(
        findings, "kind", "statement", "other"
    )
    bodies.post(client, f"/v1/statements/{second}/retraction", bodies.retraction())
    replacement = bodies.statement(evidence=page, same_utterance_as=[first])
    bodies.post(client, f"/v1/statements/{third}/corrections", bodies.correction(replacement))
    assert [] == review(client, store)


def test_erased_words_equal_no_other_words(client: Client, store: Store) -> None:
    page = [bodies.evidence(url="https://n/1")]
    state(client, evidence=page)
    later = state(client, evidence=page)
    assert [later] == [item["statement"] for item in review(client, store)]
    erasure = {"sections": ["content"], "ground": "gdpr-17"}
    bodies.post(client, f"/v1/statements/{later}/erasure", erasure)
    assert [] == review(client, store)


@pytest.mark.parametrize("candidates", [1, 2, 3])
def test_findings_are_complete_however_few_candidates_a_page_looks_at(
    client: Client, store: Store, monkeypatch: pytest.MonkeyPatch, candidates: int
) -> None:
    page = [bodies.evidence(url="https://n/1")]
    hold(client, stance="support", effective="2022-01-01")
    for stances in ([], read_as("oppose"), read_as("support"), read_as("oppose")):
        state(client, evidence=page, stances=stances)
        state(client)
    whole = review(client, store)
    fewer = dict.fromkeys(review_queries.MAX_CANDIDATES, candidates)
    monkeypatch.setattr(review_queries, "MAX_CANDIDATES", fewer)
    assert 2 + 3 == len(whole)
    assert whole == review(client, store)
    assert whole == review(client, store, limit=1)


@pytest.mark.parametrize("place", ["x", "1;DROP", "9" * 30])
def test_a_forged_cursor_is_refused(client: Client, store: Store, place: str) -> None:
    for kind in ("contradiction", "same_words", "nothing"):
        cursor = paging.cursor([0, False, kind, place])
        answer = client.get("/v1/review", params={"cursor": cursor})
        assert ["cursor"] == [error["parameter"] for error in answer.json()["errors"]]


def test_each_finding_says_where_the_event_that_resolves_it_is_posted(
    client: Client, store: Store
) -> None:
    resting = hold(client, basis=[state(client, embedded_in=state(client))], effective="2022-02")
    (finding,) = review(client, store)
    assert [f"/v1/positions/{resting}/{what}" for what in ("corrections", "retraction")] == finding[
        "resolve"
    ]
    assert UUID(finding["statement"])
