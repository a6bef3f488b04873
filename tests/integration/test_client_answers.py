"""Tests of what the typed client returns and raises, against the APIs over HTTP.

`assert_type` is checked by mypy, and so by `make lint`.
"""

from collections.abc import Iterator
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import assert_type
from uuid import UUID, uuid4

import pytest

from onrecord.access.schemas import KeyIn
from onrecord.client import Client, ProblemError, keys, reads, writes
from onrecord.client.call import Call, PageOf
from onrecord.client.parameters import (
    AsOf,
    AtSize,
    EventSearch,
    GridSearch,
    NameParams,
    PagedAsOf,
    QuoteParams,
    RegistrySearch,
    ReviewSearch,
    StatementSearch,
)
from onrecord.ingest.schemas import (
    ActorIn,
    DismissalIn,
    Line,
    StatementCorrectionIn,
    StatementIn,
    StatementState,
)
from onrecord.query.answers.position_schemas import PositionOut
from onrecord.query.answers.statement_schemas import StatementOut
from tests.support import bodies, postgres, seeds
from tests.support.bodies import ledger_size
from tests.support.keys import TOKEN
from tests.support.store import Store, open_store, run_api

PAIR = ("biden", "talks-with-putin")
TEXT = "Talks \u2028 now.\nOr \x85 never."


@pytest.fixture(scope="module")
def store(server_url: str, template: str) -> Iterator[Store]:
    with postgres.database(server_url, template) as url, open_store(url) as new_store:
        yield new_store


@pytest.fixture(scope="module")
def api(store: Store) -> Iterator[Client]:
    """A client of all APIs, with the seeds on record, recorded by one batch."""
    with run_api(store.url) as raw, Client(str(raw.base_url), TOKEN) as api:
        results = api.send(writes.record_batch([Line(**line) for line in seeds.lines()]))
        assert [(n, 201) for n in range(1, len(results) + 1)] == [
            (result.line, result.status) for result in results
        ]
        store.catch_up()
        yield api


def test_an_answer_is_typed_to_the_words(api: Client) -> None:
    answer = api.send(reads.get_position(*PAIR, AsOf(as_of="2022-12-02")))
    assert_type(answer, PositionOut)
    assert_type(answer.statements[0].content.text, str | None)
    assert_type(answer.statements[0].evidence[0].outlet, str | None)
    assert ("conditional_support", "2022-12-01") == (answer.stance, answer.effective)
    words = answer.statements[0].content.text
    assert words
    assert "an interest in him deciding" in words
    assert [answer.basis[0]] == [statement.id for statement in answer.statements][:1]


def test_every_read_of_the_record_parses(api: Client) -> None:
    size = api.send(reads.get_position(*PAIR)).known.size
    at = AtSize(known_size=size)
    lists: list[Call[PageOf[object]]] = [
        reads.get_timeline(*PAIR),
        reads.get_history(*PAIR),
        reads.list_actor_positions(PAIR[0]),
        reads.list_topic_positions(PAIR[1]),
        reads.list_positions(GridSearch(as_of="2023", limit=2)),
        reads.list_actors(),
        reads.list_topics(),
        reads.list_statements(),
        reads.list_changes(),
        reads.list_events(),
    ]
    assert all(next(api.items(page)) for page in lists)
    findings = [
        item.kind
        for dismissed in (False, True)  # by another test
        for item in api.items(reads.list_review(ReviewSearch(dismissed=dismissed)))
    ]
    assert ["contradiction"] == findings
    assert PAIR[0] == api.send(reads.get_actor(PAIR[0], at)).id
    assert PAIR[1] == api.send(reads.get_topic(PAIR[1], at)).id
    statement = next(api.items(reads.list_statements()))
    assert statement.content == api.send(reads.get_statement(statement.id, at)).content
    event = api.send(reads.get_event(statement.event))
    assert ("statement.made", size) >= (event.entry.type, event.entry.seq)


def test_a_list_is_read_page_by_page(api: Client) -> None:
    whole = api.send(reads.list_statements(StatementSearch(limit=500)))
    assert whole.next is None
    paged = list(api.items(reads.list_statements(StatementSearch(limit=2))))
    assert_type(paged, list[StatementOut])
    assert len(paged) > 4
    assert whole.items == paged
    positions = api.items(reads.list_topic_positions(PAIR[1], PagedAsOf(limit=1, as_of="2022-12")))
    actors = [position.actor for position in positions]
    assert len(actors) > 1
    assert sorted({*actors}) == sorted(actors)
    assert [] == list(api.items(reads.list_actors(RegistrySearch(q="nobody of this name"))))


def test_a_position_is_read_by_its_id_and_an_actor_by_its_name(api: Client) -> None:
    answer = api.send(reads.get_position(*PAIR, AsOf(as_of="2022-12-02")))
    assert answer.id
    record = api.send(reads.get_recorded_position(answer.id))
    assert (answer.stance, answer.basis) == (record.stance, record.basis)
    names = api.send(reads.resolve_name(NameParams(kind="actor", name="JOE BIDEN")))
    assert PAIR[0] == names.id


