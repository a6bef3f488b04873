"""Encoding of entries: canonical ASCII bytes, and commitments to payload sections."""

import json
from datetime import UTC, datetime, timedelta, timezone
from typing import Any
from uuid import UUID

import pytest
import rfc8785
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from onrecord.domain.dates import format_instant
from onrecord.domain.decisions import Touches
from onrecord.domain.event import Event
from onrecord.domain.events import ActorRegistered, PositionChanged, StatementMade
from onrecord.domain.requests import ProposedEvent
from onrecord.ledger.entry import (
    Payload,
    canonical,
    commitment,
    decode,
    encode,
    parse_revisions,
    parse_touches,
    records_event,
    seal,
)
from tests.support.histories import statement_fields

NOW = datetime(2026, 1, 2, 3, 4, 5, 6, tzinfo=UTC)
ABOUT = Touches(("ann",), ("talks",))

ANY_TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"))
"""Any text without NUL and lone surrogates, which the write API refuses."""
SPECIAL_CHARACTERS = st.lists(
    st.sampled_from(list('\x01\x1f\x7f\u2028\uffff\U00010000"\\/<é'))
).map("".join)
"""Characters that encoders treat differently."""
LEAVES = (
    ANY_TEXT | SPECIAL_CHARACTERS | st.integers(-(2**53) + 1, 2**53 - 1) | st.booleans() | st.none()
)


def values(keys: st.SearchStrategy[str]) -> st.SearchStrategy[Any]:
    return st.recursive(
        LEAVES, lambda inner: st.lists(inner) | st.dictionaries(keys, inner), max_leaves=20
    )


FIELDS = st.text("abcdefghijklmnopqrstuvwxyz_AZ09", min_size=1)


def entry(
    event: Event, *, id_: int = 1, revisions: dict[str, int] | None = None
) -> tuple[bytes, dict[str, Payload]]:
    sealed = seal(ProposedEvent(UUID(int=id_), event))
    written = encode(
        sealed,
        ABOUT,
        seq=3,
        recorded_at=format_instant(NOW),
        recorded_by="local",
        revisions=revisions or {},
    )
    return written, {payload.section: payload for payload in sealed.payloads}


def statement(**fields: Any) -> StatementMade:
    return StatementMade.model_validate({**statement_fields("ann", "talks"), **fields})


POSITION = PositionChanged(
    actor="ann",
    topic="talks",
    stance="support",
    summary="She supports them.",
    effective="2022",
    basis=(UUID(int=5),),
    coder="tests",
)


@given(values(FIELDS))
def test_canonical_bytes_are_those_of_rfc_8785(value: Any) -> None:
    assert rfc8785.dumps(value) == canonical(value)


@pytest.mark.parametrize("key", ["\ufb01", "\U00010000", "", "wiki data"])
def test_keys_of_identifiers_are_ascii_codes(key: str) -> None:
    """RFC 8785 sorts keys by UTF-16 units, orjson by code points: they agree on ASCII."""
    with pytest.raises(ValidationError, match="identifiers"):
        ActorRegistered(id="ann", kind="person", identifiers={key: "Q1"})


@given(words=ANY_TEXT.map("“{}”".format))
def test_an_entry_is_ascii_and_canonical_for_any_text(words: str) -> None:
    written, payloads = entry(statement(note=words))
    assert written.isascii()
    assert rfc8785.dumps(json.loads(written)) == written
    assert {"note": words} == json.loads(payloads["note"].value)


def test_an_entry_has_exactly_these_fields() -> None:
    raw = json.loads(entry(POSITION)[0])
    fields = {"v", "type", "version", "id", "seq", "recorded_at", "recorded_by", "touches"}
    assert fields | {"data", "commit"} == raw.keys()
    assert {
        "v": 2,
        "type": "position.changed",
        "version": 1,
        "id": str(UUID(int=1)),
        "seq": 3,
        "recorded_at": "2026-01-02T03:04:05.000006Z",
        "recorded_by": "local",
        "touches": {"actors": ["ann"], "topics": ["talks"]},
    }.items() <= raw.items()
    assert parse_touches(entry(POSITION)[0]) == ABOUT


def test_an_entry_about_positions_numbers_the_events_of_each_pair() -> None:
    numbered, _ = entry(POSITION, revisions={"ann/talks": 3})
    assert {"ann/talks": 3} == json.loads(numbered)["revisions"] == parse_revisions(numbered)
    assert parse_revisions(entry(POSITION)[0]) == {}


def test_a_section_is_committed_to_by_hmac_sha_256_under_its_salt() -> None:
    """RFC 4231, test case 2, and then every section of an entry."""
    expected = "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
    assert expected == commitment(b"Jefe", b"what do ya want for nothing?")
    written, payloads = entry(statement(note="A note."))
    commits = json.loads(written)["commit"]
    assert commits == {
        name: commitment(payload.salt, payload.value) for name, payload in payloads.items()
    }
    assert {"content", "evidence", "note", "roles"} == commits.keys()


def test_salts_are_unique_so_equal_texts_have_different_commitments() -> None:
    once, again = entry(statement()), entry(statement())
    salts = [payload.salt for _, payloads in (once, again) for payload in payloads.values()]
    assert {32} == {len(salt) for salt in salts}
    assert len(salts) == len(set(salts))
    commits = [json.loads(written)["commit"] for written, _ in (once, again)]
    assert {name: payload.value for name, payload in once[1].items()} == {
        name: payload.value for name, payload in again[1].items()
    }
    assert not set(commits[0].values()) & set(commits[1].values())


@pytest.mark.parametrize("changed", ["salt", "value"])
def test_a_commitment_matches_no_other_salt_or_value(changed: str) -> None:
    salt, value = bytes(32), b'{"note":"A note."}'
    other = (bytes([1, *salt[1:]]), value) if changed == "salt" else (salt, value[:-1] + b" }")
    assert commitment(salt, value) != commitment(*other)


def test_an_event_is_read_back_as_it_was_written() -> None:
    for event in (statement(note="A note."), POSITION):
        written, payloads = entry(event)
        assert (
            event
            == decode(written, {name: payload.value for name, payload in payloads.items()}).event
        )


def test_an_entry_with_an_erased_section_is_decoded_and_names_it() -> None:
    written, payloads = entry(statement(note="A note."))
    left = {name: payload.value for name, payload in payloads.items() if name != "content"}
    recorded = decode(written, left)
    assert {"content"} == recorded.erased
    assert statement(note="A note.").model_copy(
        # the event is a statement
        update={"content": recorded.event.content}  # type: ignore[attr-defined]
    ) == (recorded.event)
    assert recorded.event.content.text is None


def test_an_entry_records_its_own_event() -> None:
    written, payloads = entry(statement(note="A note."))
    assert records_event(written, payloads.values(), statement(note="A note."))
    del payloads["note"]
    assert records_event(written, payloads.values(), statement(note="Erased, so anything goes."))


@pytest.mark.parametrize(
    "other",
    [
        statement(),
        statement(note="Another note."),
        statement(note="A note.", said_at="2021"),
        statement(note="A note.", venue="Paris"),
        statement(note="A note.").model_copy(update={"coder": "others"}),
        POSITION,
    ],
)
def test_an_entry_records_no_other_event(other: Event) -> None:
    written, payloads = entry(statement(note="A note."))
    assert not records_event(written, payloads.values(), other)


def test_a_time_is_written_in_utc_with_six_decimals() -> None:
    here = datetime(2026, 1, 2, 3, 4, 5, tzinfo=timezone(timedelta(hours=-5, minutes=-30)))
    assert format_instant(here) == "2026-01-02T08:34:05.000000Z"
