"""Encoding and decoding of entries, and the commitments to their payload sections.

Used by `evaluate` to write entries, and by `read` to parse them. An entry is RFC 8785 canonical
JSON, ASCII, without floats, at most 65,535 bytes (the limit of a C2SP tlog-tiles entry). For this
profile orjson with sorted keys writes the same bytes as RFC 8785; a test compares it with the
`rfc8785` package.
"""

import hmac
import secrets
from collections.abc import Iterable, Mapping
from datetime import datetime
from functools import lru_cache
from typing import Final, NamedTuple
from uuid import UUID

import orjson
from pydantic import TypeAdapter

from onrecord.domain.decisions import Touches
from onrecord.domain.event import Event, RecordedEvent
from onrecord.domain.event_types import parse_event
from onrecord.domain.payload import Json, split_payload
from onrecord.domain.requests import ProposedEvent

ENTRY_VERSION: Final = 2
"""`v`: the version of the format of entries. Event types have versions of their own. Entries of
version 1 have no `revisions`."""
MAX_BYTES: Final = 65_535
SALT_BYTES: Final = 32


_NO_REVISIONS: Final[Mapping[str, int]] = {}


class Payload(NamedTuple):
    """A payload section. `salt`: 32 random bytes; `value`: canonical JSON in UTF-8."""

    section: str
    salt: bytes
    value: bytes


def canonical(value: Json) -> bytes:
    """RFC 8785 bytes of a value without floats, NUL or lone surrogates."""
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS)


def commitment(salt: bytes, value: bytes) -> str:
    """HMAC-SHA-256 (RFC 2104) of a section's bytes under its salt, in lower-case hex."""
    return hmac.digest(salt, value, "sha256").hex()


class SealedEvent(NamedTuple):
    """An event split into data and salted sections: what does not depend on its seq."""

    draft: ProposedEvent
    data: Json
    payloads: tuple[Payload, ...]
    commit: Mapping[str, str]


def seal(draft: ProposedEvent) -> SealedEvent:
    """Split an event, and commit to each section under a fresh salt."""
    data, sections = split_payload(draft.event)
    salts = secrets.token_bytes(SALT_BYTES * len(sections))  # one system call for all
    payloads, commit = [], {}
    for n, name in enumerate(sorted(sections)):
        salt, value = salts[n * SALT_BYTES : (n + 1) * SALT_BYTES], canonical(sections[name])
        payloads.append(Payload(name, salt, value))
        commit[name] = commitment(salt, value)
    return SealedEvent(draft, data, tuple(payloads), commit)


def encode(
    sealed: SealedEvent,
    touches: Touches,
    *,
    seq: int,
    recorded_at: str,
    recorded_by: str,
    revisions: Mapping[str, int] = _NO_REVISIONS,
) -> bytes:
    """The bytes of an accepted event. `recorded_at` comes from `format_instant`.

    `revisions`: of an event about positions, by `actor/topic`: its number among the events of each
    pair, from 1.
    """
    event = sealed.draft.event
    numbered = {"revisions": revisions} if revisions else {}
    return canonical(
        {
            "v": ENTRY_VERSION,
            "type": event.type,
            "version": event.version,
            "id": sealed.draft.id,
            "seq": seq,
            "recorded_at": recorded_at,
            "recorded_by": recorded_by,
            "touches": {"actors": touches.actors, "topics": touches.topics},
            "data": sealed.data,
            "commit": sealed.commit,
            **numbered,
        }
    )


def parse_revisions(entry: bytes) -> Mapping[str, int]:
    """The revisions of an entry; none in one of version 1."""
    revisions: Mapping[str, int] = orjson.loads(entry).get("revisions", _NO_REVISIONS)
    return revisions


def decode(entry: bytes, values: Mapping[str, bytes]) -> RecordedEvent:
    """Parse an entry. `values`: canonical JSON of those sections that are not erased."""
    sections = {name: orjson.loads(value) for name, value in values.items()}
    return _recorded(orjson.loads(entry), sections)


def decode_whole(whole: bytes) -> RecordedEvent:
    """`decode` for an entry and its sections in one JSON text: `[entry, {section: value}]`."""
    return _recorded(*orjson.loads(whole))


def _recorded(raw: Json, sections: Mapping[str, Json]) -> RecordedEvent:
    commit = raw["commit"]
    return RecordedEvent(
        seq=raw["seq"],
        id=_uuid(raw["id"]),
        recorded_at=_instant(raw["recorded_at"]),
        recorded_by=raw["recorded_by"],
        event=parse_event(raw["type"], raw["version"], raw["data"], sections.values()),
        erased=_NOTHING if len(commit) == len(sections) else frozenset(commit) - sections.keys(),
    )


_uuid: Final = TypeAdapter(UUID).validator.validate_python
"""Parses as `UUID(...)` does, at a quarter of the cost."""
_NOTHING: Final[frozenset[str]] = frozenset()
_instant: Final = lru_cache(256)(datetime.fromisoformat)  # a commit's entries share theirs


def parse_touches(entry: bytes) -> Touches:
    """The `touches` of an entry."""
    raw = orjson.loads(entry)["touches"]
    return Touches(tuple(raw["actors"]), tuple(raw["topics"]))


def records_event(entry: bytes, payloads: Iterable[Payload], event: Event) -> bool:
    """Whether the entry records this event. `payloads` leaves out sections that were erased, which
    match any content.
    """
    raw = orjson.loads(entry)
    data, sections = split_payload(event)
    return (
        (raw["type"], raw["version"]) == (event.type, event.version)
        and raw["data"] == data
        and raw["commit"].keys() == sections.keys()
        and all(
            commitment(payload.salt, canonical(sections[payload.section]))
            == raw["commit"][payload.section]
            for payload in payloads
        )
    )
