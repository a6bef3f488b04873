"""Golden files: every released version of an event parses, and is written as the same bytes.

`tests/golden/events/` has one file for each event type and version, as the ledger stores it, and
one whole entry, byte for byte. They are written once, at the release, and never changed.
"""

import hashlib
import hmac
import json
import secrets
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
import rfc8785

from onrecord.domain.dates import format_instant
from onrecord.domain.decisions import Touches
from onrecord.domain.event import Event
from onrecord.domain.event_types import NEWEST_CLASSES, parse_event
from onrecord.domain.events import EVENT_CLASSES
from onrecord.domain.payload import split_payload
from onrecord.domain.requests import ProposedEvent
from onrecord.kit.tlog.merkle import leaf_hash
from onrecord.ledger.entry import (
    SALT_BYTES,
    Payload,
    canonical,
    decode,
    encode,
    records_event,
    seal,
)

GOLDEN = Path(__file__).parents[1] / "golden" / "events"
FILES = sorted(GOLDEN.glob("*.json"))
OLD_ENTRY, WHOLE_ENTRY = ((GOLDEN / f"whole-entry.v{v}.bytes").read_bytes() for v in (1, 2))
LEAF_HASH = "d70684fe8bd52b5d2902e89a1c54f85104c42e262c76c568cf264b0e1024b30a"
SECTIONS = {
    *("content", "evidence", "venue", "roles", "note", "summary"),
    *("condition", "rationale", "reason", "names", "labels"),
}
"""Every payload section (DESIGN section 4)."""

every_golden = pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)


def golden(path: Path) -> dict[str, Any]:
    stored: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return stored


def parsed(stored: dict[str, Any], *, without: str | None = None) -> Event:
    kept = [value for name, value in stored["sections"].items() if name != without]
    return parse_event(stored["type"], stored["version"], stored["data"], kept)


def test_every_event_class_has_a_golden_file_named_by_its_type_and_version() -> None:
    expected = {f"{type_}.v{version}.json" for type_, version in EVENT_CLASSES}
    assert expected <= {path.name for path in FILES}
    for path in FILES:
        stored = golden(path)
        assert f"{stored['type']}.v{stored['version']}.json" == path.name


def test_the_golden_files_hold_every_section() -> None:
    assert {name for path in FILES for name in golden(path)["sections"]} == SECTIONS


@every_golden
def test_a_released_version_parses_as_the_newest_class_of_its_type(path: Path) -> None:
    stored = golden(path)
    assert NEWEST_CLASSES[stored["type"]] is type(parsed(stored))


@every_golden
def test_the_newest_version_splits_into_exactly_the_stored_bytes(path: Path) -> None:
    stored = golden(path)
    if (stored["type"], stored["version"] + 1) in EVENT_CLASSES:
        pytest.skip("an older version; it is parsed through upcasts and never written again")
    data, sections = split_payload(parsed(stored))
    assert canonical(stored["data"]) == canonical(data)
    assert stored["sections"].keys() == sections.keys()
    for name, section in stored["sections"].items():
        assert canonical(section) == canonical(sections[name])
        assert rfc8785.dumps(section) == canonical(sections[name])


@every_golden
def test_an_event_parses_without_any_one_or_all_of_its_sections(
    path: Path,
) -> None:
    stored = golden(path)
    for erased in stored["sections"]:
        _, sections = split_payload(parsed(stored, without=erased))
        assert stored["sections"].keys() - {erased} == sections.keys()
    bare = parse_event(stored["type"], stored["version"], stored["data"], [])
    assert (stored["data"], {}) == split_payload(bare)


@every_golden
def test_an_event_is_immutable(path: Path) -> None:
    event = parsed(golden(path))
    with pytest.raises(ValueError, match="frozen"):
        setattr(event, next(iter(type(event).model_fields)), None)


def test_an_entry_is_written_as_exactly_the_golden_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    entry, payloads = whole_entry(monkeypatch)
    assert entry == WHOLE_ENTRY
    assert leaf_hash(entry).hex() == LEAF_HASH
    assert hashlib.sha256(b"\x00" + WHOLE_ENTRY).hexdigest() == LEAF_HASH
    assert rfc8785.dumps(json.loads(WHOLE_ENTRY)) == WHOLE_ENTRY
    assert [chr(97 + n).encode() * 32 for n in range(len(payloads))] == [p.salt for p in payloads]


def test_an_entry_commits_to_each_section_by_hmac(monkeypatch: pytest.MonkeyPatch) -> None:
    _, payloads = whole_entry(monkeypatch)
    expected = {
        payload.section: hmac.new(payload.salt, payload.value, hashlib.sha256).hexdigest()
        for payload in payloads
    }
    assert expected == json.loads(WHOLE_ENTRY)["commit"]


@pytest.mark.parametrize("entry", [OLD_ENTRY, WHOLE_ENTRY], ids=["v1", "v2"])
def test_an_entry_decodes_to_the_recorded_event(
    entry: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, payloads = whole_entry(monkeypatch)
    event = parsed(golden(GOLDEN / "statement.made.v1.json"))
    recorded = decode(entry, {payload.section: payload.value for payload in payloads})
    assert (41, UUID(int=7), RECORDED_AT, "local", event, frozenset()) == (
        recorded.seq,
        recorded.id,
        recorded.recorded_at,
        recorded.recorded_by,
        recorded.event,
        recorded.erased,
    )
    assert records_event(entry, payloads, event)


def test_a_decoded_entry_lists_its_erased_sections(monkeypatch: pytest.MonkeyPatch) -> None:
    _, payloads = whole_entry(monkeypatch)
    kept = {p.section: p.value for p in payloads if p.section in ("note", "roles")}
    assert {"content", "evidence", "venue"} == decode(WHOLE_ENTRY, kept).erased


RECORDED_AT = datetime(2026, 2, 28, 23, 59, 59, 7, tzinfo=UTC)


def whole_entry(monkeypatch: pytest.MonkeyPatch) -> tuple[bytes, tuple[Payload, ...]]:
    """The golden statement as entry 41, its salts aaa..., bbb..., in the order of its sections."""
    salts = b"".join(bytes([letter]) * SALT_BYTES for letter in b"abcdefgh")
    monkeypatch.setattr(secrets, "token_bytes", lambda size: salts[:size])
    touches = Touches(
        ("Q6279", "emmanuel-macron", "united-states", "volodymyr-zelenskyy", "white-house"),
        ("talks-with-putin", "talks-with-russia"),
    )
    event = parsed(golden(GOLDEN / "statement.made.v1.json"))
    sealed = seal(ProposedEvent(UUID(int=7), event))
    entry = encode(
        sealed, touches, seq=41, recorded_at=format_instant(RECORDED_AT), recorded_by="local"
    )
    return entry, sealed.payloads
