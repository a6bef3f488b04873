"""Checks of a proof file: what holds, and each way in which it can be wrong."""

from collections.abc import Callable
from copy import deepcopy
from typing import Final

import pytest

from onrecord.domain.event_types import NEWEST_CLASSES
from onrecord.domain.events import StatementCorrected, StatementMade, StatementRetracted
from onrecord.kit.tlog.keys import KeyType, SigningKey, VerifierKey
from onrecord.kit.tlog.policies import parse_policy
from onrecord.kit.tlog.proofs import parse_proof
from onrecord.verifying.quote import BadQuote, EventNeeded, check_quote
from onrecord.verifying.quote_description import describe_quote, limits_of
from tests.support.bodies import FULL_STATEMENT
from tests.support.proofs import (
    INDEX,
    KEY,
    ORIGIN,
    OTHER_KEY,
    QUOTE,
    Quote,
    canonical,
    change_date,
    change_word,
    changed,
    commitment,
    file_of,
    proof_text,
    quote_of,
    with_event,
)
from tests.support.witness_keys import ed25519_witness

KEYS: Final = (KEY.verifier,)
STATEMENT: Final = StatementMade.model_validate(FULL_STATEMENT)


def refusal(text: str, *keys: VerifierKey) -> str:
    with pytest.raises(BadQuote) as refused:
        check_quote(text, keys or KEYS)
    return str(refused.value)


def test_a_good_file_says_who_said_what_and_when_it_was_recorded() -> None:
    quote = check_quote(file_of(), (OTHER_KEY.verifier, *KEYS))
    facts = dict(describe_quote(quote))
    assert facts["Words"] == "“We are ready to talk.” (en)"
    assert facts["Original"] == "“Wir sind bereit.” (de)"
    assert facts["Said by"] == "spokesman, Spokesman, on behalf of ministry (individual)"
    assert facts["Said at"] == "2022-11-30 (stated)"
    assert "The Daily, “Ready to talk”" in facts["Source"]
    assert facts["Recorded"] == "2026-11-30T20:00:00.000000Z by local"
    assert facts["Entry"] == f"number 4 of the log {ORIGIN}, counted from 0"
    assert facts["Checkpoint"].startswith("7 entries, root hash ")
    assert facts["Signed with"] == str(KEY.verifier)
    assert (KEYS, {}) == (quote.signers, quote.missing)


@pytest.mark.parametrize("size", range(1, 20))
def test_an_entry_is_proved_at_any_place_in_a_log_of_any_size(size: int) -> None:
    for index in range(size):
        quote = quote_of(STATEMENT, index)
        entries = [f"entry {number}".encode() for number in range(size)]
        entries[index] = canonical(quote.entry).encode()
        checked = check_quote(proof_text(entries, index, KEY, quote.text()), KEYS)
        assert (index, size) == (checked.entry["seq"], checked.checkpoint.size)


def test_a_corrected_and_a_retracted_statement_are_named_as_such() -> None:
    target = "01939a3c-6f00-7a51-8a7c-3f1d5b2c9e10"
    amendment = {"target": target, "by": "outlet", "reason": "Misheard."}
    correction = StatementCorrected.model_validate({**amendment, "replacement": FULL_STATEMENT})
    facts = dict(describe_quote(check_quote(file_of(quote_of(correction, INDEX)), KEYS)))
    assert (target, "as below, by outlet: Misheard.") == (facts["Statement"], facts["Corrected"])
    assert facts["Words"] == "“We are ready to talk.” (en)"
    retraction = StatementRetracted.model_validate(amendment)
    facts = dict(describe_quote(check_quote(file_of(quote_of(retraction, INDEX)), KEYS)))
    assert (target, "by outlet: Misheard.") == (facts["Statement"], facts["Retracted"])


@pytest.mark.parametrize("type_", NEWEST_CLASSES)
def test_an_event_of_any_type_is_proved_and_shown(type_: str) -> None:
    event = NEWEST_CLASSES[type_].model_validate(NEWEST_CLASSES[type_].example)
    quote = check_quote(file_of(quote_of(event, INDEX)), KEYS)
    assert type_ == quote.entry["type"]
    assert len(describe_quote(quote)) > 4


def test_an_event_of_a_newer_version_is_shown_as_it_is() -> None:
    quote = deepcopy(QUOTE)
    quote.entry["version"], quote.entry["v"] = 99, 99
    facts = dict(describe_quote(check_quote(file_of(quote), KEYS)))
    assert canonical(quote.entry["data"]) == facts["Content"]
    assert "We are ready to talk." in facts["Part content"]


def test_an_erased_section_and_one_that_was_left_out_are_named() -> None:
    quote = deepcopy(QUOTE)
    del quote.payload["content"], quote.payload["note"]
    quote.erased["content"] = "gdpr-17"
    checked = check_quote(file_of(quote), KEYS)
    assert {"content": "gdpr-17", "note": None} == checked.missing
    facts, limits = dict(describe_quote(checked)), "\n".join(limits_of(checked))
    assert "not in this file (en)" == facts["Words"]
    assert "“content” of the entry, which is not in this file. The file says that it was" in limits
    assert "“note” of the entry, which is not in this file. Whoever gave you the file" in limits


