"""What `onrecord show` prints where a position is only possible, and where words are erased."""

import io
from typing import Any

from rich.console import Console

from onrecord.entrypoints.commands.show import print_changes, print_position, print_statement

NO_STEP: dict[str, Any] = {
    **dict.fromkeys(("id", "stance", "condition", "effective")),
    "retracted_basis": [],
}


def console() -> tuple[Console, io.StringIO]:
    file = io.StringIO()
    return Console(file=file, width=200), file


def rows(**fields: Any) -> list[list[str]]:
    """The rows of a printed position, without its title."""
    position = {"actor": "emma", "topic": "talks", "as_of": "2022", "known": {"size": 9}}
    base = {"on_record": True, "certainty": "possible", "summary": None, **NO_STEP}
    change = {"kind": "adopted", "change_size": None, "previous": None}
    basis: dict[str, list[Any]] = {"basis": [], "retracted_basis": [], "alternatives": []}
    printer, file = console()
    print_position(
        printer, {**position, **base, **change, **basis, **fields}, with_statements=False
    )
    lines = file.getvalue().splitlines()[1:]
    return [[cell for cell in line.strip().split("  ") if cell] for line in lines]


def possible(stance: str, effective: str, condition: str | None = None) -> dict[str, Any]:
    return {**NO_STEP, "id": "x", "stance": stance, "condition": condition, "effective": effective}


def test_a_position_that_may_have_begun_is_not_shown_as_missing() -> None:
    shown = rows(alternatives=[possible("conditional_support", "../2022-12-02", "Peace.")])
    assert ["stance", "no position yet"] == [cell.strip() for cell in shown[0]]
    assert "possible" == shown[1][1].strip()
    assert shown[2][-1].strip() == (
        "conditional support on the condition “Peace.”, effective by 2 December 2022"
    )


def test_a_position_that_may_not_have_begun_says_so() -> None:
    shown = rows(**possible("oppose", "2022-12"), alternatives=[NO_STEP])
    assert ["effective", "in December 2022"] == [cell.strip() for cell in shown[1]]
    assert ["or", "no position yet"] == [cell.strip() for cell in shown[-1]]


def test_where_nothing_is_on_record_the_command_says_so() -> None:
    shown = rows(on_record=False, certainty="definite", alternatives=[])
    assert ["stance", "no position on record by then"] == [cell.strip() for cell in shown[0]]


def test_a_change_whose_kind_depends_on_inexact_dates_is_shown_as_possible() -> None:
    printer, file = console()
    step = {"actor": "emma", "topic": "talks", "previous": None, "change_size": None}
    for kind, certainty in (("reversed", "possible"), ("softened", "definite")):
        made = {"kind": kind, "certainty": certainty, **possible("oppose", "../2022-12-02")}
        print_changes(printer, [{**step, **made}])
    printed = file.getvalue()
    assert "by 2 December 2022" in printed
    assert ("reversed (possible)" in printed, "softened (" in printed) == (True, False)


def test_erased_words_sources_and_reporters_are_shown_as_erased() -> None:
    printer, file = console()
    statement = {
        "content": {"lang": "en", "mode": "verbatim"},
        "speakers": [{"actor": "emma"}],
        "said_at": "../2022-12",
        "said_at_basis": "published_bound",
        "evidence": [{"chain": [{"relation": "quoted"}]}],
    }
    print_statement(printer, statement)
    words, said, source = (line.strip() for line in file.getvalue().splitlines())
    assert "“(erased)”" == words
    assert "emma, by the end of December 2022 (published_bound), verbatim" == said
    assert "(erased) (quoted by (erased))" == source


def test_a_position_is_shown_with_the_retracted_statements_of_its_basis() -> None:
    retracted = [{"id": "x", "by": "outlet", "recorded_at": "2026-11-30T08:48:04.704989Z"}]
    shown = rows(**{**possible("support", "2021"), "retracted_basis": retracted})
    assert ["retracted basis", "x by outlet, 2026-11-30"] == shown[-1]
    other = {**possible("oppose", "2021"), "retracted_basis": retracted}
    shown = rows(**possible("support", "2021"), alternatives=[other])
    assert ["retracted basis", "x by outlet, 2026-11-30"] == shown[-1]
