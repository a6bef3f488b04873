"""Tests of GET /v1/quotes/check: what it finds, at which size, by which index, what it refuses."""

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from httpx2 import Client
from hypothesis import given, settings
from hypothesis import strategies as st

from onrecord.kit.sql import db
from onrecord.projections.queries import quoted_statements
from tests.support import bodies, postgres
from tests.support.bodies import content, correction, expect_problem, get, post, statement
from tests.support.searches import found, say
from tests.support.store import Store, open_store, run_api

TEXTS = {
    "long": (
        "I’m prepared to speak with Mr. Putin, if in fact there is an interest in him deciding he’s"
        " looking for a way to end the war. He hasn’t done that yet."
    ),
    "short": "We shall never raise those taxes!",
    "japanese": "私たちは持続可能なまちづくりを推進し、戦争に反対する。",
    "thai": "รัฐบาลไทยประกาศนโยบายใหม่เมื่อวานนี้",
    "decomposed": "Le cafe\u0301 est ferme\u0301 de\u0301sormais.",
    "speech": " ".join(f"word{n % 997} and {n}" for n in range(5_000)),
    "marks": "e" + "\u0301\u0327" * 2_000 + " is a strange letter",
}
LANGS = {"japanese": "ja", "thai": "th", "decomposed": "fr"}


@pytest.fixture(scope="module")
def filled(server_url: str, template: str) -> Iterator[tuple[Client, dict[str, str]]]:
    """All texts as statements, and their ids, for tests that record nothing."""
    with (
        postgres.database(server_url, template) as url,
        open_store(url) as store,
        run_api(store.url) as client,
    ):
        bodies.register_all(client)
        ids = {name: say(client, text, LANGS.get(name, "en")) for name, text in TEXTS.items()}
        original = {"text": "Wir werden niemals die Steuern erhöhen.", "lang": "de"}
        ids["translated"] = say(
            client, "No new tax, ever.", "en", mode="translation", original=original
        )
        store.catch_up()
        yield client, ids


def check(client: Client, text: str, **params: Any) -> dict[str, Any]:
    return get(client, "/v1/quotes/check", text=text, **params)


@pytest.mark.parametrize(
    ("name", "verdict", "text"),
    [
        ("long", "exact", "speak with Mr. Putin, if in fact"),
        ("long", "exact", "  an interest in him deciding he’s looking\n"),
        ("long", "same_words", "“I'M PREPARED to  speak with Mr. Putin”"),
        ("long", "differs", "there is a real interest in him deciding he is looking for a way"),
        ("long", "exact", "I’m prepared to speak [...] He hasn’t done that yet."),
        ("long", "differs", "I’m prepared to talk with Mr. Putin ... He hasn’t done it yet."),
        ("short", "exact", "never raise"),
        ("short", "differs", "We will never raise these taxes"),
        ("short", "differs", "We shall never rise those taxes"),
        ("short", "same_words", "we shall never raise those taxes !"),
        ("japanese", "exact", "まちづくり"),
        ("japanese", "same_words", "持続可能な まちつ\u3099くりを推進"),
        ("japanese", "differs", "持続可能な国づくりを推進し、戦争に反対する"),
        ("thai", "exact", "ประกาศนโยบายใหม่"),
        ("thai", "differs", "รัฐบาลลาวประกาศนโยบายใหม่"),
        ("decomposed", "same_words", "le caf\u00e9 est ferm\u00e9"),
        ("decomposed", "differs", "le cafe est fermé désormais"),
        ("translated", "exact", "No new tax, ever."),
        ("translated", "exact", "niemals die Steuern"),
        ("translated", "differs", "Wir werden niemals die Abgaben erhöhen"),
        ("speech", "exact", "word5 and 5 word6 and 6"),
        ("speech", "differs", "word5 and 5 word6 or 6 word7 and 7 word8 and 8"),
        ("marks", "exact", "is a strange letter"),
    ],
)
def test_the_words_are_found_in_the_statement_that_has_them(
    filled: tuple[Client, dict[str, str]], name: str, verdict: str, text: str
) -> None:
    client, ids = filled
    answer = check(client, text)
    match = answer["matches"][0]
    assert (verdict, verdict, ids[name]) == (
        answer["verdict"],
        match["verdict"],
        match["statement"],
    )
    words = get(client, f"/v1/statements/{ids[name]}")["content"]
    words = words if match["field"] == "text" else words["original"]
    assert match["passage"] == words["text"][match["start"] : match["end"]]
    assert match["lang"] == words["lang"]


