"""Pages to read: what a reader sees of positions, statements and corrections, on both clocks."""

import html
import re
from collections.abc import Iterator
from typing import Any, Final
from uuid import uuid4

import httpx2
import pytest

from tests.support import bodies, postgres
from tests.support.sample_record import SampleRecord
from tests.support.store import PUBLIC_URL, Store, open_store, run_api

Params = dict[str, str | int]
HTML: Final = {"Accept": "text/html,*/*;q=0.8"}
HOSTILE: Final = "<script>alert(1)</script> \u202eevil & “" + "W" * 400
PAIR: Final = "/actors/emma/topics/talks"


class Record:
    """A record of a position that was corrected, another that was withdrawn, and hostile text."""

    def __init__(self, store: Store, client: httpx2.Client) -> None:
        self.store, self.client = store, client
        bodies.register_all(client)
        names = [{"name": HOSTILE, "lang": "en"}]
        bodies.post(client, "/v1/actors", bodies.actor("rex", names=names))
        bodies.post(client, "/v1/topics", bodies.topic("odd", label=HOSTILE, broader="talks"))
        self.statement = self._statement(**bodies.FULL_STATEMENT)
        joint = [{"actor": "emma", "capacity": "joint"}, {"actor": "rex", "role": HOSTILE}]
        self.hostile = self._statement(
            speakers=joint,
            topics=["odd"],
            content=bodies.content(text=HOSTILE, lang="he", mode="paraphrase"),
            said_at="../2022-12",
            evidence=[bodies.evidence(outlet=HOSTILE, title=HOSTILE)],
            note=HOSTILE,
        )
        self.erased = self._statement(content=bodies.content(text="Zanzibar."), note="Known.")
        self.first = self._position(effective="../2022-01", stance="oppose", summary=HOSTILE)
        self.wrong = self._position(effective="2022-06", basis=[self.statement])
        self.size_before = self._size()
        reason = {"reason": "A slip of ours."}
        replacement = bodies.position(
            effective="2022-07-01", stance="conditional_support", condition="If they leave."
        )
        right = bodies.correction({**replacement, "basis": [self.statement]}, **reason)
        bodies.post(client, f"/v1/positions/{self.wrong}/corrections", right)
        self.gone = self._position(topic="tariffs", stance="mixed")
        bodies.post(client, f"/v1/positions/{self.gone}/retraction", bodies.retraction())
        self._position(actor="rex", topic="odd", stance="conditional_oppose", condition=HOSTILE)
        erasure = {"sections": ["content"], "ground": "gdpr-17"}
        bodies.post(client, f"/v1/statements/{self.erased}/erasure", erasure)
        text = {"content": bodies.content(text="We are not ready to talk.")}
        path = f"/v1/statements/{self.statement}"
        corrected = bodies.correction({**bodies.FULL_STATEMENT, **text}, by="outlet")
        bodies.post(client, f"{path}/corrections", corrected)
        self.retracted = self._statement()
        path = f"/v1/statements/{self.retracted}/retraction"
        bodies.post(client, path, bodies.retraction(by="speaker", reason="I was wrong."))
        store.sweep()

    def _statement(self, **over: Any) -> str:
        body = bodies.statement(**{**over, "id": str(uuid4())})
        return str(bodies.post(self.client, "/v1/statements", body)["id"])

    def _position(self, **over: Any) -> str:
        return str(bodies.post(self.client, "/v1/positions", bodies.position(**over))["id"])

    def _size(self) -> int:
        return bodies.ledger_size(self.store.url)


@pytest.fixture(scope="module")
def record(server_url: str, template: str) -> Iterator[Record]:
    with postgres.database(server_url, template) as url, open_store(url) as store:
        with run_api(url) as client:
            made = Record(store, client)
        with run_api(url, public_reads=True) as client:
            del client.headers["Authorization"]
            made.client = client
            yield made


def show(client: httpx2.Client, path: str, status: int = 200, **params: Any) -> str:
    """The text that a reader sees of a page, without its markup."""
    answer = client.get(path, params=params or None, headers=HTML)
    assert (status, "text/html") == (answer.status_code, bodies.media_type(answer)), answer.text
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    assert "<script>alert" not in answer.text
    text = re.sub(r"<(title|style)>.*?</\1>", "", answer.text, flags=re.S)
    return " ".join(html.unescape(re.sub(r"<[^>]*>", " ", text)).replace(" .", ".").split())


