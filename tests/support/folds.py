"""given / when / then for folds: events on record, events that follow, rows of a table."""

from dataclasses import dataclass
from typing import Any, Self
from uuid import uuid4

from sqlalchemy import Table, select

from onrecord.domain.event import Event
from onrecord.domain.events import ActorRegistered, TopicRegistered
from onrecord.domain.requests import Refusal, Request
from tests.support.histories import registration, request
from tests.support.store import Store


@dataclass(frozen=True)
class Folds:
    """A store whose events are folded in two pages, or all in one: the rows must be the same."""

    store: Store
    one_page: bool

    def given(self, *events: Event | Request) -> Self:
        """These events are on record, and folded unless there is one page."""
        self._append(*events)
        if not self.one_page:
            self.store.catch_up()
        return self

    def when(self, *events: Event | Request) -> Self:
        """These events follow, and are folded."""
        self._append(*events)
        self.store.catch_up()
        return self

    def then(self, table: Table, *rows: dict[str, Any]) -> None:
        """The table holds these rows, as far as they name columns, in the order of opening."""
        columns = [table.c[name] for name in rows[0]]
        query = select(*columns).order_by(table.c.open_seq)
        with self.store.engine.connect() as conn:
            assert [*rows] == [dict(row) for row in conn.execute(query).mappings()]

    def _append(self, *events: Event | Request) -> None:
        for event in events:
            (answer,) = self.store.append(_request(event))
            assert not isinstance(answer, Refusal), answer


def _request(event: Event | Request) -> Request:
    if isinstance(event, Request):
        return event
    if isinstance(event, ActorRegistered | TopicRegistered):
        return registration(event)
    return request(uuid4(), event)
