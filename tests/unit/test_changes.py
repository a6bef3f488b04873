"""Kinds of change: every step from one stance to another, its kind and its distance.

The table is written by hand from DESIGN section 3: a row for each stance before, a column for each
stance after. Each cell is the kind if the condition is the same; other conditions are tested below.
"""

from typing import NamedTuple, get_args
from uuid import UUID

import pytest

from onrecord.domain.changes import CHANGE_KINDS, Change, ChangeKind, classify_change
from onrecord.domain.stances import CONDITIONAL, STANCES, Stance
from tests.support import naive

TABLE = """
before               oppose      conditional_oppose neutral    conditional_support support    mixed      no_position
nothing              adopted     adopted            adopted    adopted             adopted    adopted    adopted
oppose               reaffirmed  softened           shifted    reversed            reversed   shifted    shifted
conditional_oppose   hardened    reaffirmed         shifted    shifted             reversed   shifted    shifted
neutral              shifted     shifted            reaffirmed shifted             shifted    shifted    shifted
conditional_support  reversed    shifted            shifted    reaffirmed          hardened   shifted    shifted
support              reversed    reversed           shifted    softened            reaffirmed shifted    shifted
mixed                shifted     shifted            shifted    shifted             shifted    reaffirmed shifted
no_position          adopted     adopted            adopted    adopted             adopted    adopted    reaffirmed
"""  # noqa: E501
SIZES = """
before               oppose conditional_oppose neutral conditional_support support mixed no_position
nothing              -      -                  -       -                   -       -     -
oppose               0      1                  2       3                   4       -     -
conditional_oppose   1      0                  1       2                   3       -     -
neutral              2      1                  0       1                   2       -     -
conditional_support  3      2                  1       0                   1       -     -
support              4      3                  2       1                   0       -     -
mixed                -      -                  -       -                   -       -     -
no_position          -      -                  -       -                   -       -     -
"""


def cells(table: str) -> dict[tuple[str | None, str], str]:
    (_, *after), *rows = (line.split() for line in table.strip().splitlines())
    return {
        (None if before == "nothing" else before, to): cell
        for before, *row in rows
        for to, cell in zip(after, row, strict=True)
    }


KINDS = cells(TABLE)
DISTANCES = {step: None if size == "-" else int(size) for step, size in cells(SIZES).items()}
STEPS: list[tuple[Stance | None, Stance]] = [
    (before, after) for before in (None, *STANCES) for after in STANCES
]


class StanceFields(NamedTuple):
    """The fields of a position that decide the kind of a change."""

    stance: str
    condition: str | None = None


every_step = pytest.mark.parametrize(("before", "after"), STEPS)


def test_the_tables_have_a_cell_for_every_step() -> None:
    assert set(STEPS) == KINDS.keys() == DISTANCES.keys()
    assert set(KINDS.values()) | {"conditions_changed"} == set(CHANGE_KINDS)
    assert get_args(ChangeKind) == CHANGE_KINDS


@every_step
def test_a_step_with_the_same_condition_has_the_kind_and_size_of_the_table(
    before: Stance | None, after: Stance
) -> None:
    # the table's words are plain strings
    expected = Change(KINDS[before, after], DISTANCES[before, after])  # type: ignore[arg-type]
    assert expected == classify_change(before, after, same_condition=True)


@pytest.mark.parametrize(("before", "after"), [step for step in STEPS if CONDITIONAL & {*step}])
def test_another_condition_changes_the_kind_only_if_the_stance_is_the_same(
    before: Stance | None, after: Stance
) -> None:
    kind = "conditions_changed" if before == after else KINDS[before, after]
    # plain strings again
    expected = Change(kind, DISTANCES[before, after])  # type: ignore[arg-type]
    assert expected == classify_change(before, after, same_condition=False)


def test_a_change_of_sign_is_reversed_unless_both_stances_are_conditional() -> None:
    signs = {"oppose": -1, "conditional_oppose": -1, "conditional_support": 1, "support": 1}
    for before, after in STEPS:
        if signs.get(before or "", 0) * signs.get(after, 0) < 0:
            both = {before, after} == CONDITIONAL
            expected = "shifted" if both else "reversed"
            assert expected == classify_change(before, after, same_condition=True).kind


@every_step
def test_a_step_and_its_inverse_have_the_same_size(before: Stance | None, after: Stance) -> None:
    if before is not None:
        there = classify_change(before, after, same_condition=True).size
        assert there == classify_change(after, before, same_condition=True).size


@every_step
def test_the_naive_model_has_the_same_kinds_and_sizes(before: Stance | None, after: Stance) -> None:
    """The tests of histories compare with `naive`, an independent model: it must fit the table."""
    before_step = before and naive.Step(UUID(int=1), 0, StanceFields(before))
    after_step = naive.Step(UUID(int=2), 1, StanceFields(after))
    assert KINDS[before, after] == naive.kind(before_step or None, after_step)
    assert DISTANCES[before, after] == naive.change_size(before_step or None, after_step)


@pytest.mark.parametrize("stance", sorted(CONDITIONAL))
def test_the_naive_model_has_changes_of_conditions(stance: Stance) -> None:
    before_step = naive.Step(UUID(int=1), 0, StanceFields(stance, "peace"))
    after_step = naive.Step(UUID(int=2), 1, StanceFields(stance, "pay"))
    assert (naive.kind(before_step, after_step), naive.change_size(before_step, after_step)) == (
        "conditions_changed",
        0,
    )
    assert (naive.kind(after_step, after_step), naive.change_size(after_step, after_step)) == (
        "reaffirmed",
        0,
    )
