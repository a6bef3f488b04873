"""Prometheus metrics of the processes that have no API: an HTTP server in a thread.

Used by the entrypoints of worker, deliverer, beat and signer. The metrics are those of this process
(the client library's default registry); what is read from the database is at `/metrics` of the
APIs. The server knows no keys, so its port is for the monitoring alone.
"""

import sys

import structlog
from prometheus_client import start_http_server

from onrecord.kit.settings import Settings

log = structlog.get_logger()


def serve_metrics(settings: Settings) -> None:
    """Serve `/metrics` on ONRECORD_METRICS_PORT, if it is set. Exits with 3 if that is not free."""
    if settings.metrics_port is None:
        return
    try:
        start_http_server(settings.metrics_port, settings.host)
    except OSError as error:
        log.critical(
            "the port of ONRECORD_METRICS_PORT cannot be used; choose another one",
            port=settings.metrics_port,
            host=settings.host,
            reason=error.strerror,
        )
        sys.exit(3)
