"""Takes the screenshots of this folder from a running demo, whose record has the seeds only.

    make demo                                                     in another terminal
    .venv/bin/python ops/screenshots/make.py http://127.0.0.1:8000 "$(cat .onrecord/key)"

It needs Chromium.
"""

import shutil
import sys
from pathlib import Path
from typing import Final

from playwright.sync_api import sync_playwright

FOLDER: Final = Path(__file__).parent
PAGES: Final = {
    "home": "/",
    "timeline": "/actors/biden/topics/talks-with-putin",
    "statement": "/statements/b0f1051d-b22b-5f37-9f14-11a0ac56cb7f",
    "grid": "/grid",
    "new-statement": "/new/statement",
}


def main(address: str, key: str) -> None:
    """Write a PNG for each page, signed in with this key."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox"]
        )
        context = browser.new_context(viewport={"width": 1100, "height": 900})
        context.add_cookies([{"name": "onrecord_key", "value": key, "url": address}])
        page = context.new_page()
        for name, path in PAGES.items():
            page.goto(f"{address}{path}")
            page.screenshot(path=FOLDER / f"{name}.png")
            print(f"{name}.png  {path}")
        browser.close()


if __name__ == "__main__":
    main(*sys.argv[1:3])
