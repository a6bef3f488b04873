"""Submission of forms: validated by the models of the write API, and recorded as its routes do.

A problem is raised as `FormProblem` after its errors have been put beside the fields.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, ValidationError

from onrecord.domain.requests import Request as WriteRequest
from onrecord.ingest.recorder import Recorder
from onrecord.kit.http.json_bytes import json_bytes
from onrecord.kit.http.problems import Problem, invalid
from onrecord.kit.http.strict_bodies import parse_json
from onrecord.ledger.evaluate import Answer
from onrecord.pages.writing.forms import Draft, PageForm


class FormProblem(Exception):
    """A form is shown again with this status; its errors stand beside their fields."""

    def __init__(self, status: int, code: str) -> None:
        super().__init__(code)
        self.status, self.code = status, code


@dataclass(frozen=True)
class PlannedWrite:
    """A body that a form was made into: its model, and the function that makes a write of it."""

    draft: Draft
    model: type[BaseModel]
    make: Callable[[Any], WriteRequest]


def validated(form: PageForm, writes: Sequence[PlannedWrite]) -> list[Any]:
    """The bodies as their models. Raises `FormProblem` with the errors of all of them."""
    models: list[Any] = []
    problems: list[Problem] = []
    for planned in writes:
        try:
            body = parse_json(json_bytes(planned.draft.document))
            models.append(planned.model.model_validate(body))
            continue
        except ValidationError as error:
            problem = invalid(error.errors())
        except Problem as error:
            problem = error
        form.show_problem(problem, planned.draft.names)
        problems.append(problem)
    if problems:
        raise FormProblem(problems[0].status_code, problems[0].code)
    return models


async def submit(
    form: PageForm, recorder: Recorder, writes: Sequence[PlannedWrite], *, dry_run: bool
) -> Sequence[Answer]:
    """Record writes in their order, or only evaluate them. Raises `FormProblem`.

    A dry run sees each as recorded for those after it. A write that is refused is the last: none
    after it is recorded.
    """
    models = validated(form, writes)
    requests = [planned.make(model) for planned, model in zip(writes, models, strict=True)]
    outcomes: list[Answer | BaseException] = []
    if dry_run:
        outcomes = await recorder.record_all(requests, dry_run=True)
    else:
        for request in requests:
            outcomes += await recorder.record_all([request])
            if not isinstance(outcomes[-1], Answer):
                break
    answers: list[Answer] = []
    for planned, outcome in zip(writes, outcomes, strict=False):
        if isinstance(outcome, Answer):
            answers.append(outcome)
        elif isinstance(outcome, Problem):
            form.show_problem(outcome, planned.draft.names)
            raise FormProblem(outcome.status_code, outcome.code)
        else:
            raise outcome
    return answers
