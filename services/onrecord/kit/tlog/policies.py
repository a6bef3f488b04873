"""Trust policies (C2SP tlog-policy): whose signatures and cosignatures make a checkpoint valid.

Used by the signer, which asks the witnesses of a policy, by the audit API, which serves one and
gives readers the checkpoints that meet its quorum, and by `onrecord verify`, which checks them.
"""

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Final, NamedTuple

from onrecord.kit.tlog.checkpoints import Checkpoint, parse_checkpoint
from onrecord.kit.tlog.cosignatures import COSIGNATURE_TYPES, Cosignature, cosignatures
from onrecord.kit.tlog.keys import BadKey, KeyType, VerifierKey, parse_verifier_key
from onrecord.kit.tlog.notes import BadNote, Note

NONE: Final = "none"
_FORBIDDEN: Final = re.compile(rb"[\x00-\x08\x0b-\x1f\x7f]")
_SPACE: Final = re.compile(r"[ \t]+")
_THRESHOLD: Final = re.compile(r"[1-9][0-9]*", re.ASCII)


class BadPolicy(ValueError):
    """A text that is no policy. The message begins with the number of the line."""


class KnownLog(NamedTuple):
    """A log that is accepted."""

    key: VerifierKey
    url: str | None


class Witness(NamedTuple):
    """A witness, by its name in the policy."""

    name: str
    key: VerifierKey
    url: str | None


class Group(NamedTuple):
    """Witnesses or other groups, of which `threshold` must have cosigned."""

    threshold: int
    members: tuple[str, ...]


class TrustedCheckpoint(NamedTuple):
    """A checkpoint that meets a policy, and whose signatures were checked for that."""

    checkpoint: Checkpoint
    signers: tuple[VerifierKey, ...]
    """Keys of the log."""
    cosignatures: tuple[Cosignature, ...]
    """Of witnesses in the policy, also beyond the quorum."""


@dataclass(frozen=True)
class Policy:
    """Logs, witnesses, and the quorum: the name of a witness or group, or `none`."""

    logs: tuple[KnownLog, ...]
    witnesses: Mapping[str, Witness]
    groups: Mapping[str, Group]
    quorum: str

    def is_met(self, keys: Collection[str]) -> bool:
        """Whether cosignatures of these keys, given by name and id, are a quorum."""
        met = {name for name, witness in self.witnesses.items() if witness.key.name_and_id in keys}
        for name, group in self.groups.items():  # the members of a group stand above it
            if len(met.intersection(group.members)) >= group.threshold:
                met.add(name)
        return self.quorum == NONE or self.quorum in met

    def with_logs(self, keys: Iterable[VerifierKey]) -> "Policy":
        """A policy that accepts further keys of logs."""
        known = {log.key for log in self.logs}
        added = (KnownLog(key, None) for key in dict.fromkeys(keys) if key not in known)
        return replace(self, logs=(*self.logs, *added))

    def check(self, note: Note) -> TrustedCheckpoint:
        """The checkpoint in a note that a log of this policy signed, and a quorum cosigned.

        Raises `BadNote`, also where a key of the policy did not make the line that names it.
        """
        checkpoint = parse_checkpoint(note)
        keys = [log.key for log in self.logs if log.key.name == checkpoint.origin]
        signers = note.signed_by(keys)
        if not signers:
            raise BadNote(f"no log of the policy signed this checkpoint of {checkpoint.origin}")
        by = cosignatures(note, [witness.key for witness in self.witnesses.values()])
        if not self.is_met({cosignature.key.name_and_id for cosignature in by}):
            names = ", ".join(cosignature.key.name for cosignature in by) or "nobody"
            raise BadNote(f"the quorum {self.quorum} is not met: {names} cosigned")
        return TrustedCheckpoint(checkpoint, tuple(signers), tuple(by))


