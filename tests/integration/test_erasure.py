"""Are erased words gone everywhere, while every proof and everything else on record stands?"""

import json
from typing import Any
from uuid import UUID, uuid4

import httpx2
import psycopg
import pytest
import rfc8785

from onrecord.audit.replay import replay
from onrecord.domain.events import PayloadErased, StatementCorrected
from onrecord.kit.sql import db
from onrecord.ledger.entry import leaf_hash
from onrecord.ledger.merkle import Frontier
from onrecord.projections.engine.rebuild import rebuild
from onrecord.projections.statements import STATEMENTS
from tests.support import bodies
from tests.support.histories import request
from tests.support.record import Record

WORDS = "zanzibar"
"""Stands in every text that is to go, and nowhere else."""
GONE = ["content", "evidence", "venue", "roles", "note", "reason"]


def _told(words: str = WORDS, **over: Any) -> dict[str, Any]:
    return bodies.statement(
        speakers=[{"actor": "emma", "role": f"{words} minister"}],
        content=bodies.content(text=f"We go to {words}."),
        evidence=[bodies.evidence(title=words, published_at="2022-12-01")],
        venue=f"{words} hall",
        note=f"{words} is meant",
        **over,
    )


@pytest.fixture
def statement(client: httpx2.Client) -> str:
    """A statement with a position, corrected once, its words all over the record."""
    bodies.register_all(client)
    made = bodies.post(
        client, "/v1/statements", _told(id=str(uuid4()), positions=[bodies.additional_position()])
    )
    correction = bodies.correction(_told(WORDS + " indeed"), reason=f"{WORDS} misheard")
    bodies.post(client, f"/v1/statements/{made['id']}/corrections", correction)
    return str(made["id"])


def _erase(client: httpx2.Client, statement: str, **over: Any) -> httpx2.Response:
    body = {"sections": GONE, "ground": "gdpr-17", **over}
    return client.post(f"/v1/statements/{statement}/erasure", json=body)


def _everything(url: str) -> str:
    """Every row of every table that is ours, as text."""
    with psycopg.connect(url) as conn:
        tables = conn.execute(
            "SELECT format('%I.%I', schemaname, tablename) FROM pg_tables"
            " WHERE schemaname IN ('ledger', 'projections')"
        ).fetchall()
        rows = [
            row for (table,) in tables for row in conn.execute(f"SELECT t::text FROM {table} t")
        ]
        values = conn.execute("SELECT encode(value, 'escape') FROM ledger.payloads").fetchall()
    return "\n".join(one for (one,) in [*rows, *values])


def test_erased_words_are_in_no_table_and_no_answer_at_any_size(
    client: httpx2.Client, on_record: Record, statement: str
) -> None:
    on_record.catch_up()
    assert WORDS in _everything(on_record.url)
    answer = _erase(client, statement)
    assert 201 == answer.status_code
    assert statement == answer.json()["id"]
    on_record.catch_up()
    assert WORDS not in _everything(on_record.url)
    for size in range(answer.json()["size"] + 1):
        for path in ("/v1/statements", "/v1/actors/emma/topics/talks/position"):
            assert WORDS not in client.get(path, params={"known_size": size}).text
    assert bodies.get(client, "/v1/statements", q=WORDS)["items"] == []
    assert WORDS not in client.get("/v1/events").text


def test_who_spoke_on_what_and_when_still_stands_and_the_ground_is_told(
    client: httpx2.Client, on_record: Record, statement: str
) -> None:
    on_record.catch_up()
    before = bodies.get(client, "/v1/actors/emma/topics/talks/position")
    _erase(client, statement)
    on_record.catch_up()
    after = bodies.get(client, "/v1/actors/emma/topics/talks/position")
    same = ("id", "stance", "effective", "revision", "summary", "basis")
    assert [before[name] for name in same] == [after[name] for name in same]
    (told,) = after["statements"]
    assert [{"actor": "emma", "capacity": "individual"}] == told["speakers"]
    assert "2022-11-30" == told["said_at"]
    assert [{"published_at": "2022-12-01"}] == told["evidence"]
    assert dict.fromkeys(GONE, "gdpr-17") == told["erased"]
    assert told["erased"] == bodies.get(client, f"/v1/statements/{statement}")["erased"]


