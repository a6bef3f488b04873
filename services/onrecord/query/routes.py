"""Which addresses does the read door have?

Each route settles the size to read at (`reading`), runs one query that is a value, and shapes the
rows (`shape`). No answer about positions is immutable, so all are `no-cache` with a weak ETag.
The routes are tried in their order, so what is asked most comes first.
"""

from datetime import UTC, datetime
from typing import Annotated, Any, Final
from uuid import UUID

from fastapi import APIRouter, Path, Query, Request, Response

from onrecord.domain.dates import bounds, last_instant
from onrecord.domain.ids import SLUG_PATTERN
from onrecord.kit.http.problems import Problem, responses
from onrecord.kit.http.read_routes import ReadRoute
from onrecord.kit.sql.batched_query import Together
from onrecord.projections import (
    actors,
    positions,
    queries,
    statements,
    topics,
)
from onrecord.projections.changes import fold
from onrecord.projections.engine.versions import NEVER
from onrecord.projections.spelling import fold_spelling
from onrecord.query import serialize
from onrecord.query.params import AsOf, AtSize, Paged, PagedAsOf, Search, StatementSearch
from onrecord.query.read_context import begin, moment
from onrecord.query.responses import conditional, listed
from onrecord.query.schemas import (
    Actor,
    ActorAnswer,
    Listed,
    PositionOut,
    StatementAnswer,
    StatementOut,
    Step,
    Topic,
    TopicAnswer,
    VersionOfStep,
)

NOT_MODIFIED: Final[dict[int | str, dict[str, Any]]] = {
    304: {"description": "What If-None-Match names."}
}

router = APIRouter(
    prefix="/v1",
    tags=["read"],
    route_class=ReadRoute,
    responses={**NOT_MODIFIED, **responses(404, 422, 503)},
)

_EARLIEST: Final = datetime.min.replace(tzinfo=UTC)
_LATEST: Final = datetime.max.replace(tzinfo=UTC)


Name = Annotated[str, Path(pattern=SLUG_PATTERN, max_length=80)]


def missing(kind: str, name: object) -> Problem:
    """404 for a thing that is not on record at the size of the read."""
    return Problem(404, f"unknown-{kind}", f"No {kind} {str(name)!r} is on record at this size.")


_PAIR: Final = (positions.NAME, fold.NAME, actors.NAME, topics.NAME)


@router.get("/actors/{actor}/topics/{topic}/position", response_model=PositionOut)
async def get_position(
    request: Request, actor: Name, topic: Name, ask: Annotated[AsOf, Query()]
) -> Response:
    """What an actor held on a topic: now or `as_of`, as known now or then, with the exact words."""
    as_of, instant = moment(ask.as_of)
    reading, _ = await begin(request, ask, *_PAIR, statements.NAME)
    held: Together = request.app.state.held
    asked = {"actor": actor, "topic": topic, "as_of": instant, "known_size": reading.known_size}
    row = queries.position_from_row(await held.row(asked))
    if row["actor_names"] is None:
        raise missing("actor", actor)
    if row["topic_label"] is None:
        raise missing("topic", topic)
    answer = serialize.position(
        row, topic=topic, as_of=as_of, instant=instant, known=reading.known(row)
    )
    return conditional(request, vars(answer))


@router.get("/actors", response_model=Listed[Actor])
async def list_actors(request: Request, ask: Annotated[Search, Query()]) -> Response:
    """Actors, by any spelling of their names on record with `q`."""
    return await _registry(request, ask, actors.NAME)


@router.get("/topics", response_model=Listed[Topic])
async def list_topics(request: Request, ask: Annotated[Search, Query()]) -> Response:
    """Topics, by their labels and propositions with `q`."""
    return await _registry(request, ask, topics.NAME)


async def _registry(request: Request, ask: Search, table: str) -> Response:
    reading, (after,) = await begin(request, ask, table, start=("",))
    query = queries.registry_page(table, by_spelling=ask.q is not None)
    pattern = fold_spelling(ask.q or "").translate(_LIKE)
    rows = await reading.rows(query, after=after, limit=ask.limit + 1, pattern=f"%{pattern}%")
    made = serialize.actor if table == actors.NAME else serialize.topic
    return listed(request, reading, rows, ask.limit, made, key=lambda row: [row["id"]])


_LIKE: Final = str.maketrans({"%": r"\%", "_": r"\_", "\\": r"\\"})


@router.get("/actors/{actor}", response_model=ActorAnswer)
async def get_actor(request: Request, actor: Name, ask: Annotated[AtSize, Query()]) -> Response:
    """An actor under all its names."""
    reading, _ = await begin(request, ask, actors.NAME)
    (row,) = await reading.rows(queries.registry_row(actors.NAME), id=actor)
    if row["id"] is None:
        raise missing("actor", actor)
    return conditional(request, {**vars(serialize.actor(row)), "known": reading.known(row)})


