"""Answers about positions: what is uncertain in them, and what became of their basis."""

from typing import Any

import pytest
from httpx2 import Client

from tests.support import bodies
from tests.support.bodies import get, post
from tests.support.keys import KEY_ID
from tests.support.store import Store

PAIR = "/v1/actors/emma/topics/talks"


@pytest.fixture(autouse=True)
def registered(client: Client) -> None:
    bodies.register_all(client)


def hold(client: Client, stance: str, effective: str, **over: Any) -> dict[str, Any]:
    body = bodies.position(stance=stance, effective=effective, **{"basis": [], **over})
    return post(client, "/v1/positions", body)


def state(client: Client, **over: Any) -> str:
    return str(post(client, "/v1/statements", bodies.statement(**over))["id"])


def test_the_second_step_of_a_year_may_not_have_begun_while_the_first_had(
    client: Client, store: Store
) -> None:
    hold(client, "neutral", "2021")
    hold(client, "oppose", "2022", order=0)
    hold(client, "neutral", "2022", order=1)
    store.catch_up()
    expected = {
        "2021-12-31": ("definite", []),
        "2022-06-30": ("possible", [("neutral", "2021"), ("oppose", "2022")]),
        "2022-12-31": ("definite", []),
    }
    for as_of, certainty in expected.items():
        answer = get(client, f"{PAIR}/position", as_of=as_of)
        others = [(other["stance"], other["effective"]) for other in answer["alternatives"]]
        assert ("neutral", *certainty) == (answer["stance"], answer["certainty"], others)


def test_a_position_says_which_statements_of_its_basis_are_retracted_wherever_it_is_read(
    client: Client, store: Store
) -> None:
    kept, doubtful = state(client), state(client)
    hold(client, "support", "2022", basis=[kept, doubtful])
    retraction = post(client, f"/v1/statements/{doubtful}/retraction", bodies.retraction())
    restored = post(
        client, f"/v1/statements/{doubtful}/corrections", bodies.correction(bodies.statement())
    )
    store.catch_up()
    told = {
        "id": doubtful,
        **{name: retraction[name] for name in ("event", "seq", "recorded_at")},
        "by": "outlet",
        "reason": "Never said.",
        "recorded_by": str(KEY_ID),
    }
    lists = [
        *((f"{PAIR}/timeline", {}), (f"{PAIR}/history", {})),
        *(("/v1/actors/emma/positions", {}), ("/v1/topics/talks/positions", {})),
        *(("/v1/changes", {"by": "known"}), ("/v1/changes", {"by": "valid"})),
    ]
    for size, expected, statuses in (
        (retraction["size"] - 1, [], ["on_record", "on_record"]),
        (retraction["size"], [told], ["on_record"]),
        (restored["size"], [], ["on_record", "corrected"]),
    ):
        position = get(client, f"{PAIR}/position", known_size=size)
        assert expected == position["retracted_basis"]
        assert statuses == [statement["status"] for statement in position["statements"]]
        for path, params in lists:
            (item,) = get(client, path, known_size=size, **params)["items"]
            assert ([kept, doubtful], expected) == (item["basis"], item["retracted_basis"]), path


def test_an_alternative_says_which_statements_of_its_basis_are_retracted(
    client: Client, store: Store
) -> None:
    """Each of the two steps of 2022 may have been the one held in its middle."""
    kept, doubtful = state(client), state(client)
    hold(client, "support", "2021", basis=[doubtful])
    hold(client, "oppose", "2022", basis=[kept, doubtful])
    hold(client, "neutral", "2022-06", basis=[kept])
    retraction = post(client, f"/v1/statements/{doubtful}/retraction", bodies.retraction())
    restored = post(
        client, f"/v1/statements/{doubtful}/corrections", bodies.correction(bodies.statement())
    )
    store.catch_up()
    told = {
        "id": doubtful,
        **{name: retraction[name] for name in ("event", "seq", "recorded_at")},
        "by": "outlet",
        "reason": "Never said.",
        "recorded_by": str(KEY_ID),
    }
    for size, expected in (
        (retraction["size"] - 1, []),
        (retraction["size"], [told]),
        (restored["size"], []),
    ):
        params = {"as_of": "2022-06-15", "known_size": size}
        position = get(client, f"{PAIR}/position", **params)
        assert ("neutral", [kept], []) == tuple(
            position[name] for name in ("stance", "basis", "retracted_basis")
        )
        bases = [
            (other["stance"], other["basis"], other["retracted_basis"])
            for other in position["alternatives"]
        ]
        assert [
            ("support", [doubtful], expected),
            ("oppose", [kept, doubtful], expected),
        ] == bases
        for path in ("/v1/actors/emma/positions", "/v1/topics/talks/positions"):
            (item,) = get(client, path, **params)["items"]
            assert position["alternatives"] == item["alternatives"], path


def test_a_history_says_when_and_by_which_event_each_version_was_closed(
    client: Client, store: Store
) -> None:
    made = hold(client, "support", "2022")
    replacement = bodies.position(stance="oppose", effective="2022", basis=[])
    corrected = post(
        client, f"/v1/positions/{made['id']}/corrections", bodies.correction(replacement)
    )
    hold(client, "neutral", "2023")
    retracted = post(client, f"/v1/positions/{made['id']}/retraction", bodies.retraction())
    store.catch_up()
    first, second, other = get(client, f"{PAIR}/history")["items"]
    fields = ("event", "seq", "recorded_at")
    for version, opening, closing in ((first, made, corrected), (second, corrected, retracted)):
        assert [opening[name] for name in fields] == [version["opened"][name] for name in fields]
        assert [closing[name] for name in fields] == [version["closed"][name] for name in fields]
        assert (opening["size"], closing["seq"]) == (
            version["known_from_size"],
            version["known_until_size"],
        )
    types = [version["closed"] and version["closed"]["type"] for version in (first, second, other)]
    assert ["position.corrected", "position.retracted", None] == types
    before = get(client, f"{PAIR}/history", known_size=corrected["seq"])["items"]
    assert [None] == [version["closed"] for version in before]


def test_a_merge_closes_no_version_of_a_history(client: Client, store: Store) -> None:
    hold(client, "support", "2022")
    post(client, "/v1/actors/emma/merge", {"into": "ministry", "reason": "One."})
    store.catch_up()
    (version,) = get(client, "/v1/actors/ministry/topics/talks/history")["items"]
    assert ("emma", None) == (version["actor"], version["closed"])


def test_a_retracted_statement_says_when_it_was_retracted(client: Client, store: Store) -> None:
    id_ = state(client)
    retraction = post(client, f"/v1/statements/{id_}/retraction", bodies.retraction())
    store.catch_up()
    closed = get(client, f"/v1/statements/{id_}")["closed"]
    fields = ("event", "seq", "recorded_at")
    assert [retraction[name] for name in fields] == [closed[name] for name in fields]
