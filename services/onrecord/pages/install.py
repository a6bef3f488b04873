"""Installation of all pages in an application. Used by `entrypoints.app_factory`."""

from collections.abc import Collection

from fastapi import APIRouter

from onrecord.pages import session, static_files
from onrecord.pages.reading import actor, home, statement, timeline, topic


def page_routers(apis: Collection[str]) -> list[APIRouter]:
    """The routes of the pages over these APIs."""
    routers = [static_files.router, session.router]
    if "read" in apis:
        routers += [home.router, timeline.router, statement.router, topic.router, actor.router]
    return routers
