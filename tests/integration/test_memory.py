"""Does a writer that goes on from its own last commit record and answer what one that asks does?"""

import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from hypothesis import given
from hypothesis import strategies as st

from onrecord.domain.ids import additional_event_id
from onrecord.domain.requests import Refusal, Request
from onrecord.entrypoints import app_factory
from onrecord.kit.sql.pipeline import Call, Connection, Statement, Trip
from onrecord.ledger.append import append, beforehand, depart
from onrecord.ledger.evaluate import Answer, prepared
from onrecord.ledger.insert import INSERT_IF
from onrecord.ledger.memory import Memory
from tests.support import postgres
from tests.support.committing import lock_held, stage
from tests.support.histories import Cast, History, batches, histories, position, request
from tests.support.ledgers import answers, statement
from tests.support.oracle import MODEST
from tests.support.store import Store, open_store


class Writer:
    """A connection with its memory. `trips`: how many round trips its last append took."""

    def __init__(self, conn: Connection) -> None:
        self.memory, self.trips, self.conn = Memory(), 0, conn
        send = conn.send

        def counted(*calls: Call) -> Trip:
            self.trips += 1
            return send(*calls)

        conn.send = counted  # type: ignore[method-assign] # of this connection alone

    def append(self, *requests: Request) -> list[Answer | Refusal]:
        self.trips = 0
        return append(self.conn, [prepared(one) for one in requests], memory=self.memory)


@contextmanager
def writers(url: str, count: int) -> Iterator[list[Writer]]:
    with ExitStack() as stack:
        yield [Writer(stack.enter_context(app_factory.writer(url))) for _ in range(count)]


@pytest.fixture
def alone(store: Store, monkeypatch: pytest.MonkeyPatch) -> Iterator[Writer]:
    """A writer that has found the ledger as it left it, and has met Ann and talks.

    On a machine with other work, a second may pass between any two of its steps.
    """
    patient = Statement(INSERT_IF.sql.replace("1 s", "60 s"))
    monkeypatch.setattr("onrecord.ledger.append.INSERT_IF", patient)
    stage(store)
    with writers(store.url, 1) as (made,):
        for _ in range(2):
            answers(made.append(ask()))
        yield made


def ask() -> Request:
    return request(uuid4(), position())


def test_who_writes_alone_needs_one_round_trip(alone: Writer) -> None:
    asked = request(uuid4(), statement(), position())
    places = []
    for some in ([ask()], [ask(), asked, ask()], [request(uuid4(), position(basis=[asked.id]))]):
        places += [one.seq for one in answers(alone.append(*some))]
        assert 1 == alone.trips
    assert [4, 5, 6, 8, 9] == places


def test_what_another_writer_did_meanwhile_is_seen(store: Store, alone: Writer) -> None:
    answers(store.append(ask()))
    (found,) = answers(alone.append(ask()))
    assert (5, 3) == (found.seq, alone.trips)
    assert list(range(6)) == [one.seq for one in store.events()]


def test_beside_another_writer_it_asks_and_supposes_nothing_in_vain(
    store: Store, alone: Writer
) -> None:
    answers(store.append(ask()))
    answers(alone.append(ask()))
    for _ in range(3):
        answers(store.append(ask()))
        answers(alone.append(ask()))
        assert 2 == alone.trips
    answers(alone.append(ask()))  # finds the ledger as it left it
    answers(alone.append(ask()))
    assert 1 == alone.trips


@pytest.mark.parametrize("what", ["the same", "another body", "an id along"])
def test_what_was_written_and_forgotten_is_repeated_and_refused_as_ever(
    alone: Writer, what: str
) -> None:
    """Its ids are not new, though the ledger ends where this writer left it."""
    asked = request(uuid4(), statement(), position())
    (first,) = answers(alone.append(asked))
    forgotten = (asked.id, additional_event_id(asked.id, 0))
    alone.memory._met = {id_: one for id_, one in alone.memory._met.items() if id_ not in forgotten}
    again, refusal = replace(first, repeated=True), "id-reused"
    for trips in (3, 2):  # and is not taken for new a second time
        match what:
            case "the same":
                assert [again] == alone.append(asked)
            case "another body":
                assert [refusal] == _reasons(alone.append(request(asked.id, statement("No."))))
            case "an id along":
                other = request(forgotten[1], position(stance="oppose"))
                assert [refusal] == _reasons(alone.append(other))
        assert trips == alone.trips


def test_a_revision_that_is_expected_is_asked_for(alone: Writer) -> None:
    expects = request(uuid4(), position(expected_revision=0))
    assert ["revision-conflict"] == _reasons(alone.append(expects))


