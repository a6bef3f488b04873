"""The signer beside a streaming standby: it signs what that has flushed, and nothing else."""

from functools import partial
from pathlib import Path

import psycopg

from tests.support.processes import until
from tests.support.signing import identity, open_signer, register, running_signer, sign, stored_size
from tests.support.standby import Standby
from tests.support.store import Store


def has_signed(store: Store, size: int) -> bool:
    return stored_size(store) == size


def test_a_head_is_signed_once_the_standby_has_flushed_it(
    standby: Standby, store: Store, tmp_path: Path
) -> None:
    log = identity(tmp_path)
    with open_signer(store, log) as signer:

        def is_signed(size: int) -> bool:
            signer.sign_head()
            return stored_size(store) == size

        register(store, 3)
        until(lambda: is_signed(3), "the head is signed", pause=0.05)
        with standby.paused():
            for _ in range(3):
                register(store)
                assert signer.sign_head() is None
            assert 3 == stored_size(store)
        until(lambda: is_signed(6), "the newest head is signed", pause=0.05)


def test_a_head_does_not_wait_for_what_the_primary_itself_has_not_flushed(
    standby: Standby, store: Store, tmp_path: Path
) -> None:
    """As an open transaction has written it: it is flushed with whatever is committed next."""
    log = identity(tmp_path)
    register(store)
    with psycopg.connect(store.url) as conn:

        def is_signed() -> bool:
            conn.execute("SELECT pg_logical_emit_message(false, 'test', 'unflushed')")
            return sign(store, log) is not None  # a signer that has seen no earlier position

        standby.catch_up()
        assert any(is_signed() for _ in range(20))  # the server may commit something of its own
        conn.rollback()


def test_the_signers_loop_follows_a_standby_that_was_away(
    standby: Standby, store: Store, tmp_path: Path
) -> None:
    with running_signer(store, identity(tmp_path)) as signed:
        for size in (1, 2, 3):
            with standby.paused():
                register(store)
            until(partial(has_signed, store, size), "the loop signs each head")
    assert [1, 2, 3] == [note.checkpoint.size for note in signed]
