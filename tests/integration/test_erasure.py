"""Tests of erasure: erased text is removed everywhere; hashes and all other data remain."""

import json
from typing import Any
from uuid import UUID, uuid4

import httpx2
import psycopg
import pytest
import rfc8785

from onrecord.audit.replay import replay_ledger
from onrecord.domain.events import PayloadErased, StatementCorrected
from onrecord.kit.sql import db
from onrecord.kit.tlog.merkle import leaf_hash
from onrecord.ledger.merkle import Frontier
from onrecord.projections.engine.rebuild import rebuild_projection
from onrecord.projections.statements import STATEMENTS
from tests.support import bodies
from tests.support.histories import request
from tests.support.store import Store

TEXT = "zanzibar"
"""Part of every text that is to be erased, and of no other."""
ERASED_SECTIONS = ["content", "evidence", "venue", "roles", "note", "reason"]


def _statement_body(text: str = TEXT, **over: Any) -> dict[str, Any]:
    return bodies.statement(
        speakers=[{"actor": "emma", "role": f"{text} minister"}],
        content=bodies.content(text=f"We go to {text}."),
        evidence=[bodies.evidence(title=text, published_at="2022-12-01")],
        venue=f"{text} hall",
        note=f"{text} is meant",
        **over,
    )


@pytest.fixture
def statement(client: httpx2.Client) -> str:
    """The id of a statement with a position, corrected once, that has the text in every section."""
    bodies.register_all(client)
    created = bodies.post(
        client,
        "/v1/statements",
        _statement_body(id=str(uuid4()), positions=[bodies.additional_position()]),
    )
    correction = bodies.correction(_statement_body(TEXT + " indeed"), reason=f"{TEXT} misheard")
    bodies.post(client, f"/v1/statements/{created['id']}/corrections", correction)
    return str(created["id"])


def _erase(client: httpx2.Client, statement: str, **over: Any) -> httpx2.Response:
    body = {"sections": ERASED_SECTIONS, "ground": "gdpr-17", **over}
    return client.post(f"/v1/statements/{statement}/erasure", json=body)


def _all_rows(url: str) -> str:
    """Every row of the tables of the ledger and the projections, as text."""
    with psycopg.connect(url) as conn:
        tables = conn.execute(
            "SELECT format('%I.%I', schemaname, tablename) FROM pg_tables"
            " WHERE schemaname IN ('ledger', 'projections')"
        ).fetchall()
        rows = [
            row for (table,) in tables for row in conn.execute(f"SELECT t::text FROM {table} t")
        ]
        values = conn.execute("SELECT encode(value, 'escape') FROM ledger.payloads").fetchall()
    return "\n".join(text for (text,) in [*rows, *values])


def test_erased_text_is_in_no_table_and_no_answer_at_any_size(
    client: httpx2.Client, store: Store, statement: str
) -> None:
    store.catch_up()
    assert TEXT in _all_rows(store.url)
    answer = _erase(client, statement)
    assert 201 == answer.status_code
    assert statement == answer.json()["id"]
    store.catch_up()
    assert TEXT not in _all_rows(store.url)
    for size in range(answer.json()["size"] + 1):
        for path in ("/v1/statements", "/v1/actors/emma/topics/talks/position"):
            assert TEXT not in client.get(path, params={"known_size": size}).text
    assert bodies.get(client, "/v1/statements", q=TEXT)["items"] == []
    assert TEXT not in client.get("/v1/events").text


def test_speakers_topics_dates_and_the_ground_remain_after_an_erasure(
    client: httpx2.Client, store: Store, statement: str
) -> None:
    store.catch_up()
    before = bodies.get(client, "/v1/actors/emma/topics/talks/position")
    _erase(client, statement)
    store.catch_up()
    after = bodies.get(client, "/v1/actors/emma/topics/talks/position")
    unchanged = ("id", "stance", "effective", "revision", "summary", "basis")
    assert [before[name] for name in unchanged] == [after[name] for name in unchanged]
    (statement_after,) = after["statements"]
    assert [{"actor": "emma", "capacity": "individual"}] == statement_after["speakers"]
    assert "2022-11-30" == statement_after["said_at"]
    dates = {
        "published_at": "2022-12-01",
        "published_earliest": "2022-12-01T00:00:00.000000Z",
        "published_latest": "2022-12-01T23:59:59.999999Z",
    }
    assert [dates] == statement_after["evidence"]
    assert dict.fromkeys(ERASED_SECTIONS, "gdpr-17") == statement_after["erased"]
    assert statement_after["erased"] == bodies.get(client, f"/v1/statements/{statement}")["erased"]


