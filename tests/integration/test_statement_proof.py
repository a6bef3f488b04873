"""Proofs of statements: files that `onrecord verify` checks without this service."""

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from httpx2 import Client, Response

from onrecord.audit.tlog import latest_checkpoint
from onrecord.kit.tlog.proofs import parse_proof
from onrecord.verifying.quote import CheckedQuote, check_quote
from onrecord.verifying.quote_description import describe_quote
from tests.support import bodies, postgres
from tests.support.proofs import KEY
from tests.support.signed_ledgers import sign_ledger
from tests.support.store import Store, open_store, run_api


@pytest.fixture(scope="module")
def store(server_url: str, template: str) -> Iterator[Store]:
    with postgres.database(server_url, template) as url, open_store(url) as new_store:
        yield new_store


@pytest.fixture(scope="module")
def client(store: Store) -> Iterator[Client]:
    with run_api(store.url) as new_client:
        bodies.register_all(new_client)
        yield new_client


@pytest.fixture
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("signer")


def record(client: Client, **over: Any) -> str:
    body = bodies.FULL_STATEMENT | over
    return str(bodies.post(client, "/v1/statements", body)["id"])


def get_proof(client: Client, statement: str) -> Response:
    answer = client.get(f"/v1/statements/{statement}/proof")
    assert answer.status_code == 200, answer.text
    return answer


def check(answer: Response) -> CheckedQuote:
    return check_quote(answer.text, [KEY.verifier])


def test_the_proof_of_a_statement_holds_its_event_as_the_audit_api_gives_it(
    client: Client, store: Store, folder: Path
) -> None:
    statement = record(client)
    sign_ledger(store.url, folder, KEY)
    answer = get_proof(client, statement)
    event = client.get(f"/v1/events/{statement}")
    assert event.content == parse_proof(answer.text).extra
    quote = check(answer)
    assert event.json()["entry"] == quote.entry
    assert ("“We are ready to talk.” (en)", {}) == (
        dict(describe_quote(quote))["Words"],
        quote.missing,
    )
    assert f'filename="statement-{statement}.tlog-proof"' in answer.headers["content-disposition"]
    assert "text/plain; charset=utf-8" == answer.headers["content-type"]
    head = client.head(f"/v1/statements/{statement}/proof")
    assert (200, b"") == (head.status_code, head.content)


def test_the_proof_of_an_event_and_the_event_are_checked_together(
    client: Client, store: Store, folder: Path
) -> None:
    statement = record(client)
    sign_ledger(store.url, folder, KEY)
    proof = client.get(f"/v1/events/{statement}/proof").text
    event = client.get(f"/v1/events/{statement}").text
    assert parse_proof(proof).extra is None
    assert statement == check_quote(proof, [KEY.verifier], event=event).entry["id"]


def test_the_proof_of_a_corrected_statement_holds_the_correction(
    client: Client, store: Store, folder: Path
) -> None:
    statement = record(client)
    sign_ledger(store.url, folder, KEY)
    earlier = get_proof(client, statement)
    for words in ("We are ready.", "We are almost ready."):
        replacement = bodies.FULL_STATEMENT | {"content": bodies.content(text=words)}
        correction = bodies.correction(replacement)
        bodies.post(client, f"/v1/statements/{statement}/corrections", correction)
    sign_ledger(store.url, folder, KEY)
    facts = dict(describe_quote(check(get_proof(client, statement))))
    assert statement == facts["Statement"]
    assert "as below, by us: A slip of ours." == facts["Corrected"]
    assert "“We are almost ready.” (en)" == facts["Words"]
    assert "“We are ready to talk.” (en)" == dict(describe_quote(check(earlier)))["Words"]


def test_the_proof_of_a_retracted_statement_holds_the_retraction(
    client: Client, store: Store, folder: Path
) -> None:
    statement = record(client)
    bodies.post(client, f"/v1/statements/{statement}/retraction", bodies.retraction())
    sign_ledger(store.url, folder, KEY)
    facts = dict(describe_quote(check(get_proof(client, statement))))
    assert (statement, "by outlet: Never said.") == (facts["Statement"], facts["Retracted"])
    assert "Words" not in facts


def test_erased_words_are_in_no_new_proof_and_old_proofs_hold(
    client: Client, store: Store, folder: Path
) -> None:
    statement = record(client)
    sign_ledger(store.url, folder, KEY)
    earlier = get_proof(client, statement)
    erasure = {"sections": ["content", "evidence"], "ground": "gdpr-17"}
    bodies.post(client, f"/v1/statements/{statement}/erasure", erasure)
    quote = check(get_proof(client, statement))
    assert {"content": "gdpr-17", "evidence": "gdpr-17"} == quote.missing
    assert {"note", "roles", "venue"} == {*quote.sections}
    assert "not in this file (en)" == dict(describe_quote(quote))["Words"]
    assert {} == check(earlier).missing
    assert check(earlier).entry == quote.entry


def test_what_is_no_statement_has_no_proof(client: Client, store: Store) -> None:
    position = bodies.post(client, "/v1/positions", bodies.position())["id"]
    for id_ in (uuid4(), position):
        answer = client.get(f"/v1/statements/{id_}/proof")
        bodies.expect_problem(answer, 404, "unknown-statement")
    bodies.expect_problem(client.get("/v1/statements/emma/proof"), 422, "invalid")


def test_a_proof_waits_for_its_checkpoint(
    client: Client, store: Store, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    statement = record(client)
    monkeypatch.setattr(latest_checkpoint, "WAIT_SECONDS", 0)
    answer = client.get(f"/v1/statements/{statement}/proof")
    bodies.expect_problem(answer, 503, "not-signed")
    assert "1" == answer.headers["retry-after"]
    monkeypatch.setattr(latest_checkpoint, "WAIT_SECONDS", 120)
    answers: list[Response] = []
    path = f"{client.base_url}/v1/statements/{statement}/proof"
    with Client(headers=client.headers, timeout=120) as waiting:
        thread = threading.Thread(target=lambda: answers.append(waiting.get(path)))
        thread.start()
        sign_ledger(store.url, folder, KEY)
        thread.join(120)
    assert statement == check(answers[0]).entry["id"]
