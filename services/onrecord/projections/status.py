"""The status of each projection: how far it is, where it stopped, and when a sweep last ran.

Used by `/readyz` of the read API, by `GET /v1/projections` (which also sees the ledger) and by
`onrecord doctor`.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Literal

from sqlalchemy import text

from onrecord.kit.sql.db import Pool, Row, fetch_all
from onrecord.projections.engine.projection import Projection
from onrecord.projections.freshness import is_stalled
from onrecord.projections.registry import PROJECTIONS

ProjectionState = Literal["live", "behind", "stalled", "stopped", "fold_changed", "not_begun"]

STATUS: Final = text("""
SELECT c.*, s.at AS swept_at, s.waiting, clock_timestamp() AS now
FROM projections.checkpoints c
LEFT JOIN projections.sweeps s ON true
WHERE c.live
ORDER BY c.name
""")
"""A row for each live projection."""

STATUS_WITH_LEDGER: Final = text("""
SELECT c.*, s.at AS swept_at, s.waiting, clock_timestamp() AS now,
    l.ledger_size, w.waiting_seconds, n.*, p.*
FROM projections.checkpoints c
LEFT JOIN projections.sweeps s ON true
CROSS JOIN (SELECT coalesce(max(size), 0) AS ledger_size FROM ledger.commits) l
CROSS JOIN LATERAL (
    SELECT extract(epoch FROM clock_timestamp() - min(recorded_at))::float8 AS waiting_seconds
    FROM (
        SELECT recorded_at FROM ledger.commits WHERE size > c.size ORDER BY size LIMIT 1
    ) first_not_folded
) w
LEFT JOIN LATERAL (
    SELECT generation AS next, size AS next_size, stopped_seq AS next_stopped
    FROM projections.checkpoints WHERE name = c.name AND generation > c.generation
) n ON true
LEFT JOIN LATERAL (
    SELECT array_agg(size ORDER BY part) AS parts, max(until) AS until,
        (avg(size - since_size) / nullif(extract(epoch FROM max(moved_at) - min(since_at)), 0)
        )::float8 AS pace
    FROM projections.parts WHERE name = c.name AND generation = n.next
) p ON true
WHERE c.live
ORDER BY c.name
""")
"""The same with the ledger's size, the seconds that the first entry not folded has waited, and the
generation that is being built. The pace is that of its parts, while they are being folded.
"""


@dataclass(frozen=True)
class ProjectionStatus:
    """A projection of this program, and its row of `STATUS`, if it has one."""

    projection: Projection
    row: Row | None

    def state(self, ledger_size: int | None = None) -> ProjectionState:
        """Without the ledger's size, none is `behind`."""
        if self.row is None:
            return "not_begun"
        if self.row["fold"] != self.projection.fold_number:
            return "fold_changed"
        if self.row["stopped_seq"] is not None:
            return "stopped"
        if is_stalled(self.row):
            return "stalled"
        return "live" if ledger_size is None or self.row["size"] >= ledger_size else "behind"

    def problem(self) -> tuple[str, str] | None:
        """What keeps it from being folded, and what to do about it; None if nothing does."""
        state, name = self.state(), self.projection.name
        if self.row is None:
            return "not built yet", "start a worker"
        if state == "fold_changed":
            built, program = self.row["fold"], self.projection.fold_number
            problem = f"built by fold {built}, this program has {program}"
            return problem, f"run `onrecord rebuild {name}`"
        if state == "stopped":
            at = "stopped at seq {stopped_seq}, {stopped_type} {stopped_event}: {stopped_error}"
            return at.format(**self.row), "mend that; it is tried again at each sweep"
        if state == "stalled":
            swept_at = self.row["swept_at"]
            last_sweep = f"{swept_at:%Y-%m-%dT%H:%M:%SZ}" if swept_at else "none"
            return (
                f"at size {self.row['size']}, not kept up to date; last sweep: {last_sweep}",
                "if no sweep runs, start a worker and beat; else see `a-projection-is-behind.md`",
            )
        return None


def projection_statuses(status_rows: Iterable[Row]) -> list[ProjectionStatus]:
    """Each projection of this program with its row."""
    by_name = {row["name"]: row for row in status_rows}
    return [
        ProjectionStatus(projection, by_name.get(projection.name)) for projection in PROJECTIONS
    ]


def last_sweep(status_rows: Iterable[Row]) -> datetime | None:
    """When a sweep last ran."""
    return next((row["swept_at"] for row in status_rows), None)


async def stalled_projections(pool: Pool) -> frozenset[str]:
    """The projections that are not kept up to date, so that newer entries may be missing."""
    status_rows = await fetch_all(pool, STATUS, {})
    return frozenset(row["name"] for row in status_rows if is_stalled(row))


async def check_projections(pool: Pool) -> tuple[bool, Any]:
    """For `/readyz`: whether each projection is kept up to date, and where each is."""
    status_rows = await fetch_all(pool, STATUS, {})
    details: dict[str, Any] = {}
    ready = True
    for status in projection_statuses(status_rows):
        name = status.projection.name
        if problem := status.problem():
            details[name] = ": ".join(problem)
            ready = False
        elif status.row:
            details[name] = {"size": status.row["size"], "generation": status.row["generation"]}
    details["last_sweep"] = last_sweep(status_rows)
    return ready, details
