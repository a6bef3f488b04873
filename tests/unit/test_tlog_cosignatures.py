"""Cosignatures of both types, and bodies of the witness protocol."""

import base64
import hashlib
from dataclasses import replace

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PrivateKey

from onrecord.kit.tlog.checkpoints import Checkpoint, parse_checkpoint
from onrecord.kit.tlog.cosignatures import cosignatures, cosigned_message
from onrecord.kit.tlog.keys import KeyType, SigningKey, VerifierKey
from onrecord.kit.tlog.notes import BadNote, Note, SignatureLine, parse_note, sign_note
from onrecord.kit.tlog.witness_messages import add_checkpoint_request, parse_size
from tests.support.witness_keys import WitnessKey, ed25519_witness, ml_dsa_witness

EXAMPLE = """\
example.com/behind-the-sofa
20852163
CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=

— example.com/behind-the-sofa Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/Zhcyv2q1gGzGku9nTo+zyWE+xeMcTOAYQ8=
— witness.example.com/w1 jWbPPwAAAABkGFDLEZMHwSRaJNiIDoe9DYn/zXcrtPHeolMI5OWXEhZCB9dlrDJsX3b2oyin1nPZqhf5nNo0xUe+mbIUBkBIfZ+qnA==
"""  # noqa: E501 # lines of a note are not broken
"""The example of tlog-cosignature. Its public keys are not published."""
EXAMPLE_TIME = 1679315147
EXAMPLE_MESSAGE = """\
cosignature/v1
time 1679315147
example.com/behind-the-sofa
20852163
CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=
"""

WITNESSES = [ed25519_witness(), ml_dsa_witness()]
BOTH = pytest.mark.parametrize("witness", WITNESSES, ids=["ed25519", "ml-dsa-44"])


def a_note(size: int = 5) -> Note:
    checkpoint = Checkpoint("log.example/a", size, hashlib.sha256(b"root").digest())
    return sign_note(checkpoint.text, [SigningKey.generate("log.example/a")])


def with_line(note: Note, *lines: SignatureLine) -> Note:
    return replace(note, signatures=(*note.signatures, *lines))


def test_the_example_of_the_specification_has_the_form_that_is_parsed() -> None:
    note = parse_note(EXAMPLE)
    line = note.signatures[1]
    assert ("witness.example.com/w1", 8 + 64) == (line.name, len(line.signature))
    assert int.from_bytes(line.signature[:8], "big") == EXAMPLE_TIME
    witness = ed25519_witness("witness.example.com/w1").verifier
    message = cosigned_message(witness, parse_checkpoint(note), EXAMPLE_TIME)
    assert message.decode() == EXAMPLE_MESSAGE
    assert cosignatures(note, [witness]) == []  # of another key of this name


def test_the_ml_dsa_message_is_the_structure_of_the_specification() -> None:
    checkpoint = parse_checkpoint(parse_note(EXAMPLE))
    witness = ml_dsa_witness("witness.example.com/w1").verifier
    expected = (
        b"subtree/v1\n\x00"
        b"\x16witness.example.com/w1"
        b"\x00\x00\x00\x00\x64\x18\x50\xcb"
        b"\x1bexample.com/behind-the-sofa"
        b"\x00\x00\x00\x00\x00\x00\x00\x00"
        b"\x00\x00\x00\x00\x01\x3e\x2d\xc3"
    ) + base64.b64decode("CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=")
    assert expected == cosigned_message(witness, checkpoint, EXAMPLE_TIME)


def test_keys_have_the_lengths_and_ids_of_the_specification() -> None:
    for private, type_, length in (
        (Ed25519PrivateKey.generate(), 4, 32),
        (MLDSA44PrivateKey.generate(), 6, 1312),
    ):
        public = private.public_key().public_bytes_raw()
        assert len(public) == length
        key = VerifierKey("w.example/1", KeyType(type_), public)
        data = b"w.example/1\n" + bytes([type_]) + public
        assert key.id == hashlib.sha256(data).digest()[:4]


@BOTH
def test_a_cosignature_is_accepted_with_its_time(witness: WitnessKey) -> None:
    note = with_line(a_note(), ed25519_witness().cosign(a_note()), witness.cosign(a_note(), 77))
    (found,) = cosignatures(note, [witness.verifier])
    assert (witness.verifier, 77, note.signatures[2]) == found


@BOTH
def test_a_cosignature_of_something_else_is_refused(witness: WitnessKey) -> None:
    note, line = a_note(), witness.cosign(a_note(), 77)
    later = (78).to_bytes(8, "big") + line.signature[8:]
    changed = bytes([line.signature[-1] ^ 1])
    for bad in (
        witness.cosign(a_note(6)),
        replace_signature(line, later),
        replace_signature(line, line.signature[:-1] + changed),
        replace_signature(line, line.signature[:8]),
        replace_signature(line, b"short"),
        witness.cosign(note, 0),
        witness.cosign(note, 2**63),
    ):
        with pytest.raises(BadNote, match="is not of this checkpoint"):
            cosignatures(with_line(note, bad), [witness.verifier])
    with pytest.raises(BadNote, match="2 cosignatures with one key"):
        cosignatures(with_line(note, line, line), [witness.verifier])


def replace_signature(line: SignatureLine, signature: bytes) -> SignatureLine:
    return line._replace(signature=signature)


def test_a_key_of_a_log_is_not_one_of_a_witness() -> None:
    key = SigningKey.generate("log.example/a")
    note = sign_note(a_note().text, [key])
    with pytest.raises(BadNote, match="is not of a witness"):
        cosignatures(note, [key.verifier])


# Bodies of the protocol


def test_a_request_has_the_lines_of_the_specification() -> None:
    note = parse_note(EXAMPLE)
    body = add_checkpoint_request(20852014, [b"\x01" * 32, b"\x02" * 32], note).decode()
    first, second = (base64.b64encode(bytes([n]) * 32).decode() for n in (1, 2))
    assert body == f"old 20852014\n{first}\n{second}\n\n{EXAMPLE}"
    assert add_checkpoint_request(0, [], note).decode() == f"old 0\n\n{EXAMPLE}"


@pytest.mark.parametrize("text", ["", "1", "01\n", "-1\n", "1\n\n", "1e3\n", "١\n", f"{10**19}\n"])
def test_a_conflict_without_a_size_is_refused(text: str) -> None:
    with pytest.raises(BadNote, match="is no size"):
        parse_size(text)


def test_a_conflict_names_the_size() -> None:
    assert (0, 20852014) == (parse_size("0\n"), parse_size("20852014\n"))
