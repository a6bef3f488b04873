"""Positions that follow from the events alone, folded in memory.

Independent of the projections, with whose answers `compare` compares it. Rules: a position has the
place (date, order, seq that made it) in the timeline of its actor and topic; a correction replaces
what it says and keeps its seq; a retraction takes it away until a correction; merged actors count
as the one that they mean.
"""

from dataclasses import dataclass, field
from typing import Final

from onrecord.domain.dates import bounds
from onrecord.domain.names import display_name
from onrecord.domain.payload import Json

POSITION_TYPES: Final = frozenset(("position.changed", "position.corrected", "position.retracted"))


class CannotFollow(Exception):
    """An event that cannot follow those before it."""


@dataclass(slots=True)
class PositionFact:
    """A position by its last event. `seq`: of the event that made it."""

    id: str
    seq: int
    actor: str
    topic: str
    stance: str
    effective: str
    order: int
    coder: str
    basis: list[str]
    condition: str | None
    summary: str | None
    recorded_at: str
    recorded_by: str
    retracted: bool = False


@dataclass
class PositionFold:
    """The state after some events. It is plain data, so that a run can be saved and resumed."""

    positions: dict[str, PositionFact] = field(default_factory=dict)
    merged_into: dict[str, str] = field(default_factory=dict)
    actor_labels: dict[str, str] = field(default_factory=dict)
    topic_labels: dict[str, str] = field(default_factory=dict)
    revisions: dict[str, int] = field(default_factory=dict)
    """By pair, as `actor/topic`: the entries that touch it."""

    def apply(self, entry: Json, sections: Json) -> dict[str, int] | None:
        """Fold an entry. `sections`: `{name: {"value": ...}}`, those that are disclosed.

        Returns the revision of each pair that an entry of a position touches, else None. Raises
        `CannotFollow`, and KeyError, TypeError or AttributeError at what is no such event.
        """
        type_, data = entry["type"], entry["data"]
        if type_ in POSITION_TYPES:
            return self._apply_position(entry, sections)
        if type_ in ("actor.registered", "actor.revised"):
            names = _value(sections, "names").get("names", ())
            self.actor_labels[data["id"]] = display_name(names, data["id"])
        elif type_ in ("topic.registered", "topic.revised"):
            label = _value(sections, "labels").get("label")
            self.topic_labels[data["id"]] = label or data["id"]
        elif type_ == "actor.merged":
            if data["actor"] in self.merged_into or self.root(data["into"]) == data["actor"]:
                raise CannotFollow(f"{data['actor']} cannot be merged into {data['into']}")
            self.merged_into[data["actor"]] = data["into"]
        elif type_ == "actor.unmerged" and not self.merged_into.pop(data["actor"], None):
            raise CannotFollow(f"{data['actor']} is not merged")
        return None

    def root(self, actor: str) -> str:
        """The actor that an actor means."""
        while actor in self.merged_into:
            actor = self.merged_into[actor]
        return actor

    def timelines(self) -> dict[tuple[str, str], list[PositionFact]]:
        """The positions that are not retracted, by actor and topic, in no order."""
        timelines: dict[tuple[str, str], list[PositionFact]] = {}
        for position in self.positions.values():
            if not position.retracted:
                pair = self.root(position.actor), position.topic
                timelines.setdefault(pair, []).append(position)
        return timelines

    @classmethod
    def from_json(cls, saved: Json) -> "PositionFold":
        """The reverse of `orjson.dumps`."""
        positions = {id_: PositionFact(**fields) for id_, fields in saved["positions"].items()}
        return cls(**{**saved, "positions": positions})

    def _apply_position(self, entry: Json, sections: Json) -> dict[str, int]:
        data, id_ = entry["data"], entry["id"]
        pairs: dict[str, int] = {}
        if entry["type"] == "position.changed":
            fields, words, seq = data, sections, entry["seq"]
        else:
            id_ = data["target"]
            before = self.positions.get(id_)
            if before is None:
                raise CannotFollow(f"it amends position {id_}, which no entry before it makes")
            fields, seq = data.get("replacement"), before.seq
            words = {name: _nested(section) for name, section in sections.items()}
            if not before.retracted:
                pairs[f"{before.actor}/{before.topic}"] = 0
            if fields is None:
                if before.retracted:
                    raise CannotFollow(f"it retracts position {id_}, which is retracted")
                before.retracted = True
        if fields is not None:
            bounds(fields["effective"])  # raises ValueError at what is no date
            self.positions[id_] = PositionFact(
                id=id_,
                seq=seq,
                actor=fields["actor"],
                topic=fields["topic"],
                stance=fields["stance"],
                effective=fields["effective"],
                order=fields.get("order", 0),
                coder=fields["coder"],
                basis=fields.get("basis", []),
                condition=_value(words, "condition").get("condition"),
                summary=_value(words, "summary").get("summary"),
                recorded_at=entry["recorded_at"],
                recorded_by=entry["recorded_by"],
            )
            pairs[f"{fields['actor']}/{fields['topic']}"] = 0
        for pair in pairs:
            self.revisions[pair] = pairs[pair] = self.revisions.get(pair, 0) + 1
        return pairs


def _value(sections: Json, name: str) -> Json:
    """The words of a section; none where it is missing."""
    section = sections.get(name)
    return {} if section is None else section["value"]


def _nested(section: Json) -> Json:
    """The section of a correction as that of what replaces its target."""
    return {"value": section["value"].get("replacement", {})}
