"""OpenTelemetry traces, with the extra `traces`. Started by `entrypoints.start`.

FastAPI traces requests by itself once there is a provider; tasks and attempts have spans of
`task_log` and the deliverer. Without a provider all of them do nothing.
"""

from importlib.util import find_spec
from typing import TYPE_CHECKING

import structlog
from opentelemetry import trace

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import Span

log = structlog.get_logger()


def start(process: str, url: str | None) -> None:
    """Send traces of this process to the collector at `url`, if there is one."""
    if url is None:
        return
    if find_spec("opentelemetry.sdk") is None or find_spec("opentelemetry.exporter") is None:
        log.warning("no traces: OTEL_EXPORTER_OTLP_ENDPOINT needs the extra `traces`")
        return
    # Of the extra, and some 100 ms to import.
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import SpanProcessor, TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    class WithoutWords(SpanProcessor):
        """Removes queries of addresses, which hold words of searches."""

        def on_start(self, span: "Span", parent_context: object = None) -> None:
            if span.attributes and "url.query" in span.attributes:
                span.set_attribute("url.query", "REDACTED")

    resource = Resource.create({"service.name": "onrecord", "service.instance.id": process})
    provider = TracerProvider(resource=resource)
    provider.add_span_processor(WithoutWords())
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    trace.set_tracer_provider(provider)