@pytest.mark.parametrize("wrong", [timedelta(hours=1), timedelta(hours=-1), timedelta(seconds=-30)])
def test_a_clock_that_is_not_the_databases_is_found_out(
    store: Store, alone: Writer, wrong: timedelta
) -> None:
    alone.memory._zero += wrong
    alone.memory._last += min(wrong, timedelta())
    before = datetime.now(UTC)
    (found,) = answers(alone.append(ask()))
    assert 3 == alone.trips
    assert before <= found.recorded_at <= datetime.now(UTC)
    alone.append(ask())
    assert 1 == alone.trips


def test_who_waits_long_for_the_lock_looks_at_the_clock_again(
    store: Store, alone: Writer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The instant is that of the lock, to a second, however long it took to get it."""
    monkeypatch.setattr("onrecord.ledger.append.INSERT_IF", INSERT_IF)
    found: list[Answer | Refusal] = []
    with lock_held(store.url) as lock:
        waits = threading.Thread(target=lambda: found.extend(alone.append(ask())))
        waits.start()
        lock.wait_for(1)
        time.sleep(1.2)  # what is awaited is time itself
        released = datetime.now(UTC)
        lock.release()
        waits.join(10)
    (answer,) = answers(found)
    assert answer.recorded_at >= released - timedelta(seconds=1)


def test_a_writer_frozen_before_all_of_it_is_sent_loses_the_lock(
    store: Store, alone: Writer
) -> None:
    """What the wire does not take at once goes when it is waited for."""
    huge = [prepared(request(uuid4(), statement("w" * 100_000))) for _ in range(100)]
    judging = beforehand(huge, alone.memory)
    assert judging
    flight = depart(alone.conn, judging, alone.memory)
    assert flight
    with writers(store.url, 1) as (other,):
        answers(other.append(ask()))
    with pytest.raises(psycopg.Error):
        flight.trip.rows()
    assert alone.conn.closed
    assert 5 == len(store.events())


def test_what_it_is_not_known_to_have_written_is_not_remembered(
    store: Store, alone: Writer
) -> None:
    lost = request(uuid4(), statement())
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("onrecord.ledger.append.insertion", _fails)
        with pytest.raises(RuntimeError):
            alone.append(lost)
    found = alone.append(request(uuid4(), position(basis=[lost.id])))
    assert ["unknown-reference"] == _reasons(found)
    assert 4 == len(store.events())


def _reasons(found: Sequence[Answer | Refusal]) -> list[str]:
    return [one.reason if isinstance(one, Refusal) else "none" for one in found]


def _fails(*_: Any) -> None:
    raise RuntimeError("on purpose")


@pytest.fixture(scope="module")
def two(server_url: str, template: str) -> Iterator[tuple[Store, list[Writer]]]:
    """A ledger for one that asks, and one for two that remember."""
    with ExitStack() as stack:
        urls = [stack.enter_context(postgres.database(server_url, template)) for _ in range(2)]
        asking = stack.enter_context(open_store(urls[0]))
        yield asking, stack.enter_context(writers(urls[1], 2))


MISCHIEF = st.sampled_from(["", "", "", "again", "other body", "unknown", "expects", "twice"])
TURNS = st.lists(st.tuples(st.sampled_from([0, 0, 0, 0, 1]), MISCHIEF), min_size=1, max_size=12)


@MODEST
@given(history=histories(longest=30), turns=TURNS)
def test_the_same_is_recorded_and_answered_as_by_who_asks_each_time(
    two: tuple[Store, list[Writer]], history: History, turns: Sequence[tuple[int, str]]
) -> None:
    asking, remembering = two
    cast = Cast(f"h{uuid4().hex[:12]}")
    earlier: list[Request] = []
    for n, batch in enumerate(batches(history, cast)):
        writer, mischief = turns[n % len(turns)]
        asked = [*batch, *_mischief(mischief, cast, earlier, batch)]
        expected = asking.append(*asked)
        assert _told(expected) == _told(remembering[writer].append(*asked))
        earlier += batch


def _mischief(
    what: str, cast: Cast, earlier: Sequence[Request], batch: Sequence[Request]
) -> list[Request]:
    actor, topic = cast.actors[0], cast.topics[0]
    stands = position(actor=actor, topic=topic)
    match what:
        case "again":
            return list(earlier[-2:])
        case "other body":
            return [request(one.id, stands) for one in earlier[-1:]]
        case "unknown":
            return [request(uuid4(), position(actor=actor, topic="nothing"))]
        case "expects":
            expects = position(actor=actor, topic=topic, expected_revision=len(earlier) % 3)
            return [request(uuid4(), expects)]
        case "twice":
            return list(batch)
    return []


_ONE = datetime(2022, 1, 1, tzinfo=UTC)


def _told(found: Sequence[Answer | Refusal]) -> list[Any]:
    """All but the instant, which is another one in the other ledger."""
    return [replace(one, recorded_at=_ONE) if isinstance(one, Answer) else one for one in found]
