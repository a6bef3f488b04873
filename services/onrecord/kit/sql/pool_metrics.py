"""Use of the connection pools of a process, as Prometheus metrics. Used by `kit.sql.db`."""

from collections import defaultdict
from collections.abc import Iterator
from typing import Any, Final
from weakref import WeakKeyDictionary

from prometheus_client import REGISTRY
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from psycopg_pool import AsyncConnectionPool
from sqlalchemy import Engine, QueuePool

Pooled = AsyncConnectionPool[Any] | Engine


class PoolMetrics(Collector):
    """Connections of all pools that are in use somewhere, by the name of the pool."""

    def __init__(self) -> None:
        self._names: WeakKeyDictionary[Pooled, str] = WeakKeyDictionary()

    def watch(self, pool: Pooled, name: str) -> None:
        """Report this pool from here on."""
        self._names[pool] = name

    def collect(self) -> Iterator[Metric]:
        connections = GaugeMetricFamily(
            "onrecord_pool_connections",
            "Connections to the database, by pool and whether they are in use.",
            labels=["pool", "state"],
        )
        waiting = GaugeMetricFamily(
            "onrecord_pool_waiting", "Queries that wait for a connection.", labels=["pool"]
        )
        counts: dict[str, list[int]] = defaultdict(lambda: [0, 0, 0])
        for pool, name in list(self._names.items()):
            counts[name] = [a + b for a, b in zip(counts[name], _counts(pool), strict=True)]
        for name, (size, idle, queued) in counts.items():
            connections.add_metric([name, "used"], size - idle)
            connections.add_metric([name, "idle"], idle)
            waiting.add_metric([name], queued)
        yield connections
        yield waiting


def _counts(pool: Pooled) -> tuple[int, int, int]:
    """Connections, idle ones among them, and those who wait for one."""
    if isinstance(pool, Engine):
        assert isinstance(pool.pool, QueuePool)
        idle = pool.pool.checkedin()
        return idle + pool.pool.checkedout(), idle, 0
    stats = pool.get_stats()
    return stats["pool_size"], stats["pool_available"], stats.get("requests_waiting", 0)


POOLS: Final = PoolMetrics()
REGISTRY.register(POOLS)
