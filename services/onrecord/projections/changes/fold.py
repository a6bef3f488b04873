"""What changed, from what, and how: each position in its line, next to the one before it?

One row a version of a step. A line is that of an actor on a topic, merged actors counting as the
one that they mean, in the order (valid_from, ord, made_seq): a correction keeps its position's
place, and among equals the later recorded comes later. What a step is (its kind) follows from the
step before it, so a late arrival, a correction, a retraction or a merge makes new versions of the
steps that it comes before, and of no others. Queried by `steps_read`.
"""

from collections.abc import Sequence
from itertools import groupby
from typing import Final
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Computed,
    Connection,
    DateTime,
    Index,
    Integer,
    Table,
    Text,
    Uuid,
    text,
)

from onrecord.domain.event import RecordedEvent
from onrecord.domain.events import (
    ActorMerged,
    ActorUnmerged,
    PositionChanged,
    PositionCorrected,
    PositionRetracted,
)
from onrecord.domain.position import Position
from onrecord.projections import actors
from onrecord.projections.changes.affected_ranges import Spans, open_steps
from onrecord.projections.changes.merges import Aliases
from onrecord.projections.changes.timeline import PLACE, Lines, line_of
from onrecord.projections.engine.projection import Projection, metadata
from onrecord.projections.engine.versions import Versions, columns
from onrecord.projections.positions import stand

NAME: Final = "changes"

changes = Table(
    "changes",
    metadata,
    *columns(Uuid),
    Column("actor", Text, nullable=False),
    Column("recorded_as", Text, nullable=False),
    Column("topic", Text, nullable=False),
    Column("valid_from", DateTime(timezone=True), nullable=False),
    Column("ord", Integer, nullable=False),
    Column("earliest", DateTime(timezone=True), nullable=False),
    Column("latest", DateTime(timezone=True), nullable=False),
    Column("effective", Text, nullable=False),
    Column("stance", Text, nullable=False),
    Column("condition", Text),
    Column("before_id", Uuid),
    Column("before_stance", Text),
    Column("kind", Text, nullable=False),
    Column("change_size", Integer),
    Column("late", Boolean, nullable=False),
    Column("line", BigInteger, Computed(line_of("actor", "topic"))),
    Index("changes_in_line", "generation", "line", *PLACE, "open_seq", "close_seq"),
    Index("changes_by_actor", "generation", "actor", "topic"),
    Index("changes_by_topic", "generation", "topic", "actor"),
    Index(
        "changes_unbegun",
        *("generation", "actor", "topic"),
        postgresql_where=text("earliest = '0001-01-01 00:00:00+00'"),
    ),
    Index("changes_as_made", "generation", "made_seq"),
    Index("changes_as_held", "generation", *PLACE),
    Index("changes_by_kind", "generation", "kind", "made_seq"),
)
"""`actor` is whom the step counts for, `recorded_as` whom its event names. `late`: by its last own
event it did not become the newest step of its line.
"""

_MERGES: Final = (ActorMerged, ActorUnmerged)
_HEARS: Final = (PositionChanged, PositionCorrected, PositionRetracted, *_MERGES)
_OF_ACTOR: Final = "c.actor = %(actor)s"
_THESE: Final = "c.id = ANY(%(ids)b::uuid[])"


def fold(conn: Connection, generation: int, page: Sequence[RecordedEvent]) -> None:
    """Put steps into their lines and take them out; where actors merge, lines do."""
    for merging, some in groupby(page, key=lambda one: isinstance(one.event, _MERGES)):
        if merging:
            for one in some:
                _merge(conn, generation, one)
        else:
            _move(conn, generation, list(some))


def _move(conn: Connection, generation: int, some: Sequence[RecordedEvent]) -> None:
    """Positions were made, corrected and retracted, and no actors merged in between."""
    said = [_said(one) for one in some]
    stands = [one for one in said if one is not None]
    aliases = Aliases(conn, {one.actor for one in stands}, some[0].seq)
    targets = {one.subject for one in some if not isinstance(one.event, PositionChanged)}
    versions = Versions(conn, changes, generation)
    versions.know(targets)
    steps = [
        {
            "id": one.subject,
            "actor": aliases.root(position.actor),
            "recorded_as": position.actor,
            **stand(position),
        }
        if position is not None
        else None
        for one, position in zip(some, said, strict=True)
    ]
    made: dict[UUID, int] = {}
    spans = Spans()
    for one, step in zip(some, steps, strict=True):
        if step is not None:
            known = versions.made(one.subject) or one.seq
            step["made_seq"] = made.setdefault(one.subject, known)
            spans.add(step)
    if targets:
        for step in open_steps(conn, generation, _THESE, ids=list(targets)):
            spans.add(step)
    lines = Lines(versions)
    lines.take(spans.load(conn, generation))
    for one, step in zip(some, steps, strict=True):
        if step is None:
            lines.remove(one)
        else:
            lines.put(one, step)
    versions.flush()


def _said(one: RecordedEvent) -> Position | None:
    """The position that an event leaves behind, if it leaves one."""
    if isinstance(one.event, PositionCorrected):
        return one.event.replacement
    return one.event if isinstance(one.event, PositionChanged) else None


def _merge(conn: Connection, generation: int, one: RecordedEvent) -> None:
    """All lines of an actor join those of another, or part from them."""
    assert isinstance(one.event, _MERGES)
    before = Aliases(conn, {one.event.actor}, one.seq).root(one.event.actor)
    steps = open_steps(conn, generation, _OF_ACTOR, actor=before)
    aliases = Aliases(conn, {step["recorded_as"] for step in steps}, one.seq + 1)
    moved = {
        step["id"]: root
        for step in steps
        if (root := aliases.root(step["recorded_as"])) != step["actor"]
    }
    for root in {*moved.values()}:
        steps += open_steps(conn, generation, _OF_ACTOR, actor=root)
    versions = Versions(conn, changes, generation)
    lines = Lines(versions)
    lines.take(steps)
    lines.move(one, moved)
    versions.flush()


CHANGES = Projection(
    NAME,
    number=1,
    tables=(changes,),
    fold=fold,
    hears=frozenset(one.type for one in _HEARS),
    split=False,  # a correction takes a step to another line, and a merge takes all of them
    after=(actors.NAME,),
)
