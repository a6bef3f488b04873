"""Checkpoints (C2SP tlog-checkpoint): the published example, and texts in other forms."""

import base64
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from onrecord.kit.tlog.checkpoints import Checkpoint, parse_checkpoint
from onrecord.kit.tlog.keys import is_key_name
from onrecord.kit.tlog.notes import BadNote, Note, parse_note

EXAMPLE: Final = """example.com/behind-the-sofa
20852163
CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=

— example.com/behind-the-sofa Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurm\
RDeOoRDe4URYN7u5/Zhcyv2q1gGzGku9nTo+zyWE+xeMcTOAYQ8=
"""
ROOT: Final = base64.b64encode(bytes(range(32))).decode()


def test_the_published_checkpoint_is_parsed_and_written_alike() -> None:
    note = parse_note(EXAMPLE)
    checkpoint = parse_checkpoint(note)
    assert ("example.com/behind-the-sofa", 20852163) == (checkpoint.origin, checkpoint.size)
    assert "0ac5186a91863e8e1d90c808014aa89b" == checkpoint.root[:16].hex()
    assert note.text == checkpoint.text


@given(
    st.text(min_size=1, max_size=20).filter(is_key_name),
    st.integers(0, 1 << 62),
    st.binary(min_size=32, max_size=32),
)
def test_a_checkpoint_is_read_back(origin: str, size: int, root: bytes) -> None:
    checkpoint = Checkpoint(origin, size, root)
    assert checkpoint == parse_checkpoint(Note(checkpoint.text, ()))


@pytest.mark.parametrize(
    "text",
    [
        *("\n", "a\n", "a\n1\n", f"\n1\n{ROOT}\n", f"a b\n1\n{ROOT}\n", f"a+b\n1\n{ROOT}\n"),
        *(f"a\n\n{ROOT}\n", f"a\n01\n{ROOT}\n", f"a\n00\n{ROOT}\n", f"a\n-1\n{ROOT}\n"),
        *(f"a\n+1\n{ROOT}\n", f"a\n 1\n{ROOT}\n", f"a\n1.0\n{ROOT}\n", f"a\n0x1\n{ROOT}\n"),
        *(f"a\n1_0\n{ROOT}\n", f"a\n١\n{ROOT}\n", f"a\n²\n{ROOT}\n"),
        *(f"a\n{'9' * 30}\n{ROOT}\n", f"a\n{'9' * 5000}\n{ROOT}\n", f"a\n1{'0' * 19}\n{ROOT}\n"),
        *("a\n1\n\n", f"a\n1\n{ROOT[:-1]}\n", f"a\n1\n{ROOT} \n", f"a\n1\n{ROOT[:-2]}9=\n"),
        *(f"a\n1\n{ROOT[4:]}\n", f"a\n1\nAAAA{ROOT}\n", f"a\n1\n{ROOT}\n\n"),
    ],
)
def test_a_text_in_another_form_is_no_checkpoint(text: str) -> None:
    with pytest.raises(BadNote):
        parse_checkpoint(Note(text, ()))


def test_extension_lines_are_refused() -> None:
    """tlog-checkpoint allows them; a log of onrecord has none, and nobody could audit them."""
    with pytest.raises(BadNote, match="and nothing else"):
        parse_checkpoint(Note(f"a\n1\n{ROOT}\nextension\n", ()))
