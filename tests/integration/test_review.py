"""Findings of the review, and the events that resolve them."""

from typing import Any
from uuid import UUID

import pytest
from httpx2 import Client

from tests.support import bodies
from tests.support.reviews import Json, hold, read_as, review, state
from tests.support.store import Store

NAMES = [{"name": "Джо Байден", "lang": "uk"}, {"name": "Joe Biden", "lang": "en"}]


@pytest.fixture(autouse=True)
def cast(client: Client) -> None:
    bodies.register_all(client)


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


def test_a_contradiction_that_the_dates_leave_open_is_possible(
    client: Client, store: Store
) -> None:
    """The position changed on some day of 2022, and at the latest in 2024, perhaps long before."""
    supported = hold(client, stance="support", effective="2021")
    opposed = hold(client, stance="oppose", effective="2022")
    hold(client, stance="neutral", effective="../2024")
    dates = {"2022-06-30": "support", "2023-05": "support", "../2021": "neutral", "2025": "neutral"}
    said = [state(client, said_at=date, stances=read_as(dates[date])) for date in dates]
    state(client, said_at="2022-01-01", stances=read_as("mixed"))
    findings = review(client, store, kind="contradiction")
    assert [
        (said[2], supported, "possible"),
        (said[1], opposed, "definite"),
        (said[0], opposed, "possible"),
    ] == named(findings, "statement", "position", "certainty")
    assert ["leave it open" in finding["message"] for finding in findings] == [
        finding["certainty"] == "possible" for finding in findings
    ]


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


def test_each_finding_says_where_the_event_that_resolves_it_is_posted(
    client: Client, store: Store
) -> None:
    resting = hold(client, basis=[state(client, embedded_in=state(client))], effective="2022-02")
    (finding,) = review(client, store)
    assert [f"/v1/positions/{resting}/{what}" for what in ("corrections", "retraction")] == finding[
        "resolve"
    ]
    assert UUID(finding["statement"])


def test_findings_speak_in_names_and_labels_as_they_were_at_the_size(
    client: Client, store: Store
) -> None:
    bodies.post(client, "/v1/actors", bodies.actor("biden", names=NAMES))
    label = {"label": "Talks with Putin", "proposition": "Hold talks"}
    bodies.post(client, "/v1/topics/talks/revision", label)
    speaker = {"speakers": [{"actor": "biden"}]}
    hold(client, actor="biden", stance="conditional_support", effective="2022-01-01")
    state(client, said_at="2022-11-30", stances=read_as("oppose"), **speaker)
    basis = [state(client, embedded_in=state(client))]
    hold(client, actor="biden", basis=basis, effective="2022-12-01")
    findings = review(client, store)
    about = ("biden", "talks")
    assert [about, about] == named(findings, "actor", "topic")
    assert findings[0]["message"].startswith(
        "Joe Biden on “Talks with Putin”: the statement was read as opposition, and the position"
        " held then is conditional support."
    )
    assert findings[1]["message"].startswith(
        "Joe Biden on “Talks with Putin”: no statement is left on which the position can rest."
    )
    size = bodies.post(client, "/v1/topics/talks/revision", {**label, "label": "Talks"})["size"]
    for known_size, expected in ((size - 1, "“Talks with Putin”:"), (size, "“Talks”:")):
        finding = review(client, store, known_size=known_size)[0]
        assert finding["message"].startswith(f"Joe Biden on {expected}")
