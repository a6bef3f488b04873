"""How is an answer held against the naive model of the same history?

A `House` is one database with its doors; a history is played into it under names of its own, and
what `Played` is asked by HTTP is compared with what `naive` makes of the same events.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import httpx2
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from onrecord.domain.event import RecordedEvent

from onrecord.kit.sql import db
from onrecord.ledger import read
from onrecord.ledger.evaluate import Answer
from tests.support import naive, postgres
from tests.support.histories import Cast, History, batches
from tests.support.record import Record, record, serving

MODEST = settings(
    max_examples=30 if postgres.GIVEN else 100,  # CI's second pass, on another server
    deadline=None,
    report_multiple_bugs=False,
    phases=[Phase.explicit, Phase.reuse, Phase.generate],  # to shrink a failure takes minutes
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
FEW = settings(MODEST, max_examples=3)
"""Where each example costs more than the one before."""
KNOWN = st.one_of(st.just(100), st.integers(0, 100))
"""How much of its history a read knows, in percent."""


@dataclass(frozen=True)
class House:
    """One database for this file: its record, its doors."""

    record: Record
    client: httpx2.Client

    def play(self, history: History) -> "Played":
        """Append a history under new slugs and fold it; what came on record."""
        cast = Cast(f"h{uuid4().hex[:12]}")
        found = [one for batch in batches(history, cast) for one in self.record.append(*batch)]
        self.record.catch_up()
        start = min(one.seq for one in found if isinstance(one, Answer))
        with db.connect(self.record.url, role="onrecord_audit") as conn:
            return Played(cast, read.entries_from(conn, start, 10_000), self.client)


@dataclass(frozen=True)
class Played:
    """A history on record, its events in order, and a client to ask about it."""

    cast: Cast
    events: Sequence[RecordedEvent]
    client: httpx2.Client

    def size(self, percent: int) -> int:
        """The ledger's size when so much of it was known."""
        return self.events[0].seq + len(self.events) * percent // 100

    @property
    def pairs(self) -> list[naive.Pair]:
        return [(actor, topic) for actor in self.cast.actors for topic in self.cast.topics]

    def ask(self, path: str, **params: Any) -> Any:
        """A read's answer, None for 404."""
        answer = self.client.get(f"/v1{path}", params=params)
        if answer.status_code == 404:
            return None
        assert answer.status_code == 200, answer.text
        return answer.json()

    def everything(self, path: str, **params: Any) -> list[Any] | None:
        """All items of a list, page by page."""
        items, page = [], self.ask(path, **params, limit=4)
        while page:
            items += page["items"]
            if page["next"] is None:
                return items
            page = self.ask(path, **params, limit=4, cursor=page["next"])
        return None

    def on_record(self, size: int, *names: str) -> bool:
        return all(
            naive.actor(self.events, one, size) or naive.topic(self.events, one, size)
            for one in names
        )


def step(line: Sequence[naive.Step], one: naive.Step) -> dict[str, Any]:
    """A step as the read door gives it, as far as the law decides it."""
    before = naive.previous(line, one)
    return {
        "id": str(one.id),
        "seq": one.made_seq,
        "recorded_as": one.fields.actor,
        "order": one.fields.order,
        "stance": one.fields.stance,
        "condition": one.fields.condition,
        "effective": one.fields.effective,
        "since": naive.since(line, one),
        "kind": naive.kind(before, one),
        "change_size": naive.change_size(before, one),
        "previous": before
        and {
            "id": str(before.id),
            "stance": before.fields.stance,
            "since": naive.since(line, before),
        },
        "basis": [str(basis) for basis in one.fields.basis],
        "summary": one.fields.summary,
    }


def cut(items: Sequence[Any] | None, *names: str) -> list[Any] | None:
    return None if items is None else [{name: one[name] for name in names} for one in items]


@contextmanager
def opened(server_url: str, template: str) -> Iterator[House]:
    """A house of its own."""
    with (
        postgres.database(server_url, template) as url,
        record(url) as made,
        serving(url) as client,
    ):
        yield House(made, client)
