"""Tests of the pages to write, followed as an editor without scripts does, over real HTTP."""

import hashlib
import json
from typing import Any, Final

import pytest
from httpx2 import Client, Response

from tests.support import bodies, keys, reviews
from tests.support.bodies import ledger_size, post, register_all
from tests.support.html_forms import HtmlForm, errors_beside, form_in
from tests.support.store import Store

ARTICLE: Final = (
    "Peace talks 😀 began.\n\n“Cafe\u0301 talks are over”, said Emma.\nEmma said: peace talks."
)
HASHED: Final = ARTICLE.replace("e\u0301", "\u00e9")
HOSTILE: Final = "<script>alert(1)</script> \u202eevil\u202c " + "w" * 300


@pytest.fixture
def editor(client: Client, store: Store) -> Client:
    """A browser with a key of scope `write`, and actors and topics on record."""
    register_all(client)
    store.catch_up()
    client.headers["Accept"] = "text/html"
    return client


def start(editor: Client, article: str = ARTICLE, **fields: str) -> HtmlForm:
    """The second step for this article."""
    form = form_in(editor.get("/new/statement"))
    form.fill(article=article, url="https://news.example/1", **fields)
    answer = form.send(editor, "read")
    assert answer.status_code == 200, answer.text
    return form_in(answer)


def details(form: HtmlForm, **fields: str) -> HtmlForm:
    """The second step, filled in."""
    known = {"quote": "talks are over", "said_at": "2022-11-30", "coder": "desk"}
    return form.fill(**known | {"speakers__0__actor": "EMMA"} | fields)


def check(editor: Client, form: HtmlForm, status: int = 200) -> Response:
    answer = form.send(editor, "check")
    assert answer.status_code == status, answer.text
    assert bool(errors_beside(answer)) == (status == 422)
    return answer


def record(editor: Client, store: Store, form: HtmlForm) -> str:
    """Record what a preview shows; where the browser goes."""
    answer = form.send(editor)
    assert answer.status_code == 303, answer.text
    store.catch_up()
    return str(answer.headers["location"])


def data(editor: Client, path: str) -> dict[str, Any]:
    answer = editor.get(path, headers={"Accept": "application/json"})
    assert answer.status_code == 200, answer.text
    result: dict[str, Any] = answer.json()
    return result


def test_an_article_becomes_a_statement_and_a_position(editor: Client, store: Store) -> None:
    size = ledger_size(store.url)
    form = details(start(editor), topics__0__topic="Talks", topics__0__stance="oppose")
    preview = check(editor, form.tick("said_at-latest"))
    assert size == ledger_size(store.url)
    assert "by 30 November 2022" in preview.text
    location = record(editor, store, form_in(preview))
    assert record(editor, store, form_in(preview)) == location  # a double click
    assert size + 1 == ledger_size(store.url)

    statement = data(editor, f"/v1/statements/{location.split('=')[1].partition('&')[0]}")
    (source,) = statement["evidence"]
    start_at = HASHED.index("talks are over")
    assert source["sha256"] == hashlib.sha256(HASHED.encode()).hexdigest()
    assert source["selector"]["exact"] == "talks are over" == statement["content"]["text"]
    assert (start_at, start_at + 14) == (source["selector"]["start"], source["selector"]["end"])
    assert source["selector"]["prefix"] == HASHED[:start_at][-32:]
    assert ("../2022-11-30", [{"topic": "talks", "stance": "oppose"}]) == (
        statement["said_at"],
        statement["stances"],
    )
    assert statement["recorded_by"] == str(keys.KEY_ID)

    form = form_in(editor.get(location))
    assert form.value("stance") == "oppose"
    assert errors_beside(form.send(editor, "check")) == {"summary"}
    preview = check(editor, form.fill(summary="Against talks."))
    assert "took a first position" in preview.text
    location = record(editor, store, form_in(preview))
    assert editor.get(location).status_code == 200
    position = data(editor, "/v1/actors/emma/topics/talks/position?as_of=2022-12-01")
    assert (position["stance"], position["basis"]) == ("oppose", [statement["id"]])


