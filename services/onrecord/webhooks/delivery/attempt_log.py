"""Log lines, metrics and spans of attempts to deliver. Used by the deliverer.

A line names endpoint, event and seq, by which it is joined with the line of the request that
recorded the event. It has no address, secret or words.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import structlog
from opentelemetry import propagate, trace
from prometheus_client import Gauge, Histogram

from onrecord.webhooks.delivery.results import DeliveryResult

log = structlog.get_logger()

SECONDS: Final = Histogram(
    "onrecord_webhook_attempt_seconds",
    "From the connection to the end of the receiver's answer, by result.",
    ["result"],
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 15),
)
IN_FLIGHT: Final = Gauge("onrecord_webhook_attempts_in_flight", "Attempts of this process.")


def log_attempt(result: DeliveryResult) -> None:
    """Log and count an attempt that ended."""
    delivery = result.delivery
    SECONDS.labels("delivered" if result.ok else "failed").observe(result.seconds)
    write = log.info if result.ok else log.warning
    write(
        "attempt",
        ok=result.ok,
        endpoint=str(delivery.endpoint),
        delivery=delivery.id,
        event_id=str(delivery.event),
        seq=delivery.seq,
        attempt=delivery.tries + 1,
        status=result.status,
        error=result.error,
        ms=round(result.seconds * 1000, 2),
        retry_seconds=result.retry_in and round(result.retry_in.total_seconds(), 1),
    )


@contextmanager
def attempt_span(headers: dict[str, str]) -> Iterator[None]:
    """The span of an attempt; its receiver gets it as `traceparent`, where traces are sent."""
    tracer = trace.get_tracer(__name__)
    with tracer.start_as_current_span("webhook attempt", kind=trace.SpanKind.CLIENT):
        propagate.inject(headers)
        yield
