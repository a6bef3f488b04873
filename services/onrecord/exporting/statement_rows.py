"""Rows of the exported table of statements. Used by `tables`."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any, Final

from onrecord.domain.dates import bounds
from onrecord.exporting.record import Labels
from onrecord.query.answers.serialize import serialize_statement

_FROM_STATEMENT: Final = (
    *("said_at", "said_at_basis", "topics", "addressees", "venue", "embedded_in"),
    *("same_utterance_as", "stances", "note", "coder"),
)
_LISTS: Final = {"topics", "addressees", "same_utterance_as", "stances"}


def date_bounds(name: str, date: str | None) -> dict[str, datetime | None]:
    """The bounds of a date as columns; of `../D` no first instant is known."""
    if date is None:
        return {f"{name}_earliest": None, f"{name}_latest": None}
    earliest, latest, _ = bounds(date)
    return {
        f"{name}_earliest": None if date.startswith("../") else earliest,
        f"{name}_latest": latest,
    }


def named_actors(statement: Mapping[str, Any]) -> Iterator[str]:
    """The speakers of a statement."""
    for speaker in statement["speakers"]:
        yield speaker["actor"]


def statement_row(row: Mapping[str, Any], labels: Labels) -> dict[str, Any]:
    """A row of `queries.statements_page`. Words that were erased are null."""
    answer = serialize_statement({**row, "known_size": row["known_size"]})
    content, evidence = answer["content"], answer["evidence"]
    original = content.get("original", {})
    speaker_ids = list(named_actors(answer))
    fields = {name: answer.get(name, [] if name in _LISTS else None) for name in _FROM_STATEMENT}
    outlets = dict.fromkeys(item["outlet"] for item in evidence if "outlet" in item)
    return {
        **fields,
        **date_bounds("said", answer["said_at"]),
        "id": str(answer["id"]),
        "status": answer["status"],
        "text": content.get("text"),
        "lang": content["lang"],
        "mode": content["mode"],
        "original_text": original.get("text"),
        "original_lang": original.get("lang"),
        "speaker_ids": speaker_ids,
        "speaker_labels": labels.of_actors(speaker_ids),
        "speakers": [_speaker(speaker, labels) for speaker in answer["speakers"]],
        "topic_labels": labels.of_topics(answer.get("topics", [])),
        "outlets": list(outlets),
        "evidence": [_evidence(item) for item in evidence],
        "erased": [
            {"section": section, "ground": ground} for section, ground in answer["erased"].items()
        ],
        "event": str(answer["event"]),
        "seq": row["made_seq"],
        "recorded_at": row["recorded_at"],
        "recorded_by": row["recorded_by"],
    }


def _speaker(speaker: Mapping[str, Any], labels: Labels) -> dict[str, Any]:
    actor = speaker["actor"]
    return {
        **speaker,
        "actor_label": labels.actors.get(actor, actor),
        "counts_as": labels.counts_as.get(actor, actor),
        "on_behalf_of": speaker.get("on_behalf_of", []),
    }


def _evidence(item: Mapping[str, Any]) -> dict[str, Any]:
    return {
        **item,
        **item.get("selector", {}),
        **date_bounds("published", item.get("published_at")),
        "chain": item.get("chain", []),
    }
