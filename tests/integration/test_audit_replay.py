"""An audit's replay and its transactions."""

import psycopg
import pytest

from onrecord.audit import replay as replaying
from onrecord.kit.sql import db
from tests.support.committing import position_request, seed
from tests.support.store import Store

STATE = (
    "SELECT state FROM pg_stat_activity"
    " WHERE application_name = 'onrecord_audit' AND datname = current_database()"
)


def test_a_replay_ends_its_transaction_after_each_page(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    seed(store)
    store.append(*(position_request() for _ in range(4)))
    store.catch_up()
    monkeypatch.setattr(replaying, "REPLAY_PAGE", 2)
    states: list[str] = []

    def look(done: int, size: int) -> None:
        with psycopg.connect(store.url) as conn:
            states.extend(state for (state,) in conn.execute(STATE))

    engine = db.engine(store.url, role="onrecord_audit")
    assert replaying.replay_ledger(engine, look).equal
    engine.dispose()
    assert ["idle"] * 3 == states
