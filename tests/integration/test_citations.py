"""Citations: what `cite` and `permalink` say by HTTP, and when a cached answer may be kept."""

from typing import Any

import pytest
from httpx2 import Client

from tests.support import bodies
from tests.support.bodies import get, post
from tests.support.store import PUBLIC_URL, Store

POSITION = "/v1/actors/emma/topics/talks/position"


@pytest.fixture(autouse=True)
def cast(client: Client) -> None:
    bodies.register_all(client)


def hold(client: Client, **over: Any) -> str:
    return str(post(client, "/v1/positions", bodies.position(**{"basis": [], **over}))["id"])


def sentence(client: Client, store: Store, **params: Any) -> str:
    """The sentence to cite, without the state of the record."""
    store.catch_up()
    return str(get(client, POSITION, **params)["cite"]).partition(" (onrecord at ")[0]


def test_a_position_that_may_have_begun_is_on_record_and_cited_as_possible(
    client: Client, store: Store
) -> None:
    held = hold(client, effective="../2022-12-02")
    store.catch_up()
    answer = get(client, POSITION, as_of="2022-12-01")
    assert (True, None, "possible") == (answer["on_record"], answer["id"], answer["certainty"])
    assert [held] == [alternative["id"] for alternative in answer["alternatives"]]
    assert answer["cite"].startswith(
        "As of 1 December 2022, the position of Emma on “Talks” is only possible, as dates are"
        " inexact: support, effective by 2 December 2022; or no position yet (onrecord at size 6, "
    )


def test_a_citation_follows_corrections_retractions_and_merges(
    client: Client, store: Store
) -> None:
    held = hold(client, actor="spokesman", effective="2022-11")
    post(client, "/v1/actors/spokesman/merge", {"into": "emma", "reason": "One person."})
    assert sentence(client, store, as_of="2022-12-01") == (
        "As of 1 December 2022, Emma supported “Talks”, effective in November 2022"
    )
    store.catch_up()
    of_other = get(client, POSITION.replace("emma", "spokesman"), as_of="2022-12-01")
    assert f"{PUBLIC_URL}{POSITION}?as_of=2022-12-01&known_size=7" == of_other["permalink"]
    assert ", Emma supported" in of_other["cite"]
    corrected = bodies.position(stance="oppose", effective="2022-10", basis=[])
    post(client, f"/v1/positions/{held}/corrections", bodies.correction(corrected))
    assert sentence(client, store, as_of="2022-12-01") == (
        "As of 1 December 2022, Emma opposed “Talks”, effective in October 2022"
    )
    post(client, f"/v1/positions/{held}/retraction", bodies.retraction())
    assert sentence(client, store, as_of="2022-12-01") == (
        "As of 1 December 2022, no position of Emma on “Talks” is on record as held by then"
    )
    assert "opposed" in sentence(client, store, as_of="2022-12-01", known_size=8)


def test_what_dates_leave_open_is_not_cited_as_reaffirmed(client: Client, store: Store) -> None:
    """The answer is definite all the same, and a cached one is not kept."""
    hold(client, effective="2022-06")
    hold(client, effective="2023-02-01")
    cited = "As of the end of 2023, Emma supported “Talks”, effective in June 2022 and "
    assert sentence(client, store, as_of="2023") == f"{cited}reaffirmed on 1 February 2023"
    etag = client.get(POSITION).headers["ETag"]
    hold(client, effective="2022", stance="oppose")
    assert sentence(client, store, as_of="2023") == (
        f"{cited}on 1 February 2023, perhaps not all the time between, as dates are inexact"
    )
    assert 200 == client.get(POSITION, headers={"If-None-Match": etag}).status_code


def test_links_have_the_host_of_the_settings_and_no_fraction_of_a_second(
    client: Client, store: Store
) -> None:
    hold(client)
    store.catch_up()
    answer = client.get(POSITION, headers={"Host": "localhost"}).json()
    assert answer["permalink"].startswith(f"{PUBLIC_URL}{POSITION}?as_of=")
    assert answer["permalink"] in answer["cite"]
    assert "localhost" not in str(answer)
    assert "." not in answer["as_of"]


def test_a_cached_answer_is_not_kept_where_the_names_that_it_cites_changed(
    client: Client, store: Store
) -> None:
    hold(client)
    store.catch_up()
    for path, body, name in (
        ("/v1/actors/emma", bodies.actor(names=[{"name": "Emma Stone", "lang": "en"}]), "Stone"),
        ("/v1/topics/talks", bodies.topic(label="Peace talks"), "Peace talks"),
    ):
        etag = client.get(POSITION).headers["ETag"]
        assert 304 == client.get(POSITION, headers={"If-None-Match": etag}).status_code
        del body["id"]
        post(client, f"{path}/revision", body)
        store.catch_up()
        again = client.get(POSITION, headers={"If-None-Match": etag})
        assert (200, True) == (again.status_code, name in again.json()["cite"])
