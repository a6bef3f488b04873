"""Pages for other sites, as others read them: oEmbed by `micawber`, JSON-LD by `pyld`, cards."""

import json
import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlencode, urlsplit
from xml.etree import ElementTree

import micawber  # type: ignore[import-untyped] # it has none
import pytest
from playwright.sync_api import Browser
from pyld import jsonld  # type: ignore[import-untyped] # it has none

from tests.support import bodies, npm_judges
from tests.support.chromium import open_page
from tests.support.standard_pages import HOSTILE, SOURCE, StandardRecord, open_standard_record
from tests.support.store import PUBLIC_URL

SCHEMA = "https://schema.org/"
OA = "http://www.w3.org/ns/oa#"


@pytest.fixture(scope="module")
def record(server_url: str, template: str) -> Iterator[StandardRecord]:
    with open_standard_record(server_url, template) as opened:
        yield opened


class OverClient(micawber.Provider):  # type: ignore[misc] # it has no types
    """A provider of micawber whose requests go to the test's server."""

    def __init__(self, record: StandardRecord) -> None:
        super().__init__(f"{PUBLIC_URL}/oembed")
        self._client = record.client

    def fetch(self, url: str) -> str | bool:
        parts = urlsplit(url)
        answer = self._client.get(f"{parts.path}?{parts.query}")
        return answer.text if answer.status_code == 200 else False


@pytest.fixture
def consumer(record: StandardRecord) -> Any:
    """A consumer of oEmbed for all addresses of the service."""
    registry = micawber.ProviderRegistry()
    registry.register(f"{re.escape(PUBLIC_URL)}/\\S*", OverClient(record))
    return registry


def test_micawber_embeds_a_statement(record: StandardRecord, consumer: Any) -> None:
    answer = consumer.request(f"{PUBLIC_URL}/statements/{record.statement}", maxwidth=300)
    assert (answer["type"], answer["version"], answer["width"]) == ("rich", "1.0", 300)
    assert "We are ready to talk." in answer["html"]
    assert "Spokesman" in answer["html"]
    assert f'href="{PUBLIC_URL}/statements/{record.statement}"' in answer["html"]
    text = f"Read this:\n{PUBLIC_URL}/statements/{record.statement}"
    assert "<blockquote" in micawber.parse_text(text, consumer)


def test_micawber_embeds_a_position(consumer: Any) -> None:
    answer = consumer.request(f"{PUBLIC_URL}/actors/emma/topics/talks")
    assert answer["title"] == "Emma: Talks"
    assert "oppose" in answer["html"]


@pytest.mark.parametrize(
    "url",
    [
        f"{PUBLIC_URL}/grid",
        f"{PUBLIC_URL}/statements/1",
        f"{PUBLIC_URL}.evil.example/statements/{bodies.STATEMENT}",
        f"https://elsewhere.example/statements/{bodies.STATEMENT}",
    ],
)
def test_other_addresses_have_no_card(record: StandardRecord, url: str) -> None:
    answer = record.client.get("/oembed", params={"url": url})
    assert (answer.status_code, answer.json()["type"].rsplit("/", 1)[1]) == (404, "not-found")


def test_oembed_is_xml_where_that_is_wanted(record: StandardRecord) -> None:
    for id_ in (record.statement, record.hostile):
        params = {"url": f"{PUBLIC_URL}/statements/{id_}", "format": "xml"}
        answer = record.client.get("/oembed", params=params)
        root = ElementTree.fromstring(answer.text)
        assert root.findtext("type") == "rich"
        assert (root.findtext("html") or "").startswith("<blockquote")


def test_pages_lead_to_their_card(record: StandardRecord) -> None:
    for path in (f"/statements/{record.statement}", "/actors/emma/topics/talks"):
        page = html_of(record, path)
        link = f'<link rel="alternate" type="application/json+oembed" href="{PUBLIC_URL}/oembed?'
        query = urlencode({"url": PUBLIC_URL + path}).replace("&", "&amp;")
        assert f'{link}{query}&amp;format=json">' in page


