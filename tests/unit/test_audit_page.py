"""The test vector of the auditor's page, by the rules of the page and by the code."""

import hashlib
import hmac
import json
from pathlib import Path
from typing import Any, Final

import pytest

from onrecord.domain.events import PositionChanged
from onrecord.domain.payload import split_payload
from onrecord.kit.tlog.merkle import leaf_hash
from onrecord.ledger.entry import canonical, commitment

ROOT: Final = Path(__file__).parents[2]
PAGE: Final = (
    (ROOT / "ops/audit.md").read_text().partition("### A test vector")[2].partition("\n## ")[0]
)
ENTRY, LEAF, SALT, VALUE = (line[4:] for line in PAGE.splitlines() if line.startswith("    "))


@pytest.fixture(scope="module")
def entry() -> dict[str, Any]:
    parsed: dict[str, Any] = json.loads(ENTRY)
    return parsed


def test_the_vector_holds_by_the_rules_of_the_page(entry: dict[str, Any]) -> None:
    canonical_text = json.dumps(entry, sort_keys=True, separators=(",", ":"))
    assert ENTRY == canonical_text
    assert LEAF == hashlib.sha256(b"\x00" + ENTRY.encode()).hexdigest()
    opened = hmac.new(bytes.fromhex(SALT), VALUE.encode(), "sha256").hexdigest()
    assert {"summary": opened} == entry["commit"]


def test_the_vector_holds_by_the_code(entry: dict[str, Any]) -> None:
    assert ENTRY.encode() == canonical(entry)
    assert LEAF == leaf_hash(ENTRY.encode()).hex()
    opened = commitment(bytes.fromhex(SALT), canonical(json.loads(VALUE)))
    assert {"summary": opened} == entry["commit"]


def test_the_event_of_the_vector_is_split_so(entry: dict[str, Any]) -> None:
    event = PositionChanged.model_validate({**entry["data"], **json.loads(VALUE)})
    assert (entry["data"], {"summary": json.loads(VALUE)}) == split_payload(event)
