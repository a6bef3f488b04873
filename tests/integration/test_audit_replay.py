"""Does a replay leave the database to others while it goes on?"""

import psycopg
import pytest

from onrecord.audit import replay as replaying
from onrecord.kit.sql import db
from tests.support.committing import position_request, seed
from tests.support.record import Record

STATE = (
    "SELECT state FROM pg_stat_activity"
    " WHERE application_name = 'onrecord_audit' AND datname = current_database()"
)


def test_no_transaction_is_open_from_page_to_page(
    on_record: Record, monkeypatch: pytest.MonkeyPatch
) -> None:
    seed(on_record)
    on_record.append(*(position_request() for _ in range(4)))
    on_record.catch_up()
    monkeypatch.setattr(replaying, "PAGE", 2)
    states: list[str] = []

    def look(done: int, size: int) -> None:
        with psycopg.connect(on_record.url) as conn:
            states.extend(state for (state,) in conn.execute(STATE))

    engine = db.engine(on_record.url, role="onrecord_audit")
    assert replaying.replay(engine, look).equal
    engine.dispose()
    assert ["idle"] * 3 == states
