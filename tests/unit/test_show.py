"""What `onrecord show` prints where a position is only possible, and where words are erased."""

import io
from dataclasses import fields
from datetime import datetime
from typing import Any
from uuid import UUID

from rich.console import Console

from onrecord.domain.statement import ChainLink, Content, Speaker
from onrecord.entrypoints.commands.show import print_changes, print_position, print_statement
from onrecord.query.answers.position_schemas import (
    PositionOut,
    PossibleStance,
    RetractedStatement,
)
from onrecord.query.answers.schemas import Known
from onrecord.query.answers.statement_schemas import EvidenceOut, StatementOfBasis
from onrecord.query.answers.step_schemas import Step

ID = UUID(int=7)


def empty(model: type[Any], **filled: Any) -> Any:
    """An answer in which all other fields are null."""
    lists: dict[str, list[Any]] = {"alternatives": [], "retracted_basis": [], "statements": []}
    names = [field.name for field in fields(model)]
    return model(**{name: lists.get(name) for name in names} | filled)


def console() -> tuple[Console, io.StringIO]:
    file = io.StringIO()
    return Console(file=file, width=200), file


def rows(**filled: Any) -> list[list[str]]:
    """The rows of a printed position, without its title."""
    known = Known(size=9, at=None, provisional=False)
    pair: dict[str, Any] = {"actor": "emma", "topic": "talks", "as_of": "2022", "known": known}
    state: dict[str, Any] = {"on_record": True, "certainty": "possible", "kind": "adopted"}
    printer, file = console()
    position: PositionOut = empty(PositionOut, **pair | state | filled)
    print_position(printer, position, with_statements=False)
    lines = file.getvalue().splitlines()[1:]
    return [[cell for cell in line.strip().split("  ") if cell] for line in lines]


def held(stance: str, effective: str, condition: str | None = None) -> dict[str, Any]:
    return {"id": ID, "stance": stance, "condition": condition, "effective": effective}


def possible(**filled: Any) -> PossibleStance:
    stance: PossibleStance = empty(PossibleStance, **filled)
    return stance


def test_a_position_that_may_have_begun_is_not_shown_as_missing() -> None:
    shown = rows(alternatives=[possible(**held("conditional_support", "../2022-12-02", "Peace."))])
    assert ["stance", "no position yet"] == [cell.strip() for cell in shown[0]]
    assert "possible" == shown[1][1].strip()
    assert shown[2][-1].strip() == (
        "conditional support on the condition “Peace.”, effective by 2 December 2022"
    )


def test_a_position_that_may_not_have_begun_says_so() -> None:
    shown = rows(**held("oppose", "2022-12"), alternatives=[possible()])
    assert ["effective", "in December 2022"] == [cell.strip() for cell in shown[1]]
    assert ["or", "no position yet"] == [cell.strip() for cell in shown[-1]]


def test_where_nothing_is_on_record_the_command_says_so() -> None:
    shown = rows(on_record=False, certainty="definite", alternatives=[])
    assert ["stance", "no position on record by then"] == [cell.strip() for cell in shown[0]]


def test_a_change_whose_kind_depends_on_inexact_dates_is_shown_as_possible() -> None:
    printer, file = console()
    for kind, certainty in (("reversed", "possible"), ("softened", "definite")):
        change = {"actor": "emma", "topic": "talks", "kind": kind, "certainty": certainty}
        print_changes(printer, [empty(Step, **change, **held("oppose", "../2022-12-02"))])
    printed = file.getvalue()
    assert "by 2 December 2022" in printed
    assert ("reversed (possible)" in printed, "softened (" in printed) == (True, False)


def test_erased_words_sources_and_reporters_are_shown_as_erased() -> None:
    printer, file = console()
    erased: dict[str, Any] = {
        "content": Content(lang="en", mode="verbatim"),
        "speakers": (Speaker(actor="emma"),),
        "said_at": "../2022-12",
        "said_at_basis": "published_bound",
        "evidence": (EvidenceOut(chain=(ChainLink(relation="quoted"),)),),
    }
    statement = StatementOfBasis.model_construct(**erased)
    print_statement(printer, statement)
    words, said, source = (line.strip() for line in file.getvalue().splitlines())
    assert "“(erased)”" == words
    assert "emma, by the end of December 2022 (published_bound), verbatim" == said
    assert "(erased) (quoted by (erased))" == source


def test_a_position_is_shown_with_the_retracted_statements_of_its_basis() -> None:
    at = datetime.fromisoformat("2026-11-30T08:48:04.704989Z")
    retracted = [empty(RetractedStatement, id=ID, by="outlet", recorded_at=at)]
    printed = ["retracted basis", f"{ID} by outlet, 2026-11-30"]
    assert printed == rows(**held("support", "2021"), retracted_basis=retracted)[-1]
    other = possible(**held("oppose", "2021"), retracted_basis=retracted)
    assert printed == rows(**held("support", "2021"), alternatives=[other])[-1]
