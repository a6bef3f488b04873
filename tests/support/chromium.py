"""Pages in a headless Chromium, driven by Playwright. Used by tests of all pages.

A test fails if a page breaches its `Content-Security-Policy`, raises an error in its scripts, or
requests anything from another host.
"""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

SECONDS: Final = 120
_OPTIONS: Final = ("--no-sandbox", "--disable-gpu", "--disable-background-networking")


@contextmanager
def run_chromium() -> Iterator[Browser]:
    """A Chromium of this machine; skips where there is none."""
    program = shutil.which("chromium")
    if program is None:
        pytest.skip("Chromium is not on this machine: apt-get install chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=_OPTIONS)
        try:
            yield browser
        finally:
            browser.close()


@contextmanager
def open_page(browser: Browser, **options: Any) -> Iterator[Page]:
    """A tab with cookies of its own; `options` are those of Playwright's contexts.

    At the end, asserts that the pages which it showed loaded nothing from elsewhere, and that the
    console reported no error but those of answers with a status of 4xx.
    """
    context = browser.new_context(**options)
    context.set_default_timeout(SECONDS * 1000)
    page = context.new_page()
    problems: list[str] = []
    hosts: set[str] = set()
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.on("console", lambda message: _note(message.type, message.text, problems))
    page.on("request", lambda request: hosts.add(urlsplit(request.url).netloc))
    try:
        yield page
        own = urlsplit(page.url).netloc
        assert not problems, "\n".join(problems)
        assert not hosts - {own, ""}, f"something was loaded from {hosts}"
    finally:
        context.close()


def _note(kind: str, text: str, problems: list[str]) -> None:
    if kind == "error" and "the server responded with a status of 4" not in text:
        problems.append(text)
