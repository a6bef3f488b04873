"""Columns of the exported tables, as Arrow schemas. Used by `events`, `tables` and `run`.

A change of a column's name, type or meaning raises `SCHEMA_VERSION`; files of another version are
written anew. `ops/docs/exports.md` describes the columns.
"""

from typing import Final

import pyarrow as pa

SCHEMA_VERSION: Final = 1

_TEXT, _INT, _FLAG = pa.string(), pa.int64(), pa.bool_()
_INSTANT: Final = pa.timestamp("us", tz="UTC")
_TEXTS: Final = pa.list_(_TEXT)
_ERASED: Final = pa.list_(pa.struct({"section": _TEXT, "ground": _TEXT}))
_RECORDED: Final = {"seq": _INT, "recorded_at": _INSTANT, "recorded_by": _TEXT}

EVENTS_SCHEMA: Final = pa.schema(
    {
        "seq": _INT,
        "id": _TEXT,
        "type": _TEXT,
        "version": pa.int32(),
        "recorded_at": _INSTANT,
        "recorded_by": _TEXT,
        "subject_kind": _TEXT,
        "subject": _TEXT,
        "actors": _TEXTS,
        "topics": _TEXTS,
        "event": _TEXT,
        "erased": _ERASED,
        "payload": pa.list_(pa.struct({"section": _TEXT, "salt": pa.binary(32), "value": _TEXT})),
        "entry": pa.binary(),
        "leaf_hash": pa.binary(32),
    }
)

_STANCE: Final = {"stance": _TEXT, "stance_value": pa.int8(), "condition": _TEXT, "summary": _TEXT}
_ALTERNATIVE: Final = {
    **dict.fromkeys(("id", "stance", "condition", "effective"), _TEXT),
    "effective_earliest": _INSTANT,
    "effective_latest": _INSTANT,
    "basis": _TEXTS,
    "retracted_basis": _TEXTS,
}
_EFFECTIVE: Final = {
    "effective": _TEXT,
    "effective_earliest": _INSTANT,
    "effective_latest": _INSTANT,
    "announced": _FLAG,
    "since": _TEXT,
    "since_earliest": _INSTANT,
    "since_latest": _INSTANT,
    "certainty": _TEXT,
    "alternatives": pa.list_(pa.struct(_ALTERNATIVE)),
}
_STEP: Final = {
    "order": pa.int32(),
    "kind": _TEXT,
    "change_size": pa.int8(),
    "late": _FLAG,
    "previous_id": _TEXT,
    "previous_stance": _TEXT,
    "previous_since": _TEXT,
    "previous_since_earliest": _INSTANT,
    "previous_since_latest": _INSTANT,
    "basis": _TEXTS,
    "retracted_basis": _TEXTS,
    "coder": _TEXT,
    **_RECORDED,
}
_PAIR: Final = {
    "id": _TEXT,
    "actor": _TEXT,
    "actor_label": _TEXT,
    "recorded_as": _TEXT,
    "topic": _TEXT,
    "topic_label": _TEXT,
}

_EVIDENCE: Final = {
    **dict.fromkeys(("url", "archive_url", "reference", "sha256", "outlet", "title"), _TEXT),
    "published_at": _TEXT,
    "published_earliest": _INSTANT,
    "published_latest": _INSTANT,
    "exact": _TEXT,
    "prefix": _TEXT,
    "suffix": _TEXT,
    "start": _INT,
    "end": _INT,
    "chain": pa.list_(pa.struct({"by": _TEXT, "relation": _TEXT})),
}
_SPEAKER: Final = {
    "actor": _TEXT,
    "actor_label": _TEXT,
    "counts_as": _TEXT,
    "role": _TEXT,
    "capacity": _TEXT,
    "on_behalf_of": _TEXTS,
}

TABLE_SCHEMAS: Final = {
    "positions": pa.schema({**_PAIR, **_STANCE, **_EFFECTIVE, **_STEP}),
    "changes": pa.schema({**_PAIR, **_STANCE, **_EFFECTIVE, **_STEP}),
    "statements": pa.schema(
        {
            "id": _TEXT,
            "status": _TEXT,
            "said_at": _TEXT,
            "said_earliest": _INSTANT,
            "said_latest": _INSTANT,
            "said_at_basis": _TEXT,
            "text": _TEXT,
            "lang": _TEXT,
            "mode": _TEXT,
            "original_text": _TEXT,
            "original_lang": _TEXT,
            "speaker_ids": _TEXTS,
            "speaker_labels": _TEXTS,
            "speakers": pa.list_(pa.struct(_SPEAKER)),
            "topics": _TEXTS,
            "topic_labels": _TEXTS,
            "addressees": _TEXTS,
            "venue": _TEXT,
            "outlets": _TEXTS,
            "evidence": pa.list_(pa.struct(_EVIDENCE)),
            "embedded_in": _TEXT,
            "same_utterance_as": _TEXTS,
            "stances": pa.list_(pa.struct({"topic": _TEXT, "stance": _TEXT})),
            "note": _TEXT,
            "erased": _ERASED,
            "coder": _TEXT,
            "event": _TEXT,
            **_RECORDED,
        }
    ),
    "actors": pa.schema(
        {
            "id": _TEXT,
            "label": _TEXT,
            "kind": _TEXT,
            "names": pa.list_(pa.struct({"name": _TEXT, "lang": _TEXT})),
            "identifiers": pa.map_(_TEXT, _TEXT),
            "merged_into": _TEXT,
            "counts_as": _TEXT,
            "event": _TEXT,
            "recorded_at": _INSTANT,
            "recorded_by": _TEXT,
        }
    ),
    "topics": pa.schema(
        {
            "id": _TEXT,
            "label": _TEXT,
            "proposition": _TEXT,
            "broader": _TEXT,
            "event": _TEXT,
            "recorded_at": _INSTANT,
            "recorded_by": _TEXT,
        }
    ),
}
"""The tables at one size, in the order in which they are written."""
