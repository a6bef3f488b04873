"""The page /verify in a real browser, which says what `onrecord verify` says."""

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final, NamedTuple
from uuid import uuid4

import pytest
from playwright.sync_api import Browser, Page, expect

from onrecord.kit.tlog.keys import SigningKey
from onrecord.verifying.quote import BadQuote, check_quote
from onrecord.verifying.quote_description import describe_quote, limits_of
from tests.support import bodies, postgres
from tests.support.chromium import open_page
from tests.support.proofs import KEY, ORIGIN, OTHER_KEY, with_event
from tests.support.signed_ledgers import sign_ledger
from tests.support.store import run_api

WORDS: Final = "<b>Ready</b> & “willing”,\n\tshe said: 😀 \u202eשלום \x7f"


class Proofs(NamedTuple):
    """Files of one log."""

    made: str
    corrected: str
    retracted: str
    erased: str
    event: str
    """The proof of an event, without the event."""


@pytest.fixture(scope="module")
def address(log: tuple[str, Proofs]) -> str:
    return log[0]


@pytest.fixture(scope="module")
def proofs(log: tuple[str, Proofs]) -> Proofs:
    return log[1]


@pytest.fixture(scope="module")
def log(
    server_url: str, template: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[str, Proofs]]:
    """The address of a service, and proofs from it."""
    folder = tmp_path_factory.mktemp("signer")
    with (
        postgres.database(server_url, template) as url,
        run_api(url, public_reads=True) as client,
    ):
        bodies.register_all(client)
        body = bodies.FULL_STATEMENT | {"content": bodies.content(text=WORDS)}
        ids = [bodies.post(client, "/v1/statements", body)["id"] for _ in range(4)]
        made, corrected, retracted, erased = ids
        path = f"/v1/statements/{corrected}/corrections"
        bodies.post(client, path, bodies.correction(bodies.FULL_STATEMENT))
        bodies.post(client, f"/v1/statements/{retracted}/retraction", bodies.retraction())
        erasure = {"sections": ["content", "roles"], "ground": "gdpr-17"}
        bodies.post(client, f"/v1/statements/{erased}/erasure", erasure)
        sign_ledger(url, folder, KEY)
        yield (
            str(client.base_url),
            Proofs(
                made=client.get(f"/v1/statements/{made}/proof").text,
                corrected=client.get(f"/v1/statements/{corrected}/proof").text,
                retracted=client.get(f"/v1/statements/{retracted}/proof").text,
                erased=client.get(f"/v1/statements/{erased}/proof").text,
                event=client.get(f"/v1/events/{made}/proof").text,
            ),
        )


@pytest.fixture
def page(chromium: Browser) -> Iterator[Page]:
    with open_page(chromium) as tab:
        yield tab


Check = Callable[[str, str], str]


@pytest.fixture
def check(page: Page, address: str, tmp_path: Path) -> Check:
    """Choose a file with this text, enter this key, press Check: what the page says."""
    page.goto(f"{address}/verify")

    def choose_and_check(text: str, key: str) -> str:
        file = tmp_path / f"{uuid4()}.tlog-proof"
        file.write_text(text, "utf-8")
        page.set_input_files("#proof", file)
        page.fill("#key", key)
        page.click("#check")
        expect(page.locator("#answer")).not_to_be_empty()
        return str(page.text_content("#answer"))

    return choose_and_check


@pytest.mark.parametrize("name", ["made", "corrected", "retracted", "erased"])
def test_a_good_file_is_shown_in_the_words_of_the_command(
    check: Check, page: Page, proofs: Proofs, name: str
) -> None:
    text = getattr(proofs, name)
    quote = check_quote(text, [KEY.verifier])
    assert check(text, str(KEY.verifier)).startswith("YES. ")
    shown = "[...document.querySelectorAll('dt, dd')].map((element) => element.textContent)"
    assert [part for fact in describe_quote(quote) for part in fact] == page.evaluate(shown)
    limits = "[...document.querySelectorAll('#answer li')].map((element) => element.textContent)"
    assert limits_of(quote) == page.evaluate(limits)


def in_event(old: str, new: str) -> Callable[[str], str]:
    """A change of the text of the event in a proof."""
    return lambda proof: with_event(proof, lambda event: event.replace(old, new, 1))


def in_lines(pattern: str, new: str) -> Callable[[str], str]:
    """A change of the first match in the lines of a proof."""
    return lambda proof: re.sub(pattern, new, proof, count=1, flags=re.MULTILINE)


