"""The page that shows a problem (RFC 9457), and the form to sign in where a key is missing."""

from collections.abc import Mapping
from typing import Any

from starlette.requests import Request
from starlette.responses import HTMLResponse

from onrecord.pages.frame.cookies import forget_key
from onrecord.pages.frame.rendering import render


def problem_page(request: Request, problem: Mapping[str, Any]) -> HTMLResponse:
    """A page with the title, the detail and the errors of a problem, and its status.

    A key in a cookie that is valid no more is forgotten, so that public pages can be read again.
    """
    template = "signin.html" if problem["status"] == 401 else "problem.html"
    response = render(request, template, status=problem["status"], problem=problem)
    if problem["status"] == 401:
        forget_key(response)
    return response
