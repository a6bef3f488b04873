"""Signed notes (C2SP signed-note): the published examples, and hostile notes."""

import base64
from contextlib import suppress
from typing import Final

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from onrecord.kit.tlog import notes
from onrecord.kit.tlog.keys import SigningKey, VerifierKey, parse_verifier_key
from onrecord.kit.tlog.notes import BadNote, Note, parse_note, sign_note

VKEY: Final = parse_verifier_key(
    "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k"
)
EXAMPLE: Final = """This is an example message.

— example.com/foo Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi\
2ONncAlTgK7Ztg1ERYNZXsYjOBH3mFXmRKuwHjG1Yu72IneyaQM=
"""
POEM: Final = """Ognuno sta solo sul cuor della terra
trafitto da un raggio di sole:

ed è subito sera.

— quasimodo.example/salvatore NnugSzTjtVAewIS+Z/iJhUPeFDkO/5QQ2i5ddnGI\
TLlC+EhfLW9oJKONrMouFSQU0xMcXxj99ihAQwaqP3ZekRwNtIc=
"""
KEYS: Final = [
    SigningKey(f"log.example/{n}", Ed25519PrivateKey.from_private_bytes(bytes([n]) * 32))
    for n in range(3)
]
LINE: Final = f"— a {base64.b64encode(bytes(68)).decode()}\n"
TEXTS: Final = st.text(
    st.characters(min_codepoint=32, exclude_categories=["Cs"]) | st.just("\n")
).map("{}\n".format)


def verifiers(*keys: SigningKey) -> list[VerifierKey]:
    return [key.verifier for key in keys]


def test_the_published_note_is_signed_by_its_key() -> None:
    assert [VKEY] == parse_note(EXAMPLE).signed_by([VKEY])


def test_the_text_of_a_note_ends_before_its_last_empty_line() -> None:
    note = parse_note(POEM)
    assert note.text.endswith("sole:\n\ned è subito sera.\n")
    assert ["quasimodo.example/salvatore"] == [line.name for line in note.signatures]
    assert str(note) == POEM


@given(TEXTS)
def test_a_signed_text_is_read_back_with_its_signers(text: str) -> None:
    note = parse_note(str(sign_note(text, KEYS[:2])))
    assert text == note.text
    assert verifiers(*KEYS[:2]) == note.signed_by(verifiers(*KEYS))


@given(st.text(max_size=60) | st.builds("{}\n\n{}".format, st.text(), st.just(LINE) | st.text()))
def test_any_text_is_a_note_as_it_stands_or_refused(text: str) -> None:
    with suppress(BadNote):
        assert text == str(parse_note(text))


def test_signatures_of_unknown_keys_are_ignored() -> None:
    """Also of one with the name of a known key, and of one with its key id."""
    text, key = "text\n", KEYS[0]
    same_name = SigningKey(key.name, KEYS[1].private)
    line = sign_note(text, [key]).signatures[0]._replace(name="another")
    note = Note(text, (*sign_note(text, [same_name, key]).signatures, line))
    assert verifiers(key) == note.signed_by(verifiers(key))
    assert [] == note.signed_by(verifiers(KEYS[2]))


def test_a_false_signature_of_a_known_key_spoils_the_note() -> None:
    note = Note("another text\n", sign_note("text\n", KEYS[:2]).signatures[1:])
    assert [] == note.signed_by(verifiers(KEYS[0]))
    with pytest.raises(BadNote, match="is not of this text"):
        note.signed_by(verifiers(KEYS[1]))


def test_two_signatures_of_one_key_spoil_the_note() -> None:
    with pytest.raises(BadNote, match="has 2 signatures with one key"):
        sign_note("text\n", [KEYS[0], KEYS[0]]).signed_by(verifiers(KEYS[0]))


@pytest.mark.parametrize(
    "text",
    [
        *("", "\n", "\n\n", "text\n", "text\n\n", f"text\n{LINE}", LINE, f"\n{LINE}"),
        *(f"text\n\n{LINE[:-1]}", f"text\n\n{LINE}\n", f"text\n\n{LINE} ", f"text\n\n {LINE}"),
        *(f"text\n\n{LINE}text\n", f"text\r\n\r\n{LINE}", f"te\txt\n\n{LINE}", f"te\0\n\n{LINE}"),
        *(f"te\x1fxt\n\n{LINE}", f"te\ud800xt\n\n{LINE}", f"text\n\n{LINE}— "),
        f"text\n\n{LINE.replace('—', '-')}",
        f"text\n\n{LINE.replace('— ', '—')}",
        f"text\n\n{LINE.replace(' a ', ' ')}",
        f"text\n\n{LINE.replace(' a ', '  a ')}",
        f"text\n\n{LINE.replace(' a ', ' a  ')}",
        f"text\n\n{LINE.replace(' a ', ' a+b ')}",
        f"text\n\n{LINE.replace(' a ', f' a{chr(0xA0)}b ')}",
        "text\n\n— a AAAA\n",  # three bytes
        "text\n\n— a AAAAAA==\n",  # a key id and nothing
        "text\n\n— a AAAAAAB=\n",  # bits that are not zero
        "text\n\n— a AAAAAAA\n",  # no padding
        "text\n\n— a AAAA-_AA\n",
        "text\n\n— a \n",
    ],
)
def test_a_text_in_another_form_is_refused(text: str) -> None:
    with pytest.raises(BadNote):
        parse_note(text)


def test_the_number_of_signatures_is_limited() -> None:
    note = f"text\n\n{LINE * notes.MAX_SIGNATURES}"
    assert notes.MAX_SIGNATURES == len(parse_note(note).signatures)
    with pytest.raises(BadNote, match="over 100 signatures"):
        parse_note(note + LINE)


def test_the_length_of_a_note_is_limited() -> None:
    room = notes.MAX_BYTES - len(LINE.encode())
    assert parse_note(f"{'a' * (room - 2)}\n\n{LINE}")
    with pytest.raises(BadNote, match="it has over"):
        parse_note(f"{'é' * (room // 2 + 1)}\n\n{LINE}")
