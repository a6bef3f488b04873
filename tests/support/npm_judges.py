"""Judgement by npm packages: `feedsmith`, and `dom-anchor-text-quote` in a document of `jsdom`."""

import json
import shutil
import subprocess
from collections.abc import Mapping
from typing import Any

import pytest

from tests.support.npm_verifier import FOLDER


def parse_feeds(atom: str, json_feed: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """An Atom document and a JSON Feed, as `feedsmith` reads them."""
    result = _run("feeds.mjs", {"atom": atom, "json": json_feed})
    return result["atom"], result["json"]


def anchor_quote(html: str, selector: Mapping[str, Any]) -> str | None:
    """What `dom-anchor-text-quote` finds by a selector in a document; None: nothing."""
    text: str | None = _run("anchor.mjs", {"html": html, "selector": dict(selector)})["text"]
    return text


def _run(script: str, value: Any) -> Any:
    """The answer of a script; skips the test where its packages are not installed."""
    if (node := shutil.which("node")) is None:
        pytest.skip("Node is not on this machine")
    if not (FOLDER / "node_modules").exists():
        pytest.skip("the packages are not installed: npm ci --ignore-scripts in tests/support/npm")
    completed = subprocess.run(
        [node, script],
        cwd=FOLDER,
        input=json.dumps(value),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert completed.returncode == 0, completed.stderr
    return json.loads(completed.stdout)
