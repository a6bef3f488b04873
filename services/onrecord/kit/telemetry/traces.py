"""OpenTelemetry traces, with the extra `traces`. Started by `entrypoints.start`.

FastAPI traces requests by itself once there is a provider; tasks and attempts have spans of
`task_log` and the deliverer. Without a provider all of them do nothing.
"""

from importlib.util import find_spec

import structlog

log = structlog.get_logger()


def start_traces(process: str, url: str | None) -> None:
    """Send traces of this process to the collector at `url`, if there is one."""
    if not url:
        return
    if find_spec("opentelemetry.sdk") is None:
        log.warning("no traces: OTEL_EXPORTER_OTLP_ENDPOINT needs the extra `traces`")
        return
    # of the extra
    from onrecord.kit.telemetry.span_export import export_spans

    export_spans(process)