def test_home_tells_changes_of_theirs_from_corrections_of_ours(record: Record) -> None:
    page = show(record.client, "/")
    reversal = "Emma reversed on “Talks”, from opposition to conditional support, on 1 July 2022."
    assert reversal in page
    assert "shown as corrected on" in page
    assert "✎ Correction of the record (our mistake) : A slip of ours." in page
    assert (
        "The record on Emma and “Talks” now says conditional support"
        " (on the condition “If they leave.”), on 1 July 2022; it said support, in June 2022."
    ) in page
    assert "Withdrawn from the record (the outlet’s mistake)" in page
    assert "The record on Emma and “Tariffs” no longer says a mixed position" in page
    corrections = bodies.get(record.client, "/v1/corrections")["items"]
    assert len(corrections) == page.count("Not a change of theirs.") >= 2
    assert f"{bodies.ledger_size(record.store.url)} entries, the last of" in page


def test_home_of_an_earlier_size_has_the_old_words_and_no_correction(record: Record) -> None:
    page = show(record.client, "/", known_size=record.size_before)
    assert "to support, in June 2022." in page
    assert "Correction of the record" not in page
    assert f"The record as it was: {record.size_before} entries" in page


def test_earlier_changes_follow_page_by_page_with_their_filters(record: Record) -> None:
    first = record.client.get("/", params={"topic": "talks", "limit": 1}, headers=HTML).text
    address = re.search(r'rel="next" href="([^"]+)"', first)
    assert address
    second = html.unescape(address[1])
    assert "topic=talks" in second
    assert "Emma took a first position on “Talks”" in show(record.client, second)
    assert "softened" not in show(record.client, second)
    everything = show(record.client, "/", actor="emma", topic="talks")
    assert ("Tariffs" in everything, "A slip of ours." in everything) == (False, True)
    assert "A slip of ours." not in show(record.client, "/", kind="adopted")


def test_the_timeline_has_the_stance_in_words_the_chart_and_its_table(record: Record) -> None:
    page = show(record.client, PAIR)
    assert "Emma conditionally supports “Talks”, since 1 July 2022." in page
    assert "by January 2022" in page
    markup = record.client.get(PAIR, headers=HTML).text
    assert 2 == markup.count('<svg class="')
    assert (2, 2) == (markup.count("<caption"), markup.count('tabindex="0" role="region"'))
    assert 'class="ghost"' in markup
    assert 'class="date open' in markup


def test_the_timeline_says_what_the_record_knew_when_and_why_it_was_corrected(
    record: Record,
) -> None:
    page = show(record.client, PAIR)
    assert "Correction of the record (our mistake)" in page
    assert "A slip of ours." in page
    assert "++ support , in June 2022" in page
    old = show(record.client, PAIR, known_size=record.size_before)
    assert "Emma supports “Talks”, since June 2022." in old
    assert "Correction of the record" not in old
    assert "no position yet" in show(record.client, PAIR, as_of="2020")


def test_a_permalink_is_a_page_with_both_clocks_and_its_form_keeps_them(record: Record) -> None:
    markup = record.client.get(PAIR, params={"as_of": "2022-12-31"}, headers=HTML).text
    size = bodies.ledger_size(record.store.url)
    link = f"{PUBLIC_URL}{PAIR}?as_of=2022-12-31&known_size={size}"
    assert 2 == html.unescape(markup).count(link)
    params: Params = {"as_of": "2022-12-31", "known_size": record.size_before}
    kept = record.client.get(PAIR, params=params, headers=HTML).text
    assert f'name="known_size" value="{record.size_before}"' in kept
    sent = f"{PAIR}?as_of=&known_size={record.size_before}&known_at=2100-01-01&since="
    assert "conditionally supports" in show(record.client, sent)


def test_what_changed_since_a_size_is_added_corrected_or_withdrawn(record: Record) -> None:
    page = show(record.client, PAIR, since_size=record.size_before)
    assert "What changed in the record since" in page
    assert "It now says: + conditional support" in page
    assert "It said: ++ support , in June 2022" in page
    topic = show(record.client, "/topics/talks", since_size=record.size_before)
    assert "The record of the same position now says: + conditional support" in topic
    actor = show(record.client, "/actors/rex", since_size=record.size_before)
    assert "New in the record: − conditional opposition" in actor
    assert "Nothing that is listed here." in show(record.client, "/topics/talks", since="2100")
    assert "New in the record" in show(record.client, "/topics/talks", since="2000")


def test_a_topic_lists_who_stands_where_and_an_actor_the_same_by_topic(record: Record) -> None:
    topic = show(record.client, "/topics/talks")
    assert "Hold talks soon" in topic
    assert "Emma conditionally supports “Talks”, since 1 July 2022." in topic
    assert "Part of Talks" in show(record.client, "/topics/odd")
    actor = show(record.client, "/actors/emma")
    assert "Emma conditionally supports “Talks”" in actor
    assert "Latest statements" in actor
    assert "opposes “Talks”" in show(record.client, "/topics/talks", as_of="2022-03")


