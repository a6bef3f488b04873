"""Prometheus metrics of the projections and of the ledger behind them, for `/metrics`.

Read at each scrape by the audit API, whose role sees both.
"""

from collections.abc import Sequence
from typing import Final

from prometheus_client import Metric
from prometheus_client.core import GaugeMetricFamily

from onrecord.kit.sql.db import Pool, fetch_all
from onrecord.projections.status import STATUS_WITH_LEDGER, projection_statuses

NOT_FOLDED: Final = ("stopped", "fold_changed", "not_begun")
"""States in which a projection waits for a person."""


async def projection_metrics(pool: Pool) -> Sequence[Metric]:
    """How far the ledger and each projection are, and how old the last sweep is."""
    rows = await fetch_all(pool, STATUS_WITH_LEDGER, {})
    lag_entries = _by_projection("lag_entries", "Entries that are not folded yet.")
    lag_seconds = _by_projection("lag_seconds", "How long the first of these has waited.")
    stopped = _by_projection(
        "stopped", "1 where it is not folded further until somebody acts: see /v1/projections."
    )
    for status in projection_statuses(rows):
        row, labels = status.row, [status.projection.name]
        stopped.add_metric(labels, status.state() in NOT_FOLDED)
        if row:
            lag_entries.add_metric(labels, max(0, row["ledger_size"] - row["size"]))
            lag_seconds.add_metric(labels, max(0, row["waiting_seconds"] or 0))
    size = GaugeMetricFamily("onrecord_ledger_size", "Entries on record.")
    sweep = GaugeMetricFamily(
        "onrecord_sweep_age_seconds", "Time since a worker last ran a sweep that beat sent."
    )
    for row in rows[:1]:  # the same in each
        size.add_metric([], row["ledger_size"])
        if row["swept_at"]:
            # as in `freshness`, absolute: the clock may have been set back
            sweep.add_metric([], abs((row["now"] - row["swept_at"]).total_seconds()))
    return lag_entries, lag_seconds, stopped, size, sweep


def _by_projection(name: str, description: str) -> GaugeMetricFamily:
    return GaugeMetricFamily(f"onrecord_projection_{name}", description, labels=["projection"])
