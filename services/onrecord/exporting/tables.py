"""Rows of the tables at one size: positions, changes, statements, actors, topics.

Used by `run`. They come from the queries of the read API and through its serialization, so that an
export says what the API answers; labels stand beside ids, and each date beside its bounds.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from onrecord.domain.stances import SCALE
from onrecord.exporting.parquet_files import Rows
from onrecord.exporting.record import Labels, Record
from onrecord.exporting.statement_rows import date_bounds, named_actors, statement_row
from onrecord.projections import queries
from onrecord.projections.engine.versions import NEVER
from onrecord.query.alternatives import (
    add_alternatives,
    add_bases,
    ids_of,
    other_candidates,
    possible_changes,
    steps_before_params,
)
from onrecord.query.answers.position_schemas import PossibleStance
from onrecord.query.answers.serialize_position import serialize_change, serialize_listed_position
from onrecord.query.answers.step_schemas import ListedPosition, Step

PAGE_ROWS: Final = 500
"""Rows read at a time."""

_LAST: Final = datetime.max.replace(tzinfo=UTC)
_IN_ORDER: Final = frozenset({"in_order"})
_Key = Mapping[str, tuple[str, Any]]
"""The sort key of a query: by parameter, the column and the value before the first row."""
_BY_ID: Final[_Key] = {"after": ("id", "")}


@dataclass(frozen=True)
class RecordAtSize:
    """The record at a size, and the instant of which positions are told."""

    record: Record
    known_size: int
    as_of: datetime

    def rows(self, query: Any, **params: Any) -> list[dict[str, Any]]:
        """The rows of a query at this size, without the one that tells of no row."""
        rows = self.record.rows(query, known_size=self.known_size, **params)
        return [row for row in rows if row["id"] is not None or row.get("actor") is not None]

    def pages(self, query: Any, key: _Key, **params: Any) -> Iterator[list[dict[str, Any]]]:
        """Keyset pages of all rows of a query."""
        place = {parameter: start for parameter, (_, start) in key.items()}
        while rows := self.rows(query, **params, **place, limit=PAGE_ROWS):
            yield rows
            if len(rows) < PAGE_ROWS:
                return
            place = {parameter: rows[-1][column] for parameter, (column, _) in key.items()}


def position_pages(at: RecordAtSize) -> Iterator[Rows]:
    """What each actor holds on each topic, topic by topic."""
    query = queries.positions_page("topic")
    for topics in at.pages(queries.registry_page("topics", _IN_ORDER), _BY_ID):
        for topic in topics:
            key: _Key = {"after": ("actor", "")}
            for page in at.pages(query, key, topic=topic["id"], as_of=at.as_of):
                if others := other_candidates(page):
                    add_bases(others, at.rows(queries.BASES, ids=ids_of(others)))
                yield _step_rows(at, [serialize_listed_position(row, at.as_of) for row in page])


def change_pages(at: RecordAtSize) -> Iterator[Rows]:
    """Every step of every timeline, last held first."""
    key: _Key = {
        "valid_from": ("valid_from", _LAST),
        "ord": ("ord", 2**31 - 1),
        "made_seq": ("made_seq", NEVER),
    }
    for page in at.pages(queries.changes_page("valid", ()), key):
        if changes := possible_changes(page):
            timelines = at.rows(queries.STEPS_BEFORE, **steps_before_params(changes))
            if others := add_alternatives(changes, timelines):
                add_bases(others, at.rows(queries.BASES, ids=ids_of(others)))
        yield _step_rows(at, [serialize_change(row) for row in page])


def statement_pages(at: RecordAtSize) -> Iterator[Rows]:
    """Every statement on record, last said first."""
    query = queries.statements_page(_IN_ORDER)
    key: _Key = {"before": ("said_from", _LAST), "made_seq": ("made_seq", NEVER)}
    for page in at.pages(query, key):
        actors = {actor for row in page for actor in named_actors(row["doc"])}
        topics = {topic for row in page for topic in row["doc"].get("topics", ())}
        labels = at.record.labels(actors, topics, at.known_size)
        yield [statement_row(row, labels) for row in page]


def actor_pages(at: RecordAtSize) -> Iterator[Rows]:
    """Every actor, also those that were merged into others."""
    for page in at.pages(queries.registry_page("actors", _IN_ORDER), _BY_ID):
        labels = at.record.labels({row["id"] for row in page}, set(), at.known_size)
        yield [_actor_row(row, labels) for row in page]


def topic_pages(at: RecordAtSize) -> Iterator[Rows]:
    """Every topic."""
    for page in at.pages(queries.registry_page("topics", _IN_ORDER), _BY_ID):
        yield [{**row, "event": str(row["event"])} for row in page]


TABLE_PAGES: Final[Mapping[str, Callable[[RecordAtSize], Iterator[Rows]]]] = {
    "positions": position_pages,
    "changes": change_pages,
    "statements": statement_pages,
    "actors": actor_pages,
    "topics": topic_pages,
}


def _step_rows(at: RecordAtSize, steps: Sequence[ListedPosition | Step]) -> Rows:
    actors, topics = {step.actor for step in steps}, {step.topic for step in steps}
    labels = at.record.labels(actors, topics, at.known_size)
    return [_step_row(step, labels) for step in steps]


def _step_row(step: ListedPosition | Step, labels: Labels) -> dict[str, Any]:
    previous = step.previous
    return {
        **vars(step),
        "id": step.id and str(step.id),
        "actor_label": labels.actors.get(step.actor, step.actor),
        "topic_label": labels.topics.get(step.topic, step.topic),
        "stance_value": step.stance and SCALE.get(step.stance),
        **date_bounds("effective", step.effective),
        **date_bounds("since", step.since),
        "previous_id": previous and str(previous.id),
        "previous_stance": previous and previous.stance,
        "previous_since": previous and previous.since,
        **date_bounds("previous_since", previous.since if previous else None),
        **_bases(step),
        "alternatives": step.alternatives
        and [
            {
                **vars(alternative),
                "id": alternative.id and str(alternative.id),
                **date_bounds("effective", alternative.effective),
                **_bases(alternative),
            }
            for alternative in step.alternatives
        ],
    }


def _bases(step: ListedPosition | Step | PossibleStance) -> dict[str, list[str]]:
    return {
        "basis": [str(id_) for id_ in step.basis],
        "retracted_basis": [str(statement.id) for statement in step.retracted_basis],
    }


def _actor_row(row: Mapping[str, Any], labels: Labels) -> dict[str, Any]:
    return {
        **row,
        "label": labels.actors[row["id"]],
        "counts_as": labels.counts_as[row["id"]],
        "identifiers": sorted(row["identifiers"].items()),
        "event": str(row["event"]),
    }
