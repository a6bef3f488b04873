"""Comparison of the read API's answers with positions that were folded from the events alone.

Every step of every timeline is compared (`GET /v1/changes`), and what was held at some instants
(`GET /v1/positions`), all at the size of the checkpoint. Used by `run`.
"""

import reprlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from functools import partial
from operator import itemgetter
from typing import Any, Final, NamedTuple, TypeVar

from onrecord.domain.certainty import certainty_at
from onrecord.domain.dates import BEGINNING, bounds, format_instant
from onrecord.verifying.download import LogReader
from onrecord.verifying.fold import PositionFact, PositionFold

AnswerFields = dict[str, Any]
T = TypeVar("T")
EARLIER_INSTANTS: Final = 3
"""Instants besides now, at quantiles of the dates on record."""
SURPLUS: Final = 1_000
"""Items that a list may have beyond those that it must, so that these can be named."""
_SCALE: Final = {
    "oppose": -2,
    "conditional_oppose": -1,
    "neutral": 0,
    "conditional_support": 1,
    "support": 2,
}
_ALTERNATIVE: Final = ("id", "stance", "condition", "effective", "basis")
"""The fields of an alternative that are compared."""

_SHORT: Final = reprlib.Repr()
"""Shows any value: `repr` fails at a deeply nested one."""
_SHORT.maxstring = _SHORT.maxother = 200


class WrongAnswer(NamedTuple):
    """An answer that does not follow from the events. `seq`: what made the position."""

    seq: int | None
    message: str


class TimelineStep(NamedTuple):
    """A position in its timeline."""

    actor: str
    """The actor that it counts for, after merges."""
    begins: datetime
    fact: PositionFact
    before: "TimelineStep | None"
    kind: str
    since: str


Timeline = Sequence[TimelineStep]


def timelines_of(fold: PositionFold) -> dict[tuple[str, ...], Timeline]:
    """All timelines by actor and topic, each in order."""
    return {pair: _timeline(pair[0], facts) for pair, facts in fold.timelines().items()}


def compare_answers(
    reader: LogReader, size: int, fold: PositionFold, progress: Callable[[int, int], None]
) -> Iterator[WrongAnswer]:
    """The differences between the answers at a size and the fold, as they are seen."""
    timelines = timelines_of(fold)
    instants = _instants(timelines.values())
    steps: dict[tuple[str, ...], TimelineStep]
    steps = {(step.fact.id,): step for line in timelines.values() for step in line}
    total, done = len(steps) + len(timelines) * len(instants), 0

    def counted(items: Iterable[Any]) -> Iterator[Any]:
        nonlocal done
        for item in items:
            done += 1
            progress(done, max(total, done))
            yield item

    def step_answer(step: TimelineStep) -> AnswerFields:
        return _step_answer(step, fold)

    changes = counted(reader.items("/v1/changes", len(steps) + SURPLUS, known_size=size))
    yield from _compare(changes, steps, step_answer, ("id",), "timelines")
    for instant in instants:
        as_of = format_instant(instant)
        most = len(timelines) + SURPLUS
        items = counted(reader.items("/v1/positions", most, known_size=size, as_of=as_of))
        listed = {pair: line for pair, line in timelines.items() if _is_listed(line, instant)}
        answer_at = partial(_answer_at, instant=instant, fold=fold)
        yield from _compare(items, listed, answer_at, ("actor", "topic"), f"as of {as_of}")
    progress(total, total)  # not every timeline had begun by every instant


def _compare(
    items: Iterable[Any],
    expected: Mapping[tuple[str, ...], T],
    answer_of: Callable[[T], AnswerFields],
    key: Sequence[str],
    where: str,
) -> Iterator[WrongAnswer]:
    """The differences of a list's items from `expected`, whose names are the values of `key`.

    `where`: the list, for messages.
    """
    missing = dict(expected)
    for item in items:
        name = tuple(_as_text(item.get(field)) for field in key)
        if name not in missing:
            why = "is listed twice" if name in expected else "follows from no event"
            yield WrongAnswer(_seq_of(item), f"{where}: {' on '.join(name)} {why}")
            continue
        answer = answer_of(missing.pop(name))
        for field, value in answer.items():
            if not _same(field, item.get(field), value):
                what = f"{field} of {answer['actor']} on {answer['topic']}"
                message = f"{where}: {what} is {_SHORT.repr(item.get(field))}, by the events"
                yield WrongAnswer(_seq_of(answer), f"{message} {_SHORT.repr(value)}")
                break
    for name, absent in missing.items():
        message = f"{where}: {' on '.join(name)} is missing"
        yield WrongAnswer(answer_of(absent)["seq"], message)


