"""Routes of feeds: the whole record, an actor, a topic, a search; each as Atom and JSON Feed."""

from enum import StrEnum
from typing import Annotated, Final

from fastapi import APIRouter, Query, Request, Response

from onrecord.domain.references import ActorRef, TopicRef
from onrecord.kit.http.etags import is_cached, weak_etag
from onrecord.pages.catalogue import language_of, translations
from onrecord.pages.feeds.documents import ATOM, JSON_FEED, Feed, atom_document, json_document
from onrecord.pages.feeds.entries import Entry, InWords, merged
from onrecord.query.change_routes import list_changes
from onrecord.query.correction_routes import list_corrections
from onrecord.query.params import AtSize, ChangeSearch, CorrectionSearch, StatementSearch
from onrecord.query.read_context import ReadResources, ReadResourcesDep
from onrecord.query.registry_routes import list_statements, read_actor, read_topic

router = APIRouter(include_in_schema=False)
_ENTRIES: Final = 50


class FeedFormat(StrEnum):
    """The suffix of the address of a feed."""

    ATOM = "atom"
    JSON = "json"


@router.get("/feed.{format}")
async def get_feed(request: Request, resources: ReadResourcesDep, format: FeedFormat) -> Response:
    """Changes of all positions, and all corrections."""
    entries = await _entries(request, resources, AtSize(), actor=[], topic=[])
    return _respond(request, resources, format, "onrecord", entries, page="/")


@router.get("/actors/{actor}/feed.{format}")
async def get_actor_feed(
    request: Request, resources: ReadResourcesDep, actor: ActorRef, format: FeedFormat
) -> Response:
    """Changes of the positions of an actor, and corrections about it."""
    answer = await read_actor(request, resources, actor, AtSize())
    at = AtSize(known_size=answer["known"].size)
    entries = await _entries(request, resources, at, actor=[answer["id"]], topic=[])
    page = f"/actors/{answer['id']}"
    return _respond(request, resources, format, f"{answer['label']} – onrecord", entries, page=page)


@router.get("/topics/{topic}/feed.{format}")
async def get_topic_feed(
    request: Request, resources: ReadResourcesDep, topic: TopicRef, format: FeedFormat
) -> Response:
    """Changes of positions on a topic, and corrections about it."""
    answer = await read_topic(request, resources, topic, AtSize())
    at = AtSize(known_size=answer["known"].size)
    entries = await _entries(request, resources, at, actor=[], topic=[answer["id"]])
    title = f"{answer['label'] or answer['id']} – onrecord"
    return _respond(request, resources, format, title, entries, page=f"/topics/{answer['id']}")


@router.get("/search/feed.{format}")
async def get_search_feed(
    request: Request,
    resources: ReadResourcesDep,
    format: FeedFormat,
    params: Annotated[StatementSearch, Query()],
) -> Response:
    """Statements that match a search, in their words, last said first."""
    found = await list_statements(request, resources, params)
    entries = [_in_words(request).statement(statement) for statement in found.items]
    query = f"?{request.url.query}" if request.url.query else ""
    title = f"{params.q or 'Statements'} – onrecord"
    return _respond(request, resources, format, title, entries, page=f"/search{query}", query=query)


async def _entries(
    request: Request, resources: ReadResources, at: AtSize, *, actor: list[str], topic: list[str]
) -> list[Entry]:
    """The last changes and corrections about these, of one state of the record."""
    changes = ChangeSearch(actor=actor, topic=topic, limit=_ENTRIES, known_size=at.known_size)
    steps = await list_changes(request, resources, changes)
    corrections = CorrectionSearch(
        actor=actor, topic=topic, limit=_ENTRIES, known_size=steps.about["known"].size
    )
    amendments = await list_corrections(request, resources, corrections)
    return merged(steps.items, amendments.items, _in_words(request))[:_ENTRIES]


def _in_words(request: Request) -> InWords:
    language = language_of(request)
    return InWords(translations()[language].gettext, language)


def _respond(
    request: Request,
    resources: ReadResources,
    format_: FeedFormat,
    title: str,
    entries: list[Entry],
    *,
    page: str,
    query: str = "",
) -> Response:
    """The feed in its format, or 304 where the client has it."""
    feed = Feed(
        base=resources.public_url,
        url=f"{resources.public_url}{request.url.path}{query}",
        page=resources.public_url + page,
        title=title,
        language=language_of(request),
        entries=entries,
    )
    is_atom = format_ is FeedFormat.ATOM
    body = atom_document(feed) if is_atom else json_document(feed)
    etag = weak_etag(body)
    headers = {
        "ETag": etag,
        "Cache-Control": "no-cache",
        "Vary": "Accept-Language, Accept-Encoding, Authorization, Cookie",
    }
    if is_cached(request, etag):
        return Response(status_code=304, headers=headers)
    return Response(body, headers=headers, media_type=ATOM if is_atom else JSON_FEED)