def parse_policy(data: bytes) -> Policy:
    """Parse a policy file. Raises `BadPolicy`."""
    parser = _Parser()
    *lines, rest = data.split(b"\n")
    for number, line in enumerate(lines, 1):
        if _FORBIDDEN.search(line):
            raise BadPolicy(f"line {number}: it holds a control character")
        # octets beyond ASCII are opaque
        words = _SPACE.split(line.decode("utf-8", "surrogateescape").strip(" \t"))
        try:
            parser.add(words)
        except (BadKey, BadPolicy) as error:
            raise BadPolicy(f"line {number}: {error}") from None
    if rest:
        raise BadPolicy(f"line {len(lines) + 1}: it does not end in a newline")
    if parser.quorum is None:
        raise BadPolicy(f"line {len(lines) + 1}: there is no quorum line above the end")
    return Policy(tuple(parser.logs), parser.witnesses, parser.groups, parser.quorum)


class _Parser:
    """What the lines above have defined."""

    def __init__(self) -> None:
        self.logs: list[KnownLog] = []
        self.witnesses: dict[str, Witness] = {}
        self.groups: dict[str, Group] = {}
        self.quorum: str | None = None
        self._members: set[str] = set()

    def add(self, words: list[str]) -> None:
        match words:
            case [""]:
                pass
            case [first, *_] if first.startswith("#"):
                pass
            case ["log", vkey]:
                self._add_log(vkey, None)
            case ["log", vkey, url]:
                self._add_log(vkey, url)
            case ["witness", name, vkey]:
                self._add_witness(name, vkey, None)
            case ["witness", name, vkey, url]:
                self._add_witness(name, vkey, url)
            case ["group", name, threshold, *members] if members:
                self._add_group(name, threshold, members)
            case ["quorum", name]:
                self._set_quorum(name)
            case [keyword, *_]:
                raise BadPolicy(f"{keyword[:80]!r} begins no line of a policy, or not like this")

    def _add_log(self, vkey: str, url: str | None) -> None:
        key = parse_verifier_key(vkey)
        if key.type is not KeyType.ED25519:
            raise BadPolicy(f"the key of log {key.name} has type {key.type:#04x}, not 0x01")
        if any(key.public == log.key.public for log in self.logs):
            raise BadPolicy(f"the key of log {key.name} stands above already")
        self.logs.append(KnownLog(key, url))

    def _add_witness(self, name: str, vkey: str, url: str | None) -> None:
        key = parse_verifier_key(vkey)
        if key.type not in COSIGNATURE_TYPES:
            raise BadPolicy(f"the key of witness {name} has type {key.type:#04x}, not 0x04 or 0x06")
        if any(key.public == witness.key.public for witness in self.witnesses.values()):
            raise BadPolicy(f"the key of witness {name} stands above already")
        self._require_new(name)
        self.witnesses[name] = Witness(name, key, url)

    def _add_group(self, name: str, threshold: str, members: list[str]) -> None:
        self._require_new(name)
        for member in members:
            if not self._is_defined(member):
                raise BadPolicy(f"{member!r} is no witness or group above")
            if member in self._members:
                raise BadPolicy(f"{member!r} is a member of a group already")
            self._members.add(member)
        counts = {"any": 1, "all": len(members)}
        if _THRESHOLD.fullmatch(threshold[:9]):
            counts[threshold] = int(threshold[:9])
        count = counts.get(threshold, 0)
        if not 1 <= count <= len(members):
            raise BadPolicy(f"{threshold[:80]!r} is not all, any, or from 1 to {len(members)}")
        self.groups[name] = Group(count, tuple(members))

    def _set_quorum(self, name: str) -> None:
        if self.quorum is not None:
            raise BadPolicy("there is a quorum line above already")
        if name != NONE and not self._is_defined(name):
            raise BadPolicy(f"{name!r} is no witness or group above")
        self.quorum = name

    def _require_new(self, name: str) -> None:
        if name == NONE or self._is_defined(name):
            raise BadPolicy(f"the name {name!r} is taken")

    def _is_defined(self, name: str) -> bool:
        return name in self.witnesses or name in self.groups
