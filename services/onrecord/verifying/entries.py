"""Checks of one entry after the other: its form, its place, its sections, and what follows from it.

Used by `run` with the bytes that were hashed, and the line of `GET /v1/events` that discloses the
sections. Neither is trusted: a line must be, byte for byte, what the parts that were checked give,
which leaves no room for duplicate keys or for words beside those that were committed to.
"""

import hmac
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

import orjson
from orjson import OPT_SORT_KEYS, dumps

from onrecord.verifying.fold import POSITION_TYPES, CannotFollow, PositionFold
from onrecord.verifying.report import CheckName

AddFault = Callable[[CheckName, int | None, str], None]
Canonicalize = Callable[[Any], bytes]
KEYS: Final = frozenset(
    (
        *("v", "type", "version", "id", "seq", "recorded_at", "recorded_by"),
        *("touches", "data", "commit"),
    )
)
NUMBERED_KEYS: Final = KEYS | {"revisions"}
_HEAD: Final = b'{"entry":'
_INSTANT: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", re.ASCII)
_UUID: Final = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.ASCII)
_DIGEST: Final = re.compile(r"[0-9a-f]{64}", re.ASCII)


@dataclass
class EntryChecker:
    """Checks entries in order of seq. `ids`: those of all entries before, 16 bytes each."""

    add_fault: AddFault
    fold: PositionFold
    ids: set[bytes]
    canonicalize: Canonicalize | None = None
    """RFC 8785 by another package, for `--strict`."""
    recorded_at: str = ""
    version: int = 1
    """Of the entry before: an entry of an earlier one could leave its numbers out."""
    missing: list[tuple[int, str | None, str, bool]] = field(default_factory=list)
    """Sections that are not disclosed: seq, statement (None: of no statement), section, and whether
    the line says that it was erased.
    """
    erased: dict[str, int] = field(default_factory=dict)
    """The seq of the last erasure, by `statement/section`."""

    def check(self, seq: int, entry: bytes, line: bytes | None) -> bytes:
        """Check an entry and the line that discloses its sections; returns its id, 16 bytes."""
        parsed: Any = None
        try:
            if line is not None and line.startswith(_HEAD) and line.startswith(entry, len(_HEAD)):
                parsed = orjson.loads(line)
                raw = parsed["entry"]
            else:
                raw = orjson.loads(entry)
                served = "no line" if line is None else "another entry"
                self.add_fault("entries", seq, f"GET /v1/events has {served} in its place")
            if dumps(raw, None, OPT_SORT_KEYS) != entry or not entry.isascii():
                self.add_fault("entries", seq, "its bytes are not the canonical form of its JSON")
            elif self.canonicalize is not None and self.canonicalize(raw) != entry:
                self.add_fault("entries", seq, "RFC 8785 gives other bytes")
            id_ = self._check_place(seq, raw)
            if parsed is not None:
                assert line is not None
                self._check_sections(seq, raw, parsed, line[len(_HEAD) + len(entry) :])
            if raw["type"] == "payload.erased":
                for section in raw["data"]["sections"]:
                    self.erased[f"{raw['data']['target']}/{section}"] = seq
            self._check_revisions(seq, raw, {} if parsed is None else parsed["payload"])
        except CannotFollow as error:
            self.add_fault("entries", seq, f"it does not follow from the entries before: {error}")
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            self.add_fault("entries", seq, f"it has not the shape of an entry ({error!r})"[:200])
        else:
            return id_
        return bytes(16)

    def may_be_erased_since(self) -> bool:
        """Whether a line says of a section that it was erased, and no entry up to here does."""
        return any(
            claimed and not self._is_erased(seq, statement, section)
            for seq, statement, section, claimed in self.missing
        )

    def check_erasures(self) -> None:
        """At the end: every missing section was erased, by a later entry that names it."""
        for seq, statement, section, _ in self.missing:
            if not self._is_erased(seq, statement, section):
                message = f"section {section!r} is withheld: no entry records that it was erased"
                self.add_fault("sections", seq, message)

    def _is_erased(self, seq: int, statement: str | None, section: str) -> bool:
        """Only sections of a statement can be erased."""
        if statement is None:
            return False
        return self.erased.get(f"{statement}/{section}", -1) > seq

    def _check_place(self, seq: int, raw: Any) -> bytes:
        keys = raw.keys()
        if raw["v"] not in (1, 2) or (keys != KEYS and keys != NUMBERED_KEYS):
            self.add_fault("entries", seq, "it has not the fields of an entry of version 1 or 2")
        elif raw["v"] < self.version:
            self.add_fault("entries", seq, "its version is earlier than that of an entry before")
        else:
            self.version = raw["v"]
        if raw["seq"] != seq or type(raw["seq"]) is not int:
            self.add_fault("entries", seq, f"it says that its seq is {raw['seq']!r}"[:100])
        instant = raw["recorded_at"]
        if instant != self.recorded_at:
            if not _INSTANT.fullmatch(instant):
                self.add_fault("entries", seq, f"{instant[:80]!r} is no instant of recording")
            elif instant < self.recorded_at:
                message = f"it is back-dated: {instant}, after an entry of {self.recorded_at}"
                self.add_fault("entries", seq, message)
            else:
                self.recorded_at = instant
        if not _UUID.fullmatch(raw["id"]):
            raise ValueError("its id is no UUID")
        id_ = bytes.fromhex(raw["id"].replace("-", ""))
        if id_ in self.ids:
            self.add_fault("entries", seq, f"its id {raw['id']} is that of an earlier entry")
        self.ids.add(id_)
        return id_

    def _check_sections(self, seq: int, raw: Any, parsed: Any, rest: bytes) -> None:
        """`rest`: what follows the entry in its line. In `erased` keys may have any order."""
        commit, payload = raw["commit"], parsed["payload"]
        canonical = dumps(payload, None, OPT_SORT_KEYS)
        if rest != b',"payload":%b,"erased":%b}' % (canonical, dumps(parsed["erased"])):
            message = "its line has duplicate keys, or another form than the canonical one"
            self.add_fault("sections", seq, message)
        for name, section in payload.items():
            salt, value = section["salt"], dumps(section["value"], None, OPT_SORT_KEYS)
            if len(section) != 2:
                self.add_fault("sections", seq, f"{name!r} is no salt and value")
            elif not _DIGEST.fullmatch(salt):
                self.add_fault("sections", seq, f"the salt of {name!r} has not 32 bytes")
            elif name not in commit:
                self.add_fault("sections", seq, f"it commits to no section {name!r}")
            elif hmac.digest(bytes.fromhex(salt), value, "sha256").hex() != commit[name]:
                message = f"section {name!r} does not open its commitment: it was altered"
                self.add_fault("sections", seq, message)
            elif self.canonicalize and self.canonicalize(section["value"]) != value:
                self.add_fault("sections", seq, f"RFC 8785 gives other bytes of {name!r}")
        if len(payload) < len(commit):
            statement = _statement_of(raw)
            for name in commit.keys() - payload.keys():
                self.missing.append((seq, statement, name, name in parsed["erased"]))
                if not _DIGEST.fullmatch(commit[name]):
                    message = f"the commitment to {name!r} is no SHA-256 digest"
                    self.add_fault("sections", seq, message)

    def _check_revisions(self, seq: int, raw: Any, payload: Any) -> None:
        counted = self.fold.apply(raw, payload)
        stated = raw.get("revisions")
        if stated is None:
            if raw["v"] == 2 and raw["type"] in POSITION_TYPES:
                self.add_fault("revisions", seq, "it does not number the entries of its pair")
        elif stated != (counted or {}):
            shown = ", ".join(f"{pair} is {n}" for pair, n in sorted((counted or {}).items()))
            message = f"revisions are {orjson.dumps(stated).decode()[:200]}, but by count {shown}"
            self.add_fault("revisions", seq, message)


def _statement_of(raw: Any) -> str | None:
    """The statement that an entry is about, of which sections can be erased."""
    if raw["type"] == "statement.made":
        return str(raw["id"])
    if raw["type"] in ("statement.corrected", "statement.retracted"):
        return str(raw["data"]["target"])
    return None
