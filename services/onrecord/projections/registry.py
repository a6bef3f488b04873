"""Which projections are there? One line each; everything else walks this list.

In this order each folds what little is new: what reads another's rows (`after`) comes later than
that one.
"""

from typing import Final

from onrecord.projections.actors import ACTORS
from onrecord.projections.changes.fold import CHANGES
from onrecord.projections.clock import CLOCK
from onrecord.projections.engine.projection import Projection
from onrecord.projections.positions import POSITIONS
from onrecord.projections.statements import STATEMENTS
from onrecord.projections.topics import TOPICS

PROJECTIONS: Final[tuple[Projection, ...]] = (
    *(STATEMENTS, ACTORS, TOPICS, CLOCK, POSITIONS),
    CHANGES,  # after the actors, whose merges it reads, and next to the positions: it hears those
)


class NoSuchProjection(Exception):
    """There is no projection of this name."""

    def __init__(self, name: str) -> None:
        names = ", ".join(one.name for one in PROJECTIONS)
        super().__init__(f"there is no projection {name!r}; there are {names}")


def projection(name: str) -> Projection:
    """The projection of this name. Raises `NoSuchProjection`."""
    for one in PROJECTIONS:
        if one.name == name:
            return one
    raise NoSuchProjection(name)
