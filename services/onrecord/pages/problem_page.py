"""The page that shows a problem (RFC 9457), and the form to sign in where a key is missing."""

from collections.abc import Mapping
from typing import Any

from starlette.requests import Request
from starlette.responses import HTMLResponse

from onrecord.pages.rendering import render


def problem_page(request: Request, problem: Mapping[str, Any]) -> HTMLResponse:
    """A page with the title, the detail and the errors of a problem, and its status."""
    template = "signin.html" if problem["status"] == 401 else "problem.html"
    return render(request, template, status=problem["status"], problem=problem)