@pytest.mark.parametrize("folded", ["before", "after"])
def test_reads_and_proofs_tell_the_same_erasures_of_what_there_was(
    client: httpx2.Client, on_record: Record, folded: str
) -> None:
    bodies.register_all(client)
    made = bodies.post(client, "/v1/statements", bodies.statement(note="Heard twice."))
    if folded == "before":
        on_record.catch_up()
    _erase(client, made["id"])
    _erase(client, made["id"], ground="court-order")
    on_record.catch_up()
    told = dict.fromkeys(["content", "evidence", "note"], "gdpr-17")
    assert told == bodies.get(client, f"/v1/statements/{made['id']}")["erased"]
    assert told == bodies.get(client, f"/v1/events/{made['id']}")["erased"]
    assert replay(on_record.engine, lambda *_: None).equal


def test_every_proof_holds_over_what_is_left(
    client: httpx2.Client, on_record: Record, statement: str
) -> None:
    before = client.get("/v1/events").json()["items"]
    _erase(client, statement, sections=["content"], ground="court-order")
    items = client.get("/v1/events").json()["items"]
    assert [one["entry"] for one in before] == [one["entry"] for one in items[:-1]]
    frontier = Frontier().extended(leaf_hash(rfc8785.dumps(one["entry"])) for one in items)
    with psycopg.connect(on_record.url) as conn:
        kept = conn.execute("SELECT root FROM ledger.commits ORDER BY size DESC").fetchone()
    assert (frontier.root(),) == kept
    for one in items:
        made = one["entry"]["type"] in ("statement.made", "statement.corrected")
        assert ({"content": "court-order"} if made else {}) == one["erased"]
        assert one["entry"]["commit"].keys() == one["payload"].keys() | one["erased"].keys()


def test_what_was_erased_stays_so_when_it_is_replayed_rebuilt_or_folded_late(
    client: httpx2.Client, on_record: Record, statement: str
) -> None:
    _erase(client, statement)  # the fold has seen nothing yet
    on_record.catch_up()
    late = bodies.get(client, f"/v1/statements/{statement}")
    assert replay(on_record.engine, lambda *_: None).equal
    rebuild(on_record.engine, STATEMENTS, lambda *_: None)
    assert late == bodies.get(client, f"/v1/statements/{statement}")
    assert WORDS not in _everything(on_record.url)


def test_words_given_after_an_erasure_are_on_record_again(
    client: httpx2.Client, on_record: Record, statement: str
) -> None:
    _erase(client, statement, sections=["content"])
    correction = bodies.correction(_told("Elsewhere"))
    bodies.post(client, f"/v1/statements/{statement}/corrections", correction)
    on_record.catch_up()
    found = bodies.get(client, f"/v1/statements/{statement}")
    assert ("We go to Elsewhere.", {}) == (found["content"]["text"], found["erased"])
    assert replay(on_record.engine, lambda *_: None).equal


def test_words_given_after_an_erasure_in_the_same_commit_stay(
    on_record: Record, client: httpx2.Client, statement: str
) -> None:
    event = StatementCorrected.model_validate(
        {"target": statement, **bodies.correction(_told("Elsewhere"))}
    )
    erasure = PayloadErased(target=UUID(statement), sections=("content",), ground="gdpr-17")
    on_record.append(request(uuid4(), erasure), request(uuid4(), event))
    on_record.catch_up()
    found = bodies.get(client, f"/v1/statements/{statement}")
    assert ("We go to Elsewhere.", {}) == (found["content"]["text"], found["erased"])
    assert {} == client.get("/v1/events").json()["items"][-1]["erased"]
    assert replay(on_record.engine, lambda *_: None).equal


