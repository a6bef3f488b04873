"""Do parts, folded beside each other by several at once, give what one follower gives?"""

import threading
from collections.abc import Iterator
from uuid import uuid4

import pytest
from hypothesis import given

from onrecord.audit.replay import replay
from onrecord.kit.sql import db
from onrecord.ledger import follow
from onrecord.ledger.follow import Part
from onrecord.projections.engine import catch_up, catch_up_all, parts
from onrecord.projections.engine.rebuild import rebuild
from onrecord.projections.registry import PROJECTIONS
from tests.support import bodies, postgres
from tests.support.histories import Cast, History, batches, histories
from tests.support.oracle import FEW
from tests.support.record import Record, record, serving


@pytest.fixture(scope="module")
def on_record(server_url: str, template: str) -> Iterator[Record]:
    """A record with something of every kind."""
    with postgres.database(server_url, template) as url, record(url) as made:
        with serving(url) as client:
            bodies.register_all(client)
            id_ = bodies.post(client, "/v1/statements", bodies.FULL_STATEMENT)["id"]
            erasure = {"sections": ["content"], "ground": "court-order"}
            bodies.post(client, f"/v1/statements/{id_}/erasure", erasure)
        yield made


def rebuilt_by_two(on_record: Record, name: str) -> None:
    (one,) = (one for one in PROJECTIONS if one.name == name)
    others = [
        threading.Thread(target=rebuild, args=(on_record.engine, one, lambda *_: None))
        for _ in range(2)
    ]
    for other in others:
        other.start()
    for other in others:
        other.join()


@FEW
@given(histories(24, 40))
def test_what_two_rebuild_in_parts_is_what_the_ledger_says(
    on_record: Record, history: History
) -> None:
    cast = Cast(f"h{uuid4().hex[:12]}")
    with pytest.MonkeyPatch.context() as small:
        small.setattr(parts, "PAGE", 3)
        for module in (catch_up_all, catch_up):
            small.setattr(module, "PAGE", 5)
        for batch in batches(history, cast):
            on_record.append(*batch)
        on_record.catch_up()
        for one in PROJECTIONS:
            rebuilt_by_two(on_record, one.name)
    engine = db.engine(on_record.url, role="onrecord_audit")
    outcome = replay(engine, lambda *_: None)
    engine.dispose()
    assert () == tuple(one for table in outcome.tables for one in table.differences)
    assert (on_record.events()[-1].seq + 1, True) == (outcome.size, outcome.equal)


def test_all_entries_of_a_thing_are_in_one_part(on_record: Record) -> None:
    types = {one.event.type for one in on_record.events()}
    found: dict[str, int] = {}
    with on_record.engine.connect() as conn:
        for n in range(3):
            for one in follow.heard(conn, types, 0, 10**6, part=Part(n, 3)):
                assert n == found.setdefault(str(one.subject), n)
        assert {str(one.subject) for one in on_record.events()} == found.keys()
