"""How far is each projection, what does it stand at, and when did a sweep last come?

Asked by `/readyz` of the read API, by `GET /v1/projections` (which also sees the ledger) and by
`onrecord doctor`.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Literal

from sqlalchemy import text

from onrecord.kit.sql.db import Pool, Row, rows
from onrecord.projections.engine.projection import Projection
from onrecord.projections.registry import PROJECTIONS

State = Literal["live", "behind", "stopped", "fold_changed", "not_begun"]

_OWN: Final = """
SELECT c.*, (SELECT max(at) FROM projections.sweeps) AS swept_at{more}
FROM projections.checkpoints c {joins} WHERE c.live ORDER BY c.name
"""
STATUS: Final = text(_OWN.format(more="", joins=""))
"""A row for each live projection."""

_LEDGER: Final = """
CROSS JOIN (SELECT coalesce(max(size), 0) AS ledger FROM ledger.commits) l
CROSS JOIN LATERAL (
    SELECT extract(epoch FROM clock_timestamp() - min(recorded_at))::float8 AS waits
    FROM (SELECT recorded_at FROM ledger.commits WHERE size > c.size ORDER BY size LIMIT 1) first
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
"""
WITH_LEDGER: Final = text(_OWN.format(more=", l.*, w.*, n.*, p.*", joins=_LEDGER))
"""The same with the ledger's size, the seconds that the first entry not folded has waited, and the
generation that is being built. The pace is that of the parts, while somebody is at them.
"""


@dataclass(frozen=True)
class Place:
    """Where a projection is, as far as its row tells."""

    projection: Projection
    row: Row | None

    def state(self, ledger: int | None = None) -> State:
        """In a word; without the ledger's size, nobody is `behind`."""
        if self.row is None:
            return "not_begun"
        if self.row["fold"] != self.projection.number:
            return "fold_changed"
        if self.row["stopped_seq"] is not None:
            return "stopped"
        return "live" if ledger is None or self.row["size"] >= ledger else "behind"

    def trouble(self) -> tuple[str, str] | None:
        """What keeps it from being folded, and how that is mended; None if nothing does."""
        state, name = self.state(), self.projection.name
        if self.row is None:
            return "not built yet", "start a worker"
        if state == "fold_changed":
            found = f"built by fold {self.row['fold']}, this program has {self.projection.number}"
            return found, f"run `onrecord rebuild {name}`"
        if state == "stopped":
            at = "stopped at seq {stopped_seq}, {stopped_type} {stopped_event}: {stopped_error}"
            return at.format(**self.row), "mend that; it is tried again at each sweep"
        return None


def places(found: Iterable[Row]) -> list[Place]:
    """Each projection of this program with its row."""
    named = {row["name"]: row for row in found}
    return [Place(one, named.get(one.name)) for one in PROJECTIONS]


def swept(found: Iterable[Row]) -> datetime | None:
    """When a sweep last came."""
    return next((row["swept_at"] for row in found), None)


async def check(pool: Pool) -> tuple[bool, Any]:
    """For `/readyz`: can each projection be folded by this program, and where is it?"""
    found = await rows(pool, STATUS, {})
    said: dict[str, Any] = {}
    well = True
    for one in places(found):
        if trouble := one.trouble():
            said[one.projection.name] = ": ".join(trouble)
            # one that stopped answers as of where it stands, so whoever reads is not turned away
            well = well and one.state() == "stopped"
        elif one.row:
            said[one.projection.name] = {
                "size": one.row["size"],
                "generation": one.row["generation"],
            }
    said["last_sweep"] = swept(found)
    return well, said
