"""How does a step that comes, moves or goes change the line that it stands in?

Called by the fold of `changes`, which loads what a page of entries touches (`spans`). All of it
happens in memory; what changes is handed to `Versions`, which writes it. `in_line` says in SQL, to
folds and reads, which line a row is in.
"""

from bisect import bisect_left, insort
from collections.abc import Iterable, Mapping
from operator import itemgetter
from typing import Any, Final

from onrecord.domain.changes import classify_change
from onrecord.domain.event import RecordedEvent
from onrecord.projections.engine.versions import Versions

Step = dict[str, Any]
"""A row of `changes`, without what `Versions` says of each version."""

PLACE: Final = ("valid_from", "ord", "made_seq")
"""The order of a line: among equals, the later recorded comes later."""

place_of = itemgetter(*PLACE)


def line_of(actor: str, topic: str) -> str:
    """SQL for the number of a line: 64 bits instead of two names make its index half as large."""
    return f"hashtextextended({_both(actor, topic)}, 0)"


def in_line(alias: str, actor: str, topic: str) -> str:
    """The condition that a row of `changes` stands in the line of an actor on a topic.

    The names are compared as one text, so that no index of names is taken for it: those would have
    to read and sort all of a line.
    """
    actor, topic = f"CAST({actor} AS text)", f"CAST({topic} AS text)"
    return (
        f"{alias}.line = {line_of(actor, topic)}"
        f" AND {_both(f'{alias}.actor', f'{alias}.topic')} = {_both(actor, topic)}"
    )


def _both(actor: str, topic: str) -> str:
    return f"{actor} || ' ' || {topic}"  # names hold no space


class Lines:
    """Lines by actor and topic, each in order."""

    def __init__(self, versions: Versions) -> None:
        self._versions = versions
        self._lines: dict[tuple[str, str], list[Step]] = {}
        self._steps: dict[Any, Step] = {}

    def take(self, steps: Iterable[Step]) -> None:
        """Begin with these steps, as they are on record: none is missing between two of a line."""
        self._steps = {step["id"]: step for step in steps}
        self._versions.remember({key: step["made_seq"] for key, step in self._steps.items()})
        for step in sorted(self._steps.values(), key=place_of):
            self._line(step).append(step)

    def put(self, one: RecordedEvent, step: Step) -> None:
        """A step is made or corrected: it comes to its place, wherever it stood before."""
        left = self._out(step["id"])
        step["made_seq"] = self._versions.made(step["id"]) or one.seq
        line = self._line(step)
        at = bisect_left(line, place_of(step), key=place_of)
        before, after = line[at - 1] if at else None, line[at] if at < len(line) else None
        line.insert(at, step)
        self._steps[step["id"]] = step
        step["late"] = after is not None
        _derive(step, before)
        self._versions.open(step["id"], one, step)
        self._look_again(one, [left, after])

    def remove(self, one: RecordedEvent) -> None:
        """A step is retracted."""
        left = self._out(one.subject)
        self._versions.close(one.subject, one)
        self._look_again(one, [left])

    def move(self, one: RecordedEvent, actors: Mapping[Any, str]) -> None:
        """Steps, by their ids, come to the lines of other actors."""
        for key, actor in actors.items():
            step = self._steps[key]
            self._leave(step)
            step["actor"] = actor
            insort(self._line(step), step, key=place_of)
        for key in actors:
            step = self._steps[key]
            _derive(step, self._beside(step, -1))
            self._versions.open(key, one, step)
        self._look_again(one, [step for key, step in self._steps.items() if key not in actors])

    def _out(self, key: Any) -> Step | None:
        """Take a step out of its line; answers the one that came after it."""
        if (step := self._steps.pop(key, None)) is None:
            return None
        after = self._beside(step, 1)
        self._leave(step)
        return after

    def _leave(self, step: Step) -> None:
        line = self._line(step)
        del line[bisect_left(line, place_of(step), key=place_of)]

    def _look_again(self, one: RecordedEvent, steps: Iterable[Step | None]) -> None:
        for step in steps:
            if step is not None and _derive(step, self._beside(step, -1)):
                self._versions.open(step["id"], one, step)

    def _beside(self, step: Step, by: int) -> Step | None:
        line = self._line(step)
        at = bisect_left(line, place_of(step), key=place_of) + by
        return line[at] if 0 <= at < len(line) else None

    def _line(self, step: Step) -> list[Step]:
        return self._lines.setdefault((step["actor"], step["topic"]), [])


def _derive(step: Step, before: Step | None) -> bool:
    """Note what follows from the step before; answers whether it is news."""
    same = before is not None and before["condition"] == step["condition"]
    stance = before["stance"] if before else None
    kind, size = classify_change(stance, step["stance"], same_condition=same)
    news = {
        "before_id": before["id"] if before else None,
        "before_stance": stance,
        "kind": kind,
        "change_size": size,
    }
    if news.items() <= step.items():
        return False
    step.update(news)
    return True
