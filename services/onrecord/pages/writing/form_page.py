"""Rendering of forms: the page of a step, and where a browser goes after a write."""

import json
from collections.abc import Mapping
from typing import Any

from fastapi import Request, Response
from starlette.responses import RedirectResponse

from onrecord.domain.stances import STANCES
from onrecord.ledger.evaluate import Answer
from onrecord.pages import sentences
from onrecord.pages.frame.rendering import render
from onrecord.pages.writing import labels
from onrecord.pages.writing.forms import PageForm


def form_page(
    request: Request, template: str, form: PageForm, *, status: int | None = None, **values: Any
) -> Response:
    """A page with a form; 422 if there is something wrong with it."""
    return render(
        request,
        f"writing/{template}",
        status=status or (422 if form.is_faulty else 200),
        form=form,
        labels=labels,
        stances={name: sentences.STANCES[name] for name in STANCES},
        **values,
    )


def go_to(path: str, answer: Answer) -> Response:
    """See a page with a write that was recorded in it (303)."""
    joint = "&" if "?" in path else "?"
    return RedirectResponse(f"{path}{joint}min_size={answer.size}", 303)


def pretty_json(document: Mapping[str, Any]) -> str:
    """A document for people to read."""
    return json.dumps(document, ensure_ascii=False, indent=2)
