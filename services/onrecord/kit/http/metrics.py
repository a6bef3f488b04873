"""Route of Prometheus metrics: `/metrics`. Installed by `entrypoints.app_factory`.

Metrics are read from the database at each scrape, so that every process reports the same values
and a restart resets none. Each part of the service supplies a source of its own.
"""

from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from typing import Final

from fastapi import APIRouter, Request, Response
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Metric, generate_latest
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
        return Response(generate_latest(registry), media_type=CONTENT_TYPE_LATEST)

    return router