def test_a_quote_that_is_not_clear_is_chosen_by_its_place(editor: Client) -> None:
    answer = check(editor, details(start(editor), quote="Emma"), 422)
    places = [value for name, value in form_in(answer).options if name == "place"]
    assert len(places) == 2
    answer = check(editor, form_in(answer).tick("place", places[1]))
    assert places[1].partition("-")[0] in json.dumps(form_in(answer).fields)
    answer = check(editor, details(start(editor), quote="PEACE  talks 😀"), 422)
    (place,) = [value for name, value in form_in(answer).options if name == "place"]
    assert place == "0-13"
    assert "Peace talks 😀" in check(editor, form_in(answer).tick("place", place)).text
    answer = check(editor, details(start(editor), quote="nobody wrote this"), 422)
    assert errors_beside(answer) == {"quote"}


def test_new_actors_and_topics_are_registered_with_the_statement(
    editor: Client, store: Store
) -> None:
    size = ledger_size(store.url)
    form = details(start(editor), speakers__0__actor="Zoë Q", topics__0__topic="Harbours")
    answer = check(editor, form, 422)
    assert errors_beside(answer) == {"speakers-0-actor", "topics-0-topic"}
    form = form_in(answer)
    form.tick("speakers-0-actor-choice", "new").tick("topics-0-topic-choice", "new")
    form.fill(speakers__0__actor__new_id="zoe q", topics__0__topic__new_id="harbours")
    answer = check(editor, form, 422)
    assert "speakers-0-actor-new_kind" in errors_beside(answer)
    form = form_in(answer).fill(
        speakers__0__actor__new_id="zoe-q",
        speakers__0__actor__new_kind="person",
        topics__0__topic__new_proposition="Build harbours",
    )
    preview = check(editor, form)
    assert size == ledger_size(store.url)
    back = form_in(form_in(preview).send(editor, "edit"))
    assert back.value("speakers-0-actor") == "Zoë Q"
    preview = check(editor, back)
    record(editor, store, form_in(preview))
    record(editor, store, form_in(preview))
    assert size + 3 == ledger_size(store.url)
    assert data(editor, "/v1/actors/zoe-q")["label"] == "Zoë Q"


def test_what_was_typed_is_kept_and_errors_stand_beside_their_fields(editor: Client) -> None:
    form = start(editor, published_at="yesterday")
    form.fill(said_at="30.11.2022", quote="talks are over", note=HOSTILE, coder="d e")
    form.fill(speakers__0__role=HOSTILE)
    answer = check(editor, form, 422)
    expected = {"published_at", "said_at", "coder", "speakers-0-actor"}
    assert errors_beside(answer) == expected
    again = form_in(answer)
    assert {item for item in form.fields if item[0] in form.names} <= set(again.fields)
    assert "<script>alert" not in answer.text
    assert again.value("note") == HOSTILE == again.value("speakers-0-role")


def test_html_gives_its_main_text_and_hostile_words_stay_text(editor: Client) -> None:
    page = (
        "<html><body><nav>Menu</nav><article><h1>T</h1>"
        + "<p>Emma said on Tuesday that the talks are over, and that nobody would return.</p>" * 4
        + "<p>x &lt;script&gt;alert(1)&lt;/script&gt; y, the end.</p></article></body></html>"
    )
    form = start(editor, page)
    text = form.value("text")
    assert "Emma said on Tuesday" in text
    assert "Menu" not in text
    back = form_in(details(form, note="Kept.").send(editor, "article"))
    assert (back.value("article").strip(), back.value("note")) == (text.strip(), "Kept.")
    form = form_in(back.send(editor, "read"))
    quote = "<script>alert(1)</script>"
    answer = check(editor, details(form, quote=quote))
    assert "<script>alert" not in answer.text


def test_similar_statements_are_shown_before_anything_is_recorded(
    editor: Client, store: Store
) -> None:
    body = bodies.statement(content=bodies.content(text="Talks are over!"))
    other = post(editor, "/v1/statements", body)["id"]
    store.catch_up()
    answer = check(editor, details(start(editor)))
    assert f"/statements/{other}" in answer.text


