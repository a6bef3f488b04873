"""The projection of changes: each position in its timeline, with the step before it.

One row a version of a step. A timeline is that of an actor on a topic, merged actors counting as
the one that they mean, in the order (valid_from, ord, made_seq): a correction keeps its position's
place, and among equals the later recorded comes later. What a step is (its kind) follows from the
step before it, so a late arrival, a correction, a retraction or a merge makes new versions of the
steps that come after it, and of no others. Queried by `queries`.
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
from onrecord.domain.event_types import event_types_about
from onrecord.domain.events import ActorMerged, ActorUnmerged, position_after
from onrecord.projections import actors
from onrecord.projections.changes.affected_ranges import (
    AffectedRanges,
    steps_by_id,
    steps_of_actor,
)
from onrecord.projections.changes.merges import MergedActors
from onrecord.projections.changes.timeline import PLACE, Timelines, line_of
from onrecord.projections.engine.projection import Projection, metadata
from onrecord.projections.engine.versions import VersionedTable, version_columns
from onrecord.projections.positions import stance_columns

NAME: Final = "changes"

changes = Table(
    "changes",
    metadata,
    *version_columns(Uuid),
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
    Index(
        "changes_of_wide_dates",
        *("generation", "line", "valid_from"),
        postgresql_where=text("latest - earliest > interval '1 day'"),
    ),
    Index("changes_as_made", "generation", "made_seq"),
    Index("changes_as_held", "generation", *PLACE),
    Index("changes_by_kind", "generation", "kind", "made_seq"),
)
"""`actor` is whom the step counts for, `recorded_as` whom its event names. `late`: by its last own
event it came before a step that was held already, or had been.
"""


def fold(conn: Connection, generation: int, page: Sequence[RecordedEvent]) -> None:
    """Insert, move and remove steps. A merge of actors merges their timelines."""
    merges = (ActorMerged, ActorUnmerged)
    for is_merge, entries in groupby(page, key=lambda entry: isinstance(entry.event, merges)):
        if is_merge:
            for entry in entries:
                _fold_merge(conn, generation, entry)
        else:
            _fold_positions(conn, generation, list(entries))


def _fold_positions(conn: Connection, generation: int, entries: Sequence[RecordedEvent]) -> None:
    """Positions were made, corrected and retracted, and no actors merged in between."""
    positions = [position_after(entry.event) for entry in entries]
    names = {position.actor for position in positions if position is not None}
    merged = MergedActors(conn, names, entries[0].seq)
    amended = {entry.subject for entry in entries if entry.event.amends}
    versions = VersionedTable(conn, changes, generation)
    versions.load_made_seqs(amended)
    steps = [
        {
            "id": entry.subject,
            "actor": merged.root(position.actor),
            "recorded_as": position.actor,
            **stance_columns(position),
        }
        if position is not None
        else None
        for entry, position in zip(entries, positions, strict=True)
    ]
    affected = AffectedRanges()
    made_seqs: dict[UUID, int] = {}
    for entry, step in zip(entries, steps, strict=True):
        if step is not None:
            made_seq = versions.made_seq(entry.subject) or entry.seq
            step["made_seq"] = made_seqs.setdefault(entry.subject, made_seq)
            affected.add(step)
    if amended:
        for current in steps_by_id(conn, generation, amended):
            affected.add(current)
    timelines = Timelines(versions)
    timelines.load(affected.load(conn, generation))
    for entry, step in zip(entries, steps, strict=True):
        if step is None:
            timelines.remove(entry)
        else:
            timelines.put(entry, step)
    versions.flush()


def _fold_merge(conn: Connection, generation: int, entry: RecordedEvent) -> None:
    """All timelines of an actor join those of another, or part from them."""
    assert isinstance(entry.event, ActorMerged | ActorUnmerged)
    before = MergedActors(conn, {entry.event.actor}, entry.seq).root(entry.event.actor)
    steps = steps_of_actor(conn, generation, before)
    merged = MergedActors(conn, {step["recorded_as"] for step in steps}, entry.seq + 1)
    moved = {
        step["id"]: root
        for step in steps
        if (root := merged.root(step["recorded_as"])) != step["actor"]
    }
    for root in {*moved.values()}:
        steps += steps_of_actor(conn, generation, root)
    versions = VersionedTable(conn, changes, generation)
    timelines = Timelines(versions)
    timelines.load(steps)
    timelines.move(entry, moved)
    versions.flush()


CHANGES = Projection(
    NAME,
    fold_number=2,
    tables=(changes,),
    fold=fold,
    event_types=event_types_about("position") | {ActorMerged.type, ActorUnmerged.type},
    splittable=False,  # a correction moves a step to another timeline, a merge moves all of them
    reads_from=(actors.NAME,),
)
