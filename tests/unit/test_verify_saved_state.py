"""The folder of a verification: one for each address, whole whenever the machine stops."""

from pathlib import Path

import pytest

from onrecord.kit.tlog.checkpoints import Checkpoint
from onrecord.kit.tlog.keys import SigningKey
from onrecord.kit.tlog.notes import sign_note
from onrecord.verifying.saved_state import ROW_BYTES, open_state

KEY = SigningKey.generate("record.example.org/log")
ADDRESS = "https://record.example.org"


def note(size: int) -> str:
    return str(sign_note(Checkpoint(KEY.name, size, bytes([size] * 32)).text, [KEY]))


def rows(size: int) -> bytes:
    return b"".join(bytes([n] * ROW_BYTES) for n in range(size))


@pytest.mark.parametrize(
    ("left", "right"),
    [
        ("https://a.example/b_c", "https://a.example/b/c"),
        ("https://a.example/Ann", "https://a.example/ann"),
        ("https://a.example/a?b", "https://a.example/a_b"),
        (f"https://a.example/{'x' * 300}1", f"https://a.example/{'x' * 300}2"),
    ],
)
def test_addresses_that_differ_have_folders_that_differ(
    left: str, right: str, tmp_path: Path
) -> None:
    with open_state(tmp_path, left) as state:
        state.keep_place({}, 0, rows(1))
        state.keep_checkpoint(note(1), [str(KEY.verifier)])
    with open_state(tmp_path, right) as state:
        assert state.read_checkpoint() is None


def test_the_case_of_a_host_makes_no_other_address(tmp_path: Path) -> None:
    with open_state(tmp_path, "https://A.example/ann") as state:
        state.keep_place({}, 0, rows(1))
        state.keep_checkpoint(note(1), [str(KEY.verifier)])
    with open_state(tmp_path, "HTTPS://a.EXAMPLE/ann") as state:
        assert state.read_checkpoint() is not None


class Killed(BaseException):
    """The end of the process, at once."""


@pytest.mark.parametrize("step", range(4))
def test_a_process_that_is_killed_leaves_a_state_to_go_on_from(
    step: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each file that is kept at the end of a run is replaced, or is not."""
    replace, left = Path.replace, step

    def killed_after_steps(path: Path, target: Path) -> Path:
        nonlocal left
        if left == 0:
            raise Killed
        left -= 1
        return replace(path, target)

    with open_state(tmp_path, ADDRESS) as state:
        state.keep_place({}, 0, rows(1))
        state.keep_checkpoint(note(1), [str(KEY.verifier)])
        state.keep_place({"size": 3}, 0, rows(3))
        with monkeypatch.context() as patch:
            patch.setattr(Path, "replace", killed_after_steps)
            if step < 3:
                with pytest.raises(Killed):
                    state.keep_checkpoint(note(3), [str(KEY.verifier)])
            else:
                state.keep_checkpoint(note(3), [str(KEY.verifier)])
    with open_state(tmp_path, ADDRESS) as state:
        saved = state.read_checkpoint()
        assert saved
        size = saved.checkpoint.size
        assert (1 if step < 3 else 3, (KEY.verifier,)) == (size, saved.keys)
        assert rows(size) == state.read_rows(0, size)