def test_a_position_is_not_recorded_over_one_that_came_meanwhile(
    editor: Client, store: Store
) -> None:
    statement = reviews.state(editor, stances=reviews.read_as("support"))
    store.catch_up()
    form = form_in(editor.get(f"/new/position?statement={statement}")).fill(summary="For them.")
    preview = check(editor, form)
    reviews.hold(editor, stance="oppose", summary="Came meanwhile.", effective="2022-11-01")
    store.catch_up()
    answer = form_in(preview).send(editor)
    assert answer.status_code == 409
    assert "Someone recorded meanwhile" in answer.text
    assert "Came meanwhile." in answer.text
    form = form_in(answer)
    assert form.value("summary") == "For them."
    preview = check(editor, form)
    assert "Emma reversed" in preview.text
    record(editor, store, form_in(preview))


def test_amendments_say_what_rests_on_them_and_are_recorded(editor: Client, store: Store) -> None:
    statement = reviews.state(editor, topics=["talks"], addressees=["ministry"])
    position = reviews.hold(editor, basis=[statement])
    store.catch_up()
    page = editor.get(f"/statements/{statement}/correct")
    assert "1 position of its speakers rests on this statement" in page.text
    assert "addressees" in page.text
    form = form_in(page).fill(words="We are ready.", reason="A slip.")
    answer = form.send(editor)
    assert (answer.status_code, errors_beside(answer)) == (422, {"by"})
    record(editor, store, form_in(answer).tick("by", "us"))
    corrected = data(editor, f"/v1/statements/{statement}")
    assert corrected["content"]["text"] == "We are ready."
    assert (corrected["addressees"], corrected["status"]) == (["ministry"], "corrected")

    form = form_in(editor.get(f"/positions/{position}/correct"))
    record(editor, store, form.fill(stance="oppose", reason="Read wrongly.").tick("by", "us"))
    corrected = data(editor, f"/v1/positions/{position}")
    assert (corrected["stance"], corrected["basis"]) == ("oppose", [statement])
    form = form_in(editor.get(f"/positions/{position}/retract"))
    record(editor, store, form.fill(reason="Never held.").tick("by", "us"))
    assert data(editor, f"/v1/positions/{position}")["status"] == "retracted"

    form = form_in(editor.get(f"/statements/{statement}/erase"))
    assert errors_beside(form.send(editor)) == {"sections", "ground"}
    record(editor, store, form.fill(ground="gdpr-17").tick("sections", "content"))
    assert data(editor, f"/v1/statements/{statement}")["erased"] == {"content": "gdpr-17"}
    form = form_in(editor.get(f"/statements/{statement}/retract"))
    form.fill(reason="Never said.").tick("by", "outlet")
    record(editor, store, form)
    record(editor, store, form)  # a double click
    assert data(editor, f"/v1/statements/{statement}")["status"] == "retracted"
    other = form_in(editor.get(f"/statements/{statement}/retract"))
    answer = other.fill(reason="Again.").tick("by", "outlet").send(editor)
    assert answer.status_code == 409


def test_actors_are_merged_by_any_name_and_unmerged(editor: Client, store: Store) -> None:
    form = form_in(editor.get("/actors/spokesman/merge"))
    assert errors_beside(form.send(editor)) == {"into", "reason"}
    record(editor, store, form.fill(into="Emma", reason="The same person."))
    assert data(editor, "/v1/actors/spokesman")["merged_into"] == "emma"
    form = form_in(editor.get("/actors/spokesman/unmerge"))
    record(editor, store, form.fill(reason="Not the same."))
    assert data(editor, "/v1/actors/spokesman")["merged_into"] is None


def test_the_review_shows_words_beside_the_position_with_what_mends_them(
    editor: Client, store: Store
) -> None:
    position = reviews.hold(editor, stance="oppose", effective="2022-11-01", summary=HOSTILE)
    statement = reviews.state(editor, said_at="2022-11-30", stances=reviews.read_as("support"))
    store.catch_up()
    page = editor.get("/review").text
    assert "Words that contradict a position" in page
    assert "We are ready to talk." in page
    assert "<script>alert" not in page
    for path in (f"/statements/{statement}/correct", f"/positions/{position}/correct"):
        assert f'href="{path}"' in page
    form = form_in(editor.get(f"/statements/{statement}/correct"))
    form.fill(topics__0__stance="oppose", reason="Misread.").tick("by", "us")
    record(editor, store, form)
    assert "Nothing asks to be looked at again." in editor.get("/review").text