@pytest.mark.parametrize("folded", ["before", "after"])
def test_the_read_and_audit_apis_return_the_same_erasures(
    client: httpx2.Client, store: Store, folded: str
) -> None:
    bodies.register_all(client)
    created = bodies.post(client, "/v1/statements", bodies.statement(note="Heard twice."))
    if folded == "before":
        store.catch_up()
    _erase(client, created["id"])
    _erase(client, created["id"], ground="court-order")
    store.catch_up()
    erased = dict.fromkeys(["content", "evidence", "note"], "gdpr-17")
    assert erased == bodies.get(client, f"/v1/statements/{created['id']}")["erased"]
    assert erased == bodies.get(client, f"/v1/events/{created['id']}")["erased"]
    assert replay_ledger(store.engine, lambda *_: None).equal


def test_hashes_and_the_tree_root_remain_valid_after_an_erasure(
    client: httpx2.Client, store: Store, statement: str
) -> None:
    before = client.get("/v1/events").json()["items"]
    _erase(client, statement, sections=["content"], ground="court-order")
    items = client.get("/v1/events").json()["items"]
    assert [item["entry"] for item in before] == [item["entry"] for item in items[:-1]]
    frontier = Frontier().extended(leaf_hash(rfc8785.dumps(item["entry"])) for item in items)
    with psycopg.connect(store.url) as conn:
        root = conn.execute("SELECT root FROM ledger.commits ORDER BY size DESC").fetchone()
    assert (frontier.root(),) == root
    for item in items:
        has_content = item["entry"]["type"] in ("statement.made", "statement.corrected")
        assert ({"content": "court-order"} if has_content else {}) == item["erased"]
        assert item["entry"]["commit"].keys() == item["payload"].keys() | item["erased"].keys()


def test_erased_text_stays_erased_after_a_replay_a_rebuild_or_a_late_fold(
    client: httpx2.Client, store: Store, statement: str
) -> None:
    _erase(client, statement)  # the projection has not caught up yet
    store.catch_up()
    late = bodies.get(client, f"/v1/statements/{statement}")
    assert replay_ledger(store.engine, lambda *_: None).equal
    rebuild_projection(store.engine, STATEMENTS, lambda *_: None)
    assert late == bodies.get(client, f"/v1/statements/{statement}")
    assert TEXT not in _all_rows(store.url)


def test_text_recorded_after_an_erasure_is_on_record(
    client: httpx2.Client, store: Store, statement: str
) -> None:
    _erase(client, statement, sections=["content"])
    correction = bodies.correction(_statement_body("Elsewhere"))
    bodies.post(client, f"/v1/statements/{statement}/corrections", correction)
    store.catch_up()
    current = bodies.get(client, f"/v1/statements/{statement}")
    assert ("We go to Elsewhere.", {}) == (current["content"]["text"], current["erased"])
    assert replay_ledger(store.engine, lambda *_: None).equal


def test_text_recorded_after_an_erasure_in_the_same_commit_stays(
    store: Store, client: httpx2.Client, statement: str
) -> None:
    event = StatementCorrected.model_validate(
        {"target": statement, **bodies.correction(_statement_body("Elsewhere"))}
    )
    erasure = PayloadErased(target=UUID(statement), sections=("content",), ground="gdpr-17")
    store.append(request(uuid4(), erasure), request(uuid4(), event))
    store.catch_up()
    current = bodies.get(client, f"/v1/statements/{statement}")
    assert ("We go to Elsewhere.", {}) == (current["content"]["text"], current["erased"])
    assert {} == client.get("/v1/events").json()["items"][-1]["erased"]
    assert replay_ledger(store.engine, lambda *_: None).equal


