"""The loader of `.sql` files, and what each file must be like for it."""

import re
from pathlib import Path
from typing import Final

import pytest

import onrecord
from onrecord.domain.events import EVENT_CLASSES
from onrecord.domain.stances import SCALE
from onrecord.kit.sql.sql_files import FilteredQuery
from onrecord.webhooks import payload
from onrecord.webhooks.delivery import results

PACKAGE: Final = Path(onrecord.__file__).parent
FILES: Final = sorted(PACKAGE.rglob("*.sql"))
STATEMENTS: Final = "projections/queries/statements.sql"


FILTERED: Final = """\
SELECT a
--? if x
    , b
    , c  --? y
--? end x
FROM t
WHERE true
    AND d = :x  --? x
    AND e = :y  --? y
--? if y
ORDER BY e
--? end y
"""


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        ((), "SELECT a FROM t WHERE true"),
        (["x", "unknown"], "SELECT a , b FROM t WHERE true AND d = :x"),
        (["y"], "SELECT a FROM t WHERE true AND e = :y ORDER BY e"),
        (["x", "y"], "SELECT a , b , c FROM t WHERE true AND d = :x AND e = :y ORDER BY e"),
    ],
)
def test_lines_of_filters_that_are_not_given_are_dropped(
    filters: list[str], expected: str, tmp_path: Path
) -> None:
    file = tmp_path / "filtered.sql"
    file.write_text(FILTERED)
    query = FilteredQuery(str(file))  # an absolute path stands as it is
    assert query.filters == {"x", "y"}
    assert expected.split() == re.sub(r"--.*", "", query.given(filters).text).split()


def test_a_filtered_query_is_made_once_for_the_same_filters() -> None:
    """`kit.sql.db` compiles each query once, by identity."""
    query = FilteredQuery(STATEMENTS)
    assert query.given(["q", "topic"]) is query.given({"topic", "q"})


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_a_file_is_one_readable_statement(path: Path) -> None:
    lines = path.read_text().splitlines()
    assert lines[0].startswith("-- ")
    assert [line for line in lines if len(line) > 100] == []
    # `text()` would take it for a parameter
    comments = [line[line.index("--") :] for line in lines if "--" in line]
    assert [comment for comment in comments if re.search(r":\w", comment)] == []
    assert ";" not in re.sub(r"--.*", "", path.read_text())


def test_contradictions_have_the_sides_of_the_scale() -> None:
    text = (PACKAGE / "projections/queries/contradictions.sql").read_text()
    whens = re.findall(r"WHEN .*? (?:IN \((.*?)\)|= ('\w+')) THEN (-?\d)", text)
    sides = {
        stance.strip("' "): int(side)
        for several, single, side in whens
        for stance in (several or single).split(",")
    }
    assert sides == {stance: (place > 0) - (place < 0) for stance, place in SCALE.items()}


def test_statements_of_deliveries_name_every_type_of_erasure() -> None:
    (type_,) = {event.type for event in EVENT_CLASSES.values() if event.erases}
    for statement in (payload.EVENTS, results._RECORD):
        assert f"name = '{type_}'" in statement.text
