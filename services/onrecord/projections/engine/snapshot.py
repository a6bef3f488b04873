"""At which size does a read look at the record?

A read is one statement at one K: the least checkpoint of the projections that it joins, or the size
asked for where that is less. Every read starts with the CTE made here and takes the live
generations from it: a switch of them falls between two reads, never into one.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Final

from sqlalchemy import TextClause, text

from onrecord.projections.engine.versions import NEVER


def known(names: Sequence[str]) -> str:
    """The CTE `known`: one row with `k`, and each projection's live generation under its name."""
    generations = ", ".join(
        f"coalesce(max(generation) FILTER (WHERE name = '{name}'), 0) AS {name}" for name in names
    )
    listed = ", ".join(f"'{name}'" for name in names)
    return (
        f"known AS MATERIALIZED (SELECT least(coalesce(CAST(:known_size AS bigint), {NEVER}),"
        f" CASE WHEN count(*) = {len(names)} THEN min(size) ELSE 0 END) AS k, {generations}"
        f" FROM projections.checkpoints WHERE live AND name IN ({listed}))"
    )


REACHED: Final = text(
    "SELECT CASE WHEN count(*) = cardinality(CAST(:names AS text[])) THEN min(size) ELSE 0 END"
    " AS size FROM projections.checkpoints WHERE live AND name = ANY(CAST(:names AS text[]))"
)
"""The least checkpoint of some projections."""


def read(names: Sequence[str], sql: str) -> TextClause:
    """A query over `known` and these projections; its CTEs may be recursive."""
    return text(f"WITH RECURSIVE {known(names)}, {sql}")


def read_each(names: Sequence[str], asked: Mapping[str, str], sql: str) -> TextClause:
    """The same for several asks at once, as `kit.together` runs it: each of its own K.

    `asked` says which type each parameter of `sql` has, `known_size` aside; they come as one
    parameter, a JSON array of objects. Each row says which of them (`n`) it answers.
    """
    types = {**asked, "known_size": "bigint", "n": "bigint"}
    listed = ", ".join(f"{name} {of}" for name, of in types.items())
    one = re.sub(rf"(?<!:):({'|'.join(types)})\b", r"asked.\1", read(names, sql).text)
    return text(
        f"SELECT asked.n, one.* FROM json_to_recordset(CAST(:asked AS json)) AS asked({listed}),"
        f" LATERAL ({one}) one"
    )


def believed(alias: str, projection: str) -> str:
    """The condition that a versioned row of a projection was believed at `known.k`."""
    return (
        f"{alias}.generation = known.{projection} AND {alias}.open_seq < known.k"
        f" AND {alias}.close_seq >= known.k"
    )
