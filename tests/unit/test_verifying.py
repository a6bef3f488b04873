"""Checks of single entries and of the tree, without a log: what a line may not be."""

import hmac
from collections.abc import Callable
from typing import Any
from uuid import UUID

import orjson
import pytest
import rfc8785
from hypothesis import given
from hypothesis import strategies as st

from onrecord.kit.tlog.merkle import leaf_hash
from onrecord.kit.tlog.subtrees import WIDTH, perfect_root
from onrecord.ledger.merkle import Frontier
from onrecord.verifying.entries import EntryChecker
from onrecord.verifying.fold import PositionFold
from onrecord.verifying.report import CheckName, VerificationReport
from onrecord.verifying.tree import root_over, upper_levels

Json = dict[str, Any]
POSITION: Json = {
    "actor": "ann",
    "topic": "talks",
    "stance": "support",
    "effective": "2022",
    "order": 0,
    "coder": "tests",
}


def canonical(value: Any) -> bytes:
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS)


def event_id(seq: int) -> str:
    return str(UUID(int=seq + 1))


def entry(place: int, **fields: Any) -> Json:
    return {
        "v": 1,
        "type": "position.changed",
        "version": 1,
        "id": event_id(place),
        "seq": place,
        "recorded_at": "2026-01-01T00:00:00.000000Z",
        "recorded_by": "tests",
        "touches": {"actors": ["ann"], "topics": ["talks"]},
        "data": POSITION,
        "commit": {},
        **fields,
    }


def line(data: bytes, payload: bytes = b"{}", erased: bytes = b"{}") -> bytes:
    return b'{"entry":%b,"payload":%b,"erased":%b}' % (data, payload, erased)


def faults(*entries: Json, **lines: bytes) -> list[tuple[CheckName, int | None, str]]:
    """The faults of these entries. `lines`: payloads by seq, as `of_0`."""
    report = VerificationReport("here")
    checker = EntryChecker(report.add, PositionFold(), set(), rfc8785.dumps)
    for seq, value in enumerate(entries):
        data = canonical(value)
        checker.check(seq, data, line(data, lines.get(f"of_{seq}", b"{}")))
    checker.check_erasures()
    return [(fault.check, fault.seq, fault.message) for fault in report.in_order]


def section(value: bytes, salt: bytes = bytes(32)) -> tuple[bytes, str]:
    """A disclosed summary, and the commitment that it opens."""
    payload = b'{"summary":{"salt":"%b","value":%b}}' % (salt.hex().encode(), value)
    return payload, hmac.digest(salt, value, "sha256").hex()


def test_entries_in_order_have_no_faults() -> None:
    payload, commit = section(b'{"summary":"F\xc3\xbcr."}')
    assert [] == faults(entry(0, commit={"summary": commit}), entry(1), of_0=payload)


def wrong(**fields: Any) -> Json:
    return entry(1, **fields)


@pytest.mark.parametrize(
    ("second", "message"),
    [
        (wrong(seq=2), "it says that its seq is 2"),
        (wrong(seq=True), "it says that its seq is True"),
        (wrong(id=event_id(0)), f"its id {event_id(0)} is that of an earlier entry"),
        (wrong(id=event_id(1).upper() + "a"), "it has not the shape of an entry"),
        (wrong(recorded_at="2025-12-31T23:59:59.999999Z"), "it is back-dated"),
        (wrong(recorded_at="2026-01-01T00:00:01Z"), "is no instant of recording"),
        (wrong(v=3), "it has not the fields of an entry"),
        (wrong(more=1), "it has not the fields of an entry"),
        (wrong(data={**POSITION, "note": "f\xfcr"}), "its bytes are not the canonical form"),
        (wrong(data={**POSITION, "order": 1.0}), "RFC 8785 gives other bytes"),
        (wrong(data={**POSITION, "effective": "soon"}), "it has not the shape of an entry"),
        (wrong(data=[]), "it has not the shape of an entry"),
        (wrong(type="position.retracted", data={"target": "x"}), "which no entry before it makes"),
        (wrong(type="actor.merged", data={"actor": "a", "into": "a"}), "cannot be merged"),
        (wrong(type="actor.unmerged", data={"actor": "a"}), "a is not merged"),
    ],
)
def test_an_entry_out_of_order_is_named(second: Json, message: str) -> None:
    (fault,) = faults(entry(0), second)
    assert ("entries", 1) == fault[:2]
    assert message in fault[2]


def open_with(salt: bytes) -> tuple[Json, bytes]:
    payload, commit = section(b'{"summary":"Yes."}', salt)
    return entry(0, commit={"summary": commit}), payload


def test_a_salt_has_exactly_32_bytes() -> None:
    for salt in (bytes(31), bytes(33), b""):
        value, payload = open_with(salt)
        assert ("sections", 0, "the salt of 'summary' has not 32 bytes") in faults(
            value, of_0=payload
        )


