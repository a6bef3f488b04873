"""The text of `onrecord show`."""

from io import StringIO
from uuid import UUID

from rich.console import Console

from onrecord.entrypoints.commands.show import print_position


def test_a_position_is_shown_with_the_retracted_statements_of_its_basis() -> None:
    id_ = str(UUID(int=7))
    position = {
        "actor": "emma",
        "topic": "talks",
        "as_of": "2022",
        "known": {"size": 9},
        "on_record": True,
        "stance": "support",
        "condition": None,
        "effective": "2021",
        "kind": "adopted",
        "change_size": None,
        "previous": None,
        "summary": "For talks.",
        "certainty": "definite",
        "alternatives": [],
        "statements": [],
        "basis": [id_],
        "retracted_basis": [
            {"id": id_, "by": "outlet", "recorded_at": "2026-11-30T08:48:04.704989Z"}
        ],
    }
    console = Console(file=StringIO(), width=100)
    print_position(console, position, with_statements=True)
    assert f"retracted basis  {id_} by outlet, 2026-11-30" in console.file.getvalue()  # type: ignore[attr-defined]
