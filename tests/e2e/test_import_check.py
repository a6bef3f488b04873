"""Does a dry run say beforehand what an import would say, and leave no trace?"""

from collections.abc import Iterator
from pathlib import Path
from uuid import uuid5

import pytest
from httpx2 import Client

from tests.support import postgres
from tests.support.bodies import (
    Json,
    actor,
    additional_position,
    correction,
    ledger_size,
    line,
    ndjson,
    position,
    register_all,
    retraction,
    send,
    statement,
    topic,
)
from tests.support.imports import BASE, CSV, checked, imported, said, sums, write
from tests.support.processes import free_port
from tests.support.record import Record, record, serving


@pytest.fixture(scope="module")
def on_record(server_url: str, template: str) -> Iterator[Record]:
    with postgres.database(server_url, template) as url, record(url) as made:
        yield made


@pytest.fixture(scope="module")
def client(on_record: Record) -> Iterator[Client]:
    with serving(on_record.url) as made:
        register_all(made)
        yield made


def faulty(path: Path) -> list[dict[str, Json] | str]:
    """Lines of which some would be refused, for as many reasons as can be known beforehand."""
    slug, (first, taken, held) = f"d{uuid5(BASE, str(path)).hex}", said(path, 0, 3)
    amended = {"id": str(uuid5(BASE, f"{path} a")), "target": first["id"]}
    made = position(actor=slug, topic=slug, basis=[first["id"]], expected_revision=7)
    return [
        line("statement", held["id"], statement(speakers=[{"actor": slug}])),
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
        line("position", str(uuid5(BASE, f"{path} e")), {**made, "expected_revision": 0}),
        "{",
        '{"op": "poem", "id": "x", "body": {}}',
        line("statement", "no-uuid", statement()),
        {**said(path, 6, 1)[0], "body": statement(said_at="soon")},
        '{"op": "' + "x" * 2**20 + '"}',
    ]


def test_a_dry_run_records_nothing_and_finds_the_same_faults_as_the_import(
    on_record: Record, client: Client, tmp_path: Path
) -> None:
    write(tmp_path / "1.ndjson", *faulty(tmp_path))
    (tmp_path / "2.csv").write_text(CSV.replace("We are", f"{tmp_path}").replace("Denied", "Again"))
    before, folder = ledger_size(on_record.url), sorted(tmp_path.iterdir())
    outlook, foreseen = checked(str(client.base_url), tmp_path)
    assert (before, folder) == (ledger_size(on_record.url), sorted(tmp_path.iterdir()))
    tally, told = imported(client, tmp_path)
    assert (9, 1, 14) == sums(tally)
    assert (9, 1, 14) == (outlook.on_record, outlook.repeated, outlook.refused)
    nearest = [one.partition("; the nearest are")[0] for one in told.splitlines()]
    assert nearest == foreseen.splitlines()
    assert "9 would be on record, 14 would be refused; 1 are there twice" == str(outlook)


def test_a_dry_run_knows_what_is_on_record_before_it_is_folded(
    on_record: Record, client: Client, tmp_path: Path
) -> None:
    (before,) = said(tmp_path, 0, 1)
    held = line("position", str(uuid5(BASE, f"{tmp_path}")), position(expected_revision=None))
    assert [201, 201] == [one["status"] for one in send(client, ndjson([before, held]))]
    again = [
        line("retraction", str(uuid5(BASE, f"{tmp_path} r{n}")), retraction(), target=target)
        for n, target in enumerate([before["id"], held["id"], before["id"]])
    ]
    path = write(tmp_path / "a.ndjson", *again)
    outlook, told = checked(str(client.base_url), path)
    assert (2, 0, 1) == (outlook.on_record, outlook.repeated, outlook.refused)
    assert f"{path}:3: 409 The statement is retracted already." in told


def test_a_dry_run_does_not_promise_what_it_cannot_know(client: Client, tmp_path: Path) -> None:
    """Of what is on record it knows that it is there, and not its body or its retraction."""
    there, gone = said(tmp_path, 0, 2)
    first, second = (
        line("retraction", str(uuid5(BASE, f"{tmp_path} r{n}")), retraction(), target=gone["id"])
        for n in range(2)
    )
    assert [201] * 3 == [one["status"] for one in send(client, ndjson([there, gone, first]))]
    path = write(tmp_path / "a.ndjson", there, {**gone, "body": statement(note="No.")}, second)
    outlook, told = checked(str(client.base_url), path)
    assert "3 would be on record, 0 would be refused" == str(outlook)
    assert "" == told
    assert (0, 1, 2) == sums(imported(client, path)[0])


def test_a_dry_run_without_onrecord_checks_the_shapes_and_says_so(tmp_path: Path) -> None:
    path = write(tmp_path / "a.ndjson", *faulty(tmp_path))
    address = f"http://127.0.0.1:{free_port()}"
    outlook, told = checked(address, path)
    assert f"{address} does not answer" in told
    assert [5, 8, 14, 15, 16, 17, 18] == [
        int(one.removeprefix(f"{path}:").partition(":")[0])
        for one in told.splitlines()
        if one.startswith(str(path))
    ]
    assert 7 == outlook.refused
