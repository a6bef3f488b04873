"""Proofs that an entry is in a log, as files (C2SP tlog-proof)."""

import base64
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from onrecord.kit.tlog.notes import parse_note
from onrecord.kit.tlog.proofs import MAX_HASHES, BadProof, LogProof, parse_proof
from tests.unit.test_tlog_checkpoints import EXAMPLE

HASH: Final = base64.b64encode(bytes(range(32))).decode()
HEADER: Final = "c2sp.org/tlog-proof@v1"
HASHES: Final = st.lists(st.binary(min_size=32, max_size=32), max_size=MAX_HASHES)


def test_a_proof_in_the_published_form_is_read() -> None:
    """The form of the example of tlog-proof, whose own signatures are cut."""
    text = f"{HEADER}\nextra YWdl\nindex 73894\n{HASH}\n{HASH}\n\n{EXAMPLE}"
    proof = parse_proof(text)
    assert (73_894, b"age") == (proof.index, proof.extra)
    assert (bytes(range(32)),) * 2 == proof.hashes
    assert EXAMPLE == str(proof.checkpoint)
    assert text == str(proof)


@given(st.integers(0, 10**18), HASHES, st.none() | st.binary(max_size=100))
def test_a_proof_is_read_back(index: int, hashes: list[bytes], extra: bytes | None) -> None:
    proof = LogProof(index, tuple(hashes), parse_note(EXAMPLE), extra)
    assert proof == parse_proof(str(proof))


@pytest.mark.parametrize(
    "head",
    [
        *("", "index 0", f"{HEADER} \nindex 0", f"{HEADER.upper()}\nindex 0", HEADER),
        *(
            f"c2sp.org/tlog-proof@v2\nindex 0\n{HASH}",
            f"\n{HEADER}\nindex 0",
            f"{HEADER}\nextra AA==",
        ),
        *(f"{HEADER}\nindex", f"{HEADER}\nindex ", f"{HEADER}\nindex -1", f"{HEADER}\nindex 01"),
        *(f"{HEADER}\nindex  1", f"{HEADER}\nindex 1 ", f"{HEADER}\nindex ١", f"{HEADER}\nIndex 1"),
        *(f"{HEADER}\nindex {'9' * 5000}", f"{HEADER}\nindex 1{'0' * 19}", f"{HEADER}\r\nindex 1"),
        f"{HEADER}\nextra AB==\nindex 0",
        f"{HEADER}\nextra  AA==\nindex 0",
        f"{HEADER}\nextra\nindex 0",
        f"{HEADER}\nextra AA==\nextra AA==\nindex 0",
        f"{HEADER}\nindex 0\nextra AA==",
        f"{HEADER}\nindex 0\nindex 0",
        f"{HEADER}\nindex 0\n{HASH} ",
        f"{HEADER}\nindex 0\n{HASH[:-4]}",
        f"{HEADER}\nindex 0\nAAAA{HASH}",
        f"{HEADER}\nindex 0\n{HASH[:-2]}9=",
        f"{HEADER}\nindex 0" + f"\n{HASH}" * (MAX_HASHES + 1),
    ],
)
def test_a_text_in_another_form_is_no_proof(head: str) -> None:
    with pytest.raises(BadProof):
        parse_proof(f"{head}\n\n{EXAMPLE}")


@pytest.mark.parametrize(
    "checkpoint", ["", "text\n", EXAMPLE[:-1], f"\n{EXAMPLE}\n", "a\n\n— b AA\n"]
)
def test_a_proof_without_a_signed_note_is_refused(checkpoint: str) -> None:
    with pytest.raises(BadProof, match="its checkpoint is no signed note"):
        parse_proof(f"{HEADER}\nindex 0\n\n{checkpoint}")
