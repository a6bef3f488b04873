"""The page of the digest: what was recorded in the last week, or since a date."""

from datetime import UTC, datetime
from typing import Annotated

from fastapi import APIRouter, Query, Request, Response
from pydantic import Field

from onrecord.pages.digest import MAX_ITEMS, a_week_ago, digest_of
from onrecord.pages.frame.clocks import clocks_of
from onrecord.pages.frame.rendering import render
from onrecord.query.change_routes import list_changes
from onrecord.query.correction_routes import list_corrections
from onrecord.query.params import AtSize, ChangeSearch, CorrectionSearch, Moment
from onrecord.query.read_context import ReadResourcesDep

router = APIRouter(include_in_schema=False)


class DigestParams(AtSize):
    since: Moment = Field(None, description="The first date of the digest; default: a week ago.")


@router.get("/digest")
async def show_digest(
    request: Request, resources: ReadResourcesDep, params: Annotated[DigestParams, Query()]
) -> Response:
    """Changes and corrections as sentences, last recorded first."""
    since = params.since or a_week_ago(datetime.now(UTC).date())
    size = {"known_size": params.known_size, "known_at": params.known_at, "limit": MAX_ITEMS}
    search = ChangeSearch.model_validate({**size, "recorded_from": since})
    changes = await list_changes(request, resources, search)
    known = changes.about["known"]
    corrections = await list_corrections(
        request, resources, CorrectionSearch(known_size=known.size, limit=MAX_ITEMS)
    )
    digest = digest_of(since, changes.items, corrections.items, has_more=changes.cursor is not None)
    return render(request, "digest.html", digest=digest, clocks=clocks_of(request, known))
