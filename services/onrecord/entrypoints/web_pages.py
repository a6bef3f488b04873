"""Pages for browsers: the documentation, and the check of proofs. For `app_factory`.

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

_ASSETS: Final = "/swagger"
_VERIFY_PAGE: Final = Path(__file__).parent / "verify_page"


def install_pages(app: FastAPI, apis: Collection[str]) -> None:
    """Add the pages of these APIs. Plain routes of Starlette, so they take any parameters."""
    docs = _docs_page(app)

    async def docs_page(_: Request) -> Response:
        return docs

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
