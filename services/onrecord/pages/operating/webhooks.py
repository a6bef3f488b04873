"""The page of the webhooks: each endpoint and how it is doing."""

from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from onrecord.pages.frame.rendering import render
from onrecord.webhooks.api.requests import EndpointListParams
from onrecord.webhooks.api.resources import Resources
from onrecord.webhooks.api.routes import list_endpoints

router = APIRouter(include_in_schema=False)


@router.get("/webhooks")
async def show_webhooks(
    request: Request, resources: Resources, params: Annotated[EndpointListParams, Query()]
) -> Response:
    """Endpoints, oldest first."""
    page = await list_endpoints(request, resources, params)
    return render(request, "webhooks.html", endpoints=page.items, cursor=page.cursor)
