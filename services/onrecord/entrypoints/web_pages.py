"""Pages for browsers: the front page, the documentation, the check of proofs. For `app_factory`.

Everything that they load comes from this service, by addresses without a host.
"""

from collections.abc import Collection
from pathlib import Path
from typing import Final

import fastapi_swagger
from fastapi import FastAPI, Request
from fastapi.openapi.docs import get_swagger_ui_html
from starlette.responses import Response
from starlette.staticfiles import StaticFiles

from onrecord.kit.http.browsers.html_pages import html_page

_FRONT_PAGE: Final = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>onrecord</title>
<style>
  body { font: 17px/1.5 system-ui, sans-serif; max-width: 42rem; margin: 3rem auto;
    padding: 0 1rem }
  li { margin: 0.4rem 0 }
</style>
<h1>onrecord</h1>
<p>Who said what, about which topic, what they therefore stood for at any date, and what was known
of it when.</p>
<p>Most links below need an API key where this installation does not let everybody read. A browser
sends none: open the <a href="/docs">documentation</a>, press Authorize and enter a key there.</p>
<ul>
  <li><a href="/docs">API documentation</a>, to read and to try; as data:
      <a href="/openapi.json">openapi.json</a></li>
$lists
  <li><a href="/problems">Problems</a>: what each error means, and what to do</li>
  <li><a href="/readyz">Is everything running?</a></li>
</ul>
</html>
"""

_LISTS: Final = {
    "read": """
  <li><a href="/v1/actors">Actors</a> and <a href="/v1/topics">topics</a> on record</li>
  <li><a href="/v1/positions">Positions</a>: who stands where, actor by actor</li>
  <li><a href="/v1/statements">Statements</a>, last said first</li>
  <li><a href="/v1/changes">Changes of position</a>, last recorded first</li>""",
    "webhooks": """
  <li><a href="/v1/endpoints">Webhooks</a>, and how each is doing</li>""",
    "audit": """
  <li><a href="/v1/events">The ledger</a>, event by event, as it was hashed</li>
  <li><a href="/verify">Check a proof</a> of a statement, in your browser</li>""",
}
"""What the front page lists of each API."""

_ASSETS: Final = "/swagger"
_VERIFY_PAGE: Final = Path(__file__).parent / "verify_page"


def install_pages(app: FastAPI, apis: Collection[str]) -> None:
    """Add the pages of these APIs. Plain routes of Starlette, so they take any parameters."""
    lists = "".join(items for api, items in _LISTS.items() if api in apis).strip("\n")
    front, docs = html_page(_FRONT_PAGE.replace("$lists", lists)), _docs_page(app)

    async def front_page(_: Request) -> Response:
        return front

    async def docs_page(_: Request) -> Response:
        return docs

    app.add_route("/", front_page, include_in_schema=False)
    app.add_route("/docs", docs_page, include_in_schema=False)
    app.mount(_ASSETS, StaticFiles(packages=[(fastapi_swagger.__name__, "resources")]))
    if "audit" in apis:
        _install_verify_page(app)


def _install_verify_page(app: FastAPI) -> None:
    text = (_VERIFY_PAGE / "page.html").read_text("utf-8")
    page = html_page(text, script_src="'self'", connect_src="'self'")

    async def verify_page(_: Request) -> Response:
        return page

    app.add_route("/verify", verify_page, include_in_schema=False)
    app.mount("/verify", StaticFiles(directory=_VERIFY_PAGE))


def _docs_page(app: FastAPI) -> Response:
    assert app.openapi_url
    page = get_swagger_ui_html(
        openapi_url=app.openapi_url,
        title=f"{app.title}: API documentation",
        swagger_js_url=f"{_ASSETS}/swagger-ui-bundle.js",
        swagger_css_url=f"{_ASSETS}/swagger-ui.css",
        swagger_favicon_url=f"{_ASSETS}/favicon-32x32.png",
        # without `validatorUrl` it would show a picture from swagger.io
        swagger_ui_parameters={"tryItOutEnabled": True, "filter": True, "validatorUrl": None},
    )
    return html_page(
        bytes(page.body).decode(),
        script_src="'self'",
        style_src="'self'",
        img_src="'self' data:",
        connect_src="'self'",
    )
