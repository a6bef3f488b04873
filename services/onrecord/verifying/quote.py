"""Checks of a proof file: a signed checkpoint, an entry under it, and the words it commits to.

Used by `onrecord verify FILE`. It needs no network and no database, and trusts nothing but the keys
it is given. The page `/verify` does the same in a browser.
"""

import hmac
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, Final

import orjson

from onrecord.kit.http import strict_json
from onrecord.kit.http.strict_json import NotStrictJson
from onrecord.kit.tlog.checkpoints import Checkpoint, parse_checkpoint
from onrecord.kit.tlog.keys import KeyType, VerifierKey
from onrecord.kit.tlog.merkle import leaf_hash, root_from_inclusion
from onrecord.kit.tlog.notes import BadNote
from onrecord.kit.tlog.policies import Policy
from onrecord.kit.tlog.proofs import BadProof, LogProof, parse_proof

_SALT: Final = re.compile("[0-9a-f]{64}")
_EVENT: Final = {"entry", "payload", "erased"}


class BadQuote(Exception):
    """A proof that does not hold. The message says why, to somebody who knows no cryptography."""


class EventNeeded(Exception):
    """A proof without its event, which must be given beside it."""


@dataclass(frozen=True)
class CheckedQuote:
    """An event that is proved to be in a log, with those of its sections that were disclosed."""

    entry: Mapping[str, Any]
    sections: Mapping[str, Any]
    """The values, each of which opens its commitment."""
    missing: Mapping[str, str | None]
    """Sections without words in the file; the ground where the file says they were erased, which
    nothing proves."""
    checkpoint: Checkpoint
    signers: tuple[VerifierKey, ...]
    """Those of the given keys that signed the checkpoint; at least one."""
    witnesses: tuple[VerifierKey, ...] | None
    """Those that cosigned it, by a policy that was given; None: no cosignature was checked."""


def check_quote(
    text: str,
    keys: Collection[VerifierKey],
    *,
    policy: Policy | None = None,
    event: str | None = None,
) -> CheckedQuote:
    """Check a tlog-proof against these keys of the log, of which one must have signed.

    `policy`: its logs may have signed, too, and a quorum of its witnesses must have cosigned.
    `event`: the answer of `GET /v1/events/{id}`, for a proof that has none as its extra data.
    Raises `BadQuote`, or `EventNeeded`.
    """
    try:
        proof = parse_proof(text)
        checkpoint = parse_checkpoint(proof.checkpoint)
    except BadProof as error:
        raise BadQuote(f"The file is no complete proof: {error}.") from None
    except BadNote as error:
        raise BadQuote(f"The checkpoint in the file cannot be read: {error}.") from None
    if policy is not None:
        keys = [*keys, *(log.key for log in policy.logs)]
    signers = _check_signature(proof, checkpoint, keys)
    witnesses = None if policy is None else _check_witnesses(proof, policy.with_logs(keys))
    if event is not None:
        event_bytes = event.encode().strip()
    elif proof.extra is not None:
        event_bytes = proof.extra
    else:
        raise EventNeeded
    raw = _parse_event(event_bytes)
    entry = raw["entry"]
    _check_inclusion(proof, checkpoint, entry)
    sections = {
        name: _open(name, section, entry["commit"]) for name, section in raw["payload"].items()
    }
    missing = {name: raw["erased"].get(name) for name in entry["commit"] if name not in sections}
    if not raw["erased"].keys() <= missing.keys():
        raise BadQuote("The file says of a part that it was erased, and shows it, or never had it.")
    return CheckedQuote(entry, sections, missing, checkpoint, signers, witnesses)


def _check_signature(
    proof: LogProof, checkpoint: Checkpoint, keys: Collection[VerifierKey]
) -> tuple[VerifierKey, ...]:
    of_log = [
        key
        for key in dict.fromkeys(keys)
        if key.type is KeyType.ED25519 and key.name == checkpoint.origin
    ]
    try:
        signers = proof.checkpoint.signed_by(of_log)
    except BadNote:
        raise BadQuote(
            "The signature is not that of the key that you gave: the checkpoint was altered after"
            " it was signed, or it was forged."
        ) from None
    if not signers:
        names = ", ".join(sorted({key.name for key in keys}))
        is_namesake = names == checkpoint.origin
        whose = "has that name, but is another one" if is_namesake else f"is of {names}"
        raise BadQuote(
            "The checkpoint is not signed with the key that you gave. The file is of the log"
            f" {checkpoint.origin}; the key {whose}: ask for the right key, or doubt the file."
        )
    return tuple(signers)


