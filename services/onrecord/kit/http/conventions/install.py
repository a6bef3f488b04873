"""Installation of the conventions in an application. Used by `entrypoints.app_factory`."""

from fastapi import FastAPI

from onrecord.kit.http.conventions import problem_pages
from onrecord.kit.http.conventions.compression import CompressionMiddleware
from onrecord.kit.http.conventions.methods import HeadMiddleware, install_methods
from onrecord.kit.http.conventions.problem_handlers import install_problem_handlers
from onrecord.kit.http.conventions.request_ids import install_request_ids
from onrecord.kit.http.conventions.request_log import RequestLogMiddleware


def install_conventions(app: FastAPI) -> None:
    """Add middleware, each outside of those that were added before, handlers and pages."""
    app.add_middleware(CompressionMiddleware)
    app.add_middleware(HeadMiddleware)
    app.add_middleware(RequestLogMiddleware)
    install_request_ids(app)
    install_problem_handlers(app)
    install_methods(app)
    app.include_router(problem_pages.router)
