"""Routes for other sites: the card of a statement as a page to embed, and oEmbed.

https://oembed.com; the answer is of type `rich`, a quotation without scripts.
"""

from typing import Annotated, Any, Final, Literal
from urllib.parse import unquote, urlsplit
from uuid import UUID
from xml.etree.ElementTree import Element, SubElement, tostring

from fastapi import APIRouter, Query, Request, Response
from pydantic import BaseModel, Field, TypeAdapter, ValidationError

from onrecord.domain.references import ActorRef, TopicRef
from onrecord.kit.http.json_bytes import json_bytes
from onrecord.kit.http.problems import Problem
from onrecord.pages.catalogue import language_of, translations
from onrecord.pages.feeds.documents import xml_text
from onrecord.pages.frame.rendering import render
from onrecord.pages.standards.cards import Card, position_card, statement_card
from onrecord.query.params import AsOf, AtSize
from onrecord.query.position_routes import read_position
from onrecord.query.read_context import ReadResources, ReadResourcesDep
from onrecord.query.registry_routes import read_statement

router = APIRouter(include_in_schema=False)
_POLICY: Final = (
    "default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors *"
)
_WIDTH: Final = 600
_ID: Final = TypeAdapter(UUID)
_ACTOR: Final[TypeAdapter[str]] = TypeAdapter(ActorRef)
_TOPIC: Final[TypeAdapter[str]] = TypeAdapter(TopicRef)


class OEmbedQuery(BaseModel):
    """The parameters of a consumer of oEmbed. The card has no height of its own."""

    url: str = Field(max_length=2_048)
    format: Literal["json", "xml"] = "json"
    maxwidth: int | None = Field(None, ge=1)
    maxheight: int | None = Field(None, ge=1)


@router.get("/statements/{id}/card")
async def show_card(
    request: Request, resources: ReadResourcesDep, id: UUID, params: Annotated[AtSize, Query()]
) -> Response:
    """The words of a statement, for a frame of any site."""
    card = await _statement_card(request, resources, id, params)
    headers = {"Content-Security-Policy": _POLICY}
    return render(request, "card.html", card=card, headers=headers)


@router.get("/oembed")
async def get_oembed(
    request: Request, resources: ReadResourcesDep, params: Annotated[OEmbedQuery, Query()]
) -> Response:
    """The card of the page at an address of this service."""
    card = await _card_at(request, resources, params.url)
    width = min(params.maxwidth or _WIDTH, _WIDTH)
    answer: dict[str, Any] = {
        "version": "1.0",
        "type": "rich",
        "title": card.title,
        "author_name": card.title,
        "author_url": card.address,
        "provider_name": "onrecord",
        "provider_url": resources.public_url,
        "html": str(card.html()),
        "width": width,
        "height": None,
    }
    headers = {"Cache-Control": "no-cache", "Vary": "Accept-Language, Authorization, Cookie"}
    if params.format == "json":
        return Response(json_bytes(answer), headers=headers, media_type="application/json")
    return Response(_xml(answer), headers=headers, media_type="text/xml")


async def _card_at(request: Request, resources: ReadResources, url: str) -> Card:
    """The card of a page. Raises a 404 `Problem` where the address is of no page with a card."""
    if url != resources.public_url and not url.startswith(f"{resources.public_url}/"):
        raise _no_card(resources)
    path = urlsplit(url.removeprefix(resources.public_url)).path
    match [unquote(part) for part in path.split("/")[1:]]:
        case ["statements", id_]:
            id_read = _read(_ID, id_, resources)
            return await _statement_card(request, resources, id_read, AtSize())
        case ["actors", actor, "topics", topic]:
            names = _read(_ACTOR, actor, resources), _read(_TOPIC, topic, resources)
            position, _ = await read_position(request, resources, *names, AsOf())
            gettext = translations()[language_of(request)].gettext
            return position_card(gettext, position, resources.public_url)
    raise _no_card(resources)


async def _statement_card(
    request: Request, resources: ReadResources, id_: UUID, params: AtSize
) -> Card:
    statement = await read_statement(request, resources, id_, params)
    language = language_of(request)
    gettext = translations()[language].gettext
    return statement_card(gettext, statement, language, resources.public_url)


def _read(adapter: TypeAdapter[Any], text: str, resources: ReadResources) -> Any:
    try:
        return adapter.validate_python(text)
    except ValidationError:
        raise _no_card(resources) from None


def _no_card(resources: ReadResources) -> Problem:
    pages = "/statements/ID and /actors/ACTOR/topics/TOPIC"
    detail = f"url: no page with a card; there are cards of {resources.public_url}{pages}."
    return Problem(404, "not-found", detail)


def _xml(answer: dict[str, Any]) -> bytes:
    root = Element("oembed")
    for name, value in answer.items():
        SubElement(root, name).text = "" if value is None else xml_text(str(value))
    document: bytes = tostring(root, encoding="utf-8", xml_declaration=True)
    return document
