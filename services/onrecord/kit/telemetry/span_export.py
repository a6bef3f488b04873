"""Export of spans to an OpenTelemetry collector. Imported by `traces` where its SDK is installed.

The SDK reads the address, and all else about the export, from the variables `OTEL_*`.
"""

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import Span, SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor


class QueryRemover(SpanProcessor):
    """Removes the queries of addresses, which hold words of searches, from spans of requests."""

    def on_start(self, span: Span, parent_context: Context | None = None) -> None:
        if span.attributes and "url.query" in span.attributes:
            span.set_attribute("url.query", "REDACTED")


def export_spans(process: str) -> None:
    """Export all spans of this process from here on, in batches from a thread."""
    provider = TracerProvider(resource=Resource.create({"service.name": f"onrecord-{process}"}))
    provider.add_span_processor(QueryRemover())
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    trace.set_tracer_provider(provider)
