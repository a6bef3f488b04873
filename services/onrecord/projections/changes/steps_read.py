"""How do reads find a step in its line, and what do they tell of it?

SQL over `known`, of which `positions_read`, `lines_read` and `changes_read` are made. It looks
things up in the order of a line, a few rows at a time, so that none reads all of a long line to
answer about one step of it.
"""

from typing import Final

from onrecord.projections import actors, clock, positions
from onrecord.projections.changes import fold
from onrecord.projections.changes.timeline import in_line
from onrecord.projections.engine.snapshot import believed

NAMES: Final = (positions.NAME, fold.NAME, actors.NAME, clock.NAME)
"""What a read of steps joins."""

PLACE: Final = "(c.valid_from, c.ord, c.made_seq)"
_DOWN: Final = "c.valid_from DESC, c.ord DESC, c.made_seq DESC"
BELIEVED: Final = believed("c", "changes")

COLUMNS: Final = (
    "c.id, c.actor, c.recorded_as, c.topic, c.valid_from, c.ord, c.made_seq, c.earliest, c.latest,"
    " c.effective, c.stance, c.condition, c.before_id, c.before_stance, c.kind, c.change_size,"
    " c.late"
)


def last(actor: str, topic: str, *, columns: str = COLUMNS, where: str = "") -> str:
    """The last step at K of a line by `:as_of`, which may have to pass a further condition.

    One descent of the index `changes_in_line`.
    """
    return f"""(
        SELECT {columns} FROM projections.changes c
        WHERE {BELIEVED} AND {in_line("c", actor, topic)}
            AND c.valid_from <= :as_of{where}
        ORDER BY {_DOWN} LIMIT 1
    )"""


def says(step: str) -> str:
    """What the event of a step says, beyond its place in the line."""
    return f"""LATERAL (
        SELECT s.summary, s.basis, s.coder, s.recorded_at, s.recorded_by FROM projections.steps s
        WHERE s.id = {step}.id AND {believed("s", "positions")}
        ORDER BY s.open_seq DESC LIMIT 1
    )"""


def run_before(step: str) -> str:
    """Since when the run lasts in which the step before stands; if it is reaffirmed, it goes on.

    Since when a run of one stance and condition lasts, its first says, the only one that reaffirms
    nothing.
    """
    return f"""LATERAL (
        SELECT c.effective FROM projections.changes c
        WHERE {step}.before_id IS NOT NULL AND {BELIEVED} AND c.kind <> 'reaffirmed'
            AND {in_line("c", f"{step}.actor", f"{step}.topic")}
            AND {PLACE} < ({step}.valid_from, {step}.ord, {step}.made_seq)
        ORDER BY {_DOWN} LIMIT 1
    )"""


def since(step: str) -> str:
    """Since when the run lasts in which a step stands, over its `run_before` as `run`."""
    return f"CASE {step}.kind WHEN 'reaffirmed' THEN run.effective ELSE {step}.effective END"


def told(steps: str) -> str:
    """All that an answer says of the steps of a CTE: its rows with what their events say."""
    return f"""
        SELECT {steps}.*, s.*, {since(steps)} AS since, run.effective AS before_since
        FROM known CROSS JOIN {steps} CROSS JOIN {says(steps)} s
            LEFT JOIN {run_before(steps)} run ON true
    """
