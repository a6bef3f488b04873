"""The page of the projections: how far each is, and whether the service is ready."""

from fastapi import APIRouter, Request, Response

from onrecord.audit.routes import AuditResourcesDep, list_projections
from onrecord.pages.frame.rendering import render

router = APIRouter(include_in_schema=False)


@router.get("/status")
async def show_status(request: Request, resources: AuditResourcesDep) -> Response:
    """Each projection with its state in words."""
    return render(request, "status.html", projections=await list_projections(resources))
