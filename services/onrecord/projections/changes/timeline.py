"""Timelines in memory: how a step that comes, moves or goes changes the steps around it.

A timeline is that of an actor on a topic. Called by the fold of `changes`, which loads the steps
that a page of entries affects (`affected_ranges`); new versions go to its `VersionedTable`.
"""

from bisect import bisect_left, insort
from collections.abc import Iterable, Mapping
from operator import itemgetter
from typing import Any, Final

from onrecord.domain.changes import classify_change
from onrecord.domain.event import RecordedEvent
from onrecord.projections.engine.versions import VersionedTable

StepRow = dict[str, Any]
"""A row of `changes`, without the columns of every versioned table."""

PLACE: Final = ("valid_from", "ord", "made_seq")
"""The order of a timeline: among equals, the later recorded comes later."""

place_of = itemgetter(*PLACE)


def line_of(actor: str, topic: str) -> str:
    """SQL for the number of a timeline: 64 bits instead of two names halve its index."""
    return f"hashtextextended({_both(actor, topic)}, 0)"


def _both(actor: str, topic: str) -> str:
    return f"{actor} || ' ' || {topic}"  # names hold no space


class Timelines:
    """Timelines by actor and topic, each in order."""

    def __init__(self, versions: VersionedTable) -> None:
        self._versions = versions
        self._timelines: dict[tuple[str, str], list[StepRow]] = {}
        self._steps: dict[Any, StepRow] = {}

    def load(self, steps: Iterable[StepRow]) -> None:
        """Begin with these steps of the table; of a timeline, none between two may be missing."""
        self._steps = {step["id"]: step for step in steps}
        self._versions.set_made_seqs({id_: step["made_seq"] for id_, step in self._steps.items()})
        for step in sorted(self._steps.values(), key=place_of):
            self._timeline(step).append(step)

    def put(self, recorded: RecordedEvent, step: StepRow) -> None:
        """Put a step that is made or corrected to its place, wherever it stood before."""
        next_of_old = self._take_out(step["id"])
        step["made_seq"] = self._versions.made_seq(step["id"]) or recorded.seq
        timeline = self._timeline(step)
        at = bisect_left(timeline, place_of(step), key=place_of)
        before = timeline[at - 1] if at else None
        after = timeline[at] if at < len(timeline) else None
        timeline.insert(at, step)
        self._steps[step["id"]] = step
        # a step that is announced for a date ahead makes no other late
        step["late"] = after is not None and after["valid_from"] <= recorded.recorded_at
        _derive(step, before)
        self._versions.insert(step["id"], recorded, step)
        self._derive_again(recorded, [next_of_old, after])

    def remove(self, recorded: RecordedEvent) -> None:
        """Remove a step that is retracted."""
        next_of_old = self._take_out(recorded.subject)
        self._versions.close(recorded.subject, recorded)
        self._derive_again(recorded, [next_of_old])

    def move(self, recorded: RecordedEvent, actors: Mapping[Any, str]) -> None:
        """Move steps, by their ids, to the timelines of other actors."""
        for id_, actor in actors.items():
            step = self._steps[id_]
            self._leave(step)
            step["actor"] = actor
            insort(self._timeline(step), step, key=place_of)
        for id_ in actors:
            step = self._steps[id_]
            _derive(step, self._beside(step, -1))
            self._versions.insert(id_, recorded, step)
        unmoved = [step for id_, step in self._steps.items() if id_ not in actors]
        self._derive_again(recorded, unmoved)

    def _take_out(self, id_: Any) -> StepRow | None:
        """Take a step out of its timeline; answers the one that came after it."""
        if (step := self._steps.pop(id_, None)) is None:
            return None
        after = self._beside(step, 1)
        self._leave(step)
        return after

    def _leave(self, step: StepRow) -> None:
        timeline = self._timeline(step)
        del timeline[bisect_left(timeline, place_of(step), key=place_of)]

    def _derive_again(self, recorded: RecordedEvent, steps: Iterable[StepRow | None]) -> None:
        for step in steps:
            if step is not None and _derive(step, self._beside(step, -1)):
                self._versions.insert(step["id"], recorded, step)

    def _beside(self, step: StepRow, distance: int) -> StepRow | None:
        timeline = self._timeline(step)
        at = bisect_left(timeline, place_of(step), key=place_of) + distance
        return timeline[at] if 0 <= at < len(timeline) else None

    def _timeline(self, step: StepRow) -> list[StepRow]:
        return self._timelines.setdefault((step["actor"], step["topic"]), [])


def _derive(step: StepRow, before: StepRow | None) -> bool:
    """Note what follows from the step before; answers whether that is news."""
    same_condition = before is not None and before["condition"] == step["condition"]
    stance = before["stance"] if before else None
    kind, size = classify_change(stance, step["stance"], same_condition=same_condition)
    derived = {
        "before_id": before["id"] if before else None,
        "before_stance": stance,
        "kind": kind,
        "change_size": size,
    }
    if derived.items() <= step.items():
        return False
    step.update(derived)
    return True
