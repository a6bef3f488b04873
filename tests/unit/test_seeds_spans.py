"""Quotations in the seeds: exact, short, and only from the listed sources.

Reads the files in `seeds/`, and the article if it is available; imports nothing of onrecord.
"""

import hashlib
import re
from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.seeds import ARTICLE_FILE, ROOT, SEEDS, bodies, files, lines, lines_of

ARTICLE = ROOT.parent / "shared" / "seeds" / "article-2022-12-02.txt"
ARTICLE_SHA256 = "4f7e0905ff7e9e968866d22dc371b97094054a7b406df4397e59580b43113ebf"
SPANS = [
    (109, 200),
    (202, 315),
    (318, 427),
    (369, 426),
    (510, 670),
    (824, 937),
    (1002, 1094),
    (1244, 1472),
    (1523, 1886),
    (1963, 2016),
]
ADDRESSES = {
    "https://thehill.com/homenews/sunday-talk-shows/"
    "598934-zelensky-says-if-negotiations-fail-with-russia-there-would-be-a/",
    "https://en.interfax.com.ua/news/general/862995.html",
    "https://www.pravda.com.ua/eng/news/2022/09/30/7369844/",
    "https://www.livemint.com/politics/news/"
    "ukraines-zelensky-sets-conditions-for-genuine-peace-talks-with-russia/amp-11667909320309.html",
    "https://news.yahoo.com/biden-no-plan-meet-putin-183616509.html",
    "https://thehill.com/policy/international/"
    "3758356-biden-has-no-immediate-plans-to-contact-putin/",
    "https://kyivindependent.com/news-feed/"
    "white-house-biden-has-no-intentions-to-talk-to-putin-for-now",
}
LONGEST_RUN = 500


def article() -> str:
    if not ARTICLE.is_file():
        pytest.skip(f"the article is not available ({ARTICLE}): its spans can't be checked here")
    return ARTICLE.read_bytes().decode("utf-8")


def strings(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for inner in value.values():
            yield from strings(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from strings(inner)


def runs_of(text: str, source: str, *, longer_than: int) -> list[str]:
    length = longer_than + 1
    starts = range(len(source) - length + 1)
    return [source[at : at + length] for at in starts if source[at : at + length] in text]


def test_selectors_have_the_exact_text_and_its_length() -> None:
    for body in bodies("statement"):
        for evidence in body["evidence"]:
            if "selector" in evidence:
                selector = evidence["selector"]
                assert selector["end"] - selector["start"] == len(selector["exact"])
                assert selector["exact"] == body["content"]["text"]


def test_only_statements_with_a_selector_are_verbatim_or_mixed() -> None:
    for body in bodies("statement"):
        if body["content"]["mode"] != "paraphrase":
            assert any("selector" in evidence for evidence in body["evidence"])


def test_article_has_ten_statements_at_the_ten_spans_and_is_cited_by_its_hash_alone() -> None:
    spans = []
    for line in lines_of(SEEDS / ARTICLE_FILE):
        source = line["body"]["evidence"][0]
        assert source["sha256"] == ARTICLE_SHA256
        assert not {"url", "archive_url", "outlet", "title"} & set(source)
        spans.append((source["selector"]["start"], source["selector"]["end"]))
    assert spans == SPANS


def test_urls_are_the_seven_listed_ones() -> None:
    urls = [e["url"] for body in bodies("statement") for e in body["evidence"] if "url" in e]
    assert sorted(urls) == sorted(ADDRESSES)
    for name in (path.name for path in files()):
        addresses = re.findall(r"https?://[^\"\s]+", (SEEDS / name).read_text(encoding="utf-8"))
        assert set(addresses) <= ADDRESSES, name


def test_available_article_has_the_expected_hash() -> None:
    text = article()
    assert hashlib.sha256(text.encode("utf-8")).hexdigest() == ARTICLE_SHA256
    assert len(text) == 2105


@pytest.mark.parametrize("span", SPANS, ids=str)
def test_article_has_the_quoted_text_at_each_span(span: tuple[int, int]) -> None:
    text = article()
    selectors = [line["body"]["evidence"][0]["selector"] for line in lines_of(SEEDS / ARTICLE_FILE)]
    exact = next(s["exact"] for s in selectors if (s["start"], s["end"]) == span)
    assert text[span[0] : span[1]] == exact


def test_seeds_do_not_contain_the_whole_article() -> None:
    source = article()
    for path in (p for p in SEEDS.rglob("*") if p.is_file()):
        text = path.read_text(encoding="utf-8")
        assert runs_of(text, source, longer_than=LONGEST_RUN) == [], path.name
    for value in strings(lines()):
        assert runs_of(value, source, longer_than=LONGEST_RUN) == []


def test_no_string_in_the_seeds_is_longer_than_the_longest_quotation() -> None:
    assert max(len(value) for value in strings(lines())) <= LONGEST_RUN


def test_mistake_of_the_article_is_quoted_unchanged_with_a_note() -> None:
    wrong = [
        body for body in bodies("statement") if "earlier in September" in body["content"]["text"]
    ]
    assert len(wrong) == 1
    assert "earlier in September" in wrong[0]["note"]
