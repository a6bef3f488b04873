"""Findings of the review that are left as they are, and what brings them back."""

from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest
from httpx2 import Client

from onrecord.projections import review as review_queries
from onrecord.projections.dismissals import DISMISSALS
from onrecord.projections.engine.rebuild import rebuild_projection
from tests.support import bodies
from tests.support.reviews import Json, dismiss, hold, read_as, review, state
from tests.support.store import Store, assert_equals_replay

Change = Callable[[Client, Json], Any]
PAGE = [bodies.evidence(url="https://n/1")]


@pytest.fixture(autouse=True)
def cast(client: Client) -> None:
    bodies.register_all(client)


def contradict(client: Client, **over: Any) -> str:
    """Record a statement that contradicts the position held then, if it is the first; its id."""
    return state(client, said_at="2022-11-30", stances=read_as("oppose"), **over)


def identities(findings: list[Json]) -> list[Json]:
    return [finding["dismiss"] for finding in findings]


def correct(client: Client, statement: str, **over: Any) -> None:
    body = bodies.correction(bodies.statement(**over))
    bodies.post(client, f"/v1/statements/{statement}/corrections", body)


def erase(client: Client, statement: str, *sections: str) -> None:
    body = {"sections": sections, "ground": "gdpr-17"}
    bodies.post(client, f"/v1/statements/{statement}/erasure", body)


def test_a_finding_is_left_as_it_is_with_a_reason_from_a_size_on(
    client: Client, store: Store
) -> None:
    hold(client, stance="support", effective="2022-01-01")
    contradict(client)
    (finding,) = review(client, store)
    assert finding["dismissal"] is None
    answer = dismiss(client, store, finding, reason="It is a joke.")
    assert [] == review(client, store)
    (dismissed,) = review(client, store, dismissed=True)
    assert dismissed == {
        **finding,
        "dismissal": {
            "event": answer["event"],
            "seq": answer["seq"],
            "reason": "It is a joke.",
            "reason_erased": None,
            "recorded_at": answer["recorded_at"],
            "recorded_by": finding["recorded_by"],
        },
    }
    before = answer["size"] - 1
    assert [finding] == review(client, store, known_size=before)
    assert [] == review(client, store, known_size=before, dismissed=True)