@pytest.mark.parametrize(
    "text",
    [
        "The moon is made of green cheese",
        "taxes those raise never shall",
        "interest of a way in there",
        "国民経済の安全保障条約",
        "zzz",
        "%_%_%abc\\",
        "\u0301" * 2_500 + "abcdefghi",
        "x" * 5_000,
        "the of and " * 450,
    ],
)
def test_words_that_are_not_on_record_are_not_found(
    filled: tuple[Client, dict[str, str]], text: str
) -> None:
    client, _ = filled
    answer = check(client, text)
    assert ("not_found", [], text) == (answer["verdict"], answer["matches"], answer["text"])


@pytest.mark.parametrize(
    "text", ["", "!", "… — “”", "No", "\ufdfa" * 500, "a" * 5_001, "abc\0", "\u0301" * 2_500]
)
def test_a_quote_without_three_letters_or_of_any_length_is_refused(
    filled: tuple[Client, dict[str, str]], text: str
) -> None:
    client, _ = filled
    answer = client.get("/v1/quotes/check", params={"text": text})
    problem = expect_problem(answer, 422, "invalid")
    assert "text" == problem["errors"][0]["parameter"]


def test_a_lone_surrogate_is_refused(filled: tuple[Client, dict[str, str]]) -> None:
    client, _ = filled
    expect_problem(client.get("/v1/quotes/check?text=%ED%A0%80talks"), 422, "invalid")


def test_a_quote_that_an_address_cannot_hold_is_refused(
    filled: tuple[Client, dict[str, str]],
) -> None:
    """A character of another script takes up to twelve bytes in an address."""
    client, _ = filled
    assert "not_found" == check(client, "\U00020000" * 1_300)["verdict"]
    answer = client.get("/v1/quotes/check", params={"text": "\U00020000" * 5_000})
    expect_problem(answer, 414, "address-too-long")


@given(data=st.data())
@settings(max_examples=20)
def test_each_passage_of_several_words_is_exact(
    filled: tuple[Client, dict[str, str]], data: st.DataObject
) -> None:
    client, ids = filled
    text = TEXTS["long"]
    start = data.draw(st.integers(0, len(text) - 12))
    quote = text[start : start + data.draw(st.integers(12, len(text)))]
    matches = check(client, quote)["matches"]
    assert [("exact", ids["long"], quote.strip())] == [
        (match["verdict"], match["statement"], match["passage"]) for match in matches[:1]
    ]


def test_a_match_says_who_when_and_where(client: Client, store: Store) -> None:
    bodies.register_all(client)
    speaker = {"actor": "emma", "role": "Minister", "capacity": "spokesperson"}
    body = statement(
        speakers=[speaker],
        said_at="2022-12-01",
        evidence=[bodies.evidence(outlet="The Hill", published_at="2022-12-02")],
    )
    made = post(client, "/v1/statements", body)
    store.catch_up()
    text = statement()["content"]["text"]
    match = check(client, text)["matches"][0]
    assert [{**speaker, "label": get(client, "/v1/actors/emma")["label"]}] == match["speakers"]
    assert ("2022-12-01", "on_record", 1.0, []) == (
        match["said_at"],
        match["status"],
        match["similarity"],
        match["differences"],
    )
    source = match["source"]
    assert ("The Hill", "2022-12-02T23:59") == (source["outlet"], source["published_latest"][:16])
    at = match["permalink"].partition("/v1/")[2]
    assert f"statements/{made['id']}?known_size={made['size']}" == at
    assert text == get(client, f"/v1/{at}")["content"]["text"]


