"""Files with a secret: made once and whole, and refused where another user may have read them."""

import os
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from onrecord.kit.encryption_keys import new_key, parse_keys
from onrecord.kit.secret_file import UnsafeSecretFile, read_or_create, read_secret


def test_a_file_is_made_once_for_its_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "secrets.key"
    secret = read_or_create(path, new_key)
    assert 1 == len(parse_keys(secret))
    assert secret == read_or_create(path, new_key)
    assert 0o600 == path.stat().st_mode & 0o777
    assert [path] == list(tmp_path.iterdir())


def test_all_that_make_a_file_at_once_get_the_same_secret(tmp_path: Path) -> None:
    secrets: list[str] = []
    barrier = threading.Barrier(8)

    def make() -> str:
        barrier.wait()  # nobody has written yet
        return new_key()

    def run() -> None:
        secrets.append(read_or_create(tmp_path / "secrets.key", make))

    threads = [threading.Thread(target=run) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert 8 == len(secrets)
    assert 1 == len(set(secrets))
    assert [tmp_path / "secrets.key"] == list(tmp_path.iterdir())


def _readable_for_all(path: Path) -> None:
    path.write_text(new_key())
    path.chmod(0o644)


def _link(path: Path) -> None:
    target = path.with_name("elsewhere")
    read_or_create(target, new_key)
    path.symlink_to(target)


@pytest.mark.parametrize("make", [_readable_for_all, _link, Path.mkdir])
def test_a_file_that_others_may_have_read_or_written_is_refused(
    tmp_path: Path, make: Callable[[Path], None]
) -> None:
    path = tmp_path / "secrets.key"
    make(path)
    with pytest.raises(UnsafeSecretFile, match="chmod 600"):
        read_or_create(path, new_key)


def test_bytes_that_are_no_text_are_read(tmp_path: Path) -> None:
    """So that the reader of the secret says that it is none."""
    path = tmp_path / "secrets.key"
    path.touch(mode=0o600)
    path.write_bytes(b"\xff\n")
    assert "\ufffd" == read_secret(path)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives a file to another user")
def test_a_file_of_another_user_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "secrets.key"
    read_or_create(path, new_key)
    os.chown(path, 12345, 12345)
    with pytest.raises(UnsafeSecretFile, match="belongs to another"):
        read_or_create(path, new_key)
