"""Imports of CSV files as spreadsheets write them, with positions and with rows that are no CSV."""

from pathlib import Path

import pytest
from httpx2 import Client

from onrecord.importing.files import InputFile
from onrecord.importing.lines import read_lines
from onrecord.importing.resume import FileIdentity, identify
from tests.support.bodies import register_all
from tests.support.imports import counts, run_dry_run, run_import
from tests.support.store import Store
from tests.support.tables import HEADER, ROW

PAGE = Path(__file__).parents[2] / "ops" / "docs" / "importing.md"

UNREADABLE = {
    3: f"emma,2022,{'x' * 150_000},en,test,http://a.b",
    5: "emma,2022,Nul\0,en,test,http://a.b",
    6: "emma,2022,G\udcfct.,en,test,http://a.b",
    7: 'emma,2022,"He said "no".",en,test,http://a.b',
    9: 'emma,2022,"Never closed,en,test,http://a.b',
}
"""Rows that are refused, by line; the others are good."""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "a.csv"


@pytest.fixture
def unreadable(path: Path) -> Path:
    good = {n: ROW.replace("11-30", f"11-{n}") for n in range(10, 31)}
    rows = {**{n: ROW.replace("11-30", f"12-0{n}") for n in (4, 8)}, **good, **UNREADABLE}
    lines = ["sep=,", HEADER, *(rows[n] for n in sorted(rows))]
    path.write_bytes("\n".join(lines).encode(errors="surrogateescape"))
    return path


def test_rows_that_cannot_be_read_are_refused_and_all_others_recorded(
    client: Client, unreadable: Path
) -> None:
    register_all(client)
    forecast, foreseen = run_dry_run(str(client.base_url), unreadable)
    summary, output = run_import(str(client.base_url), unreadable)
    assert (23, 0, 5) == counts(summary)
    assert (23, 0, 5) == (forecast.on_record, forecast.repeated, forecast.refused)
    assert output == foreseen
    places, faults = zip(
        *(line.removeprefix(f"{unreadable}:").split(": ", 1) for line in output.splitlines()),
        strict=True,
    )
    assert [str(n) for n in UNREADABLE] == [*places]
    for fault, expected in zip(
        faults,
        ("text: ", "NUL", "byte 0xFC follows 'emma,2022,G'", "no CSV: ',' expected", "still open"),
        strict=True,
    ):
        assert expected in fault


def test_import_can_resume_at_any_row_of_a_file_with_rows_that_are_no_csv(unreadable: Path) -> None:
    def rows(after: int) -> list[int]:
        with InputFile(unreadable) as file:
            return [line.number for line in read_lines(file, after=after)]

    assert [[*range(max(3, after + 1), 31)] for after in range(32)] == [*map(rows, range(32))]


def test_progress_counts_for_the_encoding_that_the_file_was_read_in(path: Path) -> None:
    path.write_text(f"{HEADER}\n{ROW}\n")
    noted = identify(path, "utf-8").model_dump_json(exclude={"encoding"})
    assert identify(path, "utf-8") == FileIdentity.model_validate_json(noted), "by an older release"
    assert identify(path, "utf-8") != identify(path, "cp1252")


def test_statements_and_positions_of_the_documented_example_are_on_record(
    store: Store, client: Client, path: Path
) -> None:
    register_all(client)
    example = PAGE.read_text().split("```csv\n")[1].split("```")[0]
    path.write_text(example)
    forecast, foreseen = run_dry_run(str(client.base_url), path)
    assert ((2, 0), "") == ((forecast.on_record, forecast.refused), foreseen)
    assert (2, 0, 0) == counts(run_import(str(client.base_url), path)[0])
    assert (0, 2, 0) == counts(run_import(str(client.base_url), path)[0])
    store.catch_up()
    for topic, stance, condition in (
        ("talks", "conditional_support", "It withdraws."),
        ("tariffs", "oppose", None),
    ):
        position = client.get(f"/v1/actors/emma/topics/{topic}/position").json()
        assert (stance, condition, "2022-12-02") == (
            position["stance"],
            position["condition"],
            position["effective"],
        )
        assert ["Talks, once it withdraws."] == [
            statement["content"]["text"] for statement in position["statements"]
        ]


def test_positions_are_imported_from_unicode_text_of_excel(
    store: Store, client: Client, path: Path
) -> None:
    register_all(client)
    rows = (
        "Actor;Topic;Stance;Effective;Summary;Coder\r\n"
        "emma;talks;support;2022;Für Gespräche.;lk\r\n"
    )
    path.write_bytes(rows.replace(";", "\t").encode("utf-16"))
    summary, output = run_import(str(client.base_url), path)
    assert (1, 0, 0) == counts(summary)
    assert f"{path}: read as utf-16, a tab between two cells\n" == output
    faulty = rows.replace("emma", "nobody").replace("support", "yes")
    path.write_text(faulty)
    (_, line) = run_import(str(client.base_url), path)[1].splitlines()
    assert line.startswith(f"{path}:2: 422 ")
    assert "stance: " in line
    store.catch_up()
    position = client.get("/v1/actors/emma/topics/talks/position").json()
    assert "Für Gespräche." == position["summary"]
