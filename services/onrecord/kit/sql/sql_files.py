"""Loader of SQL statements from `.sql` files, one statement a file.

Used by the modules that hold the queries of `ledger`, `projections` and `webhooks`. A file is one
complete statement with `:name` parameters, as SQLAlchemy's `text()` and psql write them, so that it
can be pasted into psql after EXPLAIN. A comment must not contain a colon directly before a word:
`text()` would take that for a parameter.

In a query with optional filters, a line that ends in `--? name` is kept only where the filter of
this name is given. The file with all its lines is a valid statement too.
"""

import re
from collections.abc import Collection
from pathlib import Path
from typing import Final

from sqlalchemy import TextClause, text

_PACKAGE: Final = Path(__file__).parents[2]
_OPTION: Final = re.compile(r"--\? (\w+)$")


def load_query(path: str) -> TextClause:
    """The statement in a file, whose path is relative to the package `onrecord`."""
    return text(_read(path))


class FilteredQuery:
    """A statement with optional filters, loaded from a file as `load_query` does."""

    def __init__(self, path: str) -> None:
        self.text: Final = _read(path)
        self.filters: Final = frozenset(
            option[1] for line in self.text.splitlines() if (option := _OPTION.search(line))
        )
        self._queries: dict[frozenset[str], TextClause] = {}

    def given(self, filters: Collection[str]) -> TextClause:
        """The statement with these filters and no others. Names without a line are ignored."""
        kept = self.filters.intersection(filters)
        if kept not in self._queries:
            lines = self.text.splitlines(keepends=True)
            query = "".join(line for line in lines if _is_kept(line, kept))
            self._queries[kept] = text(query)
        return self._queries[kept]


def _read(path: str) -> str:
    return (_PACKAGE / path).read_text(encoding="utf-8")


def _is_kept(line: str, filters: Collection[str]) -> bool:
    option = _OPTION.search(line.rstrip())
    return option is None or option[1] in filters
