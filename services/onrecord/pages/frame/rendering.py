"""Rendering of pages by Jinja2, with the policy that each of them is sent with.

Used by every route of this package. All values are escaped. A page loads one style sheet and one
script of this service, and works without the script.
"""

import re
from collections.abc import Mapping
from functools import cache
from typing import Any, Final
from urllib.parse import urlencode

from jinja2 import Environment, PackageLoader, StrictUndefined
from jinja2.ext import Extension
from markupsafe import escape
from starlette.requests import Request
from starlette.responses import HTMLResponse

from onrecord.kit.http.caller import Caller
from onrecord.pages import marks, sentences
from onrecord.pages.catalogue import language_of, translations
from onrecord.pages.frame.static_files import asset
from onrecord.pages.json_ld import actor_json_ld, data_block, statement_json_ld

_CONSTANT: Final = re.compile(r'\{\{ _\("([^"\\]*)"\) \}\}')
POLICY: Final = "; ".join(
    (
        "default-src 'none'",
        *(f"{kind}-src 'self'" for kind in ("style", "script", "img", "connect")),
        "form-action 'self'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
    )
)
_HEADERS: Final = {
    "Content-Security-Policy": POLICY,
    "Cache-Control": "no-cache",
    "Vary": "Accept, Accept-Language, Accept-Encoding, Cookie",
}


class _ConstantMessages(Extension):
    """Translates `{{ _("...") }}` when a template is compiled: a page has a hundred of them."""

    def preprocess(self, source: str, name: str | None, filename: str | None = None) -> str:
        gettext = translations()[self.environment.language].gettext  # type: ignore[attr-defined] # of `extend`
        return _CONSTANT.sub(lambda found: str(escape(gettext(found[1]))), source)


@cache
def environment(language: str) -> Environment:
    """The templates in a language, with what they call."""
    made = Environment(
        loader=PackageLoader("onrecord.pages"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        extensions=["jinja2.ext.i18n", _ConstantMessages],
        auto_reload=False,
    )
    made.extend(language=language)
    made.globals.update(
        asset=asset,
        marks=marks,
        sentences=sentences,
        with_params=with_params,
        without_param=without_param,
        data_address=data_address,
        public_url=public_url,
        data_block=data_block,
        statement_json_ld=statement_json_ld,
        actor_json_ld=actor_json_ld,
    )
    return made


def render(
    request: Request,
    template: str,
    *,
    status: int = 200,
    headers: Mapping[str, str] | None = None,
    **values: Any,
) -> HTMLResponse:
    """A page from a template; `values` are its own, the frame has those of the request."""
    language = language_of(request)
    catalogue = translations()[language]
    text = (
        environment(language)
        .get_template(template)
        .render(
            request=request,
            caller=request.scope.get("state", {}).get("caller") or _NOBODY,
            language=language,
            gettext=catalogue.gettext,
            ngettext=catalogue.ngettext,
            _=catalogue.gettext,
            **values,
        )
    )
    return HTMLResponse(text, status, {**_HEADERS, **(headers or {})})


def public_url(request: Request) -> str:
    """The address that links to this service begin with, for others."""
    address: str = request.state.read_resources.public_url
    return address


def with_params(request: Request, **changes: Any) -> str:
    """The address of this page with other parameters; None leaves one out, and so the cursor."""
    params = [
        (name, value)
        for name, value in request.query_params.multi_items()
        if name not in changes and name != "cursor"
    ]
    params += [(name, value) for name, value in changes.items() if value is not None]
    return f"{request.url.path}?{urlencode(params)}" if params else request.url.path


def without_param(request: Request, name: str, value: str) -> str:
    """The address of this page without one value of a parameter, and without the cursor."""
    params = [
        param
        for param in request.query_params.multi_items()
        if param != (name, value) and param[0] != "cursor"
    ]
    return f"{request.url.path}?{urlencode(params)}" if params else request.url.path


def data_address(request: Request, suffix: str) -> str:
    """The address of the data of this page in the format of a suffix."""
    path, query = request.url.path, request.url.query
    return f"{'/index' if path == '/' else path}{suffix}{f'?{query}' if query else ''}"


_NOBODY: Final = Caller(None, None, frozenset())
