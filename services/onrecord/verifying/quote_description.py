"""What a checked proof says, in words: facts, and what it does not prove.

Used by `onrecord verify FILE`. `entrypoints/verify_page/describe.js` has the same sentences; a test
compares the two.
"""

from collections.abc import Iterator
from typing import Any, Final, NamedTuple

import orjson

from onrecord.domain.event import Event
from onrecord.domain.event_types import parse_event
from onrecord.domain.events import StatementCorrected, StatementMade, StatementRetracted
from onrecord.domain.statement import Evidence, Speaker, Statement
from onrecord.kit.tlog.keys import encode_base64
from onrecord.verifying.quote import CheckedQuote

_WORDS: Final = {
    "verbatim": "Words",
    "mixed": "Words, in part",
    "paraphrase": "In a paraphrase",
    "translation": "In translation",
}
_GONE: Final = "not in this file"


class Fact(NamedTuple):
    """A line of the description. Both parts hold text of the record, as it is."""

    name: str
    value: str


def describe_quote(quote: CheckedQuote) -> list[Fact]:
    """What is proved: who said what, when it was recorded, under which checkpoint."""
    entry, checkpoint = quote.entry, quote.checkpoint
    root = encode_base64(checkpoint.root)
    return [
        *_event_facts(quote),
        Fact("Recorded", f"{entry.get('recorded_at')} by {entry.get('recorded_by')}"),
        Fact("Entry", f"number {entry.get('seq')} of the log {checkpoint.origin}, counted from 0"),
        Fact("Checkpoint", f"{checkpoint.size} entries, root hash {root}"),
        *(Fact("Signed with", str(key)) for key in quote.signers),
        *(Fact("Cosigned with", str(key)) for key in quote.witnesses or ()),
    ]


def limits_of(quote: CheckedQuote) -> list[str]:
    """What is not proved."""
    limits = [
        "That what was said is true, or that it was said: the proof is that it was recorded so.",
        "That no other entry corrects, retracts or erases it, before this checkpoint or later."
        " The log gives the newest proof of a statement at any time.",
        "The time and the recorder: they are what the log says, and it cannot change them now.",
    ]
    if quote.witnesses is None:
        limits.append(
            "That others saw the same log: cosignatures of witnesses were not checked, which"
            " `onrecord verify --policy` does."
        )
    for name, ground in sorted(quote.missing.items()):
        reason = (
            "Whoever gave you the file left it out."
            if ground is None
            else f"The file says that it was erased on the ground {ground}."
        )
        limits.append(f"The part “{name}” of the entry, which is not in this file. {reason}")
    return limits


def _event_facts(quote: CheckedQuote) -> Iterator[Fact]:
    entry = quote.entry
    try:
        event: Event | None = parse_event(
            entry["type"], entry["version"], entry["data"], quote.sections.values()
        )
    except (ValueError, LookupError, TypeError, AttributeError):  # of a newer log, or a strange one
        event = None
    if isinstance(event, StatementMade):
        yield Fact("Statement", str(entry.get("id")))
        yield from _statement_facts(event)
    elif isinstance(event, StatementCorrected):
        yield Fact("Statement", str(event.target))
        yield Fact("Corrected", f"as below, by {event.by}: {event.reason or _GONE}")
        yield from _statement_facts(event.replacement)
    elif isinstance(event, StatementRetracted):
        yield Fact("Statement", str(event.target))
        yield Fact("Retracted", f"by {event.by}: {event.reason or _GONE}")
    else:
        yield Fact("Event", f"{entry.get('type')} {entry.get('id')}")
        yield Fact("Content", _json(entry["data"]))
        for name, value in sorted(quote.sections.items()):
            yield Fact(f"Part {name}", _json(value))


def _statement_facts(statement: Statement) -> Iterator[Fact]:
    content = statement.content
    yield Fact(_WORDS[content.mode], _quoted(content.text, content.lang))
    if content.original:
        yield Fact("Original", _quoted(content.original.text, content.original.lang))
    for speaker in statement.speakers:
        yield Fact("Said by", _speaker(speaker))
    yield Fact("Said at", f"{statement.said_at} ({statement.said_at_basis})")
    if statement.venue:
        yield Fact("Place", statement.venue)
    if statement.addressees:
        yield Fact("Said to", ", ".join(statement.addressees))
    if statement.topics:
        yield Fact("Topics", ", ".join(statement.topics))
    for evidence in statement.evidence:
        yield Fact("Source", _source(evidence))
    if statement.note:
        yield Fact("Note", statement.note)


def _quoted(text: str | None, lang: str) -> str:
    return f"“{text}” ({lang})" if text else f"{_GONE} ({lang})"


def _speaker(speaker: Speaker) -> str:
    role = f", {speaker.role}" if speaker.role else ""
    others = f", on behalf of {', '.join(speaker.on_behalf_of)}" if speaker.on_behalf_of else ""
    return f"{speaker.actor}{role}{others} ({speaker.capacity})"


def _source(evidence: Evidence) -> str:
    title = evidence.title and f"“{evidence.title}”"
    published = evidence.published_at and f"published {evidence.published_at}"
    digest = evidence.sha256 and f"SHA-256 {evidence.sha256}"
    parts: list[Any] = [evidence.outlet, title, published, evidence.reference]
    parts += [evidence.url, evidence.archive_url, digest]
    return ", ".join(part for part in parts if part) or _GONE


def _json(value: Any) -> str:
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS).decode()
