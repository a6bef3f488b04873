"""What changed, from what, and how: each position in its line, next to the one before it?

One row a version of a step. A line is that of an actor on a topic, merged actors counting as the
one that they mean, in the order (valid_from, ord, made_seq): a correction keeps its position's
place, and among equals the later recorded comes later. What a step is (its kind) follows from the
step before it, so a late arrival, a correction, a retraction or a merge makes new versions of the
steps that it comes before, and of no others. Queried by `positions_read` and `changes_read`.
"""

from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Final
from uuid import UUID

from sqlalchemy import (
    Boolean,
    Column,
    ColumnElement,
    Connection,
    DateTime,
    Index,
    Integer,
    Table,
    Text,
    Uuid,
    bindparam,
    func,
    select,
    text,
    tuple_,
)
from sqlalchemy.dialects.postgresql import ARRAY

from onrecord.domain.events import (
    ActorMerged,
    ActorUnmerged,
    PositionChanged,
    PositionCorrected,
    PositionRetracted,
    Recorded,
)
from onrecord.domain.said import Position
from onrecord.projections import actors
from onrecord.projections.aliases import Aliases
from onrecord.projections.line import PLACE, Lines, Step
from onrecord.projections.positions import stand
from onrecord.projections.projection import Projection, metadata
from onrecord.projections.versions import NEVER, Versions, columns

NAME: Final = "changes"

LINE: Final = (*PLACE, "open_seq", "close_seq")

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
    Index("changes_in_line", "generation", "actor", "topic", *LINE),
    Index("changes_by_topic", "generation", "topic", "actor", *LINE),
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
_STEP: Final = [
    changes.c[name]
    for name in (
        *("id", "made_seq", "actor", "recorded_as", "topic", "valid_from", "ord", "earliest"),
        *("latest", "effective", "stance", "condition", "before_id", "before_stance"),
        *("kind", "change_size", "late"),
    )
]


def fold(conn: Connection, generation: int, page: Sequence[Recorded]) -> None:
    """Put steps into their lines and take them out; where actors merge, lines do."""
    for merging, some in groupby(page, key=lambda one: isinstance(one.event, _MERGES)):
        if merging:
            for one in some:
                _merge(conn, generation, one)
        else:
            _move(conn, generation, list(some))


def _move(conn: Connection, generation: int, some: Sequence[Recorded]) -> None:
    """Positions were made, corrected and retracted, and no actors merged in between."""
    said = [_said(one) for one in some]
    stands = [one for one in said if one is not None]
    aliases = Aliases(conn, {one.actor for one in stands}, some[0].seq)
    targets = {one.subject for one in some if not isinstance(one.event, PositionChanged)}
    versions = Versions(conn, changes, generation)
    versions.know(targets)
    lines = Lines(versions)
    pairs = {(aliases.root(one.actor), one.topic) for one in stands}
    lines.take(_lines(conn, generation, pairs | _pairs_of(conn, generation, targets)))
    for one, position in zip(some, said, strict=True):
        if position is None:
            lines.remove(one)
        else:
            names = {"actor": aliases.root(position.actor), "recorded_as": position.actor}
            lines.put(one, {"id": one.subject, **names, **stand(position)})
    versions.flush()


def _said(one: Recorded) -> Position | None:
    """The position that an event leaves behind, if it leaves one."""
    if isinstance(one.event, PositionCorrected):
        return one.event.replacement
    return one.event if isinstance(one.event, PositionChanged) else None


def _merge(conn: Connection, generation: int, one: Recorded) -> None:
    """All lines of an actor join those of another, or part from them."""
    assert isinstance(one.event, _MERGES)
    before = Aliases(conn, {one.event.actor}, one.seq).root(one.event.actor)
    steps = list(_open(conn, generation, changes.c.actor == before))
    aliases = Aliases(conn, {step["recorded_as"] for step in steps}, one.seq + 1)
    moved = {
        step["id"]: root
        for step in steps
        if (root := aliases.root(step["recorded_as"])) != step["actor"]
    }
    for root in {*moved.values()}:
        steps += _open(conn, generation, changes.c.actor == root)
    versions = Versions(conn, changes, generation)
    lines = Lines(versions)
    lines.take(steps)
    lines.move(one, moved)
    versions.flush()


def _lines(conn: Connection, generation: int, pairs: set[tuple[str, str]]) -> Iterator[Step]:
    """All steps of these lines."""
    asked = func.unnest(
        bindparam("actors", [actor for actor, _ in pairs], type_=ARRAY(Text)),
        bindparam("topics", [topic for _, topic in pairs], type_=ARRAY(Text)),
    ).table_valued("actor", "topic", name="pairs")
    pair = asked.render_derived()
    return _open(
        conn,
        generation,
        tuple_(changes.c.actor, changes.c.topic).in_(select(pair.c.actor, pair.c.topic)),
    )


def _pairs_of(conn: Connection, generation: int, targets: set[UUID]) -> set[tuple[str, str]]:
    """The lines in which these positions stand now."""
    if not targets:
        return set()
    asked = bindparam("targets", list(targets), type_=ARRAY(Uuid))
    found = _open(conn, generation, changes.c.id == func.any(asked))
    return {(step["actor"], step["topic"]) for step in found}


def _open(conn: Connection, generation: int, which: ColumnElement[bool]) -> Iterator[Step]:
    """Steps as they are believed now: this fold is the only one who writes them."""
    query = select(*_STEP).where(
        changes.c.generation == generation, changes.c.close_seq == NEVER, which
    )
    return (dict(row) for row in conn.execute(query).mappings())


CHANGES = Projection(
    NAME,
    number=1,
    tables=(changes,),
    fold=fold,
    hears=frozenset(one.type for one in _HEARS),
    split=False,  # a correction takes a step to another line, and a merge takes all of them
    after=(actors.NAME,),
)