def test_a_salt_is_written_in_64_digits() -> None:
    value, payload = open_with(bytes(22))
    spaced = payload.replace(b"00" * 22, b" ".join([b"00"] * 22)[:64].ljust(64))
    assert ("sections", 0, "the salt of 'summary' has not 32 bytes") in faults(value, of_0=spaced)


def test_only_sections_of_a_statement_are_excused_by_an_erasure() -> None:
    _, commit = section(b'{"summary":"Yes."}')
    for target in ("None", event_id(0)):
        data = {"target": target, "sections": ["summary"]}
        erasure = entry(1, type="payload.erased", data=data)
        assert [("sections", 0)] == [
            fault[:2] for fault in faults(entry(0, commit={"summary": commit}), erasure)
        ]


def test_no_entry_has_an_earlier_version_than_one_before() -> None:
    newer = entry(0, v=2, revisions={"ann/talks": 1})
    (fault,) = faults(newer, entry(1))
    assert ("entries", 1, "its version is earlier than that of an entry before") == fault


@pytest.mark.parametrize(
    "change",
    [
        lambda text: text.replace(b'{"summary":"Yes."}', b'{"summary":"No.","summary":"Yes."}'),
        lambda text: text.replace(
            b'{"summary":{', b'{"summary":{"salt":"00","value":{}},"summary":{'
        ),
        lambda text: text.replace(b'"Yes."', b' "Yes."'),
        lambda text: text.replace(b'"Yes."', b'"\\u0059es."'),
    ],
    ids=["a key twice", "a section twice", "a space", "an escape"],
)
def test_a_line_has_no_duplicate_keys_and_no_other_form(change: Callable[[bytes], bytes]) -> None:
    """The last of two equal keys opens the commitment; a reader may take the first."""
    value, payload = open_with(bytes(32))
    (fault,) = faults(value, of_0=change(payload))
    assert ("sections", 0) == fault[:2]
    assert "duplicate keys" in fault[2]


def test_a_section_that_is_not_committed_to_is_named() -> None:
    _, payload = open_with(bytes(32))
    assert [("sections", 0, "it commits to no section 'summary'")] == faults(entry(0), of_0=payload)


def test_the_entries_of_a_pair_are_numbered_from_version_2_on() -> None:
    """Those of version 1 have no number, but count."""
    correction = {"target": event_id(0), "by": "us", "replacement": {**POSITION, "topic": "arms"}}
    entries = [
        entry(0),
        entry(1, v=2, revisions={"ann/talks": 2}),
        entry(
            2,
            v=2,
            type="position.corrected",
            data=correction,
            revisions={"ann/arms": 1, "ann/talks": 3},
        ),
        entry(
            3,
            v=2,
            type="position.retracted",
            data={"target": event_id(1), "by": "us"},
            revisions={"ann/talks": 4},
        ),
        entry(4, v=2, revisions={"ann/talks": 5}),
    ]
    assert [] == faults(*entries)
    del entries[4]["revisions"]
    assert [("revisions", 4, "it does not number the entries of its pair")] == faults(*entries)
    entries[4]["revisions"] = {"ann/talks": 6}
    message = 'revisions are {"ann/talks":6}, but by count ann/talks is 5'
    assert [("revisions", 4, message)] == faults(*entries)


def test_a_correction_of_a_retracted_position_touches_its_new_pair_only() -> None:
    amended: Json = {"target": event_id(0), "by": "us"}
    correction = {**amended, "replacement": {**POSITION, "topic": "arms"}}
    assert [] == faults(
        entry(0),
        entry(1, type="position.retracted", data=amended),
        entry(2, v=2, type="position.corrected", data=correction, revisions={"ann/arms": 1}),
        entry(3, v=2, revisions={"ann/talks": 3}),
    )


@given(st.integers(0, 1_500))
def test_the_root_over_bundles_is_that_of_the_ledger(size: int) -> None:
    leaves = [leaf_hash(str(n).encode()) for n in range(size)]
    full = size - size % WIDTH
    subtrees = [perfect_root(b"".join(leaves[n : n + WIDTH])) for n in range(0, full, WIDTH)]
    assert Frontier().extended(leaves).root() == root_over(subtrees, leaves[full:])


def test_upper_levels_are_the_complete_subtrees_of_the_ledger() -> None:
    leaves = [leaf_hash(str(n).encode()) for n in range(WIDTH * WIDTH + WIDTH + 1)]
    _, stored = Frontier().append(leaves)
    subtrees = [subtree.hash for subtree in stored if subtree.level == 1]
    expected = {(subtree.level, subtree.n): subtree.hash for subtree in stored}
    actual = {
        (level, n): hash_
        for level, hashes in upper_levels(subtrees)
        for n, hash_ in enumerate(hashes)
    }
    assert expected == actual
