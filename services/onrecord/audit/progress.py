"""The answer of `GET /v1/projections`: how far each projection is.

Part of the audit API, whose role reads both the ledger and the projections.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated
from uuid import UUID

from pydantic import BaseModel, Field

from onrecord.kit.sql.db import Row
from onrecord.projections.status import (
    ProjectionState,
    ProjectionStatus,
    last_sweep,
    projection_statuses,
)


class Lag(BaseModel):
    """The entries that are not folded yet."""

    entries: int
    seconds: Annotated[float, Field(description="How long the first of them has waited.")]


class Fold(BaseModel):
    """The number of a fold rises when its meaning changes; it folds tables of its number only."""

    built: Annotated[int | None, Field(description="By which fold its tables were built.")]
    program: int


class Stopped(BaseModel):
    """The event that the fold cannot take; it is tried again at each sweep."""

    seq: int
    event: UUID
    type: str
    error: str
    since: datetime


class Building(BaseModel):
    """The next generation, made beside the live one by a rebuild."""

    generation: int
    done: Annotated[int, Field(description="Entries.")]
    of: int
    parts: Annotated[list[int], Field(description="How far each part is.")]
    entries_per_second: float | None
    seconds_left: float | None
    stopped: Annotated[int | None, Field(description="The seq at which it cannot go on.")]


class ProjectionOut(BaseModel):
    """One projection."""

    name: str
    state: ProjectionState
    generation: int | None
    fold: Fold
    checkpoint: Annotated[int, Field(description="The size up to which it is folded.")]
    lag: Lag | None
    building: Building | None
    stopped: Stopped | None


class ProjectionsOut(BaseModel):
    """All projections, in the order in which they are folded."""

    items: list[ProjectionOut]
    last_sweep: datetime | None


def projections_response(status_rows: Sequence[Row]) -> ProjectionsOut:
    """The answer from the rows of `STATUS_WITH_LEDGER`."""
    return ProjectionsOut(
        items=[_projection(status) for status in projection_statuses(status_rows)],
        last_sweep=last_sweep(status_rows),
    )


def _projection(status: ProjectionStatus) -> ProjectionOut:
    row, projection = status.row, status.projection
    if row is None:
        return ProjectionOut(
            name=projection.name,
            state=status.state(),
            generation=None,
            fold=Fold(built=None, program=projection.fold_number),
            checkpoint=0,
            lag=None,
            building=None,
            stopped=None,
        )
    return ProjectionOut(
        name=projection.name,
        state=status.state(row["ledger_size"]),
        generation=row["generation"],
        fold=Fold(built=row["fold"], program=projection.fold_number),
        checkpoint=row["size"],
        lag=Lag(
            entries=max(0, row["ledger_size"] - row["size"]),
            seconds=round(max(0, row["waiting_seconds"] or 0), 3),
        ),
        building=_building(row) if row["next"] is not None else None,
        stopped=_stopped(row) if row["stopped_seq"] is not None else None,
    )


def _building(row: Row) -> Building:
    parts: list[int] = row["parts"] or []
    # while its parts are folded, what comes after them is not
    done = max(row["next_size"], sum(parts) // len(parts) if parts else 0)
    pace = row["pace"] if min(parts, default=0) < (row["until"] or 0) else None
    return Building(
        generation=row["next"],
        done=done,
        of=row["ledger_size"],
        parts=parts,
        entries_per_second=pace and round(pace, 1),
        seconds_left=round((row["ledger_size"] - done) / pace, 1) if pace else None,
        stopped=row["next_stopped"],
    )


def _stopped(row: Row) -> Stopped:
    return Stopped(**{name: row[f"stopped_{name}"] for name in Stopped.model_fields})
