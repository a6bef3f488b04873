"""Depth of a queue of the broker as a Prometheus metric, asked for at each scrape.

Used by the worker and the deliverer, each for the queue that it takes tasks from.
"""

from collections.abc import Iterator
from typing import Any

import structlog
from celery import Celery
from kombu import Connection
from prometheus_client import REGISTRY
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

log = structlog.get_logger()


class QueueDepth(Collector):
    """Tasks that wait in a queue. While the broker is away, the metric has no value."""

    def __init__(self, app: Celery, queue: str) -> None:
        self._app, self._queue = app, queue

    def describe(self) -> Iterator[Metric]:
        """Without this, registering it would ask the broker."""
        yield self._family()

    def collect(self) -> Iterator[Metric]:
        family = self._family()
        try:
            # kombu's own class: that of `kit.celery` would try until the broker is back
            with Connection(
                self._app.conf.broker_url,
                transport=self._app.conf.broker_transport,
                transport_options=self._app.conf.broker_transport_options,
                connect_timeout=2,
            ) as connection:
                connection.connect()
                channel: Any = connection.channel()  # each transport has its own class
                declared = channel.queue_declare(self._queue, passive=True)
                family.add_metric([self._queue], declared.message_count)
        except Exception as error:  # each transport has its own errors; all mean the same here
            log.warning("the depth of a queue is not known", reason=type(error).__name__)
        yield family

    def _family(self) -> GaugeMetricFamily:
        return GaugeMetricFamily(
            "onrecord_queue_depth", "Tasks that wait in the broker.", labels=["queue"]
        )


def report_queue_depth(app: Celery, queue: str) -> None:
    """Add the metric to those of this process."""
    REGISTRY.register(QueueDepth(app, queue))
