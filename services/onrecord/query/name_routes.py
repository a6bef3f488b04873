"""Route of the read API that finds the actor or topic that a spelling names.

Used by `onrecord import` and `onrecord show`, and by any client that has names and needs ids.
"""

from collections.abc import Sequence
from typing import Annotated, Any, Final

from fastapi import APIRouter, Query, Request, Response

from onrecord.domain.names import display_name
from onrecord.domain.references import qid_of
from onrecord.kit.http.problems import responses
from onrecord.kit.sql.db import Row
from onrecord.projections import actors, topics
from onrecord.projections.identifiers import resolve_references
from onrecord.projections.queries import names_query, registry_row
from onrecord.query.answers.schemas import Candidate, NamesAnswer
from onrecord.query.params import NameParams
from onrecord.query.read_context import ReadContext, ReadResources, ReadResourcesDep, begin_read
from onrecord.query.responses import NOT_MODIFIED, with_etag

router = APIRouter(
    prefix="/v1", tags=["read API"], responses={**NOT_MODIFIED, **responses(422, 503)}
)

_PROJECTIONS: Final = {"actor": actors.NAME, "topic": topics.NAME}


@router.get("/names", response_model=NamesAnswer)
async def resolve_name(
    request: Request, resources: ReadResourcesDep, params: Annotated[NameParams, Query()]
) -> Response:
    """The actor or topic that a spelling names, or those that it may mean."""
    return with_etag(request, await read_names(request, resources, params))


async def read_names(
    request: Request, resources: ReadResources, params: NameParams
) -> dict[str, Any]:
    """The answer of `resolve_name`."""
    context, _ = await begin_read(request, resources, params, _PROJECTIONS[params.kind])
    context, wanted = await _ids_of_reference(context, params)
    name = qid_of(params.name) or params.name
    rows = await context.rows(names_query(params.kind), name=name)
    items = [row for row in rows if row["id"] is not None]
    matches = [row for row in items if row["named"]]
    if wanted is not None:
        matches = [row for row in matches if _root(row) in wanted]
    return {
        "id": _clear_id(matches) if wanted is None else _only(wanted),
        "matches": [_candidate(row) for row in matches],
        "nearest": [_candidate(row) for row in items if not row["named"]],
        "known": context.state_of(rows[0]),
    }


async def _ids_of_reference(
    context: ReadContext, params: NameParams
) -> tuple[ReadContext, Sequence[str] | None]:
    """The context, and the ids that `wikidata:Q...` names at its size; None for other names."""
    qid = qid_of(params.name)
    if qid is None:
        return context, None
    context = await context.settled(_PROJECTIONS[params.kind])
    if params.kind == "topic":
        (row,) = await context.rows(registry_row(topics.NAME), id=qid)
        return context, [qid] if row["id"] else []
    (actor,) = await resolve_references(context.pool, [params.name], context.known_size)
    return context, actor.ids


def _only(ids: Sequence[str]) -> str | None:
    return ids[0] if len(ids) == 1 else None


def _clear_id(matches: Sequence[Row]) -> str | None:
    if len(matches) == 1 or (matches and matches[0]["exact"]):
        return str(matches[0]["id"])
    roots = {_root(row) for row in matches}
    return roots.pop() if len(roots) == 1 else None


def _root(row: Row) -> str:
    return str(row.get("root", row["id"]))


def _candidate(row: Row) -> Candidate:
    label = row["label"] if "label" in row else display_name(row["names"], row["id"])
    into = _root(row) if _root(row) != row["id"] else None
    return Candidate(id=row["id"], label=label or row["id"], merged_into=into)
