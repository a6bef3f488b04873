"""Pages about problem types: what `type` of a problem leads to, and a list of all of them.

Installed by `install`. They have no styles and scripts, so the strictest policy of pages holds.
"""

import json
from html import escape
from string import Template
from typing import Final

from fastapi import APIRouter
from fastapi.responses import HTMLResponse

from onrecord.kit.http.problem_types import PROBLEM_TYPES, TYPE_BASE, ProblemType
from onrecord.kit.http.problems import MEDIA_TYPE, Problem

router = APIRouter(include_in_schema=False)

_PAGE: Final = Template("""<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>$title - onrecord</title>
<main>
<h1>$title</h1>
$content
</main>
</html>
""")


@router.get("/problems")
async def list_problem_types() -> HTMLResponse:
    """All types of problem."""
    items = "\n".join(
        f'<li><a href="{TYPE_BASE}{code}"><code>{code}</code></a> ({type_.status}): '
        f"{escape(type_.title)}</li>"
        for code, type_ in sorted(PROBLEM_TYPES.items())
    )
    content = (
        f"<p>Every answer of 4xx or 5xx is a problem, as <code>{MEDIA_TYPE}</code> (RFC 9457). Its"
        f" <code>type</code> is one of these, and <code>detail</code> and <code>errors</code> say"
        f" what it is about.</p>\n<ul>\n{items}\n</ul>"
    )
    return HTMLResponse(_PAGE.substitute(title="Problems", content=content))


@router.get("/problems/{code}")
async def show_problem_type(code: str) -> HTMLResponse:
    """One type of problem."""
    if code not in PROBLEM_TYPES:
        raise Problem(404, "not-found", "There is no such problem; /problems lists all of them.")
    type_ = PROBLEM_TYPES[code]
    content = "\n".join(
        (
            f"<p>Status {type_.status}, <code>{TYPE_BASE}{code}</code></p>",
            f"<h2>What it means</h2>\n<p>{escape(type_.meaning)}</p>",
            f"<h2>What to do</h2>\n<p>{escape(type_.remedy)}</p>",
            f"<h2>Example</h2>\n<pre>{escape(_example(code, type_))}</pre>",
            '<p><a href="/problems">All problems</a></p>',
        )
    )
    return HTMLResponse(_PAGE.substitute(title=escape(type_.title), content=content))


def _example(code: str, type_: ProblemType) -> str:
    problem = Problem(type_.status, code, type_.detail, about=type_.members)
    return json.dumps(problem.body(), indent=2, ensure_ascii=False)
