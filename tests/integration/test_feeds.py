"""Feeds, as feed readers of others read them: `feedparser`, and npm's `feedsmith`."""

import json
from collections.abc import Iterator
from typing import Any

import feedparser  # type: ignore[import-untyped] # it has none
import httpx2
import pytest

from tests.support import npm_judges
from tests.support.standard_pages import HOSTILE, StandardRecord, open_standard_record
from tests.support.store import PUBLIC_URL

FEEDS = ("/feed", "/actors/emma/feed", "/topics/talks/feed", "/search/feed")


@pytest.fixture(scope="module")
def record(server_url: str, template: str) -> Iterator[StandardRecord]:
    with open_standard_record(server_url, template) as opened:
        yield opened


def parsed(record: StandardRecord, path: str, **params: str) -> Any:
    """A feed as `feedparser` reads it, without a fault."""
    answer = record.client.get(path, params=params)
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"].startswith("application/atom+xml")
    feed = feedparser.parse(answer.content)
    assert not feed.bozo, feed.get("bozo_exception")
    return feed


@pytest.mark.parametrize("path", FEEDS)
def test_feedparser_reads_each_feed(record: StandardRecord, path: str) -> None:
    feed = parsed(record, f"{path}.atom")
    assert feed.version == "atom10"
    assert feed.feed.id == f"{PUBLIC_URL}{path}.atom"
    assert feed.feed.language == "en"
    ids = [entry.id for entry in feed.entries]
    assert ids
    assert len(set(ids)) == len(ids)
    for entry in feed.entries:
        assert entry.id.startswith("urn:uuid:")
        assert entry.link.startswith(f"{PUBLIC_URL}/")
        assert entry.updated_parsed


@pytest.mark.parametrize("path", FEEDS)
def test_json_feed_says_what_atom_says(record: StandardRecord, path: str) -> None:
    answer = record.client.get(f"{path}.json")
    assert answer.headers["content-type"] == "application/feed+json"
    atom = parsed(record, f"{path}.atom")
    items = answer.json()["items"]
    assert [item["id"] for item in items] == [entry.id for entry in atom.entries]
    assert [item["url"] for item in items] == [entry.link for entry in atom.entries]


def test_a_feed_names_a_correction_as_ours(record: StandardRecord) -> None:
    entries = parsed(record, "/actors/emma/feed.atom").entries
    correction = next(entry for entry in entries if entry.id == f"urn:uuid:{record.correction}")
    assert correction.title.startswith("Correction: our mistake.")
    assert "now says opposition" in correction.title
    assert "it said support" in correction.title
    assert "A slip of ours." in correction.content[0].value
    change = next(entry for entry in entries if entry.id == f"urn:uuid:{record.position}")
    assert not change.title.startswith("Correction")
    assert change.updated == correction.updated
    assert entries.index(correction) < entries.index(change)


def test_a_feed_names_a_retraction_and_whose_mistake_it_was(record: StandardRecord) -> None:
    titles = [entry.title for entry in parsed(record, "/feed.atom").entries]
    (retraction,) = [title for title in titles if "no longer says" in title]
    assert retraction.startswith("Correction: the outlet’s mistake.")
    assert "neutrality" in retraction


def test_the_feed_of_a_search_has_words_and_speakers(record: StandardRecord) -> None:
    (entry,) = parsed(record, "/search/feed.atom", q="ready").entries
    assert entry.link == f"{PUBLIC_URL}/statements/{record.statement}"
    assert entry.author == "Spokesman"
    assert "We are ready to talk." in entry.content[0].value


def test_hostile_text_is_text_in_feeds(record: StandardRecord) -> None:
    for path in ("/feed", "/search/feed"):
        raw = record.client.get(f"{path}.json").json()
        html = "".join(item["content_html"] for item in raw["items"])
        assert "<script" not in html
        assert "<img" not in html
        assert "&lt;script" in html
        assert "<script" not in record.client.get(f"{path}.atom").text
    titles = [entry.title_detail for entry in parsed(record, "/search/feed.atom").entries]
    assert {title.type for title in titles} == {"text/plain"}
    assert any(HOSTILE[:20] in item["title"] for item in raw["items"])


@pytest.mark.parametrize("path", ["/feed.atom", "/feed.json"])
def test_a_client_that_has_the_feed_is_answered_304(record: StandardRecord, path: str) -> None:
    etag = record.client.get(path).headers["etag"]
    again = record.client.get(path, headers={"If-None-Match": etag})
    assert (again.status_code, again.content) == (304, b"")


@pytest.mark.parametrize(
    ("path", "status"),
    [("/actors/nobody/feed.atom", 404), ("/topics/nothing/feed.json", 404), ("/feed.rss", 422)],
)
def test_a_feed_of_nothing_on_record_is_a_problem(
    record: StandardRecord, path: str, status: int
) -> None:
    assert record.client.get(path).status_code == status


def test_npm_reads_both_formats(record: StandardRecord) -> None:
    texts = [record.client.get(f"/feed.{format_}").text for format_ in ("atom", "json")]
    atom, feed = npm_judges.parse_feeds(*texts)
    ids = [item["id"] for item in json.loads(texts[1])["items"]]
    assert [entry["id"] for entry in atom["entries"]] == ids
    assert [item["id"] for item in feed["items"]] == ids
    assert feed["items"][0]["date_modified"]


def test_an_empty_record_has_feeds(client: httpx2.Client) -> None:
    answer = client.get("/feed.atom")
    assert not feedparser.parse(answer.content).bozo
    assert client.get("/feed.atom").headers["etag"] == answer.headers["etag"]
    assert client.get("/feed.json").json()["items"] == []


@pytest.mark.parametrize(
    ("page", "feed"),
    [
        ("/", "/feed.atom"),
        ("/search?q=ready", "/search/feed.atom?q=ready"),
        ("/actors/emma/topics/talks", "/actors/emma/feed.atom"),
    ],
)
def test_pages_lead_to_their_feed(record: StandardRecord, page: str, feed: str) -> None:
    text = record.client.get(page, headers={"Accept": "text/html"}).text
    link = f'<link rel="alternate" type="application/atom+xml" title="Atom" href="{feed}">'
    assert link in text
    assert record.client.get(feed).status_code == 200
