"""A small signed log in memory, and proof files from it, made without the code of the ledger.

Used by tests of `onrecord verify FILE`. A `Quote` is what a test changes before it is written as a
file; its entries are hashed here as RFC 6962 says, leaf by leaf.
"""

import hashlib
import hmac
from base64 import b64decode, b64encode
from collections.abc import Callable, Mapping
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any, Final
from uuid import UUID

import rfc8785

from onrecord.domain.event import Event
from onrecord.domain.events import StatementMade
from onrecord.domain.payload import split_payload
from onrecord.kit.tlog.keys import SigningKey
from onrecord.kit.tlog.notes import sign_note
from tests.support.bodies import FULL_STATEMENT

ORIGIN: Final = "record.example.org/log"


@dataclass
class Quote:
    """An event as the log shows it. `entry` and `payload` may be changed by a test."""

    entry: dict[str, Any]
    payload: dict[str, Any]
    erased: dict[str, str] = field(default_factory=dict)

    def text(self) -> str:
        """The answer of `GET /v1/events/{id}`."""
        sections = ",".join(
            f'"{name}":{{"salt":"{section["salt"]}","value":{canonical(section["value"])}}}'
            for name, section in self.payload.items()
        )
        erased = canonical(self.erased)
        return f'{{"entry":{canonical(self.entry)},"payload":{{{sections}}},"erased":{erased}}}'


def canonical(value: Any) -> str:
    return rfc8785.dumps(value).decode()


def commitment(section: Mapping[str, Any]) -> str:
    """HMAC-SHA-256 of a section's value under its salt."""
    salt = bytes.fromhex(section["salt"])
    return hmac.digest(salt, rfc8785.dumps(section["value"]), "sha256").hex()


def quote_of(event: Event, seq: int) -> Quote:
    """An event as entry `seq`, with salts that are the same each time."""
    data, sections = split_payload(event)
    payload = {
        name: {"salt": hashlib.sha256(name.encode()).hexdigest(), "value": value}
        for name, value in sorted(sections.items())
    }
    commit = {name: commitment(section) for name, section in payload.items()}
    entry = {
        "v": 1,
        "type": event.type,
        "version": event.version,
        "id": str(UUID(int=seq)),
        "seq": seq,
        "recorded_at": "2026-11-30T20:00:00.000000Z",
        "recorded_by": "local",
        "touches": {"actors": [], "topics": []},
        "data": data,
        "commit": commit,
    }
    return Quote(entry, payload)


def root_of(entries: list[bytes]) -> bytes:
    """MTH of RFC 6962, section 2.1, as it stands there."""
    if len(entries) == 1:
        return hashlib.sha256(b"\x00" + entries[0]).digest()
    half = 1 << ((len(entries) - 1).bit_length() - 1)
    return hashlib.sha256(b"\x01" + root_of(entries[:half]) + root_of(entries[half:])).digest()


def path_of(index: int, entries: list[bytes]) -> list[bytes]:
    """PATH of RFC 6962, section 2.1.1."""
    if len(entries) == 1:
        return []
    half = 1 << ((len(entries) - 1).bit_length() - 1)
    if index < half:
        return [*path_of(index, entries[:half]), root_of(entries[half:])]
    return [*path_of(index - half, entries[half:]), root_of(entries[:half])]


def proof_text(
    entries: list[bytes], index: int, key: SigningKey, extra: str | None, *, origin: str = ORIGIN
) -> str:
    """A tlog-proof of an entry under a checkpoint over all of them."""
    root = b64encode(root_of(entries)).decode()
    lines = [
        "c2sp.org/tlog-proof@v1",
        *([] if extra is None else [f"extra {b64encode(extra.encode()).decode()}"]),
        f"index {index}",
        *(b64encode(hash_).decode() for hash_ in path_of(index, entries)),
    ]
    note = sign_note(f"{origin}\n{len(entries)}\n{root}\n", [key])
    return "\n".join(lines) + f"\n\n{note}"


def with_event(text: str, change: Callable[[str], str]) -> str:
    """A proof after a change of the text of its event."""
    encoded = text.split("\n")[1].removeprefix("extra ")
    extra = change(b64decode(encoded).decode())
    return text.replace(encoded, b64encode(extra.encode()).decode())


KEY: Final = SigningKey.generate(ORIGIN)
OTHER_KEY: Final = SigningKey.generate(ORIGIN)
INDEX: Final = 4
QUOTE: Final = quote_of(StatementMade.model_validate(FULL_STATEMENT), INDEX)
OTHERS: Final = [f"entry {number}".encode() for number in range(7)]


def file_of(
    quote: Quote = QUOTE,
    *,
    recorded: Quote | None = None,
    key: SigningKey = KEY,
    extra: bool = True,
) -> str:
    """The proof of a log that recorded `recorded`, with `quote` as its event."""
    entries = [*OTHERS]
    entries[INDEX] = canonical((recorded or quote).entry).encode()
    return proof_text(entries, INDEX, key, quote.text() if extra else None)


def changed(change: Callable[[Quote], object]) -> str:
    """The file after a change of its event, of which the log knows nothing."""
    quote = deepcopy(QUOTE)
    change(quote)
    return file_of(quote, recorded=QUOTE)


def change_word(quote: Quote) -> None:
    quote.payload["content"]["value"]["content"]["text"] = "We are not ready to talk."


def change_date(quote: Quote) -> None:
    quote.entry["data"]["said_at"] = "2022-12-01"
