"""Dry runs: the same refusals as the import, and no trace on record or on disk."""

from collections.abc import Iterator
from pathlib import Path
from uuid import uuid5

import pytest

from onrecord.client import Client
from tests.support import postgres
from tests.support.bodies import (
    Json,
    actor,
    additional_position,
    correction,
    ledger_size,
    line,
    position,
    retraction,
    statement,
    topic,
)
from tests.support.imports import (
    BASE,
    CSV,
    counts,
    run_dry_run,
    run_import,
    statement_lines,
    write_lines,
)
from tests.support.processes import free_port
from tests.support.recording import record, register
from tests.support.store import Store, open_store, run_typed_api


@pytest.fixture(scope="module")
def store(server_url: str, template: str) -> Iterator[Store]:
    with postgres.database(server_url, template) as url, open_store(url) as database:
        yield database


@pytest.fixture(scope="module")
def client(store: Store) -> Iterator[Client]:
    with run_typed_api(store.url) as client:
        register(client)
        yield client


def faulty(path: Path) -> list[dict[str, Json] | str]:
    """Valid lines, and lines refused for every reason that a dry run can detect."""
    slug, (first, taken, unused) = f"d{uuid5(BASE, str(path)).hex}", statement_lines(path, 0, 3)
    amended = {"id": str(uuid5(BASE, f"{path} a")), "target": first["id"]}
    coded = position(actor=slug, topic=slug, basis=[first["id"]], expected_revision=7)
    return [
        line("statement", unused["id"], statement(speakers=[{"actor": slug}])),
        line("actor", slug, actor(slug)),
        line("topic", slug, topic(slug, broader="talks")),
        line("actor", slug, actor(slug)),
        line("actor", slug, actor(slug, kind="group")),
        first,
        taken,
        {**taken, "body": statement(note="Another.")},
        line("statement", str(uuid5(BASE, f"{path} b")), statement(embedded_in=first["id"])),
        line(
            "statement",
            str(uuid5(BASE, f"{path} c")),
            statement(positions=[additional_position(topic="no")]),
        ),
        {**line("correction", amended["id"], correction(statement(coder="x"))), **amended},
        {**line("retraction", str(uuid5(BASE, f"{path} d")), retraction()), "target": str(BASE)},
        line("position", str(uuid5(BASE, f"{path} e")), {**coded, "expected_revision": 0}),
        "{",
        '{"op": "poem", "id": "x", "body": {}}',
        line("statement", "no-uuid", statement()),
        {**statement_lines(path, 6, 1)[0], "body": statement(said_at="soon")},
        '{"op": "' + "x" * 2**20 + '"}',
    ]


def test_dry_run_records_nothing_and_reports_the_same_faults_as_the_import(
    store: Store, client: Client, tmp_path: Path
) -> None:
    write_lines(tmp_path / "1.ndjson", *faulty(tmp_path))
    (tmp_path / "2.csv").write_text(CSV.replace("We are", f"{tmp_path}").replace("Denied", "Again"))
    before, folder = ledger_size(store.url), sorted(tmp_path.iterdir())
    forecast, foreseen = run_dry_run(client.address, tmp_path)
    assert (before, folder) == (ledger_size(store.url), sorted(tmp_path.iterdir()))
    summary, output = run_import(client.address, tmp_path)
    assert (9, 1, 14) == counts(summary)
    assert (9, 1, 14) == (forecast.on_record, forecast.repeated, forecast.refused)
    without_suggestions = [text.partition("; the nearest are")[0] for text in output.splitlines()]
    assert without_suggestions == foreseen.splitlines()
    assert "9 would be on record, 14 would be refused; 1 are there twice" == str(forecast)


def test_dry_run_sees_what_is_on_record_but_not_folded_yet(
    store: Store, client: Client, tmp_path: Path
) -> None:
    (before,) = statement_lines(tmp_path, 0, 1)
    position_line = line(
        "position", str(uuid5(BASE, f"{tmp_path}")), position(expected_revision=None)
    )
    record(client, [before, position_line])
    again = [
        line("retraction", str(uuid5(BASE, f"{tmp_path} r{n}")), retraction(), target=target)
        for n, target in enumerate([before["id"], position_line["id"], before["id"]])
    ]
    path = write_lines(tmp_path / "a.ndjson", *again)
    summary, output = run_dry_run(client.address, path)
    assert (2, 0, 1) == (summary.on_record, summary.repeated, summary.refused)
    assert f"{path}:3: 409 The statement is retracted already." in output


def test_dry_run_does_not_compare_with_bodies_and_retractions_on_record(
    client: Client, tmp_path: Path
) -> None:
    """It only asks whether an id is on record, so the import may refuse what it let pass."""
    there, gone = statement_lines(tmp_path, 0, 2)
    first, second = (
        line("retraction", str(uuid5(BASE, f"{tmp_path} r{n}")), retraction(), target=gone["id"])
        for n in range(2)
    )
    record(client, [there, gone, first])
    path = write_lines(
        tmp_path / "a.ndjson", there, {**gone, "body": statement(note="No.")}, second
    )
    summary, output = run_dry_run(client.address, path)
    assert "3 would be on record, 0 would be refused" == str(summary)
    assert "" == output
    assert (0, 1, 2) == counts(run_import(client.address, path)[0])


def test_dry_run_without_a_running_onrecord_checks_shapes_and_says_so(tmp_path: Path) -> None:
    path = write_lines(tmp_path / "a.ndjson", *faulty(tmp_path))
    address = f"http://127.0.0.1:{free_port()}"
    summary, output = run_dry_run(address, path)
    assert f"{address} does not answer" in output
    assert [5, 8, 14, 15, 16, 17, 18] == [
        int(text.removeprefix(f"{path}:").partition(":")[0])
        for text in output.splitlines()
        if text.startswith(str(path))
    ]
    assert 7 == summary.refused
