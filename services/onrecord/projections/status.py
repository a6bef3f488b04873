"""How far is each projection, and when did a sweep last come?

Asked by `/readyz` of the read API.
"""

from typing import Any, Final

from sqlalchemy import text

from onrecord.kit.db import Pool, rows
from onrecord.projections.registry import PROJECTIONS

STATUS: Final = text(
    "SELECT c.name, c.generation, c.fold, c.size, s.at AS swept_at"
    " FROM (SELECT max(at) AS at FROM projections.sweeps) s"
    " LEFT JOIN projections.checkpoints c ON c.live ORDER BY c.name"
)


async def check(pool: Pool) -> tuple[bool, Any]:
    """Whether every projection is built by this program's folds, with each one's place."""
    found = {row["name"]: row for row in await rows(pool, STATUS, {}) if row["name"]}
    said: dict[str, Any] = {}
    well = True
    for one in PROJECTIONS:
        row = found.get(one.name)
        if row is None:
            said[one.name] = "not built yet: start a worker"
        elif row["fold"] != one.number:
            said[one.name] = f"built by another fold: run onrecord rebuild {one.name}"
        else:
            said[one.name] = {"size": row["size"], "generation": row["generation"]}
        well = well and isinstance(said[one.name], dict)
    said["last_sweep"] = next((row["swept_at"] for row in found.values()), None)
    return well, said
