"""How far the log is signed and cosigned, for `/readyz`, `/metrics` and `onrecord doctor`."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from prometheus_client import Metric
from prometheus_client.core import GaugeMetricFamily

from onrecord.kit.sql.db import Pool, Row, fetch_all
from onrecord.kit.sql.sql_files import load_query
from onrecord.signing.continuity import RUNBOOK

STATUS: Final = load_query("signing/queries/status.sql")
_SIZES: Final = load_query("signing/queries/sizes.sql")
OVERDUE_SECONDS: Final = 60.0
"""The signer signs within one; a restart of it takes a few more, and longer on a busy machine."""


@dataclass(frozen=True)
class LogStatus:
    """How far the log is signed, from a row of `STATUS`."""

    signed_size: int | None
    waiting_seconds: float | None

    @classmethod
    def of(cls, row: Row) -> "LogStatus":
        return cls(row["signed_size"], row["waiting_seconds"])

    @property
    def is_overdue(self) -> bool:
        """Whether events on record are not signed in time."""
        return self.waiting_seconds is not None and self.waiting_seconds > OVERDUE_SECONDS

    @property
    def is_ready(self) -> bool:
        """As `/readyz` takes it: a record that was never signed is one without a log."""
        return self.signed_size is None or not self.is_overdue

    def __str__(self) -> str:
        if self.signed_size is None:
            return "no checkpoint is signed yet" if self.is_overdue else "nothing to sign yet"
        state = f"signed at size {self.signed_size}"
        if self.is_overdue:
            return f"{state}; the next event has waited for {self.waiting_seconds:.0f} s"
        return state

    @property
    def remedy(self) -> str:
        return f"start the signer, or see its log and {RUNBOOK}"


async def check_log(pool: Pool) -> tuple[bool, Any]:
    """Check of `/readyz`, in the role of the audit API."""
    (row,) = await fetch_all(pool, STATUS, {})
    status = LogStatus.of(row)
    return status.is_ready, f"{status}: {status.remedy}" if status.is_overdue else str(status)


async def log_metrics(pool: Pool) -> Sequence[Metric]:
    """Metrics of the log: the sizes that it and each witness have signed."""
    signed = GaugeMetricFamily("onrecord_log_signed_size", "Events under the newest checkpoint.")
    witnessed = GaugeMetricFamily(
        "onrecord_log_witnessed_size",
        "Events under the newest checkpoint that a witness cosigned, by the name of its key.",
        labels=["witness"],
    )
    sizes: dict[str, int] = {}
    for row in await fetch_all(pool, _SIZES, {}):
        if row["key"] is None:
            signed.add_metric([], row["size"] or 0)
        else:
            name = row["key"].split("+")[0]  # a witness may have had several keys
            sizes[name] = max(sizes.get(name, 0), row["size"])
    for name, size in sizes.items():
        witnessed.add_metric([name], size)
    return signed, witnessed
