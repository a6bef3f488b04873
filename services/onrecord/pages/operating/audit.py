"""The page of the ledger: its head, its last events, and where each can be checked."""

from typing import Annotated, Any, Final

import orjson
from fastapi import APIRouter, Query, Request, Response

from onrecord.audit.routes import AuditResourcesDep, list_events
from onrecord.audit.schemas import EventSearch
from onrecord.audit.tlog.proof_routes import get_ledger
from onrecord.audit.tlog.resources import LogResourcesDep
from onrecord.kit.http.formats import JSON
from onrecord.pages.frame.rendering import render

router = APIRouter(include_in_schema=False)
_SHOWN: Final = 50


@router.get("/audit")
async def show_ledger(
    request: Request,
    resources: AuditResourcesDep,
    log: LogResourcesDep,
    params: Annotated[EventSearch, Query()],
) -> Response:
    """The last events, newest first; with `after` or filters, those from there on, oldest first."""
    ledger = await get_ledger(log)
    if newest := not params.model_fields_set:
        params = EventSearch(after=max(ledger.size - 1 - _SHOWN, -1), limit=_SHOWN)
    request.state.list_format = JSON
    page = await list_events(request, resources, params)
    assert not isinstance(page, Response), "only streams are responses"
    events: list[dict[str, Any]] = [orjson.loads(orjson.dumps(item)) for item in page.items]
    return render(
        request,
        "audit.html",
        ledger=ledger,
        events=events[::-1] if newest else events,
        cursor=None if newest else page.cursor,
        newest=newest,
    )