@pytest.mark.parametrize(
    ("target", "seq"), [("position", 0), ("statement", -7), ("statement", 10**12)]
)
def test_an_erasure_that_is_not_of_a_statement_or_not_in_its_place_takes_nothing(
    client: httpx2.Client, on_record: Record, statement: str, target: str, seq: int
) -> None:
    """Whoever can write as the write door's role cannot have words go past the record."""
    items = client.get("/v1/events").json()["items"]
    position = next(one for one in items if one["entry"]["type"] == "position.changed")
    id_ = position["entry"]["id"] if target == "position" else statement
    said = {
        "type": "payload.erased",
        "seq": seq or len(items),
        "data": {"target": id_, "sections": ["summary", "content"], "ground": "mine"},
    }
    with db.connect(on_record.url, role="onrecord_ingest") as conn:
        conn.execute("BEGIN")
        if target == "position":  # all else is as it should be
            conn.execute(
                "INSERT INTO ledger.commits VALUES (%s, now(), '', '{}')", [len(items) + 1]
            )
        with pytest.raises((psycopg.errors.RestrictViolation, psycopg.errors.CheckViolation)):
            insert_and_erase(conn, said)
    assert items == client.get("/v1/events").json()["items"]


def insert_and_erase(conn: psycopg.Connection[Any], said: dict[str, Any]) -> None:
    entry, seq = json.dumps(said).encode(), said["seq"]
    conn.execute(
        "INSERT INTO ledger.entries VALUES (%s, gen_random_uuid(), %s, %s)",
        [seq, entry, leaf_hash(entry)],
    )
    conn.execute("SELECT ledger.erase(%s)", [seq])


def test_a_write_repeated_after_its_words_were_erased_gets_its_first_answer(
    client: httpx2.Client,
) -> None:
    bodies.register_all(client)
    body = _told(id=str(uuid4()), positions=[bodies.additional_position()])
    first = bodies.post(client, "/v1/statements", body)
    erasure = str(uuid4())
    assert 201 == _erase(client, first["id"], id=erasure).status_code
    for words in (WORDS, "whatever else"):  # what it said can be compared no more
        again = client.post("/v1/statements", json={**_told(words), **_kept(body)})
        assert (200, first) == (again.status_code, again.json())
    assert 200 == _erase(client, first["id"], id=erasure).status_code
    other = client.post("/v1/statements", json={**body, "said_at": "2022-11-29"})
    bodies.expect_problem(other, 422, "id-reused")


def _kept(body: dict[str, Any]) -> dict[str, Any]:
    return {"id": body["id"], "positions": body["positions"]}


def test_an_erasure_names_a_statement_on_record_and_sections_that_there_are(
    client: httpx2.Client, statement: str
) -> None:
    bodies.expect_problem(_erase(client, str(uuid4())), 404, "unknown-target")
    bodies.expect_problem(_erase(client, statement, sections=["words"]), 422, "invalid")
    bodies.expect_problem(_erase(client, statement, sections=[]), 422, "invalid")
    bodies.expect_problem(_erase(client, statement, ground="because she asked"), 422, "invalid")


@pytest.mark.parametrize("seq", ["max(seq)", "NULL", "0"])
def test_no_words_go_without_an_erasure_appended_in_the_same_transaction(
    client: httpx2.Client, on_record: Record, statement: str, seq: str
) -> None:
    _erase(client, statement, sections=["note"])
    with psycopg.connect(on_record.url, autocommit=True) as conn:
        before = conn.execute("SELECT count(*) FROM ledger.payloads").fetchone()
        with pytest.raises(psycopg.errors.RestrictViolation):
            conn.execute(f"SELECT ledger.erase({seq}) FROM ledger.entries")
        conn.execute("SET ROLE onrecord_ingest")
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            conn.execute("INSERT INTO ledger.erased VALUES (0, 'names', 'mine')")
        conn.execute("RESET ROLE")
        assert before == conn.execute("SELECT count(*) FROM ledger.payloads").fetchone()
    assert json.loads(client.get("/v1/events").text)["items"][-1]["erased"] == {}
