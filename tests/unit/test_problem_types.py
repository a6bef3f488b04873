"""Tests of the catalogue of problem types: it has every code that is raised, explained in full."""

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import Final, get_args

import pytest

from onrecord.domain.ids import EntityKind
from onrecord.ingest.recorder import REFUSALS
from onrecord.kit.http.problem_types import PROBLEM_TYPES
from onrecord.kit.http.problems import MAX_FAULTS, Problem, invalid
from onrecord.ledger.outcomes import LedgerFailure

PACKAGE: Final = Path(__file__).parents[2] / "services" / "onrecord"
CODE_ARGUMENT: Final = {"Problem": 1, "unavailable": 0}
"""The index of the code among the arguments of a call."""
COMPUTED: Final = {
    "code": set[str](),  # passed on by `unavailable`, by `_invalid` and by the handlers
    "refusal.reason": {*REFUSALS},
    "error.code": {failure.code for failure in LedgerFailure.__subclasses__()},
    "f'unknown-{kind}'": {
        f"unknown-{kind}"
        for kind in get_args(EntityKind)
        if kind != "dismissal"  # which no address names
    },
}
"""Codes that are not literals, by the expression that computes them."""


def raised_codes() -> Iterator[tuple[str, str]]:
    """Each code that the package raises, with the place."""
    for path in sorted(PACKAGE.rglob("*.py")):
        for call in ast.walk(ast.parse(path.read_text())):
            if not isinstance(call, ast.Call) or not isinstance(call.func, ast.Name):
                continue
            index = CODE_ARGUMENT.get(call.func.id)
            if index is None or len(call.args) <= index:
                continue
            place, argument = f"{path.name}:{call.lineno}", call.args[index]
            if isinstance(argument, ast.Constant):
                yield place, str(argument.value)
            else:
                for code in COMPUTED[ast.unparse(argument)]:
                    yield place, code


def test_every_code_that_is_raised_is_in_the_catalogue() -> None:
    codes = list(raised_codes())
    assert len({code for _, code in codes}) > 30  # it looks where they are
    assert [code for code in codes if code[1] not in PROBLEM_TYPES] == []


def test_a_code_that_is_not_in_the_catalogue_cannot_be_raised() -> None:
    with pytest.raises(KeyError):
        Problem(422, "no-such-code", "There is no page about it.")


def test_every_type_is_explained() -> None:
    for code, type_ in PROBLEM_TYPES.items():
        assert 400 <= type_.status < 600, code
        for text in (type_.title, type_.meaning, type_.remedy, type_.detail):
            assert text == text.strip(), code
            assert text, code


def test_an_answer_names_some_of_very_many_faults() -> None:
    """A body of 1 MiB may have 90,000, which took 4.5 MB to name."""
    faults = [{"loc": ("body", f"k{n}"), "msg": "is no field here"} for n in range(90_000)]
    problem = invalid(faults)
    assert len(problem.errors) == MAX_FAULTS
    assert problem.detail.startswith("90,000 fields cannot be accepted")
