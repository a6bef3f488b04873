"""What are the exact bytes of an entry, and how does it vouch for words that it does not hold?

Called by the committer (to write), `read` (to take apart) and the audit door. An entry is RFC 8785
canonical JSON, ASCII, without floats, at most 65,535 bytes (the limit of a C2SP tlog-tiles entry).
orjson with sorted keys writes the same bytes as RFC 8785 for this profile; a test holds it against
the `rfc8785` package.
"""

import hashlib
import hmac
import secrets
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
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

SHAPE: Final = 1
"""`v`: the shape of the entry itself, as told apart from the version of its event type."""
MAX_BYTES: Final = 65_535
SALT_BYTES: Final = 32


class Payload(NamedTuple):
    """One section: 32 random bytes, and canonical JSON in UTF-8."""

    section: str
    salt: bytes
    value: bytes


def canonical(value: Json) -> bytes:
    """RFC 8785 bytes of a value without floats, NUL or lone surrogates."""
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS)


def commitment(salt: bytes, value: bytes) -> str:
    """HMAC-SHA-256 (RFC 2104) of a section's bytes under its salt, in lower-case hex."""
    return hmac.digest(salt, value, "sha256").hex()


def leaf_hash(entry: bytes) -> bytes:
    """RFC 6962, section 2.1: the hash of a leaf."""
    return hashlib.sha256(b"\x00" + entry).digest()


def stamp(instant: datetime) -> str:
    """`recorded_at` as it stands in an entry: UTC, always six decimals."""
    return instant.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


class Sealed(NamedTuple):
    """An event as it will stand on record, but for its place: all that can be done beforehand."""

    draft: ProposedEvent
    data: Json
    payloads: tuple[Payload, ...]
    commit: Mapping[str, str]


def seal(draft: ProposedEvent) -> Sealed:
    """Take an event apart, and commit to each section under a fresh salt."""
    data, sections = split_payload(draft.event)
    salts = secrets.token_bytes(SALT_BYTES * len(sections))  # at once: each time asks the kernel
    payloads, commit = [], {}
    for at, name in enumerate(sorted(sections)):
        salt, value = salts[at * SALT_BYTES : (at + 1) * SALT_BYTES], canonical(sections[name])
        payloads.append(Payload(name, salt, value))
        commit[name] = commitment(salt, value)
    return Sealed(draft, data, tuple(payloads), commit)


def encode(
    sealed: Sealed, touches: Touches, *, seq: int, recorded_at: str, recorded_by: str
) -> bytes:
    """The bytes of an accepted event at its place; `recorded_at` is a `stamp`."""
    event = sealed.draft.event
    return canonical(
        {
            "v": SHAPE,
            "type": event.type,
            "version": event.version,
            "id": sealed.draft.id,
            "seq": seq,
            "recorded_at": recorded_at,
            "recorded_by": recorded_by,
            "touches": {"actors": touches.actors, "topics": touches.topics},
            "data": sealed.data,
            "commit": sealed.commit,
        }
    )


def decode(entry: bytes, values: Mapping[str, bytes]) -> RecordedEvent:
    """Read an entry with what is left of its payload (canonical JSON by section)."""
    return _recorded(orjson.loads(entry), {name: orjson.loads(one) for name, one in values.items()})


def decode_whole(whole: bytes) -> RecordedEvent:
    """The same where both are in one text: `[entry, {section: value}]`."""
    return _recorded(*orjson.loads(whole))


def _recorded(raw: Json, sections: Mapping[str, Json]) -> RecordedEvent:
    commit = raw["commit"]
    return RecordedEvent(
        seq=raw["seq"],
        id=_uuid(raw["id"]),
        recorded_at=_instant(raw["recorded_at"]),
        recorded_by=raw["recorded_by"],
        event=parse_event(raw["type"], raw["version"], raw["data"], sections.values()),
        erased=_NONE if len(commit) == len(sections) else frozenset(commit) - sections.keys(),
    )


_uuid: Final = TypeAdapter(UUID).validator.validate_python
"""As `UUID` reads it, at a quarter of its cost."""
_NONE: Final[frozenset[str]] = frozenset()
_instant: Final = lru_cache(256)(datetime.fromisoformat)  # a commit's entries share theirs


def touched(entry: bytes) -> Touches:
    """The actors and topics that an entry says it is about."""
    raw = orjson.loads(entry)["touches"]
    return Touches(tuple(raw["actors"]), tuple(raw["topics"]))


def says_the_same(entry: bytes, payloads: Iterable[Payload], event: Event) -> bool:
    """Is this event what the entry recorded? Erased sections say nothing against it."""
    raw = orjson.loads(entry)
    data, sections = split_payload(event)
    return (
        (raw["type"], raw["version"]) == (event.type, event.version)
        and raw["data"] == data
        and raw["commit"].keys() == sections.keys()
        and all(
            commitment(one.salt, canonical(sections[one.section])) == raw["commit"][one.section]
            for one in payloads
        )
    )
