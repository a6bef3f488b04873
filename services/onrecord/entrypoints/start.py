"""Start of a process: its log, its settings, its traces, its metrics. Used by all entrypoints."""

import sys

import structlog
from prometheus_client import disable_created_metrics

from onrecord.kit import logs
from onrecord.kit.settings import BadSettings, Settings, load_process_settings
from onrecord.kit.telemetry.metrics_server import serve_metrics
from onrecord.kit.telemetry.traces import start_traces

log = structlog.get_logger()


def start_process(name: str, *, secrets: bool = False, has_api: bool = False) -> Settings:
    """The settings of the process, which logs in JSON from here on.

    Exits with 2 where the settings cannot be used. An API has its metrics at `/metrics`; the other
    processes serve them by themselves.
    """
    logs.configure(name)
    # A second series for each counter, which nothing reads. The function has no types.
    disable_created_metrics()  # type: ignore[no-untyped-call]
    try:
        settings = load_process_settings(secrets=secrets)
    except BadSettings as error:
        log.critical("the settings cannot be used", reason=str(error))
        sys.exit(2)
    start_traces(name, settings.traces_url)
    if not has_api:
        serve_metrics(settings)
    return settings
