"""Random histories on record, to compare answers of the APIs with the naive model.

An `Oracle` is a database with its APIs. It records a history under slugs of its own; tests compare
the answers to HTTP requests of a `RecordedHistory` with the results of `naive` for the same events.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import uuid4

import httpx2
import psycopg
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st

from onrecord.domain.dates import bound_fields
from onrecord.domain.event import RecordedEvent
from onrecord.kit.sql import db
from onrecord.ledger.append import append
from onrecord.ledger.evaluate import Answer, seal_request
from onrecord.ledger.follow import read_entries
from tests.support import naive, postgres
from tests.support.histories import Cast, History, batches
from tests.support.store import Store, open_store, run_api
from tests.support.true_dates import steps_before

STANDARD = settings(
    max_examples=10 if postgres.GIVEN else 40,  # CI's second pass, on another server
    deadline=None,
    report_multiple_bugs=False,
    phases=[Phase.explicit, Phase.reuse, Phase.generate],  # to shrink a failure takes minutes
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
FEW_EXAMPLES = settings(STANDARD, max_examples=3)
"""For tests in which each example takes longer than the one before."""
ALTERNATIVE = ("id", "stance", "condition", "effective", "basis")
KNOWN_PERCENT = st.one_of(st.just(100), st.integers(0, 100))
"""The part of a history that is on record at the `known_size` of a read, in percent."""


@dataclass(frozen=True)
class Oracle:
    """A database with all APIs."""

    store: Store
    writer: psycopg.Connection[Any]
    """In the role `onrecord_ingest`."""
    client: httpx2.Client

    def record(self, history: History) -> "RecordedHistory":
        """Append a history under new slugs and fold it."""
        cast = Cast(f"h{uuid4().hex[:12]}")
        sealed = [[seal_request(request) for request in batch] for batch in batches(history, cast)]
        results = [result for writes in sealed for result in append(self.writer, writes)]
        self.store.catch_up()
        start = min(result.seq for result in results if isinstance(result, Answer))
        with db.connect(self.store.url, role="onrecord_audit") as conn:
            return RecordedHistory(cast, read_entries(conn, start, start + 10_000), self.client)


@dataclass(frozen=True)
class RecordedHistory:
    """A history on record, its events in order, and a client of the APIs."""

    cast: Cast
    events: Sequence[RecordedEvent]
    client: httpx2.Client

    def size(self, percent: int) -> int:
        """The ledger's size when this part of the history was recorded."""
        return self.events[0].seq + len(self.events) * percent // 100

    @property
    def pairs(self) -> list[naive.Pair]:
        return [(actor, topic) for actor in self.cast.actors for topic in self.cast.topics]

    def get(self, path: str, **params: Any) -> Any:
        """The answer to a GET request; None where a name in it is not on record at the size."""
        answer = self.client.get(f"/v1{path}", params=params)
        if answer.status_code in (404, 422) and "/problems/unknown-" in answer.text:
            return None
        assert answer.status_code == 200, answer.text
        return answer.json()

    def get_all_pages(self, path: str, **params: Any) -> list[Any] | None:
        """All items of a list, page by page."""
        items, page = [], self.get(path, **params, limit=4)
        while page:
            items += page["items"]
            if page["next"] is None:
                return items
            page = self.get(path, **params, limit=4, cursor=page["next"])
        return None

    def are_registered(self, size: int, *names: str) -> bool:
        return all(
            naive.actor(self.events, name, size) or naive.topic(self.events, name, size)
            for name in names
        )


def expected_step(timeline: Sequence[naive.Step], step: naive.Step) -> dict[str, Any]:
    """A step as the read API must answer it, by the naive model."""
    before = naive.previous(timeline, step)
    return {
        "id": str(step.id),
        "seq": step.made_seq,
        "recorded_as": step.fields.actor,
        "order": step.fields.order,
        "stance": step.fields.stance,
        "condition": step.fields.condition,
        "effective": step.fields.effective,
        "since": naive.since(timeline, step),
        "certainty": change_certainty(timeline, step),
        "kind": naive.kind(before, step),
        "change_size": naive.change_size(before, step),
        "previous": before
        and {
            "id": str(before.id),
            "stance": before.fields.stance,
            "since": naive.since(timeline, before),
            **bound_fields("since", naive.since(timeline, before)),
        },
        "basis": [str(basis) for basis in step.fields.basis],
        "summary": step.fields.summary,
    }


def expected_change(timeline: Sequence[naive.Step], step: naive.Step) -> dict[str, Any]:
    """A step as lists of changes must answer it: with what else may have come before it."""
    expected = expected_step(timeline, step)
    return expected | {"alternatives": change_alternatives(timeline, step)}


def change_certainty(timeline: Sequence[naive.Step], step: naive.Step) -> str:
    """Whether inexact dates leave open what came before a step."""
    start, end, _ = step.dates
    others = {other.dates for other in timeline} - {step.dates}
    if any(first <= end and last >= start for first, last, _ in others):
        return "possible"
    before = naive.previous(timeline, step)
    if before is None or before.dates == step.dates:
        return "definite"
    return naive.certainty(timeline, start - timedelta(microseconds=1))[0]


def change_alternatives(timeline: Sequence[naive.Step], step: naive.Step) -> list[Any]:
    """What may have come just before a step, besides the step before it in order."""
    if change_certainty(timeline, step) == "definite":
        return []
    before = steps_before(timeline, step) - {naive.previous(timeline, step)}
    steps = [other for other in timeline if other in before]
    return [
        *([dict.fromkeys(ALTERNATIVE, None) | {"basis": []}] if None in before else ()),
        *(
            {
                "id": str(other.id),
                "stance": other.fields.stance,
                "condition": other.fields.condition,
                "effective": other.fields.effective,
                "basis": [str(basis) for basis in other.fields.basis],
            }
            for other in steps
        ),
    ]


def select_fields(items: Sequence[Any] | None, *names: str) -> list[Any] | None:
    """The named members of items; of their alternatives, those of `ALTERNATIVE`."""
    if items is None:
        return None
    return [{name: _select(name, item[name]) for name in names} for item in items]


def _select(name: str, value: Any) -> Any:
    if name != "alternatives":
        return value
    return [{field: step[field] for field in ALTERNATIVE} for step in value]


@contextmanager
def run_oracle(server_url: str, template: str) -> Iterator[Oracle]:
    """An oracle with a new database."""
    with (
        postgres.database(server_url, template) as url,
        open_store(url) as store,
        db.connect(url, role="onrecord_ingest") as writer,
        run_api(url) as client,
    ):
        yield Oracle(store, writer, client)
