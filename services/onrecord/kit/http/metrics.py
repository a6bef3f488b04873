"""Route of Prometheus metrics: `/metrics`. Installed by `entrypoints.app_factory`.

It has the metrics of this process (the client library's default registry), and those that the parts
of the service read from the database at each scrape, which a restart does not reset.
"""

from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from typing import Final

from fastapi import APIRouter, Request, Response
from prometheus_client import (
    CONTENT_TYPE_LATEST,
    REGISTRY,
    CollectorRegistry,
    Metric,
    generate_latest,
)
from prometheus_client.registry import Collector
from starlette.datastructures import State

MetricSource = Callable[[State], Awaitable[Sequence[Metric]]]
"""Takes the application's lifespan state; returns current metrics."""

_CONTENT: Final = {"text/plain": {"schema": {"type": "string"}}}


class _ReadyMetrics(Collector):
    """Metrics that have been read already."""

    def __init__(self, metrics: Iterable[Metric]) -> None:
        self._metrics = metrics

    def collect(self) -> Iterator[Metric]:
        yield from self._metrics


def metrics_router(sources: Sequence[MetricSource]) -> APIRouter:
    """The route over these sources."""
    router = APIRouter(tags=["health"])

    @router.get(
        "/metrics",
        response_class=Response,
        responses={200: {"content": _CONTENT}},
        operation_id="getMetrics",
    )
    async def metrics(request: Request) -> Response:
        """Figures in Prometheus' text format."""
        values = [metric for source in sources for metric in await source(request.state)]
        registry = CollectorRegistry()
        registry.register(_ReadyMetrics(values))
        text = generate_latest(REGISTRY) + generate_latest(registry)
        return Response(text, media_type=CONTENT_TYPE_LATEST)

    return router
