"""Keys of logs and witnesses as texts (C2SP signed-note); the example is the specification's."""

import base64
from contextlib import suppress
from typing import Final

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from onrecord.kit.tlog.keys import (
    BadKey,
    KeyType,
    SigningKey,
    VerifierKey,
    decode_base64,
    is_key_name,
    parse_signing_key,
    parse_verifier_key,
)

VKEY: Final = "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k"
NAMES: Final = st.text(min_size=1, max_size=20).filter(is_key_name)
SEED: Final = bytes(range(32))


def test_the_published_vkey_is_parsed_and_written_alike() -> None:
    key = parse_verifier_key(VKEY)
    assert ("example.com/foo", KeyType.ED25519, "530d903a") == (key.name, key.type, key.id.hex())
    assert str(key) == VKEY


@given(NAMES, st.binary(min_size=32, max_size=32), st.sampled_from(list(KeyType)[:2]))
def test_a_vkey_gives_back_its_key(name: str, public: bytes, type_: KeyType) -> None:
    key = VerifierKey(name, type_, public)
    assert key == parse_verifier_key(str(key))


@given(NAMES, st.binary(min_size=32, max_size=32))
def test_a_signing_key_gives_back_its_key(name: str, seed: bytes) -> None:
    key = SigningKey(name, Ed25519PrivateKey.from_private_bytes(seed))
    again = parse_signing_key(key.secret_text())
    assert (seed, key.verifier) == (again.private.private_bytes_raw(), again.verifier)
    assert again.verifier.is_signature(key.sign(b"text\n"), b"text\n")


def test_the_type_is_part_of_the_key_id() -> None:
    public = parse_verifier_key(VKEY).public
    ids = {VerifierKey("a", type_, public).id for type_ in list(KeyType)[:2]}
    assert 2 == len(ids)


def test_a_key_of_ml_dsa_44_verifies_its_signatures() -> None:
    private = MLDSA44PrivateKey.generate()
    public = private.public_key().public_bytes_raw()
    key = parse_verifier_key(str(VerifierKey("w", KeyType.COSIGNATURE_ML_DSA_44, public)))
    assert key.is_signature(private.sign(b"message"), b"message")
    assert not key.is_signature(private.sign(b"message"), b"massage")
    assert not key.is_signature(b"", b"message")


@pytest.mark.parametrize("signature", [b"", bytes(63), bytes(64), bytes(65), b"\xff" * 64])
def test_what_is_no_signature_is_refused(signature: bytes) -> None:
    assert not parse_verifier_key(VKEY).is_signature(signature, b"text\n")


@pytest.mark.parametrize(
    "text",
    [
        *("", "+", "++", "a", "a+b", "a+530d903a", "a+530d903a+"),
        *(VKEY + "\n", " " + VKEY, VKEY + "=", VKEY.replace("530d903a", "530d903b")),
        *(VKEY.replace("530d903a", "530D903A"), VKEY.replace("530d903a", "530d903")),
        *(VKEY.replace("530d903a", " 530d903"), VKEY.replace("530d903a", "530d903a00")),
        *(VKEY.replace("foo", "f oo"), VKEY.replace("foo", "f\u00a0oo"), VKEY.replace("foo", "")),
        *(VKEY.replace("example.com/foo", ""), VKEY.replace("foo", "f\ud800"), VKEY[:-4]),
        *(
            VKEY.replace("AekyeR", "AekyeS"),
            VKEY.replace("+Aek", "+Auk"),
            VKEY.replace("+Aek", "+Aek "),
        ),
        "a+00000000+AQ==",  # no key behind the type
        "a+00000000+/w==",
    ],
)
def test_a_text_that_is_no_vkey_is_refused(text: str) -> None:
    with pytest.raises(BadKey):
        parse_verifier_key(text)


@given(st.text(max_size=120) | st.builds("{}+{}+{}".format, NAMES, st.text(), st.text()))
def test_any_text_is_a_vkey_or_refused(text: str) -> None:
    with suppress(BadKey):
        assert text == str(parse_verifier_key(text))


@pytest.mark.parametrize(
    "text",
    [
        VKEY,
        "PRIVATE+KEY+" + VKEY,  # a public key: its id does not fit a seed
        "PRIVATE+KEY+a+00000000+AQ==",
        "private+key+a+00000000+AQ==",
        "PRIVATE+KEY+a+00000000+" + base64.b64encode(b"\x04" + SEED).decode(),
    ],
)
def test_a_text_that_is_no_signing_key_is_refused_without_telling_it(text: str) -> None:
    with pytest.raises(BadKey) as error:
        parse_signing_key(text)
    assert text.rsplit("+", 1)[1] not in str(error.value)


@pytest.mark.parametrize("name", ["", "a b", "a+b", "a\tb", "a\nb", "a\u2003b", "a\x00", "\x1f"])
def test_a_name_with_spaces_or_a_plus_is_none(name: str) -> None:
    assert not is_key_name(name)
    with pytest.raises(BadKey):
        SigningKey.generate(name)


@given(st.binary(max_size=40))
def test_base64_has_one_form(data: bytes) -> None:
    encoded = base64.b64encode(data).decode()
    assert data == decode_base64(encoded)
    for other in (encoded + "=", encoded + "\n", " " + encoded, encoded.rstrip("=") + "\u00e9"):
        with pytest.raises(ValueError, match=r"."):
            decode_base64(other)


@pytest.mark.parametrize(
    "text", ["AB==", "AAB=", "A", "AA", "AA=", "-_-_", "A A=", "====", "AA==AA=="]
)
def test_base64_in_another_form_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        decode_base64(text)
