"""The log's key file, its command, and the checkpoint that is kept beside it."""

import stat
from pathlib import Path

import pytest
from typer.testing import CliRunner

from onrecord.entrypoints.cli import app
from onrecord.kit.secret_file import UnsafeSecretFile
from onrecord.kit.tlog.checkpoints import Checkpoint
from onrecord.kit.tlog.keys import SigningKey
from onrecord.kit.tlog.merkle import EMPTY_ROOT
from onrecord.kit.tlog.notes import sign_note
from onrecord.kit.tlog.policies import parse_policy
from onrecord.signing.kept_checkpoint import BadKeptCheckpoint, keep, read_kept
from onrecord.signing.key_file import BadKeyFile, KeyFileRefuses, create_log_key, read_keys


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("ONRECORD_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("ONRECORD_PUBLIC_URL", "https://record.example.org")
    monkeypatch.delenv("ONRECORD_LOG_ORIGIN", raising=False)
    return tmp_path / "data"


def log_key(*arguments: str) -> tuple[int, list[str]]:
    result = CliRunner().invoke(app, ["log-key", *arguments])
    return result.exit_code, result.stdout.splitlines()


def sign_with_all_keys(folder: Path) -> None:
    keys = read_keys(folder / "log.key")
    checkpoint = Checkpoint(keys[0].name, 0, EMPTY_ROOT)
    keep(folder / "checkpoint", str(sign_note(checkpoint.text, keys)))


def test_a_key_is_created_once_with_the_origin_of_the_settings(folder: Path) -> None:
    assert (1, []) == log_key("show")
    code, lines = log_key("create")
    assert (0, "origin record.example.org/log") == (code, lines[0])
    path = folder / "log.key"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    secret = path.read_text()
    assert (1, []) == log_key("create")
    assert secret == path.read_text()
    assert (0, lines) == log_key("show")
    policy = parse_policy(f"{lines[-1]}\nquorum none\n".encode())
    assert "https://record.example.org/log" == policy.logs[0].url
    assert [f"vkey   {policy.logs[0].key}"] == lines[1:2]
    assert secret.strip() not in "".join(lines)


def test_a_rotation_has_both_keys_until_the_new_one_has_signed_and_it_is_finished(
    folder: Path,
) -> None:
    _, (_, old, _) = log_key("create")
    assert (1, []) == log_key("rotate", "--finish")
    code, (_, new, same, *_) = log_key("rotate")
    assert (0, old) == (code, same)
    assert new != old
    assert (1, []) == log_key("rotate")  # one at a time
    assert (1, []) == log_key("rotate", "--finish")  # nothing is signed with it
    sign_with_all_keys(folder)
    code, (_, *lines) = log_key("rotate", "--finish")
    assert (0, [new]) == (code, lines[:1])
    assert (0, new) == (0, log_key("show")[1][1])
    assert stat.S_IMODE((folder / "log.key").stat().st_mode) == 0o600


def test_the_origin_of_a_setting_is_taken_and_a_bad_one_refused(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ONRECORD_LOG_ORIGIN", "record.example.org/log 2")
    assert 3 == log_key("create")[0]
    monkeypatch.setenv("ONRECORD_LOG_ORIGIN", "record.example.org/log2")
    assert "origin record.example.org/log2" == log_key("create")[1][0]


def test_a_key_file_that_others_may_read_is_refused(tmp_path: Path) -> None:
    create_log_key(tmp_path / "log.key", "log.example")
    (tmp_path / "log.key").chmod(0o640)
    with pytest.raises(UnsafeSecretFile):
        read_keys(tmp_path / "log.key")


@pytest.mark.parametrize("text", ["", "nothing", "two"])
def test_a_key_file_with_something_else_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "log.key"
    two = "\n".join(SigningKey.generate(name).secret_text() for name in ("a.example", "b.example"))
    path.write_text(two if text == "two" else text)
    path.chmod(0o600)
    with pytest.raises(BadKeyFile) as raised:
        read_keys(path)
    assert "PRIVATE+KEY+a" not in str(raised.value)


def test_a_missing_key_says_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(KeyFileRefuses, match="log-key create"):
        read_keys(tmp_path / "log.key")


# The kept checkpoint


def test_the_kept_checkpoint_is_replaced_whole(tmp_path: Path) -> None:
    path = tmp_path / "checkpoint"
    assert read_kept(path) is None
    key = SigningKey.generate("log.example")
    for size in (1, 2):
        note = sign_note(Checkpoint("log.example", size, bytes(32)).text, [key])
        keep(path, str(note))
        kept = read_kept(path)
        assert kept
        assert (size, note) == (kept.checkpoint.size, kept.note)
    assert [path] == list(tmp_path.iterdir())


@pytest.mark.parametrize("data", [b"", b"\xff\n", b"a\n1\nx\n\n", b"log.example\n1\n"])
def test_a_kept_file_that_is_no_checkpoint_is_refused(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "checkpoint").write_bytes(data)
    with pytest.raises(BadKeptCheckpoint):
        read_kept(tmp_path / "checkpoint")
