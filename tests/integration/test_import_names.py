"""Imports of CSV files that name speakers and topics as people write them, and dates as they do."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from httpx2 import Client

from onrecord.importing.cells import DateOrder
from onrecord.importing.dry_run import check_files
from onrecord.importing.run import import_files
from tests.support.bodies import Json, actor, line, ndjson, send, topic
from tests.support.imports import (
    counts,
    memory_console,
    printed,
    run_dry_run,
    run_import,
    write_lines,
)
from tests.support.keys import TOKEN
from tests.support.store import Store

HEADER = "speaker,said_at,text,lang,coder,url,topics"


def names_of(*names: str) -> list[dict[str, Json]]:
    return [{"name": name, "lang": "de"} for name in names]


CAST = [
    line(
        "actor",
        "mueller",
        actor(
            "mueller",
            names=names_of("Łukasz Müller", "O’Neill", "Лукаш"),
            identifiers={"wikidata": "Q77"},
        ),
    ),
    *(
        line("actor", slug, actor(slug, names=names_of(f"{slug[-1].upper()}. Schmidt", "Schmidt")))
        for slug in ("schmidt-h", "schmidt-l")
    ),
    line("topic", "talks", topic("talks", label="Talks with Russia")),
    line("topic", "tariffs", topic("tariffs", label="Tariffs on cars")),
]


def row(speaker: str, text: str, topics: str = "Talks with Russia", said_at: str = "2022") -> str:
    return f'"{speaker}",{said_at},{text},en,lk,http://a.b,"{topics}"'


@pytest.fixture
def registered(store: Store, client: Client) -> Client:
    assert {201} == {result["status"] for result in send(client, ndjson(CAST))}
    store.catch_up()
    return client


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "a.csv"


@contextmanager
def folding(store: Store) -> Iterator[None]:
    """Fold what is recorded meanwhile, as a worker does."""
    ended = threading.Event()

    def fold() -> None:
        while not ended.wait(0.01):
            store.catch_up()

    worker = threading.Thread(target=fold)
    worker.start()
    try:
        yield
    finally:
        ended.set()
        worker.join()


def test_speakers_and_topics_are_taken_by_any_recorded_spelling(
    store: Store, registered: Client, path: Path
) -> None:
    spellings = ("mueller", "Q77", "wikidata:Q77", "lukasz  MULLER", "O'Neill", "лукаш")
    rows = [row(spelling, f"Words {n}.") for n, spelling in enumerate(spellings)]
    rows.append(row("mueller", "Last.", "TARIFFS ON CARS; Hold talks soon"))
    path.write_text("\n".join([HEADER, *rows]))
    forecast, foreseen = run_dry_run(str(registered.base_url), path)
    assert ((7, 0), "") == ((forecast.on_record, forecast.refused), foreseen)
    assert (7, 0, 0) == counts(run_import(str(registered.base_url), path)[0])
    assert (0, 7, 0) == counts(run_import(str(registered.base_url), path)[0])
    store.catch_up()
    statements = registered.get("/v1/statements", params={"actor": "mueller"}).json()["items"]
    assert 7 == len(statements)
    (last,) = [said for said in statements if said["content"]["text"] == "Last."]
    assert ["tariffs", "talks"] == last["topics"]


def test_ambiguous_and_unknown_names_are_refused_with_candidates(
    registered: Client, path: Path
) -> None:
    rows = [row("SCHMIDT", "A."), row("Lukas Müler", "B.", "Talks with Rusia; talks")]
    path.write_text("\n".join([HEADER, *rows]))
    summary, output = run_import(str(registered.base_url), path)
    assert (0, 0, 2) == counts(summary)
    assert output == run_dry_run(str(registered.base_url), path)[1]
    ambiguous, unknown = output.splitlines()
    assert ambiguous.startswith(f"{path}:2: 422 speaker: 'SCHMIDT' names 2 actors:")
    assert "schmidt-h (H. Schmidt), schmidt-l (L. Schmidt); give the id" in ambiguous
    assert "speaker: no actor with the name 'Lukas Müler' is on record" in unknown
    assert "the nearest are mueller (Łukasz Müller)" in unknown
    assert "topics: no topic with the name 'Talks with Rusia' is on record; the nearest are" in (
        unknown
    )
    assert "talks (Talks with Russia)" in unknown


def test_a_spelling_of_actors_merged_into_one_names_that_one(
    store: Store, registered: Client, path: Path
) -> None:
    merge = {"into": "schmidt-h", "reason": "The same person."}
    assert 201 == registered.post("/v1/actors/schmidt-l/merge", json=merge).status_code
    store.catch_up()
    rows = [row("Schmidt", "A."), row("L. Schmidt", "B."), row("schmidt-l", "C.")]
    path.write_text("\n".join([HEADER, *rows]))
    assert (3, 0, 0) == counts(run_import(str(registered.base_url), path)[0])
    store.catch_up()
    statements = registered.get("/v1/statements", params={"actor": "schmidt-h"}).json()["items"]
    speakers = {said["content"]["text"]: said["speakers"][0]["actor"] for said in statements}
    assert {"A.": "schmidt-h", "B.": "schmidt-l", "C.": "schmidt-l"} == speakers


def test_names_that_an_earlier_file_registers_are_known(
    store: Store, client: Client, tmp_path: Path
) -> None:
    write_lines(tmp_path / "1.ndjson", *CAST)
    rows = [row(spelling, f"{spelling}.") for spelling in ("Łukasz müller", "wikidata:Q77")]
    (tmp_path / "2.csv").write_text("\n".join([HEADER, *rows]))
    forecast, foreseen = run_dry_run(str(client.base_url), tmp_path)
    assert ((7, 0), "") == ((forecast.on_record, forecast.refused), foreseen)
    with folding(store):
        assert (7, 0, 0) == counts(run_import(str(client.base_url), tmp_path)[0])


@pytest.mark.parametrize(
    ("dates", "dmy", "mdy"),
    [(None, "--dates dmy", "--dates mdy"), ("dmy", None, "no day"), ("mdy", "no day", None)],
)
def test_dates_with_the_day_first_are_read_only_as_the_option_says(
    registered: Client, path: Path, dates: DateOrder | None, dmy: str | None, mdy: str | None
) -> None:
    rows = [row("mueller", "A.", said_at="21.02.2023"), row("mueller", "B.", said_at="2/21/2023")]
    path.write_text("\n".join([HEADER, *rows, row("mueller", "C.", said_at="2023-02-21")]))
    address, console = str(registered.base_url), memory_console()
    check_files([path], address=address, console=console, key=TOKEN, dates=dates)
    import_files([path], address=address, console=console, key=TOKEN, dates=dates)
    output = printed(console).splitlines()
    for number, fault in ((2, dmy), (3, mdy)):
        refusals = [text for text in output if text.startswith(f"{path}:{number}: 422 said_at: ")]
        assert ([fault in text for text in refusals] if fault else refusals) == (
            [True, True] if fault else []
        )


def test_a_row_that_is_read_otherwise_later_is_refused_and_not_recorded_twice(
    registered: Client, path: Path
) -> None:
    path.write_text("\n".join([HEADER, row("mueller", "A.", said_at="03.04.2023")]))
    address, console = str(registered.base_url), memory_console()
    first = import_files([path], address=address, console=console, key=TOKEN, dates="dmy")
    second = import_files([path], address=address, console=console, key=TOKEN, dates="mdy")
    assert ((1, 0, 0), (0, 0, 1)) == (counts(first), counts(second))
    assert "on record with another body" in printed(console)