def _check_witnesses(proof: LogProof, policy: Policy) -> tuple[VerifierKey, ...]:
    try:
        cosignatures = policy.check(proof.checkpoint).cosignatures
    except BadNote as error:
        raise BadQuote(
            f"The checkpoint does not meet the policy that you gave: {error}. Ask for a newer"
            " proof, which witnesses have seen, or doubt the file."
        ) from None
    return tuple(cosignature.key for cosignature in cosignatures)


def _parse_event(text: bytes) -> dict[str, Any]:
    """The event in its one notation, which the log writes; so nothing stands there unseen."""
    try:
        raw = strict_json.loads(text)
        is_as_written = _is_event(raw) and _notation(raw) == text
    except NotStrictJson as error:
        raise BadQuote(f"The event in the file cannot be read: {error}.") from None
    except orjson.JSONEncodeError:  # a number that is too large
        is_as_written = False
    if not is_as_written:
        raise BadQuote("The event in the file does not stand there as the log writes events.")
    event: dict[str, Any] = raw
    return event


def _is_event(raw: Any) -> bool:
    return (
        isinstance(raw, dict)
        and raw.keys() == _EVENT
        and all(isinstance(part, dict) for part in raw.values())
        and isinstance(raw["entry"].get("commit"), dict)
        and isinstance(raw["entry"].get("data"), dict)
        and all(
            isinstance(section, dict)
            and section.keys() == {"salt", "value"}
            and isinstance(section["salt"], str)
            and isinstance(section["value"], dict)
            for section in raw["payload"].values()
        )
        and all(isinstance(ground, str) for ground in raw["erased"].values())
    )


def _notation(raw: dict[str, Any]) -> bytes:
    payload = b",".join(
        b'%b:{"salt":%b,"value":%b}'
        % (_canonical(name), _canonical(section["salt"]), _canonical(section["value"]))
        for name, section in raw["payload"].items()
    )
    erased = orjson.dumps(raw["erased"])
    return b'{"entry":%b,"payload":{%b},"erased":%b}' % (
        _canonical(raw["entry"]),
        payload,
        erased,
    )


def _check_inclusion(proof: LogProof, checkpoint: Checkpoint, entry: Mapping[str, Any]) -> None:
    try:
        root = root_from_inclusion(
            leaf_hash(_canonical(entry)), proof.index, checkpoint.size, proof.hashes
        )
    except ValueError:
        raise BadQuote(
            f"The proof does not fit its checkpoint: in a log of {checkpoint.size} entries, entry"
            f" {proof.index} is proved by another number of hashes, or there is none."
        ) from None
    if root != checkpoint.root:
        raise BadQuote(
            f"The entry in the file is not entry {proof.index} of the log: something in it was"
            " altered (a date, a name, a place in the log), or the proof belongs to another entry."
        )
    if entry.get("seq") != proof.index:
        raise BadQuote(f"The log is not well-formed: its entry {proof.index} has another number.")


def _open(name: str, section: Mapping[str, Any], commit: Mapping[str, Any]) -> Any:
    """The value of a section, which must open its commitment: HMAC-SHA-256, RFC 2104."""
    if name not in commit:
        raise BadQuote(f"The file shows a part ({name}) that the entry in the log does not have.")
    if not _SALT.fullmatch(section["salt"]):
        raise BadQuote(f"The salt of a part ({name}) is not 32 bytes in hexadecimal digits.")
    salt, value = bytes.fromhex(section["salt"]), _canonical(section["value"])
    if commit[name] != hmac.digest(salt, value, "sha256").hex():
        raise BadQuote(
            f"A part ({name}) is not what was recorded: in it a word, or its salt, was altered."
        )
    return section["value"]


def _canonical(value: Any) -> bytes:
    """RFC 8785 bytes of a value without floats."""
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS)
