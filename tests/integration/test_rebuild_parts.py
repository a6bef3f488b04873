"""Rebuilds in parts by several workers at once, compared with a replay of the ledger."""

import json
import threading
from collections.abc import Iterator
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from hypothesis import given

from onrecord.audit.replay import replay_ledger
from onrecord.domain.event_types import parse_event
from onrecord.domain.ids import entity_id
from onrecord.kit.sql import db
from onrecord.ledger.follow import LedgerPart, read_entries, subject_sql
from onrecord.projections.engine import catch_up_all, checkpoints, rebuild_parts
from onrecord.projections.engine.rebuild import rebuild_projection
from onrecord.projections.registry import PROJECTIONS, projection_named
from tests.support import bodies, postgres
from tests.support.histories import Cast, History, batches, histories
from tests.support.oracle import FEW_EXAMPLES
from tests.support.store import Store, open_store, run_api
from tests.unit.test_golden_events import FILES


@pytest.fixture(scope="module")
def store(server_url: str, template: str) -> Iterator[Store]:
    """A store with every kind of entity, and an erasure."""
    with postgres.database(server_url, template) as url, open_store(url) as opened:
        with run_api(url) as client:
            bodies.register_all(client)
            id_ = bodies.post(client, "/v1/statements", bodies.FULL_STATEMENT)["id"]
            erasure = {"sections": ["content"], "ground": "court-order"}
            bodies.post(client, f"/v1/statements/{id_}/erasure", erasure)
        yield opened


def rebuild_with_two_workers(store: Store, name: str) -> None:
    args = (store.engine, projection_named(name), lambda *_: None)
    workers = [threading.Thread(target=rebuild_projection, args=args) for _ in range(2)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()


@FEW_EXAMPLES
@given(histories(24, 40))
def test_a_rebuild_by_two_workers_equals_a_replay(store: Store, history: History) -> None:
    cast = Cast(f"h{uuid4().hex[:12]}")
    with pytest.MonkeyPatch.context() as small:
        small.setattr(rebuild_parts, "PAGE", 3)
        for module in (catch_up_all, checkpoints):
            small.setattr(module, "PAGE", 5)
        for batch in batches(history, cast):
            store.append(*batch)
        store.catch_up()
        for projection in PROJECTIONS:
            rebuild_with_two_workers(store, projection.name)
    engine = db.engine(store.url, role="onrecord_audit")
    outcome = replay_ledger(engine, lambda *_: None)
    engine.dispose()
    assert () == tuple(row for table in outcome.tables for row in table.differences)
    assert (store.events()[-1].seq + 1, True) == (outcome.size, outcome.equal)


def test_each_entry_is_in_one_part_with_all_others_of_its_subject(store: Store) -> None:
    parts: dict[str, int] = {}
    seqs: list[int] = []
    with db.connect(store.url, role="onrecord_audit") as conn:
        for number in range(3):
            for entry in read_entries(conn, 0, 10**6, part=LedgerPart(number, 3)):
                assert number == parts.setdefault(str(entry.subject), number)
                seqs.append(entry.seq)
    assert [entry.seq for entry in store.events()] == sorted(seqs)
    assert len({*parts.values()}) == 3


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_the_subject_in_sql_is_the_subject_of_the_event(store: Store, path: Path) -> None:
    stored = json.loads(path.read_text(encoding="utf-8"))
    event = parse_event(
        stored["type"], stored["version"], stored["data"], stored["sections"].values()
    )
    id_, kind = uuid4(), event.makes or event.amends or event.erases
    sql = (
        f"SELECT {subject_sql()} FROM (SELECT %(type)s::text AS type) places,"
        " (SELECT %(id)s::uuid AS id, %(entry)s::bytea AS entry) e"
    )
    params = {"type": event.type, "id": id_, "entry": json.dumps(stored).encode()}
    with db.connect(store.url) as conn:
        row = conn.execute(sql.encode(), params).fetchone()
    assert row and kind
    subject = UUID(row[0]) if kind not in ("actor", "topic") else entity_id(kind, row[0])
    assert event.subject(id_) == subject
