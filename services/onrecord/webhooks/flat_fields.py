"""Flat fields of a delivery: words, names, labels and a link, for receivers that only show them.

Used by `payload` with rows of `queries/events.sql`. They say what was known at the event itself:
the names of then. Erased words are null, and the ground of their erasure stands beside them.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Literal
from urllib.parse import quote_plus

import orjson

from onrecord.domain.certainty import certainty_of_change
from onrecord.domain.dates import bound_fields, bounds
from onrecord.domain.event import Event
from onrecord.domain.event_types import parse_event
from onrecord.domain.events import (
    ActorMerged,
    FindingDismissed,
    KeyCreated,
    PayloadErased,
    position_after,
    statement_after,
)
from onrecord.domain.names import display_name
from onrecord.domain.position import Position
from onrecord.domain.statement import Statement

MAX_CHARACTERS: Final = 200_000
"""Characters of the statements of one position, which may have 64 of 100,000 each."""

Members = dict[str, Any]
StoredEvent = tuple[str, Event, Mapping[str, str]]
"""The id of its subject, the event, and its erased sections with the ground of each."""


def flat_fields(
    row: Mapping[str, Any], entry: Members, kind: str, id_: str, public_url: str
) -> Members:
    """The flat fields of the event in a row, which is about the `kind` of entity with this id."""
    sections = map(orjson.loads, row["values"] or ())
    event = parse_event(entry["type"], entry["version"], entry["data"], sections)
    at_size = _FieldsAtSize(row["actors"] or {}, row["topics"] or {}, public_url, entry["seq"] + 1)
    versions = _versions(row)
    if kind == "statement":
        statement = None if isinstance(event, PayloadErased) else statement_after(event)
        erased = row["erased"] or {}
        if statement is None:
            (_, before, erased) = next(versions)
            statement = statement_after(before)
            assert statement
        fields = at_size.statement(id_, statement, erased)
    elif kind == "position":
        position = position_after(event) or position_after(next(versions)[1])
        assert position
        fields = at_size.position(id_, position, versions)
    elif kind == "actor":
        fields = {**at_size.named("actor", id_), "link": at_size.link(f"actors/{id_}")}
        if isinstance(event, ActorMerged):
            fields["into"] = at_size.actor(event.into)
    elif isinstance(event, FindingDismissed):
        about = ("statements", "position", "certainty")
        fields = {"finding": {"kind": event.kind, **{name: getattr(event, name) for name in about}}}
        fields["link"] = at_size.link("review", f"dismissed=true&kind={event.kind}&")
    elif kind == "key":
        fields = {"key": {"id": id_}, "link": f"{public_url}/v1/events/{id_}"}
        if isinstance(event, KeyCreated):
            fields["key"] |= {"name": event.name, "scopes": event.scopes}
            fields["key"] |= {"expires_at": event.expires_at}
    else:
        fields = {**at_size.named("topic", id_), "link": at_size.link(f"topics/{id_}")}
    return fields | {
        name: getattr(event, name) for name in ("reason", "by") if hasattr(event, name)
    }


def _versions(row: Mapping[str, Any]) -> Iterator[StoredEvent]:
    for entry, sections, erased in orjson.loads(row["versions"] or b"[]"):
        parts = (entry["type"], entry["version"], entry["data"], sections.values())
        yield entry["data"].get("target", entry["id"]), parse_event(*parts), erased


def change_fields(change: Members, timeline: Members, recorded_at: str) -> Members:
    """A change of position, as an object and flat, by the names that the read API has for it."""
    certainty = certainty_of_change(**timeline)
    recorded = datetime.fromisoformat(recorded_at)
    announced = bounds(timeline["effective"]).earliest > recorded
    previous = change["previous"] or {}
    return {
        "change": {**change, "certainty": certainty, "announced": announced},
        "kind": change["kind"],
        "change_size": change["size"],
        "late": change["late"],
        "certainty": certainty,
        "announced": announced,
        **{
            f"previous_{name}": previous.get(name)
            for name in ("id", "stance", "condition", "effective")
        },
    }


@dataclass(frozen=True, slots=True)
class _FieldsAtSize:
    """The names and labels that were known at the size of the ledger with the event."""

    actors: Mapping[str, list[Members]]
    topics: Mapping[str, Members]
    public_url: str
    size: int

    def statement(self, id_: str, statement: Statement, erased: Mapping[str, str]) -> Members:
        content, evidence = statement.content, statement.evidence
        return {
            "id": id_,
            "speakers": [
                {**self.actor(speaker.actor), "role": speaker.role}
                for speaker in statement.speakers
            ],
            "said_at": statement.said_at,
            **bound_fields("said", statement.said_at),
            "text": content.text,
            **({"text_erased": erased["content"]} if "content" in erased else {}),
            "lang": content.lang,
            "mode": content.mode,
            "topics": [self.topic(topic) for topic in statement.topics],
            "outlet": next((source.outlet for source in evidence if source.outlet), None),
            "url": next((source.url for source in evidence if source.url), None),
            "link": self.link(f"statements/{id_}"),
        }

    def position(self, id_: str, position: Position, basis: Iterator[StoredEvent]) -> Members:
        path = f"actors/{position.actor}/topics/{position.topic}/position"
        as_of = quote_plus(position.effective.removeprefix("../"))
        return {
            "id": id_,
            **self.named("actor", position.actor),
            **self.named("topic", position.topic),
            "stance": position.stance,
            "condition": position.condition,
            "summary": position.summary,
            "effective": position.effective,
            **bound_fields("effective", position.effective),
            "statements": list(self._statements(basis)),
            "link": self.link(path, f"as_of={as_of}&"),
        }

    def _statements(self, basis: Iterator[StoredEvent]) -> Iterator[Members]:
        room = MAX_CHARACTERS
        for id_, event, erased in basis:
            statement = statement_after(event)
            assert statement
            fields = self.statement(id_, statement, erased)
            del fields["topics"]
            room -= len(fields["text"] or "")
            if room < 0:
                fields |= {"text": None, "text_left_out": "too long"}
            yield fields

    def named(self, kind: Literal["actor", "topic"], id_: str) -> Members:
        """An actor or topic, and what to call it."""
        if kind == "actor":
            actor = self.actor(id_)
            return {"actor": actor, "actor_label": actor["name"]}
        topic = self.topic(id_)
        return {"topic": topic, "topic_label": topic["label"] or id_}

    def actor(self, id_: str) -> Members:
        return {"id": id_, "name": display_name(self.actors.get(id_, ()), id_)}

    def topic(self, id_: str) -> Members:
        topic = self.topics.get(id_, {})
        return {"id": id_, "label": topic.get("label"), "proposition": topic.get("proposition")}

    def link(self, path: str, query: str = "") -> str:
        return f"{self.public_url}/v1/{path}?{query}known_size={self.size}"