def test_a_filter_by_actor_counts_merged_ones(client: Client, store: Store) -> None:
    bodies.register_all(client)
    post(client, "/v1/actors", bodies.actor("other"))
    id_ = say(client, "A sentence of Emma's.")
    store.catch_up()
    assert [] == check(client, "sentence of Emma", actor="other")["matches"]
    post(client, "/v1/actors/emma/merge", {"into": "other", "reason": "One person."})
    store.catch_up()
    matches = check(client, "sentence of Emma", actor="other")["matches"]
    assert [id_] == [match["statement"] for match in matches]
    unknown = client.get("/v1/quotes/check", params={"text": "sentence", "actor": "nobody"})
    expect_problem(unknown, 422, "unknown-reference")


def test_each_size_has_the_words_of_then_and_none_has_erased_ones(
    client: Client, store: Store
) -> None:
    bodies.register_all(client)
    made = post(client, "/v1/statements", statement(content=content(text="Peace in our time.")))
    path = f"/v1/statements/{made['id']}"
    body = statement(content=content(text="Peace for our time."))
    corrected = post(client, f"{path}/corrections", correction(body))
    store.catch_up()
    sizes = {"before": made["size"] - 1, "made": made["size"], "corrected": corrected["size"]}

    def verdicts(text: str) -> dict[str, str]:
        return {
            name: check(client, text, known_size=size)["verdict"] for name, size in sizes.items()
        }

    assert {"before": "not_found", "made": "exact", "corrected": "differs"} == verdicts(
        "Peace in our time."
    )
    assert {"before": "not_found", "made": "differs", "corrected": "exact"} == verdicts(
        "Peace for our time."
    )
    assert "corrected" == check(client, "Peace for our time.")["matches"][0]["status"]
    post(client, f"{path}/erasure", {"sections": ["content"], "ground": "court-order"})
    store.catch_up()
    assert {"not_found"} == {*verdicts("Peace in our time.").values()}
    assert {"not_found"} == {*verdicts("Peace for our time.").values()}


def test_retracted_words_are_found_at_earlier_sizes_only(client: Client, store: Store) -> None:
    bodies.register_all(client)
    made = post(client, "/v1/statements", statement(content=content(text="Never said at all.")))
    post(client, f"/v1/statements/{made['id']}/retraction", bodies.retraction())
    store.catch_up()
    assert "not_found" == check(client, "Never said at all.")["verdict"]
    assert "exact" == check(client, "Never said at all.", known_size=made["size"])["verdict"]


def test_a_quote_is_found_by_the_index_in_a_table_that_was_planned_small(
    client: Client, store: Store
) -> None:
    bodies.register_all(client)
    say(client, "Nothing of that sort.")
    store.catch_up()
    query, names = db.numbered_query(quoted_statements(()))
    params: dict[str, Any] = {"known_size": None, "text": "?", "pieces": ["another sort"]}
    params |= {"max_hits": 1_000, "limit": 50}
    with db.connect(store.url, role="onrecord_query", **db.LOOKUPS) as conn:
        explain = b"EXPLAIN (FORMAT JSON) " + query
        cursor = psycopg.RawCursor(conn)
        (plan,) = cursor.execute(explain, [params[name] for name in names]).fetchone() or ([],)
    assert "statements_bare" in {*indexes(plan[0]["Plan"])}


def indexes(node: dict[str, Any]) -> Iterator[str]:
    """The indexes of a plan."""
    yield node.get("Index Name", "")
    for below in node.get("Plans", ()):
        yield from indexes(below)


def test_a_search_finds_the_same_statements_by_forms_of_their_words(
    filled: tuple[Client, dict[str, str]],
) -> None:
    client, ids = filled
    for typed, name in (
        ("hasn't prepare looks", "long"),
        ("hasn\u02bct look", "long"),
        ("raising tax", "short"),
        ("戦争", "japanese"),
        ("นโยบาย", "thai"),
        ("caf\u00e9s de\u0301sormais", "decomposed"),
    ):
        assert [ids[name]] == found(client, "statements", typed), typed
