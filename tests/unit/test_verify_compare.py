"""Comparison of the read API's answers with a fold: answers of a form that nobody expects."""

from collections.abc import Iterator
from typing import Any

from onrecord.verifying.compare import WrongAnswer, compare_answers
from onrecord.verifying.download import LogReader
from onrecord.verifying.fold import PositionFold


class ReadApi(LogReader):
    """Answers every list with these items."""

    def __init__(self, *items: Any) -> None:
        self._items = items

    def items(self, path: str, at_most: int, **params: Any) -> Iterator[Any]:
        return iter(self._items if path == "/v1/changes" else ())


def differences(*items: Any) -> list[WrongAnswer]:
    """What is wrong with these items of `/v1/changes`, where no position is on record."""
    return list(compare_answers(ReadApi(*items), 0, PositionFold(), lambda *_: None))


def test_an_unexpected_item_is_named_by_its_seq_if_that_is_a_number() -> None:
    for seq, named in ((7, 7), ("7", None), (True, None), (7.0, None), ([7], None), (None, None)):
        (wrong,) = differences({"id": "x", "seq": seq})
        assert WrongAnswer(named, "timelines: x follows from no event") == wrong


def test_an_item_may_be_nested_deeper_than_python_can_show() -> None:
    nested: list[Any] = []
    for _ in range(5_000):
        nested = [nested]
    (wrong,) = differences({"id": nested})
    assert wrong.message.startswith("timelines: [[[[[")