def html_of(record: StandardRecord, path: str) -> str:
    answer = record.client.get(path, headers={"Accept": "text/html"})
    assert answer.status_code == 200, answer.text
    return answer.text


def test_browsers_show_cards_and_data_without_a_breach(
    record: StandardRecord, chromium: Browser
) -> None:
    """Whatever the text; and any site may frame a card."""
    base = str(record.client.base_url).rstrip("/")
    options: Any = {"extra_http_headers": {"Authorization": record.client.headers["Authorization"]}}
    with open_page(chromium, **options) as page:
        for path in (f"/statements/{record.statement}", f"/statements/{record.hostile}"):
            page.goto(base + path)
            block = page.locator('script[type="application/ld+json"]')
            assert block.count() == 1
            assert json.loads(block.text_content() or "")["@graph"]
            answer = page.goto(f"{base}{path}/card")
            assert answer is not None
            policy = answer.headers["content-security-policy"]
            assert "frame-ancestors *" in policy
            assert "script-src" not in policy
            assert page.locator("script, img").count() == 0
        assert "alert(1)" in page.inner_text("blockquote")


def test_other_pages_are_not_framed(record: StandardRecord) -> None:
    path = f"/statements/{record.statement}"
    answer = record.client.get(path, headers={"Accept": "text/html"})
    assert "frame-ancestors 'none'" in answer.headers["content-security-policy"]


def expanded(record: StandardRecord, id_: str) -> list[dict[str, Any]]:
    """The nodes of the JSON-LD of a statement's page, expanded without a network."""
    (block,) = re.findall(
        r'<script type="application/ld\+json">(.*?)</script>', html_of(record, f"/statements/{id_}")
    )
    nodes: list[dict[str, Any]] = jsonld.expand(json.loads(block), {"documentLoader": _refuse})
    return nodes


def _refuse(url: str, _: Any) -> None:
    raise AssertionError(f"the context needs {url}")


def only(node: dict[str, Any], iri: str) -> Any:
    (value,) = node[iri]
    return value


def test_pyld_reads_who_is_quoted_and_whose_words_they_are(record: StandardRecord) -> None:
    quotation = expanded(record, record.statement)[0]
    assert quotation["@type"] == [f"{SCHEMA}Quotation"]
    assert only(quotation, f"{SCHEMA}text") == {
        "@value": "We are ready to talk.",
        "@language": "en",
    }
    assert only(quotation, f"{SCHEMA}creator")["@id"] == f"{PUBLIC_URL}/actors/ministry"
    spoken = only(quotation, f"{SCHEMA}spokenByCharacter")
    assert spoken["@id"] == f"{PUBLIC_URL}/actors/spokesman"
    assert only(quotation, f"{SCHEMA}dateCreated")["@value"] == "2022-11-30"
    citation = only(quotation, f"{SCHEMA}citation")
    assert only(citation, f"{SCHEMA}url")["@id"] == "https://news.example/1"


def test_an_anchorer_finds_our_selectors_in_the_source(record: StandardRecord) -> None:
    annotation = expanded(record, record.statement)[1]
    target = only(annotation, f"{OA}hasTarget")
    assert only(target, f"{OA}hasSource")["@id"] == "https://news.example/1"
    selector = only(target, f"{OA}hasSelector")
    assert selector["@type"] == [f"{OA}TextQuoteSelector"]
    quote = {name: only(selector, OA + name)["@value"] for name in ("exact", "prefix", "suffix")}
    assert npm_judges.anchor_quote(SOURCE, quote) == "ready"


def test_hostile_words_come_through_unchanged(record: StandardRecord) -> None:
    quotation = expanded(record, record.hostile)[0]
    assert only(quotation, f"{SCHEMA}text")["@value"] == HOSTILE
    page = html_of(record, f"/statements/{record.hostile}")
    assert "<script>" not in page
    assert "<img" not in page
