"""Tests of search by how words are typed: statements, actors and topics are found all the same."""

import unicodedata
from collections.abc import Iterator
from typing import Any

import pytest
from httpx2 import Client
from hypothesis import given, settings
from hypothesis import strategies as st
from psycopg import Connection

from onrecord.kit.sql import db
from tests.support import bodies, postgres
from tests.support.bodies import get, post
from tests.support.searches import found, say
from tests.support.store import Store, open_store, run_api

TYPED: tuple[tuple[str, str], ...] = (
    # apostrophes, quotation marks, dashes
    ("We don’t talk", "don't"),
    ("We don't talk", "don’t"),
    ("We donʼt talk", "don't"),
    ("п’ять", "п'ять"),
    ("п'ять", "пʼять"),
    ("l’Europe", "l`Europe"),
    ("O’Brien", "o´brien"),
    ("Côte d‘Ivoire", "cote d'ivoire"),
    ("Baden–Württemberg", "baden-wurttemberg"),
    # accents, composed and decomposed, and letters that are not on the keyboard
    ("caf\u00e9", "cafe\u0301"),
    ("cafe\u0301", "caf\u00e9"),
    ("Łukasz", "Lukasz"),
    ("Øye", "Oye"),
    ("Işık", "Isik"),
    ("İstanbul", "istanbul"),
    ("Straße", "STRASSE"),
    ("Đặng Thị", "dang thi"),
    ("Þórr æðr", "thorr aedr"),
    ("Ἀθῆναι", "Αθηναι"),
    ("ΣΊΣΥΦΟΣ", "σίσυφος"),
    ("Ёлка", "елка"),
    ("Ki\u0438\u0306в Зеленськи\u0438\u0306", "Зеленськи\u0439"),
    ("\u0643\u0650\u062a\u0627\u0628", "\u0643\u062a\u0627\u0628"),
    ("\u0623\u0645\u0629", "\u0627\u0645\u0647"),
    ("\u05e9\u05b8\u05dc\u05d5\u05b9\u05dd", "\u05e9\u05dc\u05d5\u05dd"),
    ("ＡＢＣ ｶﾀｶﾅ", "abc カタカナ"),
    ("ﬁnance", "finance"),
    # stray and doubled blanks, characters without width
    ("peace  talks", "peace talks"),
    ("peace\u00a0talks", " peace  talks "),
    ("peace\u3000talks", "peace talks"),
    ("soft\u00adware", "software"),
    ("soft\u200bware", "software"),
    ("software", "\ufeffsoft\u200bware\u2060"),
    ("می\u200cخواهم", "میخواهم"),
    # words inside a text that has no blanks between them
    ("持続可能なまちづくりを推進する", "まちづくり"),
    ("持続可能なまちづくりを推進する", "推進"),
    ("정책을 발표했다", "정책"),
    ("북한\u1109\u1165\u1106\u1167\u11bc", "서명"),
    ("我們反對關稅", "關稅"),
    ("我们反对关税2022年", "2022年"),
    ("我们反对关税", "税"),
    ("รัฐบาลไทยประกาศนโยบาย", "นโยบาย"),
    ("ລັດຖະບານລາວ", "ລາວ"),
    ("មិនយល់ព្រម", "យល់"),
    # words that punctuation joins
    ("his/her", "her"),
    ("a ceasefire.Then", "then"),
    ("state-of-the-art", "state of the art"),
    ("state of the art", "state-of-the-art"),
    ("“Talks”", "talks"),
)
"""What is recorded, and what is typed."""

FORMS: tuple[tuple[str, str, str], ...] = (
    ("en", "negotiations", "negotiate"),
    ("en-GB", "sanctioned", "sanctions"),
    ("fr", "négociations", "négociation"),
    ("es", "negociación", "negociaciones"),
    ("es", "negociación", "negociacion"),
    ("pt-BR", "negociações", "negociação"),
    ("de", "Verhandlungen", "verhandlung"),
    ("ru", "переговоров", "переговоры"),
    ("ru", "мирный", "мирного"),
    ("tr", "görüşmeler", "görüşme"),
    ("nb", "forhandlingene", "forhandling"),
    ("fi", "neuvottelut", "neuvottelu"),
    ("it", "negoziati", "negoziato"),
)
"""A language, a word on record, and another form of it."""


@pytest.fixture(scope="module")
def filled(server_url: str, template: str) -> Iterator[tuple[Client, dict[str, str]]]:
    """All texts of `TYPED` as a statement, a name, a label and a proposition; ids by text."""
    with (
        postgres.database(server_url, template) as url,
        open_store(url) as store,
        run_api(store.url) as client,
    ):
        bodies.register_all(client)
        texts = list(dict.fromkeys(text for text, _ in TYPED))
        ids = {}
        for n, text in enumerate(texts):
            ids[text] = say(client, f"… {text}, …")
            names = [{"name": "Other Name", "lang": "en"}, {"name": f"Mr {text} Jr", "lang": "und"}]
            post(client, "/v1/actors", bodies.actor(f"a-{n}", names=names))
            post(client, "/v1/topics", bodies.topic(f"l-{n}", label=text))
            post(client, "/v1/topics", bodies.topic(f"p-{n}", proposition=f"Do {text} now"))
            ids |= {
                f"actors {text}": f"a-{n}",
                f"labels {text}": f"l-{n}",
                f"propositions {text}": f"p-{n}",
            }
        store.catch_up()
        yield client, ids


