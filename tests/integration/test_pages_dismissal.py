"""Tests of the form of the review that leaves a finding as it is, over real HTTP."""

from httpx2 import Client

from tests.support import reviews
from tests.support.bodies import register_all
from tests.support.html_forms import form_in
from tests.support.store import Store


def test_a_finding_is_left_as_it_is_with_a_reason(client: Client, store: Store) -> None:
    register_all(client)
    reviews.hold(client, stance="oppose", effective="2022-11-01")
    reviews.state(client, said_at="2022-11-30", stances=reviews.read_as("support"))
    store.catch_up()
    form = form_in(client.get("/review", headers={"Accept": "text/html"}))
    answer = form.send(client)
    assert answer.status_code == 422
    assert 'id="reason-1-error"' in answer.text
    form = form_in(answer).fill(reason="A joke.")
    answer = form.send(client)
    assert answer.status_code == 303
    store.catch_up()
    assert form.send(client).status_code == 303  # a double click
    page = client.get(answer.headers["location"], headers={"Accept": "text/html"})
    assert "Nothing asks to be looked at again." in page.text


def test_a_finding_that_changed_since_is_refused(client: Client, store: Store) -> None:
    register_all(client)
    position = reviews.hold(client, stance="oppose", effective="2022-11-01")
    reviews.state(client, said_at="2022-11-30", stances=reviews.read_as("support"))
    store.catch_up()
    form = form_in(client.get("/review", headers={"Accept": "text/html"}))
    page = form_in(client.get(f"/positions/{position}/correct", headers={"Accept": "text/html"}))
    page.fill(summary="Still against.", reason="A slip.").tick("by", "us")
    assert page.send(client).status_code == 303
    store.catch_up()
    answer = form.fill(reason="A joke.").send(client)
    assert answer.status_code == 409
    assert "What the finding is about changed since" in answer.text
    assert form_in(answer).fill(reason="A joke still.").send(client).status_code == 303
