"""What does Prometheus see of this process? `/metrics`.

Figures come from the database when they are asked for, so that any process tells the same and a
restart forgets nothing. Each part of the service gives its own; called by the entrypoints.
"""

from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence

from fastapi import APIRouter, Response
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Metric, generate_latest
from prometheus_client.registry import Collector

Source = Callable[[], Awaitable[Sequence[Metric]]]


class _Told(Collector):
    """Figures that are at hand."""

    def __init__(self, metrics: Iterable[Metric]) -> None:
        self._metrics = metrics

    def collect(self) -> Iterator[Metric]:
        yield from self._metrics


def router(sources: Sequence[Source]) -> APIRouter:
    """The route over these sources."""
    routes = APIRouter(tags=["health"])

    @routes.get("/metrics", response_class=Response, responses={200: {"content": _CONTENT}})
    async def metrics() -> Response:
        """Figures in Prometheus' text format."""
        registry = CollectorRegistry()
        registry.register(_Told([one for source in sources for one in await source()]))
        return Response(generate_latest(registry), media_type=CONTENT_TYPE_LATEST)

    return routes


_CONTENT = {"text/plain": {"schema": {"type": "string"}}}