def test_a_quote_is_checked(api: Client) -> None:
    answer = api.send(reads.check_quoted_words(QuoteParams(text="An interest in him DECIDING")))
    (match, *_) = answer.matches
    assert_type(match.source.outlet, str | None)
    assert ("same_words", "an interest in him deciding") == (match.verdict, match.passage)
    assert [PAIR[0]] == [speaker.actor for speaker in match.speakers]


def test_a_dry_run_records_nothing(api: Client, store: Store) -> None:
    size = ledger_size(store.url)
    body = bodies.statement(speakers=[{"actor": PAIR[0]}], topics=[PAIR[1]])
    made = api.send(writes.record_statement(StatementIn(**body)).as_dry_run())
    assert (True, size + 1) == (made.dry_run, made.size)
    lines = [Line(op="actor", id="emma", body=bodies.actor())]
    assert [201] == [line.status for line in api.send(writes.record_batch(lines).as_dry_run())]
    unknown = StatementIn(**{**body, "topics": ["nothing"]})
    with pytest.raises(ProblemError, match=r"^422 "):
        api.send(writes.record_statement(unknown).as_dry_run())
    assert size == ledger_size(store.url)


def test_a_problem_is_raised_with_its_code_and_its_errors(api: Client) -> None:
    with pytest.raises(ProblemError) as unknown:
        api.send(reads.get_position("bidne", PAIR[1]))
    assert (404, "unknown-actor") == (unknown.value.status, unknown.value.code)
    wrong = AsOf.model_construct(_fields_set={"as_of"}, as_of="yesterday")
    with pytest.raises(ProblemError, match=r"^422 invalid: .*as_of: ") as invalid:
        api.send(reads.get_position(*PAIR, wrong))
    assert ["as_of"] == [error["parameter"] for error in invalid.value.errors]
    with pytest.raises(ProblemError, match=r"^422 unknown-reference: ") as unknown_name:
        next(api.items(reads.list_statements(StatementSearch(actor=["bidne"]))))
    assert unknown_name.value.errors
    with (
        Client(str(api.http.base_url)) as stranger,
        pytest.raises(ProblemError, match=r"^401 "),
    ):
        next(stranger.replay())


def test_a_correction_is_recorded_and_read(api: Client, store: Store) -> None:
    body = bodies.statement(speakers=[{"actor": PAIR[0]}], topics=[PAIR[1]])
    made = api.send(writes.record_statement(StatementIn(**body)))
    words = bodies.content(text=TEXT)
    replacement = StatementState(**{**body, "content": words})
    correction = StatementCorrectionIn(by="us", reason="A slip.", replacement=replacement)
    corrected = api.send(writes.correct_statement(UUID(made.id), correction))
    assert (made.id, made.seq + 1) == (corrected.id, corrected.seq)
    store.catch_up()
    answer = api.send(reads.get_statement(UUID(made.id), AtSize(min_size=corrected.size)))
    assert ("corrected", TEXT) == (answer.status, answer.content.text)
    before = api.send(reads.get_statement(UUID(made.id), AtSize(known_size=made.size)))
    assert "We are ready to talk." == before.content.text
    with pytest.raises(ProblemError, match=r"^409 "):
        api.send(writes.register_actor(ActorIn(**bodies.actor(PAIR[0]))))
    events = list(api.replay(EventSearch(after=made.seq)))
    assert [corrected.event] == [event.entry.id for event in events]
    assert TEXT == events[0].payload["content"].value["replacement"]["content"]["text"]


def test_keys_are_created_listed_used_and_revoked(api: Client) -> None:
    soon = datetime.now(UTC) + timedelta(days=1)
    key = KeyIn(id=uuid4(), name="Dashboard", scopes=("read",), expires_at=soon)
    created = api.send(keys.create_key(key))
    assert created.token
    assert created.id in [listed.id for listed in api.items(keys.list_keys())]
    with Client(str(api.http.base_url), created.token) as dashboard:
        me = dashboard.send(keys.get_me())
        assert (created.id, "Dashboard", ["read"]) == (me.id, me.name, list(me.scopes))
        with pytest.raises(ProblemError, match=r"^403 "):
            dashboard.send(writes.register_actor(ActorIn(**bodies.actor())))
    assert api.send(keys.get_key(created.id)).revoked_at is None
    assert api.send(keys.revoke_key(created.id)) is None
    assert api.send(keys.get_key(created.id)).revoked_at


def test_a_finding_is_left_as_it_is(api: Client, store: Store) -> None:
    store.catch_up()
    page = api.send(reads.list_review())
    for finding in page.items:
        body = {**asdict(finding.dismiss), "known_size": page.known.size, "reason": "As it is."}
        api.send(writes.dismiss_finding(DismissalIn.model_validate(body)))
    store.catch_up()
    assert [] == list(api.items(reads.list_review()))
    dismissed = list(api.items(reads.list_review(ReviewSearch(dismissed=True))))
    assert [item.dismiss for item in page.items] == [item.dismiss for item in dismissed]
    assert {"As it is."} == {item.dismissal.reason for item in dismissed if item.dismissal}
