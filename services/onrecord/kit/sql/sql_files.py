"""Loader of SQL statements from `.sql` files, one statement a file.

Used by the modules that hold the queries of `projections` and `audit`. A file is one complete
statement with `:name` parameters, as SQLAlchemy's `text()` and psql write them, so that it can be
pasted into psql after EXPLAIN. A comment must not contain a colon directly before a word: `text()`
would take that for a parameter.

In a query with optional filters, two kinds of lines are kept only where the filter of a name is
given: a line that ends in `--? name`, and the lines from `--? if name` to `--? end name`. Blocks do
not nest. The file with all its lines is a valid statement too.
"""

import re
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Final

from sqlalchemy import TextClause, text

_PACKAGE: Final = Path(__file__).parents[2]
_MARKER: Final = re.compile(r"--\? (?:(if|end) )?(\w+)$")


def load_query(path: str) -> TextClause:
    """The statement in a file, whose path is relative to the package `onrecord`."""
    return text(_read(path))


class FilteredQuery:
    """A statement with optional filters, loaded from a file as `load_query` does."""

    def __init__(self, path: str) -> None:
        self.text: Final = _read(path)
        markers = map(_MARKER.search, self.text.splitlines())
        self.filters: Final = frozenset(marker[2] for marker in markers if marker)
        self._queries: dict[frozenset[str], TextClause] = {}

    def given(self, filters: Collection[str]) -> TextClause:
        """The statement with these filters and no others. Names without a line are ignored."""
        kept = self.filters.intersection(filters)
        if kept not in self._queries:
            self._queries[kept] = text("\n".join(_kept_lines(self.text, kept)))
        return self._queries[kept]


def _read(path: str) -> str:
    return (_PACKAGE / path).read_text(encoding="utf-8")


def _kept_lines(sql: str, filters: Collection[str]) -> Iterator[str]:
    in_dropped_block = False
    for line in sql.splitlines():
        marker = _MARKER.search(line)
        is_dropped = in_dropped_block or (marker is not None and marker[2] not in filters)
        if marker and marker[1]:
            in_dropped_block = is_dropped and marker[1] == "if"
        if not is_dropped:
            yield line
