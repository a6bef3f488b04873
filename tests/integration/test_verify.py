"""`onrecord verify URL` of a sound log: what it checks, saves and goes on from."""

import json
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import httpx2
import pytest
from hypothesis import HealthCheck, given, settings

from onrecord.domain.events import PayloadErased
from onrecord.kit.tlog.keys import SigningKey
from onrecord.verifying import run
from onrecord.verifying.bundles import BundleChecker
from onrecord.verifying.download import Bundle, LogReader
from onrecord.verifying.entries import EntryChecker
from onrecord.verifying.report import CHECKS
from onrecord.verifying.saved_state import SavedState
from tests.support import postgres
from tests.support.histories import Cast, History, batches, histories, request
from tests.support.ledgers import answers, seed_ledger
from tests.support.published_log import LOG_KEY, command, record, verify
from tests.support.signed_ledgers import sign_ledger
from tests.support.store import Store, open_store, run_api
from tests.support.witness_keys import ed25519_witness


@pytest.fixture(scope="module")
def log_store(server_url: str, template: str) -> Iterator[Store]:
    with postgres.database(server_url, template) as url, open_store(url) as store:
        record(store)
        yield store


@pytest.fixture(scope="module")
def log_client(
    log_store: Store, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[httpx2.Client]:
    sign_ledger(log_store.url, tmp_path_factory.mktemp("signer"), LOG_KEY)
    with run_api(log_store.url) as client:
        yield client


def test_a_sound_log_passes_every_check(log_client: httpx2.Client, tmp_path: Path) -> None:
    result = command(log_client, tmp_path, "--json", "--strict", "--key", str(LOG_KEY.verifier))
    report = json.loads(result.stdout)
    assert [] == report["faults"]
    assert {**dict.fromkeys(CHECKS, "passed"), "witnesses": "not asked"} == report["checks"]
    assert 0 == result.exit_code
    assert log_client.get("/v1/ledger").json()["root"] == report["root"]
    assert "given" == report["key_source"]


def test_a_key_from_the_log_itself_and_a_first_run_are_named_as_weak(
    log_client: httpx2.Client, tmp_path: Path
) -> None:
    first, second = (command(log_client, tmp_path) for _ in range(2))
    assert (0, 0) == (first.exit_code, second.exit_code)
    assert "proves nothing to a first-time reader" in first.stdout
    assert "There is no checkpoint of an earlier verification" in first.stdout
    assert "proves nothing" not in second.stdout
    assert "passed    consistency: the log continues the checkpoint" in second.stdout


def test_another_key_is_refused(log_client: httpx2.Client, tmp_path: Path) -> None:
    other = SigningKey.generate(LOG_KEY.name).verifier
    result = command(log_client, tmp_path, "--key", str(other))
    assert 1 == result.exit_code
    assert "no key given signed the checkpoint" in result.stdout


def test_a_key_that_is_none_is_wrong_usage(log_client: httpx2.Client, tmp_path: Path) -> None:
    witness = ed25519_witness().verifier
    for key in ("nonsense", str(witness)):
        assert 2 == command(log_client, tmp_path, "--key", key).exit_code


def test_an_address_without_a_log_is_not_available(tmp_path: Path) -> None:
    nowhere = httpx2.Client(base_url="http://127.0.0.1:1")
    assert 3 == command(nowhere, tmp_path).exit_code


class Stopped(BaseException):
    """As KeyboardInterrupt, which a test runner would take for its own."""


def test_a_run_that_was_stopped_goes_on_where_it_was(
    log_client: httpx2.Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(run, "compare_positions", interrupt)
        result = command(log_client, tmp_path)
    assert (130, True) == (result.exit_code, "Stopped." in result.output)
    asked: list[int] = []
    checked = EntryChecker.check

    def count(checker: EntryChecker, seq: int, entry: bytes, line: bytes | None) -> bytes:
        asked.append(seq)
        return checked(checker, seq, entry, line)

    with monkeypatch.context() as patch:
        patch.setattr(EntryChecker, "check", count)
        report = verify(log_client, tmp_path)
    assert report.ok, report.faults
    assert [] == asked
    assert any("went on at entry" in notice for notice in report.notices)
    assert verify(log_client, tmp_path).saved_size == report.size


def test_a_run_that_was_stopped_within_the_log_goes_on_at_its_last_bundle(
    log_client: httpx2.Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    check = BundleChecker.check
    kept = SavedState.keep_place

    def stop(self: BundleChecker, bundle: Bundle, lines: Iterator[bytes]) -> bool:
        if bundle.tile.n == 1:
            raise Stopped
        return check(self, bundle, lines)

    sizes: list[int] = []

    def note(self: SavedState, place: dict[str, int], count: int, rows: bytes) -> None:
        sizes.append(place["size"])
        kept(self, place, count, rows)

    with monkeypatch.context() as patch:
        patch.setattr(BundleChecker, "check", stop)
        patch.setattr(SavedState, "keep_place", note)
        with pytest.raises(Stopped):
            verify(log_client, tmp_path)
    assert [256] == sizes
    report = verify(log_client, tmp_path)
    assert report.ok, report.faults


def test_words_that_are_erased_during_a_run_are_not_taken_for_withheld(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The run goes on to the checkpoint that has the erasure."""
    seed_ledger(store)
    store.catch_up()
    sign_ledger(store.url, tmp_path, LOG_KEY)
    (statement,) = (event for event in store.events() if event.event.type == "statement.made")
    erasure = PayloadErased(target=statement.id, sections=("content",), ground="gdpr-17")
    read = LogReader.bundles

    def erase_first(self: LogReader, first: int, size: int) -> Iterator[Bundle]:
        if len(store.events()) == size == 6:
            answers(store.append(request(uuid4(), erasure)))
            store.catch_up()
            sign_ledger(store.url, tmp_path, LOG_KEY)
        return read(self, first, size)

    monkeypatch.setattr(LogReader, "bundles", erase_first)
    with run_api(store.url) as client:
        report = verify(client, tmp_path / "state", LOG_KEY.verifier)
    assert report.ok, report.in_order
    assert 7 == report.size


def test_the_fold_of_events_agrees_with_the_read_api_on_random_histories(
    store: Store, client: httpx2.Client, tmp_path: Path
) -> None:
    examples = 0

    @settings(max_examples=6, suppress_health_check=[*HealthCheck])
    @given(histories(shortest=12, longest=30))
    def agrees(history: History) -> None:
        nonlocal examples
        examples += 1
        for requests in batches(history, Cast(f"x{examples}")):
            store.append(*requests)
        store.catch_up()
        sign_ledger(store.url, tmp_path, LOG_KEY)
        report = verify(client, tmp_path / "state", LOG_KEY.verifier)
        assert report.ok, report.in_order

    agrees()
