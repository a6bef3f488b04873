"""SQL queries of the read API over the projections' tables.

Each statement is one text in a `.sql` file beside this module, which names its parameters.
README.md explains the parts that recur in them. Each reads one snapshot of the record and returns
at least one row, with the `known_size` of the snapshot and its time, `known_at`.
"""

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any, Final, Literal

from sqlalchemy import TextClause

from onrecord.kit.sql.sql_files import FilteredQuery, load_query

ChangeOrder = Literal["known", "valid"]
"""Last recorded first, or last held first."""

SNAPSHOT_SIZE: Final = load_query("projections/queries/snapshot_size.sql")
SIZE_AT: Final = load_query("projections/queries/size_at.sql")
SIZES: Final = load_query("projections/queries/sizes.sql")
NEAREST_SLUGS: Final = load_query("projections/queries/nearest_slugs.sql")
CHANGES_KNOWN_SIZE: Final = load_query("projections/queries/changes_known_size.sql")

POSITION: Final = load_query("projections/queries/position.sql")
"""For `kit.sql.batched_query`; `position_from_row` reads its rows."""
TIMELINE: Final = load_query("projections/queries/timeline.sql")
HISTORY: Final = load_query("projections/queries/history.sql")
RECORDED_POSITION: Final = load_query("projections/queries/recorded_position.sql")
ACTORS_OF_IDENTIFIERS: Final = load_query("projections/queries/actors_of_identifiers.sql")
STATEMENT: Final = load_query("projections/queries/statement.sql")
BASES: Final = load_query("projections/queries/bases.sql")
RECORDED_TIMES: Final = load_query("projections/queries/recorded_times.sql")
RESTING_POSITIONS: Final = load_query("projections/queries/resting_positions.sql")
STEPS_BEFORE: Final = load_query("projections/queries/steps_before.sql")

_POSITIONS: Final = {
    "actor": load_query("projections/queries/actor_positions.sql"),
    "topic": load_query("projections/queries/topic_positions.sql"),
}
_GRID: Final = FilteredQuery("projections/queries/grid.sql")
_CHANGES: Final[dict[ChangeOrder, FilteredQuery]] = {
    "known": FilteredQuery("projections/queries/changes_last_recorded_first.sql"),
    "valid": FilteredQuery("projections/queries/changes_last_held_first.sql"),
}
_CORRECTIONS: Final = FilteredQuery("projections/queries/corrections.sql")
_STATEMENTS: Final = FilteredQuery("projections/queries/statements.sql")
_QUOTES: Final = FilteredQuery("projections/queries/quotes.sql")
_REGISTRY_PAGES: Final = {
    "actors": FilteredQuery("projections/queries/actors.sql"),
    "topics": FilteredQuery("projections/queries/topics.sql"),
}
_NAMES: Final = {
    "actor": load_query("projections/queries/actor_names.sql"),
    "topic": load_query("projections/queries/topic_names.sql"),
}
_REGISTRY_ROWS: Final = {
    "actors": load_query("projections/queries/actor.sql"),
    "topics": load_query("projections/queries/topic.sql"),
}


def position_from_row(row: Mapping[str, Any]) -> dict[str, Any]:
    """The answer in a row of `POSITION`, with times as `datetime` and statements as documents."""
    answer: dict[str, Any] = row["answer"]
    for name in ("known_at", "recorded_at"):
        answer[name] = answer[name] and datetime.fromisoformat(answer[name])
    for statement in answer["statements"]:
        statement["recorded_at"] = datetime.fromisoformat(statement["recorded_at"])
    answer["statements"] = [statement | statement.pop("doc") for statement in answer["statements"]]
    return answer


def positions_page(by: str) -> TextClause:
    """The positions of an actor on each topic (`actor`), or of each actor on a topic (`topic`)."""
    return _POSITIONS[by]


def grid_page(filters: Collection[str]) -> TextClause:
    """The positions of each actor on each topic; each filter is a parameter of its name."""
    walk = {
        (False, False): "every_pair",
        (True, False): "of_actors",
        (False, True): "of_topics",
        (True, True): "of_both",
    }["actors" in filters, "topics" in filters]
    return _GRID.given({*filters, walk})


def changes_page(order: ChangeOrder, filters: Collection[str]) -> TextClause:
    """Steps of all timelines in an order; each filter is a parameter of its name."""
    return _CHANGES[order].given(filters)


def corrections_page(filters: Collection[str]) -> TextClause:
    """Corrections and retractions; each filter is a parameter of its name."""
    return _CORRECTIONS.given(filters)


def statements_page(filters: Collection[str]) -> TextClause:
    """Statements, last said first; each filter is a parameter of its name."""
    return _STATEMENTS.given(filters)


def quoted_statements(filters: Collection[str]) -> TextClause:
    """Statements that may have the words of a quote; each filter is a parameter of its name."""
    return _QUOTES.given(filters)


def registry_page(table: str, filters: Collection[str]) -> TextClause:
    """Rows of `actors` or `topics` in the order of ids; each filter is a parameter of its name."""
    return _REGISTRY_PAGES[table].given(filters)


def registry_row(table: str) -> TextClause:
    """A row of `actors` or `topics` by its id."""
    return _REGISTRY_ROWS[table]


def names_query(kind: str) -> TextClause:
    """The actors or topics (`actor`, `topic`) that a spelling names, or the nearest ones."""
    return _NAMES[kind]
