"""What kind of change was an event, as its own entry made it known?

SQL over `changes`, whose row with an event's seq as `open_seq` tells the kind of step that it was
when it was recorded. Put into their queries by webhooks and the proof door, which must not look
beyond `REACHED`: what is not folded yet has no kind yet.
"""

from typing import Final

REACHED: Final = (
    "(SELECT CASE WHEN count(*) = 2 THEN"
    " least(min(size), (SELECT coalesce(max(size), 0) FROM ledger.commits)) ELSE 0 END"
    " FROM projections.checkpoints WHERE live AND name IN ('positions', 'changes'))"
)
"""Up to which size every event's kind is known."""

_LIVE: Final = (
    "(SELECT generation FROM projections.checkpoints WHERE live AND name = 'changes' OFFSET 0)"
)


def change_of(seq: str, event: str, what: str = "*") -> str:
    """A query for `what` of the change that is this event; no row where it is none.

    `seq` and `event` are SQL. A position has the id of the event that made it.
    """
    return (
        f"SELECT {what} FROM projections.changes"
        f" WHERE generation = {_LIVE} AND id = {event} AND open_seq = {seq}"
    )
