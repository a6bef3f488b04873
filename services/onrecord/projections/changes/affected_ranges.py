"""Which steps of a line does a page of entries change, and which must it know for that?

Called by the fold of `changes`. A step that comes, goes or moves changes itself and the step after
it, and what both are follows from the step before each. So of a line, however long, are read the
steps between the first and the last place that a page touches, and one on either side.
"""

from typing import Any, Final

from sqlalchemy import Connection

from onrecord.ledger.follow import driver
from onrecord.projections.changes.timeline import Step, in_line, place_of
from onrecord.projections.engine.projection import schema
from onrecord.projections.engine.versions import NEVER

_NAMES: Final = (
    *("id", "made_seq", "actor", "recorded_as", "topic", "valid_from", "ord", "earliest"),
    *("latest", "effective", "stance", "condition", "before_id", "before_stance"),
    *("kind", "change_size", "late"),
)
_COLUMNS: Final = ", ".join(f"c.{name}" for name in _NAMES)
_OPEN: Final = (
    f"SELECT {_COLUMNS} FROM {{schema}}.changes c"
    f" WHERE c.generation = %(generation)b AND c.close_seq = {NEVER} AND "
)
"""Steps as they are believed now: this fold is the only one who writes them."""

_PLACE: Final = "(c.valid_from, c.ord, c.made_seq)"
_LINE: Final = f"{_OPEN} {in_line('c', 's.actor', 's.topic')} AND {_PLACE}"
_FIRST: Final = "(s.first_from, s.first_ord, s.first_seq)"
_LAST: Final = "(s.last_from, s.last_ord, s.last_seq)"
_SPANS: Final = f"""
SELECT c.* FROM unnest(%(actor)b::text[], %(topic)b::text[],
    %(first_from)b::timestamptz[], %(first_ord)b::int[], %(first_seq)b::bigint[],
    %(last_from)b::timestamptz[], %(last_ord)b::int[], %(last_seq)b::bigint[])
    AS s (actor, topic, first_from, first_ord, first_seq, last_from, last_ord, last_seq)
CROSS JOIN LATERAL (
    ({_LINE} < {_FIRST} ORDER BY c.valid_from DESC, c.ord DESC, c.made_seq DESC LIMIT 1)
    UNION ALL
    ({_LINE} BETWEEN {_FIRST} AND {_LAST})
    UNION ALL
    ({_LINE} > {_LAST} ORDER BY c.valid_from, c.ord, c.made_seq LIMIT 1)
) c
"""


class Spans:
    """From where to where lines are touched, by actor and topic."""

    def __init__(self) -> None:
        self._ends: dict[tuple[str, str], tuple[Any, Any]] = {}

    def add(self, step: Step) -> None:
        """The place of a step, which it comes to or leaves, is touched."""
        pair, place = (step["actor"], step["topic"]), place_of(step)
        first, last = self._ends.get(pair, (place, place))
        self._ends[pair] = (min(first, place), max(last, place))

    def load(self, conn: Connection, generation: int) -> list[Step]:
        """The open steps there, and one on either side of each span."""
        if not self._ends:
            return []
        asked: dict[str, Any] = {"generation": generation}
        asked["actor"], asked["topic"] = map(list, zip(*self._ends, strict=True))
        for name, ends in zip(
            ("first", "last"), zip(*self._ends.values(), strict=True), strict=True
        ):
            for of, values in zip(("from", "ord", "seq"), zip(*ends, strict=True), strict=True):
                asked[f"{name}_{of}"] = list(values)
        return _steps(conn, _SPANS, asked)


def open_steps(conn: Connection, generation: int, which: str, **asked: Any) -> list[Step]:
    """The open steps for which a condition on `c` holds."""
    return _steps(conn, _OPEN + which, {"generation": generation, **asked})


def _steps(conn: Connection, sql: str, asked: dict[str, Any]) -> list[Step]:
    query = sql.replace("{schema}", f'"{schema(conn)}"').encode()
    rows = driver(conn).cursor(binary=True).execute(query, asked)
    return [dict(zip(_NAMES, row, strict=True)) for row in rows]