@pytest.mark.parametrize(
    ("change", "key"),
    [
        pytest.param(in_event("Ready</b>", "Reade</b>"), KEY, id="a changed word"),
        pytest.param(in_event('"2022-11-30"', '"2022-12-01"'), KEY, id="a changed date"),
        pytest.param(in_event('"salt":"', '"salt":"0'), KEY, id="a salt that is too long"),
        pytest.param(in_event('"content":{"salt":', '"x":{"salt":'), KEY, id="a foreign part"),
        pytest.param(in_event('"erased":{}', '"erased":{"note":"x"}'), KEY, id="a false erasure"),
        pytest.param(in_lines("^index .*$", "index 0"), KEY, id="a wrong index"),
        pytest.param(in_lines("^index .*$", "index 99"), KEY, id="no such index"),
        pytest.param(in_lines(r"^(index .*)\n.*$", r"\1"), KEY, id="a hash too few"),
        pytest.param(in_lines(f"^{ORIGIN}$", f"{ORIGIN}/2"), KEY, id="another name of the log"),
        pytest.param(in_lines(rf"^({ORIGIN})\n.*$", r"\1\n13"), KEY, id="a changed checkpoint"),
        pytest.param(lambda proof: proof, OTHER_KEY, id="another log's key"),
    ],
)
def test_a_bad_file_is_refused_with_the_reason_of_the_command(
    check: Check, proofs: Proofs, change: Callable[[str], str], key: SigningKey
) -> None:
    text = change(proofs.made)
    with pytest.raises(BadQuote) as refused:
        check_quote(text, [key.verifier])
    assert f"NO. {refused.value}" == check(text, str(key.verifier))


def test_other_wrong_files_are_refused(check: Check, proofs: Proofs) -> None:
    twice = with_event(proofs.made, lambda event: event.replace('"text":', '"text":"No","text":'))
    assert check(twice, str(KEY.verifier)).startswith("NO. The event in the file")


@pytest.mark.parametrize("length", [0, 20, 500, -60, -1])
def test_a_file_cut_short_is_refused(check: Check, proofs: Proofs, length: int) -> None:
    assert check(proofs.made[:length], str(KEY.verifier)).startswith("NO. The file is no complete")


def test_a_proof_without_its_event_says_so(check: Check, proofs: Proofs) -> None:
    answer = check(proofs.event, str(KEY.verifier))
    assert answer.startswith("Nothing was checked. This proof does not hold its event")


def test_what_is_no_key_is_refused(check: Check, proofs: Proofs) -> None:
    for key in ("x", str(KEY.verifier)[:-2], str(KEY.verifier).replace("+", "-", 1)):
        answer = check(proofs.made, key)
        assert answer.startswith("Nothing was checked. That is no key of a log")


def test_the_page_offers_the_key_of_its_site_with_a_warning(
    check: Check, page: Page, address: str, proofs: Proofs
) -> None:
    page.click("#site-key")
    expect(page.locator("#key-note")).to_contain_text("You now trust this site")
    key = page.input_value("#key")
    assert str(KEY.verifier) == key
    assert check(proofs.made, key).startswith("YES. ")


def test_an_answer_is_taken_away_when_the_file_or_the_key_changes(
    check: Check, page: Page, proofs: Proofs, tmp_path: Path
) -> None:
    assert check(proofs.made, str(KEY.verifier)).startswith("YES. ")
    page.fill("#key", str(OTHER_KEY.verifier))
    expect(page.locator("#answer")).to_be_empty()
    assert check(proofs.made, str(KEY.verifier)).startswith("YES. ")
    other = tmp_path / "other.tlog-proof"
    other.write_text("other")
    page.set_input_files("#proof", other)
    expect(page.locator("#answer")).to_be_empty()


def test_a_file_can_be_dropped_on_the_page(check: Check, page: Page, proofs: Proofs) -> None:
    assert check("another file", str(KEY.verifier)).startswith("NO. ")
    make = """text => { const data = new DataTransfer();
        data.items.add(new File([text], "dropped.tlog-proof")); return data }"""
    data = page.evaluate_handle(make, proofs.made)
    page.dispatch_event("body", "drop", {"dataTransfer": data})
    expect(page.locator("#chosen")).to_contain_text("dropped.tlog-proof")
    page.click("#check")
    expect(page.locator("#answer")).to_contain_text("YES. ")