@router.get("/topics/{topic}", response_model=TopicAnswer)
async def get_topic(request: Request, topic: Name, ask: Annotated[AtSize, Query()]) -> Response:
    """A topic with its proposition."""
    reading, _ = await begin(request, ask, topics.NAME)
    (row,) = await reading.rows(queries.registry_row(topics.NAME), id=topic)
    if row["id"] is None:
        raise missing("topic", topic)
    return conditional(request, {**vars(serialize.topic(row)), "known": reading.known(row)})


@router.get("/statements", response_model=Listed[StatementOut])
async def list_statements(request: Request, ask: Annotated[StatementSearch, Query()]) -> Response:
    """Statements, last said first; `q` searches current words (`"a phrase" -not`)."""
    start = (_LATEST, NEVER)
    reading, (before, made_seq) = await begin(
        request, ask, statements.NAME, actors.NAME, start=start
    )
    given = {"actor": ask.actor, "topic": ask.topic, "outlet": ask.outlet, "q": ask.q}
    filters = {name: value for name, value in given.items() if value is not None}
    times = {}
    if ask.said_from is not None:
        times["said_from"] = bounds(ask.said_from).earliest
    if ask.said_to is not None:
        times["said_to"] = last_instant(ask.said_to)
    rows = await reading.rows(
        queries.statements_page(frozenset({*filters, *times})),
        before=before,
        made_seq=made_seq,
        limit=ask.limit + 1,
        **filters,
        **times,
    )
    return listed(
        request,
        reading,
        rows,
        ask.limit,
        serialize.statement,
        key=lambda row: [row["said_from"], row["made_seq"]],
    )


@router.get("/statements/{id}", response_model=StatementAnswer)
async def get_statement(request: Request, id: UUID, ask: Annotated[AtSize, Query()]) -> Response:
    """A statement in its exact words, with its evidence; a retracted one says so."""
    reading, _ = await begin(request, ask, statements.NAME)
    (row,) = await reading.rows(queries.STATEMENT, id=id)
    if row["id"] is None:
        raise missing("statement", id)
    return conditional(request, {**serialize.statement(row), "known": reading.known(row)})


@router.get("/actors/{actor}/topics/{topic}/timeline", response_model=Listed[Step])
async def get_timeline(
    request: Request, actor: Name, topic: Name, ask: Annotated[Paged, Query()]
) -> Response:
    """Every step of an actor on a topic, in the order in which they were held."""
    start = (_EARLIEST, -(2**31), -1)
    reading, (valid_from, ord_, made_seq) = await begin(request, ask, *_PAIR, start=start)
    rows = await reading.rows(
        queries.TIMELINE,
        actor=actor,
        topic=topic,
        valid_from=valid_from,
        ord=ord_,
        made_seq=made_seq,
        limit=ask.limit + 1,
    )
    _both(rows[0], actor, topic)
    return listed(
        request,
        reading,
        rows,
        ask.limit,
        serialize.step,
        key=lambda row: [row["valid_from"], row["ord"], row["made_seq"]],
    )


@router.get("/actors/{actor}/topics/{topic}/history", response_model=Listed[VersionOfStep])
async def get_history(
    request: Request, actor: Name, topic: Name, ask: Annotated[Paged, Query()]
) -> Response:
    """Every version of every step, in the order in which the record came to believe it."""
    reading, (open_seq,) = await begin(request, ask, *_PAIR, start=(-1,))
    rows = await reading.rows(
        queries.HISTORY, actor=actor, topic=topic, open_seq=open_seq, limit=ask.limit + 1
    )
    _both(rows[0], actor, topic)
    return listed(
        request,
        reading,
        rows,
        ask.limit,
        serialize.version_of_step,
        key=lambda row: [row["open_seq"]],
    )


def _both(row: serialize.Row, actor: str, topic: str) -> None:
    if not row["has_actor"]:
        raise missing("actor", actor)
    if not row["has_topic"]:
        raise missing("topic", topic)


@router.get("/actors/{actor}/positions", response_model=Listed[Step])
async def list_actor_positions(
    request: Request, actor: Name, ask: Annotated[PagedAsOf, Query()]
) -> Response:
    """What an actor held on every topic."""
    return await _sheet(request, ask, "actor", actor)


@router.get("/topics/{topic}/positions", response_model=Listed[Step])
async def list_topic_positions(
    request: Request, topic: Name, ask: Annotated[PagedAsOf, Query()]
) -> Response:
    """What every actor held on a topic."""
    return await _sheet(request, ask, "topic", topic)


async def _sheet(request: Request, ask: PagedAsOf, of: str, name: str) -> Response:
    other = "topic" if of == "actor" else "actor"
    _, instant = moment(ask.as_of)
    reading, (after, at) = await begin(request, ask, *_PAIR, start=("", instant))
    rows = await reading.rows(
        queries.positions_page(of),
        **{of: name},
        after=after,
        as_of=at,
        limit=ask.limit + 1,
    )
    if not rows[0][f"has_{of}"]:
        raise missing(of, name)
    return listed(
        request, reading, rows, ask.limit, serialize.step, key=lambda row: [row[other], at]
    )
