"""Examples in the OpenAPI document, from the seeds: each can be tried on the record of the demo.

Used by `document`. Statements and positions have their ids there, so sending one again records
nothing new.
"""

import json
from collections.abc import Mapping
from functools import cache
from typing import Any, Final, NamedTuple

from onrecord.kit.sql.migrations import data_folder

_STATEMENT: Final = "b0f1051d-b22b-5f37-9f14-11a0ac56cb7f"
_POSITION: Final = "f5f47c3a-dad5-5c30-879c-16c9a47eca45"
_OTHER_ID: Final = "01939a3c-6f00-7a51-8a7c-3f1d5b2c9e10"


class ParameterText(NamedTuple):
    """What a parameter is, and a value of it."""

    description: str
    example: Any


PARAMETERS: Final[Mapping[str, ParameterText]] = {
    "actor": ParameterText("The id of an actor.", "biden"),
    "topic": ParameterText("The id of a topic.", "talks-with-putin"),
    "id": ParameterText("The id of what the path names.", _OTHER_ID),
    "limit": ParameterText("How many items a page has at most.", 50),
    "cursor": ParameterText(
        "`next` of the page before; with the same other parameters, but for `limit`.",
        "WyI5YjBkMmU0YzFhN2YiLDQ3LGZhbHNlLCJiaWRlbiJd",
    ),
    "q": ParameterText("Words to search for.", "Putin"),
    "text": ParameterText("A quote.", "if in fact there is an interest in him deciding [...]"),
    "outlet": ParameterText("A source of this outlet is among the evidence.", "The Hill"),
    "said_from": ParameterText("Said then or later; a date from its first instant on.", "2022-10"),
    "said_to": ParameterText("Said by then; a date to its last instant.", "2022-12-02"),
    "effective_from": ParameterText("Effective then or later.", "2022-10"),
    "effective_to": ParameterText("Effective by then.", "2022-12-02"),
    "recorded_from": ParameterText("Recorded then or later.", "2022-10"),
    "recorded_to": ParameterText("Recorded by then; a date to its last instant.", "2030"),
    "as_of": ParameterText("When it was so in the world.", "2022-12-02"),
    "known_at": ParameterText("As the record stood then.", "2030"),
    "known_size": ParameterText("As the record stood at this size.", 47),
    "min_size": ParameterText("Wait until the record read has reached this size.", 47),
    "kind": ParameterText("Any of these kinds.", ["shifted", "reversed"]),
    "change_size": ParameterText("At least so far on the scale.", 2),
    "by": ParameterText("The order.", "valid"),
    "type": ParameterText("Events of any of these types.", ["position.changed"]),
    "after": ParameterText("A seq.", 41),
    "stance": ParameterText("Any of these stances.", ["support", "oppose"]),
    "certainty": ParameterText("Only what is certain, or only what is not.", "definite"),
    "dry_run": ParameterText("Only evaluate the request; record nothing.", False),
    "name": ParameterText("A name or id, as people write it.", "Volodymyr Zelensky"),
    "state": ParameterText("Deliveries in this state.", "failed"),
    "path": ParameterText(
        "Level and number of a tile, or of a bundle (`entries/000`), as C2SP writes them.",
        "0/000.p/48",
    ),
    "stream": ParameterText("The whole list in one answer.", True),
    "Idempotency-Key": ParameterText("The same key names the same write.", "article-4711-biden"),
    "Last-Event-ID": ParameterText("The last seq seen.", 41),
}
"""By name, for parameters whose models lack a description or an example."""

_IDS: Final = {
    "/v1/actors/": "biden",
    "/v1/topics/": "talks-with-putin",
    "/v1/statements/": _STATEMENT,
    "/v1/positions/": _POSITION,
    "/v1/events/": _STATEMENT,
    "/v1/deliveries/": 41,
}


def parameter_text(path: str, name: str) -> ParameterText | None:
    """The description and the example of a parameter of the operation at a path."""
    text = PARAMETERS.get(name)
    if text is not None and name == "id":
        if path.endswith("merge"):
            return text._replace(example="joe-biden")
        example = next((id_ for prefix, id_ in _IDS.items() if path.startswith(prefix)), _OTHER_ID)
        return text._replace(example=example)
    return text


@cache
def body_examples() -> Mapping[tuple[str, str], Any]:
    """Examples of request bodies, by method and path."""
    lines = [
        json.loads(text)
        for path in sorted(data_folder("seeds").glob("*.ndjson"))
        for text in path.read_text(encoding="utf-8").splitlines()
        if not text.startswith("#")
    ]
    actor, topic, statement, position = (
        next(line for line in lines if line["op"] == op and line["id"] == id_)
        for op, id_ in (
            ("actor", "biden"),
            ("topic", "talks-with-putin"),
            ("statement", _STATEMENT),
            ("position", _POSITION),
        )
    )
    reason = {"by": "us", "reason": "The date was wrong."}
    retraction = {"by": "outlet", "reason": "The outlet withdrew its report."}
    posts = {
        "actors": actor["body"],
        "topics": topic["body"],
        "statements": {"id": statement["id"], **statement["body"]},
        "positions": {"id": position["id"], **position["body"]},
        "actors/{id}/revision": _without_id(actor["body"]),
        "actors/{id}/merge": {"into": "biden", "reason": "Two records of one person."},
        "actors/{id}/unmerge": {"reason": "They are two persons after all."},
        "topics/{id}/revision": _without_id(topic["body"]),
        "statements/{id}/corrections": {**reason, "replacement": statement["body"]},
        "statements/{id}/retraction": retraction,
        "statements/{id}/erasure": {"sections": ["content"], "ground": "gdpr-17"},
        "review/dismissals": {
            "kind": "same_words",
            "certainty": "definite",
            "statements": [
                "7c5c0ffd-8ea8-5b5f-8d8f-97bb89c6c62b",
                "df35330a-2a46-54c6-855f-ea9e043d2e35",
            ],
            "known_size": 40,
            "reason": "One of them is an account of the other.",
        },
        "positions/{id}/corrections": {**reason, "replacement": position["body"]},
        "positions/{id}/retraction": retraction,
        "batch": "".join(f"{json.dumps(line)}\n" for line in (topic, statement)),
        "endpoints": {
            "url": "https://hooks.example.org/onrecord",
            "topics": ["talks-with-putin"],
            "kinds": ["shifted", "reversed"],
        },
        "keys": {"name": "The desk's importer", "scopes": ["write"]},
        "endpoints/dry-run": {"topics": ["talks-with-putin"], "events": 100},
        "endpoints/{id}/pause": {"reason": "The receiver moves."},
        "endpoints/{id}/replay": {"from_size": 0},
        "endpoints/{id}/resend": {"failed_since": "2022-12-02T00:00:00Z"},
    }
    return {
        **{("post", f"/v1/{path}"): body for path, body in posts.items()},
        ("patch", "/v1/endpoints/{id}"): {"description": "The desk's receiver."},
    }


def _without_id(body: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in body.items() if name != "id"}
