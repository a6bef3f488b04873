"""Calls of the APIs as values: what is sent, and the type of what comes back.

Made by `reads`, `writes`, `endpoints` and `keys`; sent by `Client` and `AsyncClient`, which share
what is here: the request, the response, and the errors.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Any, Generic, Protocol, Self, TypeVar, cast
from urllib.parse import quote
from uuid import UUID

import httpx2
from pydantic import BaseModel, TypeAdapter, ValidationError

NDJSON = "application/x-ndjson"  # here too: `kit.http.formats` needs FastAPI
AnswerT = TypeVar("AnswerT")
AnswerT_co = TypeVar("AnswerT_co", covariant=True)
ItemT_co = TypeVar("ItemT_co", covariant=True)


class ApiUnavailable(Exception):
    """The API cannot be reached, or does not answer as onrecord does."""


class ProblemError(Exception):
    """The API refused a request, with an RFC 9457 problem.

    `code` is the last part of its `type`, `errors` names each field or parameter that is wrong,
    `text` says all of it in words.
    """

    def __init__(self, status: int, problem: dict[str, Any]) -> None:
        self.status, self.problem = status, problem
        self.code: str = str(problem["type"]).rsplit("/", 1)[-1]
        self.detail: str = problem.get("detail") or problem.get("title", "")
        self.errors: list[dict[str, str]] = problem.get("errors", [])
        faults = [
            f"{fault.get('pointer') or fault.get('parameter')}: {fault['message']}"
            for fault in self.errors
        ]
        self.text = " ".join([self.detail, "; ".join(faults)]).strip()
        super().__init__(f"{status} {self.code}: {self.text}")


class PageOf(Protocol[ItemT_co]):
    """A page of a list."""

    @property
    def items(self) -> Sequence[ItemT_co]: ...

    @property
    def next(self) -> str | None: ...


class _DryRun(BaseModel):
    dry_run: bool = False


@dataclass(frozen=True, kw_only=True)
class Call(Generic[AnswerT_co]):
    """A request, and the type of its answer.

    `body`: a model, or several, which are sent as lines of NDJSON, or such lines. `repeatable`:
    whether sending it twice is the same as sending it once.
    """

    method: str
    path: str
    answer: type[AnswerT_co]
    params: BaseModel | None = None
    body: BaseModel | Sequence[BaseModel] | bytes | None = None
    repeatable: bool = True

    def as_dry_run(self) -> Self:
        """The same write, of which nothing is recorded: its answer, or problem, as it would be."""
        return replace(self, params=_DryRun(dry_run=True))

    def request_options(self, cursor: str | None = None) -> dict[str, Any]:
        """The arguments of `httpx2.Client.request`."""
        options: dict[str, Any] = {"method": self.method, "url": self.path}
        params = query_parameters(self.params)
        if cursor is not None:
            params["cursor"] = cursor
        if params:
            options["params"] = params
        if isinstance(self.body, BaseModel):
            options["content"] = self.body.model_dump_json(exclude_unset=True)
            options["headers"] = {"Content-Type": "application/json"}
        elif self.body is not None:
            options["content"] = self.body if isinstance(self.body, bytes) else _lines(self.body)
            options["headers"] = {"Content-Type": NDJSON}
        return options

    def parse(self, response: httpx2.Response) -> AnswerT_co:
        """The answer in a response. Raises `ProblemError` or `ApiUnavailable`."""
        if not response.is_success:
            raise problem_error(response)
        if response.status_code == 204:
            return cast(AnswerT_co, None)
        content = response.content
        if response.headers.get("Content-Type", "").startswith(NDJSON):
            content = b"[" + b",".join(content.splitlines()) + b"]"
        try:
            # a newer server may say more than this client knows
            answer = _adapter(cast(Any, self.answer)).validate_json(content, extra="ignore")
        except ValidationError as error:
            raise _no_answer(response) from error
        return cast(AnswerT_co, answer)


def query_parameters(params: BaseModel | None) -> dict[str, Any]:
    """The parameters of a query that differ from their defaults."""
    return params.model_dump(mode="json", exclude_defaults=True) if params else {}


def origin(url: httpx2.URL) -> str:
    """The part of an address that says whose it is."""
    return f"{url.scheme}://{url.netloc.decode()}"


def path(*parts: str | UUID) -> str:
    """The path of these parts under `/v1`, percent-encoded."""
    return "/v1/" + "/".join(quote(str(part), safe="") for part in parts)


def problem_error(response: httpx2.Response) -> Exception:
    """The error that a response with a status of 400 or more means."""
    try:
        return ProblemError(response.status_code, response.json())
    except (ValueError, TypeError, KeyError, AttributeError):
        return _no_answer(response)


def _no_answer(response: httpx2.Response) -> ApiUnavailable:
    return ApiUnavailable(
        f"{origin(response.url)} is no onrecord of this version: it answered {response.status_code}"
        f" {response.text[:100]!r}"
    )


def _lines(models: Sequence[BaseModel]) -> str:
    return "\n".join(model.model_dump_json(exclude_unset=True) for model in models)


@cache
def _adapter(answer: Any) -> TypeAdapter[Any]:
    return TypeAdapter(answer)
