"""Installation of all pages in an application. Used by `entrypoints.app_factory`."""

from collections.abc import Collection

from fastapi import APIRouter

from onrecord.pages.feeds import routes as feed_routes
from onrecord.pages.frame import session, static_files
from onrecord.pages.operating import audit, status, webhooks
from onrecord.pages.reading import (
    actor,
    digest,
    grid,
    home,
    quotes,
    search,
    statement,
    timeline,
    topic,
)
from onrecord.pages.standards import embedding
from onrecord.pages.writing import (
    dismissals,
    merges,
    position_amendments,
    positions,
    review,
    statement_amendments,
    statements,
)


def page_routers(apis: Collection[str]) -> list[APIRouter]:
    """The routes of the pages over these APIs."""
    routers = [static_files.router, session.router]
    if "read" in apis:
        routers += [home.router, timeline.router, statement.router, topic.router, actor.router]
        routers += [grid.router, search.router, quotes.router, review.router]
        routers += [digest.router]
        routers += [feed_routes.router, embedding.router]
    if "audit" in apis:
        routers += [audit.router, status.router]
    if "webhooks" in apis:
        routers += [webhooks.router]
    if "editing" in apis:
        routers += [statements.router, positions.router, merges.router, dismissals.router]
        routers += [statement_amendments.router, position_amendments.router]
    return routers