def test_a_policy_says_who_must_have_signed_and_cosigned() -> None:
    witness, other = ed25519_witness(), ed25519_witness("other.example/w")
    names = f"witness w {witness.verifier}\nwitness o {other.verifier}\n"
    by_witness, by_other = (parse_policy(f"{names}quorum {name}\n".encode()) for name in "wo")
    proof = file_of()
    cosigned = proof + str(witness.cosign(parse_proof(proof).checkpoint))
    assert (witness.verifier,) == check_quote(cosigned, KEYS, policy=by_witness).witnesses
    with_log = by_witness.with_logs(KEYS)
    assert KEYS == check_quote(cosigned, (), policy=with_log).signers
    limits = limits_of(check_quote(cosigned, KEYS))
    assert any("cosignatures of witnesses were not checked" in limit for limit in limits)
    with pytest.raises(BadQuote, match=f"the quorum o is not met: {witness.name} cosigned"):
        check_quote(cosigned, KEYS, policy=by_other)
    with pytest.raises(BadQuote, match="the quorum w is not met: nobody cosigned"):
        check_quote(proof, (), policy=with_log)


# What does not hold


def change_salt(quote: Quote) -> None:
    quote.payload["content"]["salt"] = "0" * 64


def shorten_salt(quote: Quote) -> None:
    quote.payload["content"]["salt"] = quote.payload["content"]["salt"][:-2]


def add_section(quote: Quote) -> None:
    quote.payload["verdict"] = quote.payload["content"]


def replace_commitment(quote: Quote) -> None:
    """A word with a commitment of its own, of which the log knows nothing."""
    change_word(quote)
    quote.entry["commit"]["content"] = commitment(quote.payload["content"])


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (change_word, "A part (content) is not what was recorded"),
        (change_date, "The entry in the file is not entry 4 of the log"),
        (change_salt, "A part (content) is not what was recorded"),
        (shorten_salt, "The salt of a part (content) is not 32 bytes"),
        (add_section, "a part (verdict) that the entry in the log does not have"),
        (replace_commitment, "The entry in the file is not entry 4 of the log"),
        (
            lambda quote: quote.entry.update(recorded_at="2020-01-01T00:00:00.000000Z"),
            "not entry 4",
        ),
        (lambda quote: quote.entry.update(recorded_by="x"), "is not entry 4 of the log"),
        (lambda quote: quote.erased.update(content="gdpr-17"), "that it was erased, and shows it"),
        (lambda quote: quote.erased.update(other="gdpr-17"), "or never had it"),
    ],
)
def test_a_file_in_which_something_was_changed_is_refused(
    change: Callable[[Quote], object], reason: str
) -> None:
    assert reason in refusal(changed(change))


def test_another_entry_of_the_same_log_is_refused() -> None:
    other = quote_of(STATEMENT, 1)
    assert "is not entry 4 of the log" in refusal(file_of(other, recorded=QUOTE))


def test_a_wrong_index_is_refused() -> None:
    assert "is not entry 5 of the log" in refusal(file_of().replace("index 4\n", "index 5\n"))
    assert "in a log of 7 entries, entry 7" in refusal(file_of().replace("index 4\n", "index 7\n"))


def test_an_entry_with_another_number_than_its_place_is_refused() -> None:
    assert "has another number" in refusal(file_of(quote_of(STATEMENT, 5)))


def test_a_file_of_another_log_is_refused() -> None:
    """Its name may be the same; its key is not."""
    assert "has that name, but is another one" in refusal(file_of(key=OTHER_KEY))
    elsewhere = SigningKey.generate("elsewhere.example/log")
    text = proof_text([b"one"], 0, elsewhere, QUOTE.text(), origin=elsewhere.name)
    assert f"of the log elsewhere.example/log; the key is of {ORIGIN}:" in refusal(text)
    # the log's key has signed what names another log
    text = proof_text([b"one"], 0, KEY, QUOTE.text(), origin=elsewhere.name)
    assert "not signed with the key" in refusal(text)


def test_a_key_of_a_witness_is_no_key_of_the_log() -> None:
    witness = VerifierKey(ORIGIN, KeyType.COSIGNATURE_ED25519, KEY.verifier.public)
    assert "not signed with the key" in refusal(file_of(), witness)


def test_a_checkpoint_that_was_changed_is_refused() -> None:
    assert "the checkpoint was altered" in refusal(file_of().replace("\n7\n", "\n8\n"))


def test_a_file_cut_short_anywhere_is_refused() -> None:
    text = file_of()
    for length in range(0, len(text), 37):
        assert refusal(text[:length])
    assert refusal(text[:-1])


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda text: text.replace('{"entry":', '{"entry":{},"entry":'), "'entry' is given twice"),
        (lambda text: text.replace('"text":', '"text":"No.","text":'), "'text' is given twice"),
        (lambda text: text.replace('{"entry":', '{ "entry":'), "as the log writes events"),
        (lambda text: text.replace('"seq":4', '"seq":' + "9" * 30), "as the log writes events"),
        (lambda text: text.replace('"payload"', '"unseen":1,"payload"'), "as the log writes"),
        (lambda text: text.replace("ready", "re\\u0061dy"), "as the log writes events"),
        (lambda text: "[]", "as the log writes events"),
        (lambda text: text[:-1], "cannot be read: not JSON"),
    ],
)
def test_an_event_in_another_notation_is_refused(change: Callable[[str], str], reason: str) -> None:
    assert reason in refusal(with_event(file_of(), change))


def test_a_proof_without_its_event_takes_it_from_another_file() -> None:
    text = file_of(extra=False)
    with pytest.raises(EventNeeded):
        check_quote(text, KEYS)
    assert QUOTE.entry == check_quote(text, KEYS, event=QUOTE.text() + "\n").entry
    other = quote_of(STATEMENT, 1)
    with pytest.raises(BadQuote, match="is not entry 4"):
        check_quote(text, KEYS, event=other.text())