def test_a_merged_actor_says_so_and_links_to_wikidata(sample: SampleRecord) -> None:
    assert "into which it was merged" in show(sample.client, "/actors/emma-2")
    markup = sample.client.get("/actors/biden", headers=HTML).text
    assert 'href="https://www.wikidata.org/wiki/Q6279"' in markup


def test_a_quote_card_tells_said_from_reported_and_recorded(record: Record) -> None:
    page = show(record.client, f"/statements/{record.statement}")
    for words in (
        "Speaker Spokesman , Spokesman , individual, on behalf of ministry",
        "Said on 30 November 2022 (as the source says)",
        "Reported on 30 November 2022 12:00:00 UTC (The Daily)",
        "Recorded on",
        "verbatim : the speaker’s own words",
        "archived copy",
        "quoted by An agency",
        "Print edition, p. 4",
        "A note.",
        "+ conditional support",
        "Positions that rest on it",
    ):
        assert words in page, page


def test_a_corrected_statement_shows_the_words_that_it_replaced(record: Record) -> None:
    page = show(record.client, f"/statements/{record.statement}")
    assert "Correction of the record (the outlet’s mistake)" in page
    markup = record.client.get(f"/statements/{record.statement}", headers=HTML).text
    assert "<ins>not</ins>" in markup.replace("<ins>not </ins>", "<ins>not</ins>")
    old = show(record.client, f"/statements/{record.statement}", known_size=record.size_before)
    assert "We are ready to talk." in old
    assert "Correction of the record" not in old


def test_erased_words_are_gone_with_their_ground_and_a_retraction_has_its_reason(
    record: Record,
) -> None:
    page = show(record.client, f"/statements/{record.erased}")
    assert ("Zanzibar" in page, "These words were erased." in page) == (False, True)
    assert "Erased: the words (ground: gdpr-17" in page
    retracted = show(record.client, f"/statements/{record.retracted}")
    assert "Withdrawn from the record (the speaker’s own mistake)" in retracted
    assert "I was wrong." in retracted


@pytest.mark.parametrize("path", ["/actors/rex/topics/odd", "/actors/rex", "/topics/odd", "/"])
def test_hostile_text_is_shown_as_text_and_cannot_turn_what_follows(
    record: Record, path: str
) -> None:
    markup = record.client.get(path, headers=HTML).text
    assert HOSTILE[:30] in show(record.client, path)
    # without the title, and the data that no reader sees
    body = re.sub(r"<(title|script).*?</\1>", "", markup, flags=re.S)
    for place in re.finditer("\u202e", body):
        tags = re.findall(r"<([a-z0-9]+)[^>]*>", body[: place.start()])
        assert tags, path
        opening = body[body.rindex("<", 0, place.start()) : place.start()]
        isolated = ("<bdi", 'dir="auto"', "<q", "<title", "<textarea", "<s>")
        assert any(mark in opening for mark in isolated), opening
    assert HOSTILE in show(record.client, f"/statements/{record.hostile}")


def test_what_is_not_on_record_is_a_page_with_its_status(record: Record) -> None:
    for path in ("/actors/nobody", "/topics/nothing", f"/statements/{uuid4()}", f"{PAIR}-2"):
        assert "on record at this size" in show(record.client, path, 404)
    assert "beyond the record" in show(record.client, PAIR, 422, known_size=10_000)


@pytest.mark.parametrize(
    ("page", "data"),
    [
        (PAIR, f"/v1{PAIR}/timeline"),
        ("/actors/emma", "/v1/actors/emma/positions"),
        ("/topics/talks", "/v1/topics/talks/positions"),
        ("/index", "/v1/changes"),
    ],
)
def test_the_data_of_a_page_is_that_of_the_api(record: Record, page: str, data: str) -> None:
    params = {"known_size": record.size_before}
    if "positions" in data:
        params |= {"as_of": 2022}
    for suffix in (".json", ".csv"):
        expected = record.client.get(data + suffix, params=params)
        answer = record.client.get(page + suffix, params={**params, **_page_only(page)})
        assert (200, expected.content) == (answer.status_code, answer.content)


def _page_only(page: str) -> dict[str, str]:
    return {} if page == "/index" else {"since": "2020"}


def test_the_data_of_a_statement_is_that_of_the_api(record: Record) -> None:
    expected = record.client.get(f"/v1/statements/{record.statement}").json()
    assert expected == record.client.get(f"/statements/{record.statement}.json").json()