def _same(field: str, served: Any, value: Any) -> bool:
    """Whether a served field has the expected value, in those of its members that are compared."""
    if field == "recorded_at" and isinstance(served, str):  # answers may leave out decimals
        try:
            return bool(format_instant(datetime.fromisoformat(served)) == value)
        except ValueError:
            return False
    if field == "previous" and isinstance(served, dict) and value is not None:
        return bool({name: served.get(name) for name in value} == value)
    if field == "alternatives" and isinstance(served, list):
        if not all(isinstance(other, dict) for other in served):
            return False
        served = [{name: other.get(name) for name in _ALTERNATIVE} for other in served]
    return bool(served == value)


def _timeline(actor: str, facts: Iterable[PositionFact]) -> Timeline:
    dated = [(bounds(fact.effective).sorts_at, fact.order, fact.seq, fact) for fact in facts]
    steps: list[TimelineStep] = []
    for begins, _, _, fact in sorted(dated, key=itemgetter(0, 1, 2)):
        before = steps[-1] if steps else None
        kind = _kind(before.fact if before else None, fact)
        since = before.since if before and kind == "reaffirmed" else fact.effective
        steps.append(TimelineStep(actor, begins, fact, before, kind, since))
    return steps


def _step_answer(step: TimelineStep, fold: PositionFold) -> AnswerFields:
    """What every answer says of a step."""
    fact, before = step.fact, step.before
    start = _SCALE.get(before.fact.stance) if before else None
    end = _SCALE.get(fact.stance)
    previous = before and {
        "id": before.fact.id,
        "stance": before.fact.stance,
        "since": before.since,
    }
    return {
        **_names(step, fold),
        "id": fact.id,
        "recorded_as": fact.actor,
        "stance": fact.stance,
        "condition": fact.condition,
        "summary": fact.summary,
        "effective": fact.effective,
        "order": fact.order,
        "kind": step.kind,
        "change_size": None if start is None or end is None else abs(end - start),
        "since": step.since,
        "previous": previous,
        "basis": fact.basis,
        "coder": fact.coder,
        "seq": fact.seq,
        "recorded_at": fact.recorded_at,
        "recorded_by": fact.recorded_by,
    }


def _names(step: TimelineStep, fold: PositionFold) -> AnswerFields:
    topic = step.fact.topic
    return {
        "actor": step.actor,
        "actor_label": fold.actor_labels.get(step.actor),
        "topic": topic,
        "topic_label": fold.topic_labels.get(topic),
    }


def _kind(before: PositionFact | None, after: PositionFact) -> str:
    """The kind of change, the first rule that fits."""
    if before is None:
        return "adopted"
    if (before.stance, before.condition) == (after.stance, after.condition):
        return "reaffirmed"
    if before.stance == "no_position":
        return "adopted"
    if before.stance == after.stance:
        return "conditions_changed"
    start, end = _SCALE.get(before.stance, 0), _SCALE.get(after.stance, 0)
    if start * end > 0:
        return "softened" if abs(end) < abs(start) else "hardened"
    if start * end == 0 or {abs(start), abs(end)} == {1}:
        return "shifted"
    return "reversed"


def _is_listed(line: Timeline, instant: datetime) -> bool:
    """Whether anything of a timeline may have begun by an instant."""
    return any(
        step.begins <= instant or bounds(step.fact.effective).earliest == BEGINNING for step in line
    )


def _answer_at(line: Timeline, instant: datetime, fold: PositionFold) -> AnswerFields:
    """What the grid must answer of a timeline."""
    begun = [step for step in line if step.begins <= instant]
    certainty, possible = certainty_at([_candidate(step.fact) for step in line], instant)
    if begun:
        answer = _step_answer(begun[-1], fold)
    else:
        nothing = dict.fromkeys(_step_answer(line[0], fold))
        answer = {**nothing, **_names(line[0], fold), "basis": []}
    bases: dict[Any, Any] = {step.fact.id: step.fact.basis for step in line}
    alternatives = [
        {**{name: step[name] for name in _ALTERNATIVE[:4]}, "basis": bases.get(step["id"], [])}
        for step in possible
        if step["id"] != answer["id"]
    ]
    return {**answer, "certainty": certainty, "alternatives": alternatives}


def _candidate(fact: PositionFact) -> AnswerFields:
    names = ("id", "stance", "condition", "effective", "order", "seq")
    return {name: getattr(fact, name) for name in names}


def _instants(timelines: Iterable[Timeline]) -> list[datetime]:
    """Now, and some instants at which something on record began."""
    dates = sorted(step.begins for line in timelines for step in line)
    counts = range(1, EARLIER_INSTANTS + 1)
    picked = [dates[len(dates) * n // (EARLIER_INSTANTS + 1)] for n in counts] if dates else []
    return [*sorted({*picked}), datetime.now(UTC).replace(microsecond=0)]


def _as_text(value: Any) -> str:
    return value if isinstance(value, str) else _SHORT.repr(value)


def _seq_of(item: Any) -> int | None:
    """The seq that an item of an answer names, if it names one."""
    seq = item.get("seq")
    return seq if type(seq) is int else None
