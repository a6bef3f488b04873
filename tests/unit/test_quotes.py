"""Comparison of a quote with a text on record: verdicts, places, differences."""

import unicodedata

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from onrecord.domain.quotes.compare import FoldedText, Passage, find_passage, read_quote
from onrecord.domain.quotes.pieces import MAX_PIECES, longest_pieces, short_pieces

RECORD = (
    "I’m prepared to speak with Mr. Putin, if in fact there is an interest in him deciding he’s"
    " looking for a way to end the war. He hasn’t done that yet."
)


def compared(quote: str, recorded: str) -> Passage | None:
    return find_passage(read_quote(quote), FoldedText(recorded))


def verdict(quote: str, recorded: str) -> str | None:
    passage = compared(quote, recorded)
    return None if passage is None else passage.verdict


@given(text=st.text(min_size=1, max_size=60), data=st.data())
def test_each_part_of_a_text_is_exact(text: str, data: st.DataObject) -> None:
    start = data.draw(st.integers(0, len(text) - 1))
    quote = text[start : data.draw(st.integers(start + 1, len(text)))].strip()
    assume(quote)
    passage = compared(quote, text)
    assert passage
    assert ("exact", quote) == (passage.verdict, text[passage.start : passage.end])


WORDS = st.sampled_from(
    ["don’t", "Ärger", "ﬁnance", "Straße", "they're", "Łukasz", "№5", "Ἀθῆναι", "정책을", "İzmir"]
)


@st.composite
def retyped(draw: st.DrawFn) -> tuple[str, str]:
    """Some words, and the same with other blanks, marks, case and Unicode forms."""
    words = draw(st.lists(WORDS, min_size=1, max_size=6))
    typed = []
    for word in words:
        word = draw(st.sampled_from((word, word.upper(), word.casefold())))
        word = unicodedata.normalize(draw(st.sampled_from(("NFC", "NFD", "NFKC", "NFKD"))), word)
        word = word.replace("’", "'").replace("'", draw(st.sampled_from("'’ʼ‘`")))
        mark = draw(st.sampled_from(("{}", "“{}”", "«\u00a0{}\u00a0»", "„{}“", '"{}"', "'{}'")))
        typed.append(mark.format(word))
    blank = st.text(" \u00a0\t\n\u2009\u200b", max_size=2).map(lambda blanks: f" {blanks}")
    return " ".join(words), "".join(draw(blank) + word for word in typed)


@given(pair=retyped())
def test_what_is_only_typed_in_another_way_has_the_same_words(pair: tuple[str, str]) -> None:
    text, typed = pair
    assert {verdict(typed, f"Then {text}, later."), verdict(text, f"So {typed}!")} <= {
        "exact",
        "same_words",
    }


@pytest.mark.parametrize(
    ("quote", "recorded"),
    [
        ("Non !", "“Non!” said he."),
        ("yes\u2014no", "yes - no"),
        ("持続可能な\nまちづくり", "持続可能なまちづくりを推進する"),
        ("‘No’, he said", "„No“, he said"),
        ("soft\u00adware", "software"),
        ("ﷺ", "صلى الله عليه وسلم"),
    ],
)
def test_blanks_marks_and_width_do_not_count(quote: str, recorded: str) -> None:
    assert verdict(quote, recorded) == "same_words"


@pytest.mark.parametrize(
    ("quote", "recorded"),
    [
        ("no war", "no, war"),
        ("we can", "we can't"),  # a passage that stops within the word is exact, code by code
        ("cafe au lait", "café au lait"),
        ("a now here b", "a nowhere b"),
    ],
)
def test_words_accents_and_commas_count(quote: str, recorded: str) -> None:
    expected = "exact" if quote in recorded else "differs"
    assert verdict(quote, recorded) in {expected, None}
    assert verdict(quote, recorded) != "same_words"


def test_a_passage_that_differs_is_shown_word_by_word() -> None:
    quote = "there is a real interest in him deciding he's LOOKING for a way to end this war"
    passage = compared(quote, RECORD)
    assert passage
    expected = "there is an interest in him deciding he’s looking for a way to end the war"
    assert expected == RECORD[passage.start : passage.end]
    assert "differs" == passage.verdict
    assert [
        ("equal", "there is", "there is"),
        ("replace", "a real", "an"),
        (
            "equal",
            "interest in him deciding he's LOOKING for a way to end",
            "interest in him deciding he’s looking for a way to end",
        ),
        ("replace", "this", "the"),
        ("equal", "war", "war"),
    ] == passage.differences


@pytest.mark.parametrize(
    ("quote", "expected"),
    [
        ("I’m prepared to speak with Mr. Putin [...] He hasn’t done that yet.", "exact"),
        ("I'm prepared to speak with Mr. Putin … he hasn't done that yet", "same_words"),
        ("I’m prepared to talk with Mr. Putin ... He hasn’t done that yet.", "differs"),
        ("He hasn’t done that yet [...] I’m prepared to speak with Mr. Putin", None),
        ("… prepared to speak …", "exact"),
    ],
)
def test_a_quote_with_an_ellipsis_matches_in_parts(quote: str, expected: str | None) -> None:
    assert verdict(quote, RECORD) == expected


def test_words_that_an_ellipsis_leaves_out_are_among_the_differences() -> None:
    passage = compared("I’m prepared to speak […] if in fact there is", RECORD)
    assert passage
    assert passage.shortened
    assert [
        ("equal", "I’m prepared to speak", "I’m prepared to speak"),
        ("omit", None, " with Mr. Putin, "),
        ("equal", "if in fact there is", "if in fact there is"),
    ] == passage.differences
    on_record = compared("a … b", "a … b")
    assert on_record
    assert ("exact", False) == (on_record.verdict, on_record.shortened)


@given(quote=st.text(max_size=60), recorded=st.text(max_size=60))
def test_the_differences_are_the_whole_passage(quote: str, recorded: str) -> None:
    passage = compared(quote, recorded) if quote.strip() else None
    if passage is not None and passage.verdict == "differs" and not passage.shortened:
        shown = [change.recorded for change in passage.differences if change.recorded]
        assert recorded[passage.start : passage.end].startswith(shown[0])
        assert recorded[passage.start : passage.end].endswith(shown[-1])
        assert 0.6 <= passage.similarity <= 1


@given(text=st.text(max_size=300))
def test_pieces_are_few_parts_of_the_quote(text: str) -> None:
    for pieces in (longest_pieces(text), short_pieces(text)):
        assert len(pieces) <= MAX_PIECES
        assert all(piece in text for piece in pieces)


def test_a_long_quote_has_pieces_from_its_beginning_and_its_end() -> None:
    pieces = short_pieces(" ".join(f"w{n}" for n in range(900)))
    assert ("w0 w1 w2 w3", True) == (pieces[0], int(pieces[-1].split()[0][1:]) > 800)
    assert ["民反對關稅這"] == longest_pieces("民反對關稅這")