@pytest.mark.parametrize(("text", "typed"), TYPED)
def test_statements_and_names_alike_are_found_as_people_type_them(
    filled: tuple[Client, dict[str, str]], text: str, typed: str
) -> None:
    client, ids = filled
    assert ids[text] in found(client, "statements", typed)
    assert ids[f"actors {text}"] in found(client, "actors", typed)
    assert {ids[f"labels {text}"], ids[f"propositions {text}"]} <= {*found(client, "topics", typed)}


def test_the_exact_words_and_names_stay_as_given(filled: tuple[Client, dict[str, str]]) -> None:
    client, ids = filled
    for text, _ in TYPED:
        assert f"… {text}, …" == get(client, f"/v1/statements/{ids[text]}")["content"]["text"]
        names = get(client, f"/v1/actors/{ids[f'actors {text}']}")["names"]
        assert f"Mr {text} Jr" == names[1]["name"]


def test_word_forms_are_found_by_the_language_of_the_statement(
    client: Client, store: Store
) -> None:
    bodies.register_all(client)
    ids = [say(client, f"x {text} x", lang) for lang, text, _ in FORMS]
    original = {"text": "переговоров", "lang": "uk"}
    of_original = say(client, "Verhandlungen", "de", original={**original, "lang": "ru"})
    store.catch_up()
    for id_, (lang, text, typed) in zip(ids, FORMS, strict=True):
        assert id_ in found(client, "statements", typed), (lang, text, typed)
    assert of_original in found(client, "statements", "переговоры")
    assert of_original in found(client, "statements", "verhandlung переговоры")


def test_a_form_of_one_language_does_not_match_a_word_of_another(
    client: Client, store: Store
) -> None:
    bodies.register_all(client)
    rat, rate = say(client, "A rat.", "en"), say(client, "The rate.", "en")
    french = say(client, "Le rat.", "fr")
    store.catch_up()
    assert {rate, french} == {*found(client, "statements", "rates")}  # "tu rates", as in "rater"
    assert {rat, french} == {*found(client, "statements", "rat")}


WORDS = (
    *("negotiations", "don't", "L’Europe", "Łukasz", "Øye", "Işık", "İstanbul", "Straße", "þing"),
    *("Ὀδυσσεύς", "переговоров", "пʼять", "мирный", "Việt", "naïve", "Müller", "São", "Çağrı"),
    *("Ősz", "ﬁnance", "まちづくり", "ガガーリン", "정책을", "關稅", "ไม่ยอมรับ", "نمی\u200cخواهم"),
    *("كِتاب", "שָׁלוֹם", "कानून", "தமிழ்", "հայերեն", "ქართული"),
)


@pytest.fixture(scope="module")
def functions(server_url: str, template: str) -> Iterator[Connection[Any]]:
    with postgres.database(server_url, template) as url, db.connect(url) as conn:
        conn.execute("SET ROLE onrecord_query")
        yield conn


@st.composite
def typed_variants(draw: st.DrawFn) -> tuple[str, str, str]:
    """A word, a language, and a way to type the word."""
    word = draw(st.sampled_from(WORDS))
    typed = draw(st.sampled_from((word, word.upper(), word.lower(), word.title(), word.casefold())))
    typed = unicodedata.normalize(draw(st.sampled_from(("NFC", "NFD", "NFKC", "NFKD"))), typed)
    for apostrophe in "'’ʼ":
        typed = typed.replace(apostrophe, draw(st.sampled_from("'’ʼ‘`´ʻ")))
    for _ in range(draw(st.integers(0, 2))):
        at = draw(st.integers(0, len(typed)))
        typed = (
            typed[:at] + draw(st.sampled_from("\u200b\u200c\u200d\u2060\ufeff\u00ad")) + typed[at:]
        )
    blanks = st.text(" \u00a0\u3000\t", max_size=2)
    lang = draw(st.sampled_from(("en", "de", "tr", "ru", "fr-CA", "ja", "nb", "und")))
    return word, lang, draw(blanks) + typed + draw(blanks)


@given(variant=typed_variants())
@settings(max_examples=200)
def test_every_way_to_type_a_word_finds_its_statement_and_its_name(
    functions: Connection[Any], variant: tuple[str, str, str]
) -> None:
    word, lang, typed = variant
    for recorded, searched in ((word, typed), (typed, word)):
        row = functions.execute(
            """
            SELECT projections.vector(%(text)s, %(lang)s) @@ projections.search_query(%(typed)s),
                projections.folded(%(text)s) LIKE projections.containing(%(typed)s)
            """,
            {"text": f"Then {recorded}, later", "lang": lang, "typed": searched},
        ).fetchone()
        assert (True, True) == row
