"""All pages in a real browser: accessible in light and dark, small and wide; text stays text."""

import re
from collections.abc import Iterator
from typing import Any, Final

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.support import bodies, keys
from tests.support.chromium import open_page
from tests.support.npm_verifier import FOLDER
from tests.support.sample_record import SampleRecord

AXE: Final = FOLDER / "node_modules" / "axe-core" / "axe.min.js"
LOOKS: Final = [(scheme, width) for scheme in ("light", "dark") for width in (390, 1280)]
PAGES: Final = {
    "home": "/",
    "actor": "/actors/biden",
    "topic": "/topics/talks-with-putin",
    "timeline": "/actors/biden/topics/talks-with-putin",
    "timeline with inexact dates": "/actors/emma/topics/talks",
    "what changed in what was known": "/actors/biden/topics/talks-with-putin?since=2022-12-01",
    "statement": "/statements/{statement}",
    "erased statement": "/statements/{erased}",
    "retracted statement": "/statements/{retracted}",
    "grid": "/grid",
    "comparison": "/compare?actor=biden&actor=putin",
    "search": "/search?q=ukraine",
    "quote": "/quotes",
    "checked quote": "/quotes/check?text=if in fact there is an interest in ending the war",
    "digest": "/digest?since=2026-01-01",
    "ledger": "/audit",
    "projections": "/status",
    "webhooks": "/webhooks",
    "sign in": "/signin",
    "not found": "/nowhere",
    "documentation of problems": "/problems",
}
"""Addresses by what they show; names in braces are ids of the record."""
HOSTILE: Final = "<script>alert(1)</script>&amp;\u202egnihton " + "W" * 400


@pytest.fixture(scope="module")
def ids(sample: SampleRecord) -> dict[str, str]:
    """Ids of statements by what became of them."""
    statements = bodies.get(sample.client, "/v1/statements", limit=500)["items"]
    on_record = next(item["id"] for item in statements if item["status"] == "on_record")
    events = bodies.get(sample.client, "/v1/events", type="statement.retracted")["items"]
    retracted = events[0]["entry"]["data"]["target"]
    return {"statement": on_record, "erased": sample.erased, "retracted": retracted}


@pytest.fixture
def page(chromium: Browser, sample: SampleRecord) -> Iterator[Page]:
    """A tab of a reader who is signed in."""
    address = str(sample.client.base_url)
    with open_page(chromium, base_url=address) as tab:
        cookie = {"name": "onrecord_key", "value": keys.TOKEN, "url": address}
        tab.context.add_cookies([cookie])  # type: ignore[list-item] # a TypedDict
        yield tab


@pytest.mark.skipif(not AXE.exists(), reason="axe-core is an npm package, and npm is missing")
@pytest.mark.parametrize("name", PAGES)
def test_a_page_is_accessible(page: Page, ids: dict[str, str], name: str) -> None:
    page.goto(PAGES[name].format(**ids))
    page.evaluate(AXE.read_text("utf-8"))
    for scheme, width in LOOKS:
        page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type] # a literal
        page.set_viewport_size({"width": width, "height": 900})
        result: Any = page.evaluate("axe.run()")
        violations = [
            (violation["id"], node["html"], node["failureSummary"])
            for violation in result["violations"]
            for node in violation["nodes"]
        ]
        assert violations == [], (scheme, width)
        scrolls = page.evaluate("document.documentElement.scrollWidth > innerWidth")
        assert not scrolls, f"it scrolls sideways at {width} px"


def test_a_page_is_used_by_the_keyboard_alone(page: Page) -> None:
    page.goto("/search")
    page.keyboard.press("Tab")
    expect(page.locator(":focus")).to_have_text("Skip to the content")
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    expect(page.locator(":focus")).to_have_attribute("name", "q")
    page.keyboard.type("ukraine")
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile("q=ukraine"))
    expect(page.locator("main")).to_contain_text("Ukraine")


def test_a_breach_of_the_policy_is_noticed(chromium: Browser, sample: SampleRecord) -> None:
    def run_inline_script() -> None:
        with open_page(chromium, base_url=str(sample.client.base_url)) as tab:
            tab.goto("/signin")
            tab.evaluate("document.body.append(document.createElement('script'))")
            tab.evaluate("document.querySelector('body > script').textContent = 'alert(1)'")

    with pytest.raises(AssertionError, match="Content Security Policy"):
        run_inline_script()


def test_hostile_text_is_shown_as_text(page: Page, sample: SampleRecord) -> None:
    body = bodies.statement(
        content=bodies.content(text=HOSTILE),
        venue=HOSTILE,
        note=HOSTILE,
        speakers=[{"actor": "emma", "role": HOSTILE}],
        evidence=[bodies.evidence(outlet=HOSTILE, title=HOSTILE)],
    )
    id_ = bodies.post(sample.client, "/v1/statements", body)["id"]
    sample.store.catch_up()
    page.set_viewport_size({"width": 390, "height": 900})
    for path in (f"/statements/{id_}", "/search?actor=emma"):
        page.goto(path)
        assert "<script>alert(1)</script>&amp;" in str(page.text_content("main"))
        assert not page.evaluate("document.documentElement.scrollWidth > innerWidth")


def test_pages_work_without_javascript(chromium: Browser, sample: SampleRecord) -> None:
    address = str(sample.client.base_url)
    with open_page(chromium, base_url=address, java_script_enabled=False) as tab:
        tab.goto("/grid")
        tab.fill("#key", keys.TOKEN)
        tab.click("main button")
        expect(tab.locator("h1")).to_have_text("Who stands where")
        tab.click("text=Sign out")
        tab.goto("/grid")
        expect(tab.locator("h1")).to_have_text("Sign in")