@pytest.mark.parametrize(
    ("target", "seq"), [("position", 0), ("statement", -7), ("statement", 10**12)]
)
def test_an_erasure_of_another_kind_or_with_a_wrong_seq_erases_nothing(
    client: httpx2.Client, store: Store, statement: str, target: str, seq: int
) -> None:
    """The role of the write API cannot erase payloads without an event on record."""
    items = client.get("/v1/events").json()["items"]
    position = next(item for item in items if item["entry"]["type"] == "position.changed")
    id_ = position["entry"]["id"] if target == "position" else statement
    entry = {
        "type": "payload.erased",
        "seq": seq or len(items),
        "data": {"target": id_, "sections": ["summary", "content"], "ground": "mine"},
    }
    with db.connect(store.url, role="onrecord_ingest") as conn:
        conn.execute("BEGIN")
        if target == "position":  # everything else is valid
            conn.execute(
                "INSERT INTO ledger.commits VALUES (%s, now(), '', '{}')", [len(items) + 1]
            )
        with pytest.raises((psycopg.errors.RestrictViolation, psycopg.errors.CheckViolation)):
            insert_and_erase(conn, entry)
    assert items == client.get("/v1/events").json()["items"]


def insert_and_erase(conn: psycopg.Connection[Any], entry: dict[str, Any]) -> None:
    entry_bytes, seq = json.dumps(entry).encode(), entry["seq"]
    conn.execute(
        "INSERT INTO ledger.entries VALUES (%s, gen_random_uuid(), %s, %s)",
        [seq, entry_bytes, leaf_hash(entry_bytes)],
    )
    conn.execute("SELECT ledger.erase(%s)", [seq])


def test_a_write_repeated_after_its_erasure_gets_the_first_answer(
    client: httpx2.Client,
) -> None:
    bodies.register_all(client)
    body = _statement_body(id=str(uuid4()), positions=[bodies.additional_position()])
    first = bodies.post(client, "/v1/statements", body)
    erasure = str(uuid4())
    assert 201 == _erase(client, first["id"], id=erasure).status_code
    for text in (TEXT, "whatever else"):  # the erased text can no longer be compared
        again = client.post(
            "/v1/statements", json={**_statement_body(text), **_id_and_positions(body)}
        )
        assert (200, first) == (again.status_code, again.json())
    assert 200 == _erase(client, first["id"], id=erasure).status_code
    other = client.post("/v1/statements", json={**body, "said_at": "2022-11-29"})
    bodies.expect_problem(other, 422, "id-reused")


def _id_and_positions(body: dict[str, Any]) -> dict[str, Any]:
    return {"id": body["id"], "positions": body["positions"]}


def test_an_erasure_of_an_unknown_statement_section_or_ground_is_refused(
    client: httpx2.Client, statement: str
) -> None:
    bodies.expect_problem(_erase(client, str(uuid4())), 404, "unknown-target")
    bodies.expect_problem(_erase(client, statement, sections=["words"]), 422, "invalid")
    bodies.expect_problem(_erase(client, statement, sections=[]), 422, "invalid")
    bodies.expect_problem(_erase(client, statement, ground="because she asked"), 422, "invalid")


@pytest.mark.parametrize("seq", ["max(seq)", "NULL", "0"])
def test_payloads_are_erased_only_with_an_event_in_the_same_transaction(
    client: httpx2.Client, store: Store, statement: str, seq: str
) -> None:
    _erase(client, statement, sections=["note"])
    with psycopg.connect(store.url, autocommit=True) as conn:
        before = conn.execute("SELECT count(*) FROM ledger.payloads").fetchone()
        with pytest.raises(psycopg.errors.RestrictViolation):
            conn.execute(f"SELECT ledger.erase({seq}) FROM ledger.entries")
        conn.execute("SET ROLE onrecord_ingest")
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            conn.execute("INSERT INTO ledger.erased VALUES (0, 'names', 'mine')")
        conn.execute("RESET ROLE")
        assert before == conn.execute("SELECT count(*) FROM ledger.payloads").fetchone()
    assert json.loads(client.get("/v1/events").text)["items"][-1]["erased"] == {}
