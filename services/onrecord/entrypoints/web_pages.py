"""The front page and the API's documentation: what a browser shows. Used by `app_factory`.

Everything that they load comes from this service, by addresses without a host.
"""

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
<ul>
  <li><a href="/docs">API documentation</a>, to read and to try; as data:
      <a href="/openapi.json">openapi.json</a></li>
  <li><a href="/v1/actors">Actors</a> and <a href="/v1/topics">topics</a> on record</li>
  <li><a href="/v1/statements">Statements</a>, last said first</li>
  <li><a href="/v1/changes">Changes of position</a>, last recorded first</li>
  <li><a href="/v1/positions">Positions</a>, of every actor on every topic</li>
  <li><a href="/v1/events">The ledger</a>, event by event, as it was hashed</li>
  <li><a href="/readyz">Is everything running?</a></li>
</ul>
<p>A browser sends no key: these lists open where reading is open to all. Elsewhere, and for
webhooks, try them with a key in the <a href="/docs">documentation</a>.</p>
</html>
"""

_ASSETS: Final = "/swagger"


def install_pages(app: FastAPI) -> None:
    """Add both pages. Plain routes of Starlette, so they take any parameters."""
    front, docs = html_page(_FRONT_PAGE), _docs_page(app)

    async def front_page(_: Request) -> Response:
        return front

    async def docs_page(_: Request) -> Response:
        return docs

    app.add_route("/", front_page, include_in_schema=False)
    app.add_route("/docs", docs_page, include_in_schema=False)
    app.mount(_ASSETS, StaticFiles(packages=[(fastapi_swagger.__name__, "resources")]))


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
