"""What kind of change was an event, and whom did it mean, as its own entry made it known?

SQL at K = seq + 1, put into the queries of those who tell of events one by one: webhooks, and the
proof door's filter by kind. They must not look beyond `KNOWN`: what is not folded yet is not
known yet.
"""

from typing import Final

from onrecord.projections import actors, positions
from onrecord.projections.changes import fold
from onrecord.projections.queries import CHANGES_KNOWN_SIZE

KNOWN: Final = CHANGES_KNOWN_SIZE
"""Up to which size all of this is known."""


def _live(name: str) -> str:
    return f"(SELECT generation FROM projections.checkpoints WHERE live AND name = '{name}')"


def _at(alias: str, seq: str, name: str) -> str:
    return (
        f"{alias}.generation = {_live(name)} AND {alias}.open_seq <= {seq}"
        f" AND {alias}.close_seq > {seq}"
    )


def kind(seq: str, event: str) -> str:
    """SQL for the kind of change that this event is; null where it is none, or not a change.

    `seq` and `event` are SQL. A position has the id of the event that made it.
    """
    return (
        f"(SELECT c.kind FROM projections.changes c WHERE c.generation = {_live(fold.NAME)}"
        f" AND c.id = {event} AND c.open_seq = {seq})"
    )


def change(seq: str, event: str) -> str:
    """SQL for `{kind, size, late, previous}` of the change that this event is, as jsonb."""
    return f"""(
        SELECT jsonb_build_object('kind', c.kind, 'size', c.change_size, 'late', c.late, 'previous',
            CASE WHEN c.before_id IS NOT NULL THEN jsonb_build_object('id', c.before_id,
                'stance', c.before_stance, 'condition', s.condition, 'effective', s.effective) END)
        FROM projections.changes c LEFT JOIN projections.steps s
            ON s.id = c.before_id AND {_at("s", seq, positions.NAME)}
        WHERE c.generation = {_live(fold.NAME)} AND c.id = {event} AND c.open_seq = {seq})"""


def meant(names: str, seq: str) -> str:
    """SQL for the array of all actors who are the same as one of `names` (a query) by this seq."""
    at = _at("m", seq, actors.NAME)
    return f"""ARRAY(
        WITH RECURSIVE up (id) AS (
            {names} UNION
            SELECT m.into_actor FROM up JOIN projections.merges m ON m.id = up.id AND {at}
        ), same (id) AS (
            SELECT id FROM up UNION
            SELECT m.id FROM same JOIN projections.merges m ON m.into_actor = same.id AND {at}
        ) SELECT id FROM same)"""


def ever_meant(names: str) -> str:
    """SQL for the array of all actors who have ever been the same as one of `names` (a query)."""
    return f"""ARRAY(
        WITH RECURSIVE same (id) AS (
            {names} UNION
            SELECT other.id FROM same CROSS JOIN LATERAL (
                SELECT m.into_actor AS id FROM projections.merges m
                WHERE m.generation = {_live(actors.NAME)} AND m.id = same.id
                UNION ALL
                SELECT m.id FROM projections.merges m
                WHERE m.generation = {_live(actors.NAME)} AND m.into_actor = same.id
            ) other
        ) SELECT id FROM same)"""