CHANGES: dict[str, Change] = {
    "the statement is corrected": lambda client, finding: correct(
        client, finding["statement"], said_at="2022-11-29", stances=read_as("oppose")
    ),
    "words of the statement are erased": lambda client, finding: erase(
        client, finding["statement"], "content", "reason"
    ),
    "the position is corrected": lambda client, finding: bodies.post(
        client,
        f"/v1/positions/{finding['position']}/corrections",
        bodies.correction(
            bodies.position(actor="emma", topic="talks", basis=[], effective="2022-01-02")
        ),
    ),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_contradiction_comes_back_when_what_it_is_about_changes(
    client: Client, store: Store, change: str
) -> None:
    hold(client, stance="support", effective="2022-01-01")
    contradict(client)
    (finding,) = review(client, store)
    dismiss(client, store, finding)
    assert [] == review(client, store)
    CHANGES[change](client, finding)
    (again,) = review(client, store)
    assert (again["dismiss"], again["dismissal"]) == (finding["dismiss"], None)
    assert [] == review(client, store, dismissed=True)
    dismiss(client, store, again)
    assert [] == review(client, store)
    assert_equals_replay(store)
    rebuild_projection(store.engine, DISMISSALS, lambda *_: None)
    assert [finding["dismiss"]] == identities(review(client, store, dismissed=True))


def test_the_same_words_come_back_when_either_statement_changes(
    client: Client, store: Store
) -> None:
    said = [state(client, evidence=PAGE) for _ in range(2)]
    for statement in said:
        (finding,) = review(client, store)
        assert finding["dismiss"]["statements"] == [*reversed(said)]
        dismiss(client, store, finding)
        assert [] == review(client, store)
        bodies.post(client, f"/v1/statements/{statement}/retraction", bodies.retraction())
        assert [] == review(client, store, dismissed=True)
        correct(client, statement, evidence=PAGE)
    assert identities([finding]) == identities(review(client, store))
    assert_equals_replay(store)


def test_an_unsupported_position_comes_back_when_any_statement_of_its_basis_changes(
    client: Client, store: Store
) -> None:
    accounts = [state(client, embedded_in=state(client)) for _ in range(2)]
    hold(client, basis=accounts, effective="2022-02")
    for account in accounts:
        (finding,) = review(client, store)
        assert finding["dismiss"]["statements"] == accounts
        dismiss(client, store, finding)
        assert [] == review(client, store)
        bodies.post(client, f"/v1/statements/{account}/retraction", bodies.retraction())
    assert identities([finding]) == identities(review(client, store))


def test_other_events_leave_a_finding_dismissed(client: Client, store: Store) -> None:
    hold(client, stance="support", effective="2022-01-01")
    statement = contradict(client)
    (finding,) = review(client, store)
    dismiss(client, store, finding)
    hold(client, stance="support", effective="2022-12-01")
    other = contradict(client)
    bodies.post(client, "/v1/actors/emma/merge", {"into": "ministry", "reason": "One."})
    erase(client, statement, "reason")
    assert [other] == [item["statement"] for item in review(client, store)]
    (dismissed,) = review(client, store, dismissed=True)
    assert (dismissed["actor"], dismissed["statement"]) == ("ministry", statement)


def test_a_possible_contradiction_comes_back_once_it_is_definite(
    client: Client, store: Store
) -> None:
    first = hold(client, stance="support", effective="2021")
    opposed = hold(client, stance="oppose", effective="2022")
    state(client, said_at="2022-06-30", stances=read_as("support"))
    (finding,) = review(client, store)
    assert finding["certainty"] == "possible"
    dismiss(client, store, finding)
    neutral = bodies.position(
        actor="emma", topic="talks", basis=[], stance="neutral", effective="2021"
    )
    bodies.post(client, f"/v1/positions/{first}/corrections", bodies.correction(neutral))
    (again,) = review(client, store)
    assert (again["position"], again["certainty"]) == (opposed, "definite")


def test_an_erased_reason_is_gone_and_its_ground_is_shown(client: Client, store: Store) -> None:
    said = [state(client, evidence=PAGE) for _ in range(2)]
    (finding,) = review(client, store)
    event = dismiss(client, store, finding, reason="zanzibar")["event"]
    store.catch_up()
    erase(client, said[0], "reason")
    (dismissed,) = review(client, store, dismissed=True)
    assert (None, "gdpr-17") == (
        dismissed["dismissal"]["reason"],
        dismissed["dismissal"]["reason_erased"],
    )
    recorded = bodies.get(client, f"/v1/events/{event}")
    assert ({}, {"reason": "gdpr-17"}) == (recorded["payload"], recorded["erased"])
    assert_equals_replay(store)


@pytest.mark.parametrize("change", CHANGES)
def test_a_finding_that_changed_since_it_was_read_is_not_dismissed(
    client: Client, store: Store, change: str
) -> None:
    hold(client, stance="support", effective="2022-01-01")
    contradict(client)
    (finding,) = review(client, store)
    size = bodies.get(client, "/v1/review")["known"]["size"]
    CHANGES[change](client, finding)
    body = {**finding["dismiss"], "known_size": size, "reason": "A joke."}
    answer = client.post("/v1/review/dismissals", json=body)
    problem = bodies.expect_problem(answer, 409, "finding-changed")
    place = "/position" if "position" in change else "/statements/0"
    assert [place] == bodies.error_places(problem)


def test_what_can_be_no_finding_is_refused(client: Client, store: Store) -> None:
    position = hold(client, stance="support", effective="2022-01-01")
    statement, gone, unknown = contradict(client), contradict(client), str(uuid4())
    bodies.post(client, f"/v1/statements/{gone}/retraction", bodies.retraction())
    size = bodies.ledger_size(store.url)
    body = {
        "kind": "contradiction",
        "certainty": "definite",
        "statements": [statement],
        "position": position,
        "known_size": size,
        "reason": "A joke.",
    }
    words = {"kind": "same_words", "position": None}
    for over, code, place in (
        ({"known_size": size + 1}, "invalid", "/known_size"),
        ({"known_size": 0}, "invalid", "/known_size"),
        ({"statements": [gone]}, "invalid", "/statements/0"),
        ({"statements": [unknown]}, "unknown-reference", "/statements/0"),
        ({"position": statement}, "unknown-reference", "/position"),
        ({"position": None}, "invalid", "/position"),
        ({"statements": [statement, gone]}, "invalid", "/statements"),
        ({**words, "statements": [statement, statement]}, "invalid", "/statements/1"),
        ({**words, "statements": [statement]}, "invalid", "/statements"),
        ({"kind": "unsupported", "certainty": "possible"}, "invalid", "/certainty"),
        ({"reason": " "}, "invalid", "/reason"),
    ):
        answer = client.post("/v1/review/dismissals", json={**body, **over})
        problem = bodies.expect_problem(answer, 422, code)
        assert [place] == bodies.error_places(problem), over
    assert size == bodies.ledger_size(store.url)


def test_a_dismissal_is_a_write_like_others(client: Client, store: Store) -> None:
    """The same one is recorded once, a dry run records nothing, a batch takes it."""
    said = [state(client, evidence=PAGE) for _ in range(3)]
    findings = review(client, store)
    size = bodies.ledger_size(store.url)
    first, second = ({**item["dismiss"], "known_size": size, "reason": "Two."} for item in findings)
    dry = client.post("/v1/review/dismissals", json=first, params={"dry_run": True})
    assert (200, True, size) == (
        dry.status_code,
        dry.json()["dry_run"],
        bodies.ledger_size(store.url),
    )
    key = {"Idempotency-Key": "finding-1"}
    answers = [client.post("/v1/review/dismissals", json=first, headers=key) for _ in range(2)]
    assert [201, 200] == [answer.status_code for answer in answers]
    assert answers[0].json() == answers[1].json()
    assert [said[2]] == [item["statement"] for item in review(client, store)]
    line = bodies.line("dismissal", str(uuid4()), second)
    assert [201, 200] == [
        result["status"] for result in bodies.send(client, bodies.ndjson([line, line]))
    ]
    assert [] == review(client, store)
    events = bodies.get(client, "/v1/events", type="finding.dismissed", actor="emma", topic="talks")
    assert 2 == len(events["items"])


@pytest.mark.parametrize("candidates", [1, 10_000])
def test_pages_of_one_have_each_finding_once_with_dismissed_ones_among_them(
    client: Client, store: Store, monkeypatch: pytest.MonkeyPatch, candidates: int
) -> None:
    hold(client, stance="support", effective="2022-01-01")
    for _ in range(6):
        contradict(client, evidence=PAGE)
    for month in ("02", "03", "04"):
        basis = [state(client, embedded_in=state(client))]
        hold(client, basis=basis, stance="support", effective=f"2022-{month}-01")
    everything = review(client, store)
    assert 6 + 3 + 5 == len(everything)
    left = everything[::2]
    for finding in left:
        dismiss(client, store, finding)
    limits = dict.fromkeys(review_queries.MAX_CANDIDATES, candidates)
    monkeypatch.setattr(review_queries, "MAX_CANDIDATES", limits)
    for limit in (1, 2, 50):
        assert everything[1::2] == review(client, store, limit=limit)
        dismissed = review(client, store, limit=limit, dismissed=True)
        assert left == [{**finding, "dismissal": None} for finding in dismissed]
