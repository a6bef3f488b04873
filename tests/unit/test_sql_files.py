"""The loader of `.sql` files, and what each file must be like for it."""

import re
from pathlib import Path
from typing import Final

import pytest

import onrecord
from onrecord.domain.stances import SCALE
from onrecord.kit.sql.sql_files import FilteredQuery

PACKAGE: Final = Path(onrecord.__file__).parent
FILES: Final = sorted(PACKAGE.rglob("*.sql"))
STATEMENTS: Final = "projections/queries/statements.sql"


def test_lines_of_filters_that_are_not_given_are_dropped() -> None:
    query = FilteredQuery(STATEMENTS)
    lines = query.text.splitlines()
    kept = query.given({"topic", "no such filter"}).text.splitlines()
    assert {"actor", "topic", "outlet", "q", "said_from", "said_to"} == query.filters
    assert kept == [line for line in lines if "--?" not in line or line.endswith("--? topic")]
    assert query.given(query.filters).text.splitlines() == lines


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
