"""The catalogue of pages has every string, and another language is one file."""

from pathlib import Path

import pytest
from starlette.requests import Request

from onrecord.pages import catalogue
from onrecord.pages.frame.rendering import render
from ops.messages import TEMPLATE
from ops.messages import catalogue as collect

GERMAN = """msgid ""
msgstr "Content-Type: text/plain; charset=utf-8\\n"

msgid "Sign in"
msgstr "Anmelden"
"""


def asking_for(languages: str) -> Request:
    headers = [(b"accept-language", languages.encode())]
    scope = {"type": "http", "method": "GET", "path": "/signin", "headers": headers}
    return Request({**scope, "query_string": b"", "server": ("localhost", 80), "scheme": "http"})


def test_the_template_of_translations_has_every_string() -> None:
    assert TEMPLATE.read_bytes() == collect(), "run ops/messages.py"


def test_another_language_is_one_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "de.po").write_text(GERMAN, "utf-8")
    monkeypatch.setattr(catalogue, "_FOLDER", tmp_path)
    catalogue.translations.cache_clear()
    try:
        pages = {
            languages: bytes(render(asking_for(languages), "signin.html", problem=None).body)
            for languages in ("de-AT,de;q=0.9,en;q=0.5", "en", "fr")
        }
    finally:
        catalogue.translations.cache_clear()
    assert b'<html lang="de">' in pages["de-AT,de;q=0.9,en;q=0.5"]
    assert b"Anmelden" in pages["de-AT,de;q=0.9,en;q=0.5"]
    for languages in ("en", "fr"):
        assert b'<html lang="en">' in pages[languages]
        assert b"Sign in" in pages[languages]
